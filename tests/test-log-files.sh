#!/bin/sh
# test-log-files.sh - logs as they lie about: several files, folders, patterns, pipes, gzip whole and damaged.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
bad=0
cd "$tmp"

# line N: an access line that tells itself apart
line() {
	printf '[2026-01-05T10:00:00.000Z] "GET /item/%d HTTP/1.1" 200 - via_upstream - "-" 0 1 2 1 "-" "u %d" "id-%d" "a.example" "192.0.2.1:443" outbound|443||a.example 10.0.0.1:4000 10.0.0.1:8443 10.0.0.2:%d a.example -\n' \
		"$1" "$((($1 * 7919) % 10007))" "$1" "$((1024 + $1))"
}
i=0
while [ $i -lt 2000 ]; do line $i; i=$((i + 1)); done >all
head -n 700 all >one.txt
tail -n 1300 all >two.txt

# want CODE ROWS PATTERN FILE...: exit code, rows, what standard error holds
want() {
	code=$1 rows=$2 pattern=$3 got=0
	shift 3
	timeout 60 "$EGRET" parse "$@" >out 2>err || got=$?
	[ "$got" -eq "$code" ] || { echo "parse $*: exit $got, not $code"; cat err; bad=1; }
	[ "$(wc -l <out)" -eq "$rows" ] || { echo "parse $*: $(wc -l <out) rows, not $rows"; cat err; bad=1; }
	grep -q -- "$pattern" err || { echo "parse $*: no \"$pattern\""; cat err; bad=1; }
}
mkdir folder
cp one.txt two.txt folder
gzip -c one.txt >one.gz
gzip -c two.txt >two.gz
cat one.gz two.gz >both.gz
want 0 2000 'istio text' one.txt two.txt
want 0 2000 'istio text' folder
want 0 2000 'istio text' 'folder/*.txt'
want 0 2000 'istio text' both.gz
want 1 0 'no file in it' 'folder/*.none'
want 0 0 '%FOO% is not an operator that egret knows' -f '%START_TIME% %FOO%' one.txt
"$EGRET" parse - <both.gz >out 2>err
[ "$(wc -l <out)" -eq 2000 ] || { echo 'a compressed pipe'; bad=1; }
"$EGRET" parse - <one.txt >plain 2>err
"$EGRET" parse one.txt 2>err | cmp -s - plain || { echo 'a pipe and a file differ'; bad=1; }

# The first member whole, the second broken: what came before is kept, the rest is said.
first=$(wc -c <one.gz)
head -c $((first + $(wc -c <two.gz) / 2)) both.gz >cut.gz

{ head -c $((first + 2000)) both.gz; printf 'xxxxxxxxxxxxxxxx'; tail -c +$((first + 2017)) both.gz; } >hit.gz
{ cat one.gz; echo 'these bytes are no gzip'; } >tail.gz
{ cat one.gz; head -c 512 /dev/zero; } >padded.gz
want 0 700 'istio text' padded.gz
want 4 700 "followed by bytes that are not compressed data, at byte $first" tail.gz
for f in cut.gz hit.gz; do
	got=0
	"$EGRET" parse $f >out 2>err || got=$?
	[ $got -eq 4 ] || { echo "$f: exit $got"; bad=1; }
	grep -q 'compressed data \(ends early, at byte [0-9]* *; what came before is read$\|is damaged, at byte .*may be wrong$\)' err || { echo "$f: not said"; cat err; bad=1; }
	n=$(wc -l <out)
	[ "$n" -ge 700 ] && [ "$n" -lt 2000 ] || { echo "$f: $n rows"; bad=1; }
	head -n 700 out | cmp -s - plain || { echo "$f: rows before the damage differ"; bad=1; }
