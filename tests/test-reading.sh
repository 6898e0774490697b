#!/bin/sh
# test-reading.sh - flows, findings, query, verify on the demo's database: exit codes and formats.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
db=$tmp/demo.db
bad=0
"$EGRET" demo --no-serve --from "$srcdir/examples/demo" --db "$db" >/dev/null

# want CODE PATTERN COMMAND...: the exit code, and what either output holds
want() {
	code=$1 pattern=$2
	shift 2
	got=0
	"$EGRET" "$@" >"$tmp/out" 2>&1 || got=$?
	[ "$got" -eq "$code" ] || { echo "egret $*: exit $got, not $code"; bad=1; }
	grep -q -- "$pattern" "$tmp/out" || { echo "egret $*: no \"$pattern\""; cat "$tmp/out"; bad=1; }
}
want 0 ENF-GAP flows --db "$db" is:gap
want 0 '"verdict":"deny"' flows --db "$db" verdict:deny -o jsonl
want 2 'character 1: no key' flows --db "$db" nokey:1
want 2 'cannot be sorted' flows --db "$db" --sort path
want 0 'there are more' flows --db "$db" -n 1
want 3 SNI-OUTER-INNER findings --db "$db" --fail-on critical
want 0 'no finding matches' findings --db "$db" code:DAT-CLEAR-CRED
want 4 'only reading' query --db "$db" 'DELETE FROM flow'
want 4 'only reading' query --db "$db" 'PRAGMA journal_mode = DELETE'
want 4 'no such column' query --db "$db" 'SELECT nosuch FROM flows'
want 0 "\"'=1+1\"" query --db "$db" -o csv "SELECT '=1+1' AS x"
want 0 'stopped after 1 rows' query --db "$db" --max-rows 1 'SELECT id FROM flows'
want 0 'stopped after 1.0 s' query --db "$db" --time-limit 1 \
	'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
want 0 'as they were stored' verify --db "$db"
want 6 'no link' verify --db "$db" --head 00
want 1 'unable to open' flows --db "$tmp/none.db"
echo 'this is not a database, but long enough to be looked at' >"$tmp/text.db"
want 1 'not a database' flows --db "$tmp/text.db"
exit $bad
