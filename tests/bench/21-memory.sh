#!/bin/sh
# 21-memory.sh - 300,000 TLS connections open at once, through a pipe: peak resident size and what was
# evicted, under several budgets.  The load is the shared generator's; nothing is written to disk.
set -eu
shared=${EGRET_SHARED:-$srcdir/../shared}
data=${BENCH_DATA:-bench-data}
n=${CONNECTIONS:-300000}
make -s tests/bench/cpu >/dev/null
if [ ! -f "$shared/perf/gen_pcap.c" ]; then
	echo "21-memory: skipped, no load generator in $shared/perf"
	exit 0
fi
mkdir -p "$data"
[ -x "$data/gen_pcap" ] || cc -O2 -o "$data/gen_pcap" "$shared/perf/gen_pcap.c" -lm
export EGRET n data shared
echo "| --memory | connections, all open at once | peak MB | evicted |"
echo "|---|---|---|---|"
for budget in 64 256 512; do
	export budget
	set -- $(tests/bench/cpu 1 sh -c '"$data/gen_pcap" -k tls-conns -n "$n" -c "$n" \
		-T "$shared/perf/templates" -o /dev/stdout 2>/dev/null |
		"$EGRET" decode -v -r - --memory "$budget" 2>"$data/evidence"')
	awk -v b="$budget" -v n="$n" -v m="$2" '$3 == "evicted" { e = $4 }
		END { printf "| %d MiB | %d | %d | %d |\n", b, n, m, e }' "$data/evidence"
done