done
# Another file is read all the same, and the store has what was good.
want 4 $(($("$EGRET" parse cut.gz 2>err | wc -l) + 1300)) 'ends early' cut.gz two.txt
got=0
"$EGRET" ingest cut.gz two.txt --db db >said 2>&1 || got=$?
[ $got -eq 4 ] || { echo "ingest: exit $got"; bad=1; }
stored=$("$EGRET" query --db db -o csv 'SELECT count(*) FROM flows' | tail -n 1 | tr -d '\r')
[ "$stored" -eq $(($("$EGRET" parse cut.gz 2>err | wc -l) + 1300)) ] || { echo "ingest: $stored rows"; bad=1; }
"$EGRET" query --db db -o csv "SELECT reason FROM coverage WHERE source = 'log'" | grep -q damaged_file || { echo 'no evidence'; bad=1; }
# A wrapped line whose rest did not come when the file ended: what waited behind it is stored once.
wrapped() {
	printf '2026-01-05T10:00:00.1Z %s %s\n' "$1" "$2"
}
wrapped 'stdout P' "$(line 1 | cut -c -40)" >two-streams
wrapped 'stderr F' "$(line 2)" >>two-streams
"$EGRET" ingest two-streams -f text --db streams.db >said 2>&1
wrapped 'stdout F' "$(line 1 | cut -c 41-)" >>two-streams
wrapped 'stdout F' "$(line 3)" >>two-streams
"$EGRET" ingest two-streams -f text --db streams.db >said 2>&1
"$EGRET" query --db streams.db -o csv 'SELECT request_id FROM flows ORDER BY 1' | tr -d '\r' | tail -n +2 >ids
printf 'id-2\nid-3\n' | cmp -s - ids || { echo 'two streams:'; cat ids; bad=1; }
"$EGRET" ingest two-streams -f text --db streams.db 2>&1 | grep -q 'nothing new: 1 of 1 files' || { echo 'not said: nothing new'; bad=1; }

# A byte-order mark at a file's beginning is passed over, there and nowhere else.
bom() { printf '\357\273\277'; cat "$@"; }
json='{"start_time":"2026-01-05T10:00:00.000Z","method":"GET","response_code":200,"request_id":"id-%d","downstream_remote_address":"10.0.0.2:5"}\n'
# shellcheck disable=SC2059
{ printf "$json" 1; printf "$json" 2; } >two.json
for f in one.txt two.json; do
	bom $f >marked
	n=$(wc -l <$f)
	"$EGRET" parse $f >plain 2>err
	want 0 "$n" 'recognised' marked
	cmp -s out plain || { echo "$f with a mark reads otherwise"; bad=1; }
	gzip -c marked >marked.gz
	want 0 "$n" 'recognised' marked.gz
	cmp -s out plain || { echo "$f with a mark, compressed, reads otherwise"; bad=1; }
	"$EGRET" parse - <marked 2>err | cmp -s - plain || { echo "$f with a mark, from a pipe"; bad=1; }
done
{ bom; wrapped 'stdout F' "$(line 1)"; wrapped 'stdout F' "$(line 2)"; } </dev/null >marked
want 0 2 'recognised' marked
{ bom one.txt; bom two.txt; } >twice
want 0 1999 'recognised' twice
bom </dev/null >only
"$EGRET" parse only -f text >out 2>err && [ ! -s out ] || { echo 'a mark alone'; cat err; bad=1; }
# Read on where it was left: the mark counts as bytes of the file, and its digest is of them.
bom one.txt >grows
for n in 700 2000; do
	"$EGRET" ingest grows --db grows.db >said 2>&1 || { cat said; bad=1; }
	got=$("$EGRET" query --db grows.db -o csv 'SELECT count(DISTINCT request_id) || count(*) FROM flows' | tail -n 1 | tr -d '\r')
	[ "$got" = "$n$n" ] || { echo "a marked file that grows: $got, not $n"; bad=1; }
	[ $n -eq 2000 ] || cat two.txt >>grows
done
# One array instead of lines: the same flows.
"$EGRET" parse two.json >plain 2>err
"$EGRET" parse -o json two.json 2>err | sed -e '/^[][]$/d' -e 's/^ //' -e 's/,$//' | cmp -s - plain || { echo '-o json'; bad=1; }
[ "$("$EGRET" parse -o json -f text </dev/null -)" = '[]' ] || { echo '-o json of nothing'; bad=1; }
exit $bad
