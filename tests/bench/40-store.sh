#!/bin/sh
# 40-store.sh - what a stored flow costs (CPU time of the store alone, bytes) for each store.rows, and
# how long the dashboard's questions take on the result.  ROWS=10000000 for the large one.
set -eu
rows=${ROWS:-1000000}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
make -s tests/bench_store
for mode in all notable none; do
	./tests/bench_store "$tmp/$mode.db" "$rows" "$mode"
done
ask() {
	start=$(date +%s%N)
	"$EGRET" query --db "$tmp/all.db" -o csv "$2" >/dev/null
	echo "$1: $((($(date +%s%N) - start) / 1000000)) ms"
}
ask 'traffic by verdict and outcome' 'SELECT verdict, outcome, sum(flows) FROM traffic GROUP BY 1, 2'
ask 'flows a minute by verdict' 'SELECT minute, verdict, sum(flows) FROM traffic GROUP BY 1, 2'
ask 'identities' 'SELECT * FROM identities ORDER BY denied DESC LIMIT 20'
ask 'destinations' 'SELECT * FROM destinations ORDER BY denied DESC LIMIT 20'
ask 'edges' 'SELECT identity, host, sum(flows) FROM edges GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20'
for f in '' verdict:deny is:gap ns:team-1 host:api-7.partner7.example.com; do
	start=$(date +%s%N)
	"$EGRET" flows --db "$tmp/all.db" -n 50 -o csv $f >/dev/null 2>&1
	echo "latest 50 flows, filter \"$f\": $((($(date +%s%N) - start) / 1000000)) ms"
done
