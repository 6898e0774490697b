#!/bin/sh
# test-sidecar-lines.sh - a log with the lines of a gateway (4) and of sidecars (8, three of which failed before there
# was an upstream connection): the gateway's policies
# judge the former alone, and the summary says how many.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
"$EGRET" ingest "$srcdir/tests/fixtures/log/two-proxies.log" -p "$srcdir/examples/demo/policies" \
	--db "$tmp/db" >"$tmp/said" 2>&1
grep -q 'warning: 8 of 12 lines were written by sidecars' "$tmp/said" || { cat "$tmp/said"; bad=1; }

want() {
	"$EGRET" query --db "$tmp/db" -o csv "$2" >"$tmp/out"
	tail -n +2 "$tmp/out" | tr -d '\r' >"$tmp/rows"
	[ "$(cat "$tmp/rows")" = "$1" ] || { echo "$2"; cat "$tmp/rows"; bad=1; }
}
want '4' "SELECT count(*) FROM flows WHERE leg = 'downstream'"
want '0' "SELECT count(*) FROM flows WHERE leg = 'downstream' AND verdict IS NULL"
want '8' "SELECT count(*) FROM flows WHERE leg <> 'downstream' AND verdict IS NULL"
want 'NR' "SELECT response_flags FROM flows WHERE leg = 'downstream' AND outcome = 'failed'"
want '192.0.2.66
192.0.2.67' "SELECT upstream_ip FROM flows WHERE leg = 'bypass' ORDER BY 1"
want 'workload 10.60.1.5 reached 192.0.2.66:443 without the gateway: its sidecar passed it on by PassthroughCluster' \
	"SELECT sentence FROM findings WHERE code = 'RTE-BYPASS'"
want '0' "SELECT count(*) FROM flows WHERE leg IN ('bypass', 'other') AND findings LIKE '%ENF-%'"

# A failed line that shows nothing: the gateway's, unless the file's name or an inventory says otherwise.
line='[2026-05-01T10:00:00.000Z] "- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" - - 10.60.7.7:443 10.60.1.5:52106 - -'
pod=0b0c3a4e-0000-4000-8000-000000000001
for ns in shop istio-system; do
	mkdir -p "$tmp/${ns}_p_$pod/istio-proxy"
	echo "$line" >"$tmp/${ns}_p_$pod/istio-proxy/0.log"
done
echo '{"ip":"10.60.7.7","namespace":"shop","service_account":"cart"}' >"$tmp/pods"
# leg WANT ARGUMENTS...
leg() {
	expected=$1
	shift
	rm -f "$tmp"/db*
	"$EGRET" ingest "$@" -f text --db "$tmp/db" >"$tmp/said" 2>&1
	want "$expected" 'SELECT leg FROM flows'
}
leg downstream "$tmp/istio-system_p_$pod/istio-proxy/0.log"
leg other "$tmp/shop_p_$pod/istio-proxy/0.log"
leg downstream "$tmp/shop_p_$pod/istio-proxy/0.log" --workload shop,app=gateway
leg other "$tmp/istio-system_p_$pod/istio-proxy/0.log" --inventory "$tmp/pods"
exit $bad
