#!/bin/sh
# 20-decode.sh - egret decode beside a libpcap loop that only counts, and beside the peers that are
# installed: CPU seconds (user and system, median of RUNS), all in one run.
# Loads are made by the generator in $EGRET_SHARED/perf (or ../shared beside the sources) into
# BENCH_DATA, 2 GB, and kept.
#
# The last column is how many times egret's CPU a peer takes for the same, and the limit that is asked for.
# tshark is too slow for whole loads: it reads one of a twentieth of the connections; its figures are that
# run's without its start, times twenty, and the start.  TSHARK=no leaves it out.
set -eu
shared=${EGRET_SHARED:-$srcdir/../shared}
data=${BENCH_DATA:-bench-data}
runs=${RUNS:-5}
part=20
here=tests/bench
make -s $here/pcap_count $here/cpu >/dev/null
if [ ! -f "$shared/perf/gen_pcap.c" ]; then
	echo "20-decode: skipped, no load generator in $shared/perf"
	exit 0
fi
mkdir -p "$data"
load() {	# NAME KIND CONNECTIONS PARALLEL
	[ -s "$data/$1.pcap" ] && return
	[ -x "$data/gen_pcap" ] || cc -O2 -o "$data/gen_pcap" "$shared/perf/gen_pcap.c" -lm
	"$data/gen_pcap" -k "$2" -n "$3" -c "$4" -T "$shared/perf/templates" -o "$data/$1.pcap" >&2
}
peer() {	# PROGRAM; false and said once where it is not there
	command -v "$1" >/dev/null && return
	[ -e "$data/.without-$1" ] || echo "20-decode: $1 is not installed, skipped" >&2
	: >"$data/.without-$1"
	return 1
}
rm -f "$data"/.without-*

row() {		# LOAD UNITS WORD TOOL LIMIT COMMAND...; $scale, $begin: of a part, and of no packets
	name=$1 units=$2 word=$3 tool=$4 limit=$5
	shift 5
	set -- $($here/cpu "$runs" "$@") || { echo "$tool failed on $name"; return; }
	[ "$tool" = "libpcap loop" ] && loop=$1
	[ "$tool" = "egret decode" ] && egret=$1
	awk -v l="$name" -v t="$tool" -v s="$1" -v m="$2" -v n="$units" -v w="$word" -v loop="$loop" \
		-v e="${egret:-0}" -v k="${scale:-1}" -v begin="${begin:-0}" -v lim="$limit" -v size="$(wc -c <"$data/$name.pcap")" 'BEGIN {
		s = begin + (s - begin) * k
		rate = w == "request" ? sprintf(", %d MB/s", size / s / 1e6) : ""
		against = e && t != "egret decode" ? sprintf("%.1f", s / e) : ""
		if (lim) against = against " (asked: " lim ")"
		printf "| %s | %s | %.3f | %.2f us a %s%s | %.1f | %d | %s |\n", l, t, s, s / n * 1e6, w,
			rate, s / loop, m, against
	}'
}
one() {		# LOAD UNITS WORD PARALLEL NDPI SURICATA TSHARK: what is asked of each, 0: nothing
	f=$data/$1.pcap
	keys=
	[ "$1" = mtls13 ] && keys=$shared/perf/templates/mtls13.keys
	egret=
	row "$1" "$2" "$3" "libpcap loop" 0 $here/pcap_count "$f"
	row "$1" "$2" "$3" "egret decode" 0 "$EGRET" decode -r "$f" ${keys:+--keylog "$keys"}
	peer ndpiReader && row "$1" "$2" "$3" ndpiReader "$5" ndpiReader -q -i "$f"
	peer suricata && row "$1" "$2" "$3" suricata "$6" \
		suricata -S /dev/null --runmode single -l "$data" -r "$f"
	[ "${TSHARK:-}" != no ] && peer tshark || return 0
	load "$1-part" "$1" $(($8 / part)) "$4"
	head -c 24 "$f" >"$data/none.pcap"
	begin=$($here/cpu 3 tshark -r "$data/none.pcap" | cut -d ' ' -f 1)
	scale=$part whole=$runs runs=1
	row "$1" "$2" "$3" "tshark, by a twentieth" "$7" tshark -r "$data/$1-part.pcap" -T fields \
		-e tls.handshake.extensions_server_name -e http.request.uri -e http2.headers.path \
		${keys:+-o tls.keylog_file:"$keys"}
	runs=$whole scale= begin=
}
load tls-bulk tls-bulk 290 64
load tls-conns tls-conns 21000 256
load http1 http1 3500 64
load mtls13 mtls13 6000 128
echo "| load | tool | CPU s | per unit | times libpcap | peak MB | times egret |"
echo "|---|---|---|---|---|---|---|"
one tls-bulk 852870 packet 14 0 0 0 290
one tls-conns 21000 connection 256 5 5 0 21000
one http1 152960 request 64 0 8 0 3500
one mtls13 50208 request 128 0 0 20 6000
