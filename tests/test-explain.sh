#!/bin/sh
# test-explain.sh - why a stored flow was judged so: the whole text against fixtures/explain/want.txt, and one
# trace whether it comes from the store, from judge --explain, or with other policies.
#
# After a wanted change of the text: UPDATE=1 EGRET=... srcdir=... sh tests/test-explain.sh
set -eu
here=$(cd "$srcdir/tests/fixtures/explain" && pwd)
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
say() { echo "$1"; bad=1; }

cp "$here/policies.yaml" "$here/access.log" "$tmp"
cd "$tmp"
"$EGRET" ingest --db x.db -p policies.yaml access.log >/dev/null 2>&1
for id in 1 2 3 4; do
	echo "== flow $id"
	"$EGRET" explain --db x.db "$id"
done >got.txt
if [ -n "${UPDATE:-}" ]; then
	cp got.txt "$here/want.txt"
fi
diff "$here/want.txt" got.txt || say "the text is another (< wanted, > got)"

trace() { sed 's/.*"trace":\(.*\),"route":.*/\1/'; }
"$EGRET" explain --db x.db -o json 1 >stored.json
trace <stored.json >stored.trace
sed 's/,"trace":.*/}/' stored.json >flow.json
"$EGRET" judge -p policies.yaml --explain flow.json | trace >judged.trace
cmp -s stored.trace judged.trace || say "judge --explain has another trace than the store"
for part in '"chain":"http"' \
	'"nearest":["istio-system/egress rule 0 failed only on connection.sni: wants httpbin.org, saw evil.example"' \
	'"policy":"istio-system/trial","action":"DENY","dry_run":true' \
	'"part":"when[0]","key":"connection.sni","not":false,"expected":["httpbin.org"],"actual":"evil.example","result":"no match","file":"policies.yaml","line":15}'; do
	grep -qF -- "$part" stored.trace || say "not in the trace: $part"
done
"$EGRET" explain --db x.db -o json 3 | trace | grep -qF '"expected":["default"],"result":"unknown"' ||
	say "an attribute that nobody observed has no \"actual\""

# By other policies: what would be said.
sed 's/httpbin.org/evil.example/' policies.yaml >proposed.yaml
"$EGRET" explain --db x.db -p proposed.yaml 1 | grep -q '^allow: ALLOW istio-system/egress rule 0 matches' ||
	say "the proposed policies do not allow flow 1"

code=0
"$EGRET" explain --db x.db 99 >/dev/null 2>err || code=$?
[ "$code" -eq 4 ] && grep -q 'no flow 99' err || say "an id that is not there: exit $code"
code=0
"$EGRET" explain --db x.db one >/dev/null 2>&1 || code=$?
[ "$code" -eq 2 ] || say "an id that is no number: exit $code"
exit "$bad"
