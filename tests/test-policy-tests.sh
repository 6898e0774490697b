#!/bin/sh
# test-policy-tests.sh - `egret test`: what passes, what fails and how it is told, malformed files,
# and the way from stored flows to a test file and back.
set -eu
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
src=$(cd "$srcdir" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
bad=0

fail() { echo "$*"; bad=1; }

# want CODE ARGUMENT...: the exit code; `out` and `err` hold what was printed
want() {
	code=$1 got=0
	shift
	timeout 20 "$EGRET" "$@" </dev/null >out 2>err || got=$?
	[ "$got" -eq "$code" ] || { fail "egret $*: exit $got, not $code"; cat out err; }
}
has() { grep -qF -- "$2" "$1" || { fail "$1 has no \"$2\""; cat "$1"; }; }
lacks() { ! grep -qF -- "$2" "$1" || { fail "$1 has \"$2\""; cat "$1"; }; }

well_formed() {
	if command -v xmllint >/dev/null; then
		xmllint --noout "$1" || fail "$1 is not well-formed"
	elif command -v python3 >/dev/null; then
		python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1" ||
			fail "$1 is not well-formed"
	else
		echo "neither xmllint nor python3: $1 is not parsed"
	fi
}

# --- the page's own example, as it is printed
awk '/^```yaml/ { on = 1; next } /^```/ { on = 0 } on' "$src/docs/policy-tests.md" >page.yaml
ln -s "$src/examples" examples
want 0 test page.yaml
has err '5 passed, 0 failed'

# --- one file with every kind of expectation, met and not met
cat >policies.yaml <<'EOF'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: egress, namespace: istio-system}
spec:
  selector: {matchLabels: {app: istio-egressgateway}}
  rules:
  - from: [{source: {namespaces: [default]}}]
    to: [{operation: {ports: ["8443"]}}]
    when: [{key: connection.sni, values: [api.example.com]}]
  - from: [{source: {namespaces: [default]}}]
    to: [{operation: {ports: ["8443"]}}]
    when: [{key: connection.sni, values: [www.example.com]}]
EOF
flow='chain: tcp, destination_port: 8443'
me='source_identity: spiffe://cluster.local/ns/default/sa/x'
cat >met.yaml <<EOF
policies: policies.yaml
flows:
- {name: by rule 1, $flow, $me, sni: www.example.com, expect: allow, policy: istio-system/egress, rule: 1}
- {name: by no rule, $flow, $me, sni: evil.test, expect: deny, policy: "", rule: null}
- {name: plaintext, flow: {$flow, source_identity: null, sni: www.example.com}, expect: deny}
- {name: who, flow: {$flow, sni: www.example.com}, expect: unknown}
- {name: another workload, flow: {$flow}, expect: unknown}
EOF
cat >unmet.yaml <<EOF
policies: [policies.yaml]
flows:
- {name: 'verdict <&"> ]]>', $flow, $me, sni: evil.test, expect: allow}
- {name: policy, $flow, $me, sni: api.example.com, expect: allow, policy: istio-system/other}
- {name: rule, $flow, $me, sni: api.example.com, expect: allow, rule: 1}
- {name: no rule, $flow, $me, sni: api.example.com, expect: allow, rule: null}
- {name: implicit, $flow, $me, sni: api.example.com, expect: allow, policy: ""}
- {name: known, $flow, $me, sni: api.example.com, expect: unknown}
- {name: unknown is not allow, $flow, $me, expect: allow}
- {name: unknown is not deny, $flow, $me, expect: deny}
- {$flow, $me, sni: api.example.com, expect: allow}
EOF
want 0 test met.yaml
has err '5 passed, 0 failed'
want 3 test met.yaml unmet.yaml
has err '6 passed, 8 failed'
has out 'ok    by rule 1'
has out 'FAIL  policy'
has out 'unmet.yaml:3: expected allow, got deny'
has out 'expected allow by istio-system/other, got allow'
has out 'nearest: istio-system/egress rule 0 failed only on connection.sni: wants api.example.com, saw evil.test'
has out 'ok    flow at line 11'
want 3 test -o junit met.yaml unmet.yaml
well_formed out
has out '<testsuite name="met.yaml" tests="5" failures="0">'
has out '<testsuite name="unmet.yaml" tests="9" failures="8">'
has out 'name="verdict &lt;&amp;&quot;&gt; ]]&gt;"'
has out 'file="unmet.yaml" line="3"'
[ "$(grep -c '<failure ' out)" -eq 8 ] || fail 'junit: not 8 failures'
want 3 test -o json met.yaml unmet.yaml
[ "$(grep -c '"passed":false' out)" -eq 8 ] || fail 'json: not 8 failures'

