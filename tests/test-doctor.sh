#!/bin/sh
# test-doctor.sh - egret doctor: each check on evidence that passes it and on evidence that does not, the output
# formats and the exit codes.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
demo=$(cd "${srcdir:-.}/examples/demo" && pwd)
fixtures=$(cd "${srcdir:-.}/tests/fixtures/policies" && pwd)
cd "$tmp"
bad=0

# run CODE ARGUMENTS...: its rows are left in `out`
run() {
	want=$1 got=0
	shift
	timeout 60 "$EGRET" doctor -o jsonl "$@" </dev/null >out 2>err || got=$?
	[ "$got" -eq "$want" ] || { echo "egret doctor $*: exit $got, not $want"; cat out err; bad=1; }
	said="egret doctor $*"
}

# has CHECK STATE TEXT...: a row of this check and state that holds every text, in message or fix
has() {
	grep "^{\"check\":\"$1\",\"state\":\"$2\"," out >rows || :
	what="$1 $2"
	shift 2
	for text; do
		grep -F -- "$text" rows >more || :
		mv more rows
	done
	[ -s rows ] || { echo "$said: no row $what $*"; cat out; bad=1; }
}

# hasnt CHECK STATE
hasnt() {
	! grep "^{\"check\":\"$1\",\"state\":\"$2\"," out || { echo "$said: has a row $1 $2"; bad=1; }
}

# --- nothing but defaults: everything is answered, and what could not be checked says why
run 0
hasnt '[a-z.]*' problem
for check in configuration.load policies.load format.lines format.fields keylog.readable capture.readable \
	database.version; do
	has $check not_checked
done
has permission.database ok 'egret.db does not exist yet'
has disk.space '[a-z_]*' free
[ -z "$(ls egret.db* 2>/dev/null)" ] || { echo 'doctor made a database'; bad=1; }

# --- the demo: packets, keys, log and policies that fit
run 0 -r "$demo/capture.pcap" -k "$demo/keylog" "$demo/access.log" -p "$demo/policies" --trust "$demo/mesh-ca.pem"
hasnt '[a-z.]*' problem
has policies.load ok AuthorizationPolicies
has policies.selection ok 'select it'
has format.recognised ok 'istio text, recognised'
has format.lines ok 'all of 19 lines'
has format.fields ok 'all 6 attributes'
has keylog.lines ok '10 sessions' 'CLIENT_TRAFFIC_SECRET_0 10'
has keylog.opens '[a-z]*' 'the keys opened 10 of'
has join.log ok '100.0 % of 19 log lines'
has join.wire '[a-z]*' 'flows on the wire have a log line'
has clock.offset ok 'agree within 0.1 s'
has capture.complete ok '405 packets'

# --- the log's clock is an hour off
sed 's/T09:/T10:/; s/T08:/T09:/' "$demo/access.log" >late.log
run 3 -r "$demo/capture.pcap" -k "$demo/keylog" late.log -p "$demo/policies" --fail-on problem
has clock.offset problem "the log's clock is 60 minutes ahead of the wire's" NTP
has clock.offset warning '10 over 0.1 s after'
has join.log warning '9 lie outside the time that the tap covers'

# --- lines of connections that stay closed have no time of their own on the wire
grep -v '"- - -"' "$demo/access.log" >requests.log
run 0 -r "$demo/capture.pcap" requests.log
has clock.offset not_checked '12 flows were seen by both' 'give or take 2 s' --keylog
head -0 "$demo/access.log" >none.log
run 0 -r "$demo/capture.pcap" none.log
has clock.offset not_checked 'no flow was seen by both'

# --- keys: none, another gateway's, not key log lines, a part of a session, readable by all
run 0 -r "$demo/capture.pcap" -p "$demo/policies"
has keylog.opens problem 'opened 0 of'
has format.fields problem 'does not show source_identity' 'key log (--keylog)'
sed 's/^\([A-Z_0-9]* [0-9a-f]* \)..../\1ffff/' "$demo/keylog" >wrong.keys
run 0 -r "$demo/capture.pcap" -k wrong.keys
has keylog.opens problem 'wrong: they do not open them'
{ echo 'this is no secret'; grep -v SERVER_TRAFFIC "$demo/keylog"; } >part.keys
chmod 644 part.keys
run 0 -k part.keys
has keylog.lines warning '1 of '
has keylog.lines warning '10 TLS 1.3 sessions lack some'
has keylog.secret warning
grep -q 'no secret' out && { echo 'a line of a key log is shown'; bad=1; }
run 0 -k missing.keys
has keylog.readable problem 'missing.keys: No such file'

