#!/bin/sh
# record.sh OUTDIR - record the demo's evidence: capture.pcap, keylog, access.log, access.json.log, mesh-ca.pem.
#
#   pods (sidecars: haproxy, curl) --10.244.0.0/16-- gateway (haproxy, tcpdump) --203.0.113.0/24-- outside (nginx)
#
# Needs root, iproute2, haproxy 2.5 or later, nginx, curl, openssl, tcpdump, ethtool and a C compiler.
# Three network namespaces are made and removed; nothing outside of them is touched.  What is
# done and what must be seen in it: examples/demo/README.md.
set -eu
[ $# -eq 1 ] || { echo "usage: sudo $0 OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
dir=$(mktemp -d)
chmod 755 "$dir"
mkdir "$dir/pki" "$dir/tmp"
pods=eg-pods-$$ gw=eg-gw-$$ outside=eg-out-$$
running=

finish() {
	for pid in $running; do kill "$pid" 2>/dev/null || :; done
	for pid in $running; do wait "$pid" 2>/dev/null || :; done
	for ns in $pods $gw $outside; do ip netns del "$ns" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

network() {
	for ns in $pods $gw $outside; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
	done
	ip link add eth0 netns "$pods" type veth peer name eth0 netns "$gw"
	ip link add eth1 netns "$gw" type veth peer name eth0 netns "$outside"
	for a in 10.244.1.11 10.244.1.12 10.244.1.13 10.244.1.14 10.244.1.15 10.244.3.21; do
		ip -n "$pods" addr add "$a/16" dev eth0
	done
	ip -n "$gw" addr add 10.244.2.7/16 dev eth0
	ip -n "$gw" addr add 203.0.113.2/24 dev eth1
	ip -n "$outside" addr add 203.0.113.10/24 dev eth0
	ip -n "$outside" addr add 203.0.113.20/24 dev eth0
	for at in "$pods eth0" "$gw eth0" "$gw eth1" "$outside eth0"; do
		set -- $at
		ip -n "$1" link set "$2" up
		ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off >/dev/null 2>&1
	done
}

start() {	# start NAMESPACE COMMAND...: in the background
	ns=$1
	shift
	ip netns exec "$ns" "$@" &
	running="$running $!"
}

settings() {	# settings FILE: with this run's paths
	awk -v dir="$dir" -v sni="outbound_.80_.plaintext-inside_.istio-egressgateway.istio-system.svc.cluster.local" \
	    -v fmt="$here/tcp.format" '
		BEGIN { getline tcp <fmt }
		{ gsub(/@DIR@/, dir); gsub(/@SNI@/, sni) }
		(at = index($0, "@TCP@")) { $0 = substr($0, 1, at - 1) tcp substr($0, at + 5) }
		{ print }' "$here/$1" >"$dir/$1"
}

services() {
	settings gateway.cfg
	settings sidecars.cfg
	settings outside.conf
	cc -shared -fPIC -o "$dir/keylog.so" "$here/keylog.c" -ldl
	start "$outside" nginx -c "$dir/outside.conf" -p "$dir"
	start "$gw" env KEYLOG="$dir/keylog" LD_PRELOAD="$dir/keylog.so" \
		haproxy -db -f "$dir/gateway.cfg" >"$dir/gateway.log" 2>"$dir/gateway.err"
	start "$pods" haproxy -db -f "$dir/sidecars.cfg" 2>"$dir/sidecars.err"
	start "$gw" tcpdump -i any -y LINUX_SLL2 -Z root -U --immediate-mode -B 32768 -w "$dir/capture.pcap" tcp 2>/dev/null
	sleep 1.5
}

# app PORT URL [curl's arguments]: an application speaks through the sidecar on PORT.
app() {
	port=$1 url=$2
	shift 2
	ip netns exec "$pods" curl -sk --max-time 5 --connect-to "::127.0.0.1:$port" "$@" "$url" >/dev/null || :
	sleep 0.15
}

workloads() {
	# What the policy allows.
	ip netns exec "$pods" curl -sk --max-time 5 --connect-to ::127.0.0.1:15001 \
		http://httpbin.org/headers 'http://httpbin.org/headers?show=all' \
		http://wikipedia.org/wiki/Egress >/dev/null
	app 15001 http://wikipedia.org/wiki/Private
	app 15002 http://httpbin.org/headers
	app 15002 http://wikipedia.org/wiki/Audit
	app 15004 http://httpbin.org/headers --http2-prior-knowledge
	app 15005 http://httpbin.org/headers
	app 15011 https://wikipedia.org/wiki/Main_Page
	app 15011 https://wikipedia.org/wiki/Gateway --http1.1
	app 15012 https://httpbin.org/get
	app 15015 https://wikipedia.org/wiki/Crawler

	# What it denies, and the gateway refuses.
	app 15003 http://httpbin.org/headers			# another namespace
	app 15013 https://wikipedia.org/wiki/Main_Page		# another namespace, TLS inside
	app 15001 http://httpbin.org/anything			# a wrong path
	app 15001 http://httpbin.org.example.net/headers	# a wrong host
	app 15014 https://wikipedia.org/wiki/Main_Page		# a wrong SNI

	# What should not have happened.
	app 15001 http://httpbin.org/headers -d secret=1 -H 'Content-Type: text/plain'	# denied, and served
	app 15015 https://files.example.net/upload -T "$here/record.sh"	# the inner SNI differs
	ip netns exec "$pods" curl -s --max-time 3 --interface 10.244.1.12 \
		-H 'Host: httpbin.org' http://10.244.2.7:8080/headers >/dev/null || :	# plaintext
	app 15016 https://httpbin.org/get			# an expired certificate
	sleep 1
}

network
sh "$here/pki.sh" "$dir/pki" >/dev/null
services
workloads
for pid in $running; do kill "$pid" 2>/dev/null || :; done
for pid in $running; do wait "$pid" 2>/dev/null || :; done
running=

# TLS 1.2 is recorded without its keys: what can be seen then is part of the demo.
grep -v '^CLIENT_RANDOM' "$dir/keylog" >"$out/keylog"
# Envoy logs no line for a handshake that failed; haproxy's own lines about them are left out.
grep '^\[' "$dir/gateway.log" | sed 's/ || .*//' >"$out/access.log"
# Istio's encoder writes null where a value is missing.
grep '^\[' "$dir/gateway.log" | sed 's/.* || //; s/:"-"/:null/g
	s/"response_flags":null/"response_flags":"-"/' >"$out/access.json.log"
cp "$dir/capture.pcap" "$out/capture.pcap"
cp "$dir/pki/mesh.crt" "$out/mesh-ca.pem"
ls -l "$out"
