#!/bin/sh
# test-sidecar-lines.sh - a log with the lines of a gateway (3) and of sidecars (5): the gateway's policies
# judge the former alone, and the summary says how many.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
"$EGRET" ingest "$srcdir/tests/fixtures/log/two-proxies.log" -p "$srcdir/examples/demo/policies" \
	--db "$tmp/db" >"$tmp/said" 2>&1
grep -q 'warning: 5 of 8 lines were written by sidecars' "$tmp/said" || { cat "$tmp/said"; bad=1; }

want() {
	"$EGRET" query --db "$tmp/db" -o csv "$2" >"$tmp/out"
	tail -n +2 "$tmp/out" | tr -d '\r' >"$tmp/rows"
	[ "$(cat "$tmp/rows")" = "$1" ] || { echo "$2"; cat "$tmp/rows"; bad=1; }
}
want '3' "SELECT count(*) FROM flows WHERE leg = 'downstream'"
want '0' "SELECT count(*) FROM flows WHERE leg = 'downstream' AND verdict IS NULL"
want '5' "SELECT count(*) FROM flows WHERE leg <> 'downstream' AND verdict IS NULL"
want '192.0.2.66
192.0.2.67' "SELECT upstream_ip FROM flows WHERE leg = 'bypass' ORDER BY 1"
want 'workload 10.60.1.5 reached 192.0.2.66:443 without the gateway: its sidecar passed it on by PassthroughCluster' \
	"SELECT sentence FROM findings WHERE code = 'RTE-BYPASS'"
want '0' "SELECT count(*) FROM flows WHERE leg IN ('bypass', 'other') AND findings LIKE '%ENF-%'"
exit $bad