# The command line adds policies, and wins over the file.
cat >deny.yaml <<'EOF'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: stop, namespace: istio-system}
spec: {action: DENY, rules: [{}]}
EOF
want 3 test -p deny.yaml met.yaml
has err '1 passed, 4 failed'
want 3 test --workload other met.yaml
has out 'expected deny, got none: '
printf 'flows: [{expect: none, %s}, {expect: allow, %s}]\n' "$flow" "$flow" >none.yaml
want 0 test -p policies.yaml --workload other none.yaml
"$EGRET" test -p policies.yaml --workload other - <none.yaml >out 2>err || fail 'standard input'

# --- what cannot be read: where, and what stands there
malformed() {
	printf '%b' "$2" >file.yaml
	want 4 test file.yaml
	has err "egret test: file.yaml:$1"
	[ ! -s out ] || fail "malformed, and yet: $(cat out)"
}
malformed '1:8: expected `flows`, a list of flows, found an empty list' 'flows: []\n'
malformed '1:1: expected `flows`, a list of flows, found nothing' 'policies: x\n'
malformed '2:3: expected a flow with `expect`, found "a"' 'flows:\n- a\n'
malformed '2:3: expect: allow, deny, unknown or none is wanted, found nothing' 'flows:\n- {name: x}\n'
malformed '2:12: expect: allow, deny, unknown or none is wanted, found "maybe"' 'flows:\n- {expect: maybe}\n'
malformed '3:3: no such flow field: "snii"' 'flows:\n- expect: deny\n  snii: x\n'
malformed '2:34: no such flow field: "snii"' 'flows:\n- {name: a, expect: deny, flow: {snii: x}}\n'
malformed '4:23: destination_port: expected an integer, found "https"' \
	'flows:\n- expect: deny\n  flow:\n    destination_port: https\n'
malformed '3:10: chain: expected one of the field'"'"'s names, found "udp"' 'flows:\n- expect: deny\n  chain: udp\n'
malformed '3:9: rule: expected a number from 0 on, or null, found "-1"' 'flows:\n- expect: deny\n  rule: -1\n'
malformed '3:11: policy: expected NAMESPACE/NAME, "" or null, found a list' \
	'flows:\n- expect: deny\n  policy: [a]\n'
malformed '1:1: no such key in a test file: "flow"' 'flow: x\nflows: [{expect: deny}]\n'
malformed '3:1: one document is wanted' 'flows: [{expect: deny}]\n---\nflows: []\n'
malformed '2:1: YAML: ' 'flows: [\n}\n'
malformed ' no document in it' ''
want 2 test none.yaml
has err 'no policies'
want 1 test missing.yaml
want 2 test
want 2 test -o nosuch met.yaml
want 0 test --help
has out 'expect: deny'

# --- stored flows become a test file that passes, and fails once the policy is another
demo=$src/examples/demo
"$EGRET" ingest --db flows.db -p "$demo/policies" "$demo/access.json.log" >ingest 2>&1
want 0 flows --db flows.db -n 0 -o jsonl
flows=$(wc -l <out)
[ "$flows" -gt 5 ] || fail "the demo's log has $flows flows"
want 0 flows --db flows.db -n 0 -o test
cp out stored.yaml
want 0 test -p "$demo/policies" stored.yaml
has err "$flows passed, 0 failed"
want 0 flows --db flows.db -n 0 -o test verdict:allow
cp out allowed.yaml
lacks allowed.yaml 'expect: deny'
want 3 test -p "$demo/policies" -p deny.yaml allowed.yaml
has out 'FAIL  flow '
has err ' 0 passed'
# Nothing stored is no test: it must not pass as one.
want 0 flows --db flows.db -n 0 -o test host:nosuch.test
cp out empty.yaml
want 4 test -p "$demo/policies" empty.yaml
# Text from the network stays text.
printf '%s\n' '{"start_time":"2026-11-24T08:00:00.000Z","method":"GET","path":"/a\u0085\"\\ : [x] #\u009b1m\u0001","authority":"httpbin.org","protocol":"HTTP/1.1","response_code":403,"response_flags":"-","downstream_local_address":"10.0.0.1:8080","downstream_remote_address":"10.0.0.2:4000","downstream_peer_uri_san":"spiffe://cluster.local/ns/a: b/sa/- c","requested_server_name":"httpbin.org"}' >odd.log
"$EGRET" ingest --db odd.db -p "$demo/policies" odd.log >ingest 2>&1
want 0 flows --db odd.db -o test
cp out odd.yaml
want 0 test -p "$demo/policies" odd.yaml
has err '1 passed, 0 failed'
exit $bad
