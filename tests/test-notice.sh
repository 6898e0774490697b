#!/bin/sh
# test-notice.sh - what the policies read and the evidence cannot show is said when `ingest` or `run` starts, and
# when `run` loads policies that change it: which attribute, which policy and rule, and what to add.
set -eu
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || :; rm -rf "$tmp"' EXIT
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
fixtures=$(cd "${srcdir:-.}/tests/fixtures/policies" && pwd)
cd "$tmp"
bad=0

mkdir policies
cat "$fixtures/partners.yaml" >policies/partners.yaml
cat >policies/more.yaml <<'YAML'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: health, namespace: istio-system}
spec:
  rules:
  - to: [{operation: {hosts: ["api.example"], paths: ["/health"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: claims, namespace: istio-system, annotations: {"istio.io/dry-run": "true"}}
spec:
  action: DENY
  rules:
  - when: [{key: "request.auth.claims[iss]", values: ["x"]}]
YAML
text='[2026-01-05T10:00:00.000Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 1 2 3 2 "-" "u" "i" "api.example" "1.2.3.4:443" outbound|443||api.example 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:5 api.example -'
echo "$text" >text.log
echo '{"start_time":"2026-01-05T10:00:00.000Z","method":"GET","path":"/a","protocol":"HTTP/1.1","peer":"spiffe://cluster.local/ns/shop/sa/cart","response_code":200,"authority":"api.example","downstream_local_address":"10.0.0.1:8443","downstream_remote_address":"10.0.0.2:5"}' >json.log
echo '{"ip":"10.0.0.2","namespace":"shop","service_account":"cart"}' >pods
n=0

# said WHAT... -- ARGUMENTS: standard error has one notice for each WHAT, and no other
said() {
	: >want
	while [ "$1" != -- ]; do echo "$1" >>want; shift; done
	shift
	n=$((n + 1))
	"$EGRET" ingest --db $n.db -p policies "$@" >out 2>err || { echo "ingest $*: failed"; cat err; bad=1; }
	grep 'the format lacks' err >notices || :
	[ "$(wc -l <notices)" -eq "$(wc -l <want)" ] || { echo "ingest $*: other notices:"; cat err; bad=1; }
	while read -r line; do
		grep -qF -- "$line" notices || { echo "ingest $*: nothing says $line"; cat err; bad=1; }
	done <want
}

id='the format lacks source_identity, which policies read as source.principal (istio-system/partners rule 0): add'
team='the format lacks request_headers, which policies read as request.headers[x-team] (istio-system/partners rule 1): add'
said "$id %DOWNSTREAM_PEER_URI_SAN%" "$team %REQ(X-TEAM)%" -- text.log
said "$id %DOWNSTREAM_PEER_URI_SAN%" "$team %REQ(X-TEAM)%" -- text.log -f text
said "$team %REQ(X-TEAM)%" -- text.log --inventory pods
said "$id \"downstream_peer_uri_san\":\"%DOWNSTREAM_PEER_URI_SAN%\"" "$team \"x-team\":\"%REQ(X-TEAM)%\"" -- json.log
said "$team" -- json.log --keys 'DOWNSTREAM_PEER_URI_SAN=peer'
# A format that is given is known without a line.
: >empty
said -- empty -f '%START_TIME% %DOWNSTREAM_PEER_URI_SAN% %REQ(:AUTHORITY)% %REQ(:PATH)% %REQ(x-team)%'
said "$id" 'the format lacks path, which' 'lacks authority, which' -- empty -f '{"t":"%START_TIME%","x":"%REQ(X-Team)%"}'
# Claims and metadata are told by the operator that gives them; what is there is not missed: a filter's metadata as
# a whole, headers that have an operator of their own.
cat >when.yaml <<'YAML'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: when, namespace: istio-system}
spec:
  rules:
  - when:
    - {key: "request.auth.claims[iss]", values: ["x"]}
    - {key: "experimental.envoy.filters.f[k]", values: ["x"]}
    - {key: "experimental.envoy.filters.g[k]", values: ["x"]}
    - {key: "request.headers[:method]", values: ["GET"]}
    - {key: "request.headers[host]", values: ["api.example"]}
    - {key: "request.headers[x-forwarded-for]", values: ["*"]}
YAML
rm -r policies; mkdir policies
forwarded='request.headers[x-forwarded-for] (istio-system/when rule 0): no evidence that egret reads gives it'
said 'add %DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%' 'add %DYNAMIC_METADATA(envoy.filters.f:k)%' "$forwarded" \
	'add %DYNAMIC_METADATA(envoy.filters.g:k)%' -- text.log -p when.yaml
said "$forwarded" 'add "envoy.filters.f:k":"%DYNAMIC_METADATA(envoy.filters.f:k)%" to the access log' -- empty -p when.yaml -f \
	'{"a":"%METADATA(DYNAMIC:envoy.filters.http.jwt_authn:payload)%","b":"%DYNAMIC_METADATA(envoy.filters.g)%","c":"%REQ(:METHOD)%","d":"%REQ(:AUTHORITY)%"}'
said "$forwarded" 'add %DYNAMIC_METADATA(envoy.filters.g:k)%' 'add %REQ(:METHOD)%' -- empty -p when.yaml -f \
	'%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)% %DYNAMIC_METADATA(envoy.filters.f:k)% %DYNAMIC_METADATA(envoy.filters.g:kk)% %REQ(HOST)%'
cat "$fixtures/partners.yaml" >policies/partners.yaml
# Many rules of one policy are summarised.
{
	printf 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: many, namespace: istio-system}\nspec:\n  rules:\n'
	i=0
	while [ $i -lt 30 ]; do
		echo "  - from: [{source: {namespaces: [\"ns$i\"]}}]"
		i=$((i + 1))
	done
} >many.yaml
said "$team" 'many rule 1, istio-system/many rule 2, istio-system/many rule 3 and 27 more rules; 2 policies in all' -- \
	text.log -p many.yaml

# --- the agent: said at the start and after SIGHUP where it is other than before

# await N TEXT: until standard error has N lines with the text (or far too long)
await() {
	tries=0
	while [ "$(grep -cF -- "$2" err)" -lt "$1" ] && [ $tries -lt 300 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	[ "$(grep -cF -- "$2" err)" -eq "$1" ] || { echo "egret run: not $1 lines with $2"; cat err; bad=1; }
}

# reload N: the policies are taken for the Nth time
reload() {
	kill -HUP "$pid"
	await "$1" 'is in force'
}

mkdir live
cat "$fixtures/partners.yaml" >live/policy.yaml
printf 'logs: {paths: [text.log]}\npolicies: {paths: [live]}\nstore: {path: live.db}\nweb: {listen: "off"}\n' >live.yaml
: >err
"$EGRET" run -c live.yaml >out 2>>err &
pid=$!
await 2 'the format lacks'
await 1 "$id"
await 1 "$team"
touch live/policy.yaml
reload 1
sed 's/x-team/x-tier/' "$fixtures/partners.yaml" >live/policy.yaml
reload 2
await 4 'the format lacks'
await 2 "$id"
await 1 'request.headers[x-tier] (istio-system/partners rule 1): add %REQ(X-TIER)%'
await 1 "$team"
printf 'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: any, namespace: istio-system}\nspec: {rules: [{}]}\n' \
	>live/policy.yaml
reload 3
await 1 'the evidence now gives all that the policies read'
await 4 'the format lacks'
kill "$pid"
wait "$pid" || { echo "egret run ended with $?"; cat err; bad=1; }
pid=
exit $bad
