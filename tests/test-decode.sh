#!/bin/sh
# test-decode.sh - egret decode on whole captures: the same two requests through every link, tunnel and
# mishap; TLS opened by secrets inside the file; exit codes.
set -eu
corpus=$srcdir/tests/corpus/pcap
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 bad=0
ok() {		# RESULT NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; bad=1; fi
}
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

# Each made from http1.pcap by rewriting it; nothing of it is lost, so nothing may change.
for way in bigendian dup vlan geneve gre ipfrag ipip keepalive mpls nullloop pppoe qinq reorder rst \
    seqwrap sll sll2 vxlan badsum; do
	r=0
	"$EGRET" decode -r "$corpus/http-$way.pcap" >"$tmp/out" 2>/dev/null || r=1
	[ "$(field path <"$tmp/out" | sort | tr '\n' ' ')" = "/c.pem /none " ] || r=1
	[ "$(field status <"$tmp/out" | sort | tr '\n' ' ')" = "200 404 " ] || r=1
	ok $r "http through $way"
done

for v in 12 13; do
	r=0
	"$EGRET" decode -r "$corpus/tls$v-dsb.pcapng" >"$tmp/out" 2>/dev/null || r=1
	[ "$(field sni <"$tmp/out")" = example.com ] || r=1
	[ "$(field source_identity <"$tmp/out")" = spiffe://cluster.local/ns/default/sa/sleep ] || r=1
	[ "$(field tls_version <"$tmp/out")" = "TLS1.${v#1}" ] || r=1
	[ "$(field method <"$tmp/out")" = GET ] || r=1
	ok $r "TLS 1.${v#1} with the secrets in the file"
done

code() {	# WANTED MESSAGE ARGUMENTS...
	want=$1 say=$2 got=0
	shift 2
	"$EGRET" decode "$@" >"$tmp/out" 2>"$tmp/err" || got=$?
	r=0
	[ "$got" -eq "$want" ] && grep -q "$say" "$tmp/err" || { r=1; echo "# exit $got: $(cat "$tmp/err")"; }
	ok $r "exit $want: $say"
}
head -c 3000 "$corpus/http1.pcap" >"$tmp/cut.pcap"
{ cat "$corpus/http1.pcap"; printf '\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377'; } >"$tmp/bad.pcap"
code 0 'ends inside packet' -r "$tmp/cut.pcap"
code 4 'the file is damaged' -r "$tmp/bad.pcap"
[ "$(field path <"$tmp/out" | sort | tr '\n' ' ')" = "/c.pem /none " ]
ok $? 'what stands before the damage is decoded'
code 4 'neither a pcap nor a pcapng file' -r "$srcdir/tests/test-decode.sh"
code 1 'No such file' -r "$tmp/none.pcap"
code 2 'one capture file is wanted'
code 2 'filter "no such"' -r "$corpus/http1.pcap" --bpf 'no such'
code 0 'some evidence is missing' -r "$corpus/http-snaplen.pcap"
code 1 'trust roots' -r "$corpus/http1.pcap" --trust "$tmp/none.pem"
"$EGRET" decode -r - --bpf 'tcp' <"$corpus/http1.pcap" >"$tmp/out"
[ "$(field path <"$tmp/out" | sort | tr '\n' ' ')" = "/c.pem /none " ]
ok $? 'standard input, with a filter'
echo "1..$n"
exit $bad
