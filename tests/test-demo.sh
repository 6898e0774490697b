#!/bin/sh
# test-demo.sh - egret demo, whole, against examples/demo/expected.json: each thing planted in the
# recording is told, and nothing else is.
set -eu
demo=$srcdir/examples/demo
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

"$EGRET" demo --no-serve --from "$demo" --db "$tmp/demo.db" >"$tmp/out"

want() {
	grep -qF -- "$1" "$tmp/out" || { echo "not told: $1"; bad=1; }
}
number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$demo/expected.json"; }

want "$(number flows) flows: $(number downstream) from workloads to the gateway, $(number upstream) from the gateway to the outside; $(number joined) told by wire and log together"
want "As declared: $(number allowed_and_served) allowed and served, $(number denied_and_refused) denied and refused."

# "  critical  ENF-GAP             default/sleep: POST httpbin.org/headers" with single blanks
sed -n 's/^  \(critical\|high\|medium\|low\|info\) *\([A-Z0-9-]*\) */\2 /p' "$tmp/out" |
	sed 's/ ([0-9]* flows)$//' | sort >"$tmp/told"
sed -n 's/.*"finding": "\(.*\)", "who": "\(.*\)", "what": "\(.*\)".*/\1 \2: \3/p' \
	"$demo/expected.json" | sort >"$tmp/planted"
diff "$tmp/planted" "$tmp/told" || { echo "< planted and not told; > told and not planted"; bad=1; }

# Each finding says what it stands on.
"$EGRET" query --db "$tmp/demo.db" -o csv "SELECT count(*) AS n FROM findings WHERE json_valid(evidence) AND evidence <> '{}'
	UNION ALL SELECT count(*) FROM findings" | sed 1d | tr -d '\r' | uniq >"$tmp/proved"
[ "$(wc -l <"$tmp/proved")" -eq 1 ] && [ "$(cat "$tmp/proved")" -gt 0 ] ||
	{ echo "findings with evidence, and all: $(cat "$tmp/proved")"; bad=1; }

# A second run does not add to a database that is there.
code=0
"$EGRET" demo --no-serve --from "$demo" --db "$tmp/demo.db" >/dev/null 2>"$tmp/err" || code=$?
[ "$code" -eq 2 ] && grep -q 'exists already' "$tmp/err" || { echo "an existing database: exit $code"; bad=1; }

# It ends by serving on loopback until it is told to stop.
: >"$tmp/served"
"$EGRET" demo --from "$demo" --db "$tmp/served.db" >"$tmp/served" &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q '^dashboard.*http://127.0.0.1:[0-9]' "$tmp/served" && break
	sleep 0.5
done
grep -q '^dashboard.*http://127.0.0.1:[0-9]' "$tmp/served" || { echo "no dashboard"; bad=1; }
kill "$pid"
wait "$pid" || { echo "stopped: exit $?"; bad=1; }
exit $bad
