#!/bin/sh
# 20-decode.sh - egret decode beside a libpcap loop that only counts, and beside the peers that are
# installed: CPU seconds (user and system, median of RUNS), all in one run.
# Loads are made by the generator in $EGRET_SHARED/perf (or ../shared beside the sources) into
# BENCH_DATA, 2 GB, and kept.
set -eu
shared=${EGRET_SHARED:-$srcdir/../shared}
data=${BENCH_DATA:-bench-data}
runs=${RUNS:-5}
here=tests/bench
make -s $here/pcap_count $here/cpu >/dev/null
if [ ! -f "$shared/perf/gen_pcap.c" ]; then
	echo "20-decode: skipped, no load generator in $shared/perf"
	exit 0
fi
mkdir -p "$data"
load() {	# NAME CONNECTIONS PARALLEL
	[ -s "$data/$1.pcap" ] && return
	[ -x "$data/gen_pcap" ] || cc -O2 -o "$data/gen_pcap" "$shared/perf/gen_pcap.c" -lm
	"$data/gen_pcap" -k "$1" -n "$2" -c "$3" -T "$shared/perf/templates" -o "$data/$1.pcap" >&2
}
load tls-bulk 290 64
load tls-conns 21000 256
load http1 3500 64
load mtls13 6000 128

row() {		# LOAD UNITS WORD TOOL COMMAND...
	name=$1 units=$2 word=$3 tool=$4
	shift 4
	set -- $($here/cpu "$runs" "$@") || { echo "$tool failed on $name"; return; }
	[ "$tool" = "libpcap loop" ] && limit=$1
	awk -v l="$name" -v t="$tool" -v s="$1" -v m="$2" -v n="$units" -v w="$word" -v lim="$limit" \
		'BEGIN { printf "| %s | %s | %.3f | %.2f us a %s | %.1f | %d |\n", l, t, s, s / n * 1e6, w, s / lim, m }'
}
peers() {	# LOAD UNITS WORD
	f=$data/$1.pcap
	if command -v ndpiReader >/dev/null; then
		row "$1" "$2" "$3" ndpiReader ndpiReader -q -i "$f"
	fi
	if command -v suricata >/dev/null; then
		row "$1" "$2" "$3" suricata suricata -S /dev/null --runmode single -l "$data" -r "$f"
	fi
	if [ -n "${TSHARK:-}" ]; then
		RUNS_WAS=$runs runs=1
		row "$1" "$2" "$3" tshark tshark -r "$f" -T fields -e tls.handshake.extensions_server_name \
			-e http.request.uri ${4:+-o tls.keylog_file:"$4"}
		runs=$RUNS_WAS
	fi
}
one() {		# LOAD UNITS WORD [KEYLOG]
	f=$data/$1.pcap
	row "$1" "$2" "$3" "libpcap loop" $here/pcap_count "$f"
	row "$1" "$2" "$3" "egret decode" "$EGRET" decode -r "$f" ${4:+--keylog "$4"}
	peers "$@"
}
for p in ndpiReader suricata; do
	command -v $p >/dev/null || echo "20-decode: $p is not installed, skipped"
done
[ -n "${TSHARK:-}" ] || echo "20-decode: tshark only with TSHARK=1 (minutes)"
echo "| load | tool | CPU s | per unit | times libpcap | peak MB |"
echo "|---|---|---|---|---|---|"
one tls-bulk 852870 packet
one tls-conns 21000 connection
one http1 152960 request
one mtls13 50208 request "$shared/perf/templates/mtls13.keys"