# --- formats: what the policies need and the format lacks
cat "$fixtures/partners.yaml" >policy.yaml
run 0 "$demo/access.log" -p policy.yaml
has format.fields problem 'source_identity' 'istio-system/partners rule 0' '%DOWNSTREAM_PEER_URI_SAN%'
has format.fields problem 'request.headers[x-team]' 'istio-system/partners rule 1' '%REQ(X-TEAM)%'
has policies.routes warning 'no Gateway object'
run 0 -p policy.yaml
has format.fields problem 'source_identity' '%DOWNSTREAM_PEER_URI_SAN%'
has format.recognised not_checked "holds for Istio's default"
run 0 -p policy.yaml -f '%START_TIME% %DOWNSTREAM_PEER_URI_SAN% "%REQ(X-TEAM)%"'
has format.fields ok 'all 2 attributes'
has format.fields warning 'lacks response_code_details' '%RESPONSE_CODE_DETAILS%'
sed 's/,"downstream_peer_uri_san":[^,}]*//' "$demo/access.json.log" >json.log
run 0 -p policy.yaml json.log
has format.recognised ok 'istio JSON'
has format.fields problem 'source_identity' '\"downstream_peer_uri_san\":\"%DOWNSTREAM_PEER_URI_SAN%\"'
echo '{"ip":"10.244.1.11","namespace":"shop","service_account":"cart"}' >pods
run 0 -p policy.yaml "$demo/access.log" --inventory pods
has inventory.addresses '[a-z]*' 'the inventory names'
! grep -q 'lacks source_identity' out || { echo 'an inventory gives identities'; bad=1; }
# One that cannot be read is no fault of the log's, which is looked at without it.
echo '{"ip":' >broken
run 4 -p policy.yaml "$demo/access.log" --inventory broken
has inventory.file problem 'broken: value that begins at line 1' 'kubectl get pods -A -o json'
has format.lines ok 'all of 19 lines'
has format.fields problem 'source_identity'
run 0 -p policy.yaml "$demo/access.log" --inventory nosuch
has inventory.file problem 'nosuch: No such file' 'check the path'
run 0 -f '%REQ(:METHOD)%'
has format.fields warning 'lacks started_at' '%START_TIME%'

# --- lines: not understood, from the future, back in time, none at all
{ cat "$demo/access.log"; echo 'no access line?secret=1'; } >mixed.log
run 0 mixed.log
has format.lines warning '1 of 20 lines that do not have' 'no access line'
! grep -q 'secret=1' out || { echo 'a sample is not masked'; bad=1; }
sed 's/^\[2026/[2096/' "$demo/access.log" >future.log
run 0 future.log
has clock.log problem 'from the future'
{ cat "$demo/access.log"; sed 's/T09:/T07:/' "$demo/access.log"; } >back.log
run 0 back.log
has clock.log warning 'older than a line before them'
echo 'no line of any kind' >none.log
run 4 none.log
has format.recognised problem 'no format that egret knows' meshConfig.accessLogFormat
{ head -3 "$demo/access.log"; head -3 "$demo/access.json.log"; } >two.log
run 4 two.log
has format.recognised problem 'two formats'
run 0 missing.log
has format.readable problem 'missing.log: No such file'
run 4 -f '%NO(' -p policy.yaml
has format.recognised problem '% does not begin an operator'

# --- a log larger than what is looked at: its beginning and its end, and how much that is
awk 'BEGIN { for (i = 0; i < 24000; i++) {
	if (i == 12000) print "in the middle"
	if (i == 23999) print "near the end"
	printf "[2026-01-05T10:%02d:%02d.000Z] \"GET /a/%d HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" \"u\" \"id-%d\" \"h.example\" \"1.2.3.4:443\" outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:5 h.example -\n", i / 600, i / 10 % 60, i, i
} }' >large.log
run 0 large.log --lines 2000
has format.recognised ok 'looked at the first ' " of $(wc -c <large.log) bytes ("
has format.lines warning '1 of ' 'near the end'
run 0 large.log
has format.lines warning '2 of 24002 ' 'in the middle'
! grep -q 'looked at the first' out || { echo 'all of it was looked at'; cat out; bad=1; }
run 0 large.log --lines 0
has format.lines warning '2 of 24002 '
gzip -c large.log >large.gz
run 0 large.gz --lines 2000
has format.recognised ok 'the end of a compressed file'

# --- policies: broken, of unknown kinds, of another workload
printf 'a: [b\n' >broken.yaml
run 4 -p broken.yaml
has policies.load problem 'broken.yaml:2:1'
{ cat policy.yaml; printf -- '---\napiVersion: v9\nkind: Nope\nmetadata: {name: x}\n'; } >kind.yaml
run 0 -p kind.yaml
has policies.kinds warning 'kind Nope ignored'
run 0 -p policy.yaml --workload elsewhere,app=x --root-namespace mesh
has policies.selection problem 'no policy in force selects the workload elsewhere,app=x' 'istio-system/partners'

# --- databases
"$EGRET" ingest mixed.log -p policy.yaml --db stored.db >/dev/null 2>&1
run 0 --db stored.db
has database.version ok 'stored.db is of version'
has database.integrity ok '19 flows are as they were stored'
has database.evidence warning 'log.not_the_format: 1 ' '20: no access line'
has database.verdicts warning '19 of 19 verdicts are unknown'
has database.verdicts warning 'for want of [\"source_identity\"'
has database.following ok 'mixed.log: read up to byte'
has join.wire not_checked 'only a log was read'
echo text >text.db
run 0 --db text.db
has database.version problem 'not a database'
"$EGRET" demo --from "$demo" --no-serve --db demo.db >/dev/null
run 0 --db demo.db
has clock.offset ok 'agree within 0.1 s' 'of 17 joined flows with both times'
has join.log ok '100.0 % of 19 log lines'
run 0 --db missing.db
has database.version problem 'unable to open'
if command -v sqlite3 >/dev/null; then
	cp stored.db changed.db
	sqlite3 changed.db 'UPDATE batch SET flows = flows + 1'
	run 6 --db changed.db
	has database.integrity problem
	cp stored.db newer.db
	sqlite3 newer.db 'PRAGMA user_version = 999'
	run 0 --db newer.db
	has database.version problem 'newer egret'
fi

# --- permissions
run 0 -i nosuchif0
has permission.capture problem 'interface nosuchif0'
run 0 --db /nosuch/folder/x.db
has permission.database problem '/nosuch/folder'

# --- a configuration; what the command line says wins
mkdir etc
cp policy.yaml "$demo/access.log" etc
cat >etc/egret.yaml <<'YAML'
logs: {paths: [access.log]}
policies: {paths: [policy.yaml]}
store: {path: agent.db}
YAML
run 0 -c etc/egret.yaml
has configuration.load ok egret.yaml
has format.recognised ok etc/access.log
has format.fields problem source_identity
has database.version not_checked etc/agent.db
run 0 -c etc/egret.yaml late.log
has format.recognised ok late.log
echo 'policies: {path: x}' >etc/bad.yaml
run 4 -c etc/bad.yaml
has configuration.load problem 'policies.path is no key'

# --- formats and the exit code
run 0 -p policy.yaml --fail-on problem -f '%START_TIME% %DOWNSTREAM_PEER_URI_SAN% "%REQ(X-TEAM)%"'
run 3 -p policy.yaml --fail-on warning -f '%START_TIME% %DOWNSTREAM_PEER_URI_SAN% "%REQ(X-TEAM)%"'
for format in table json csv; do
	got=0
	"$EGRET" doctor -o $format -p policy.yaml --fail-on problem >out 2>err || got=$?
	[ $got -eq 3 ] || { echo "-o $format: exit $got"; bad=1; }
	grep -q 'DOWNSTREAM_PEER_URI_SAN' out || { echo "-o $format: no advice"; cat out; bad=1; }
done
got=0
"$EGRET" doctor -o yaml >out 2>err || got=$?
[ $got -eq 2 ] || { echo "-o yaml: exit $got"; bad=1; }
exit $bad
