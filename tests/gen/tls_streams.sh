#!/bin/sh
# tls_streams.sh DIR - make the certificates, build tls_streams.c against libssl, record into DIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
issue() { # NAME SUBJECT SAN
	openssl req -new -key "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
	printf 'subjectAltName=%s\n' "$3" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 7300 \
		-extfile "$1.ext" -out "$1.pem" 2>/dev/null
}

ec ca
openssl req -x509 -new -key ca.key -subj '/O=cluster.local' -days 7300 -out ca.pem
ec client
issue client '/' 'URI:spiffe://cluster.local/ns/default/sa/sleep'
ec server
issue server '/CN=gateway' 'URI:spiffe://cluster.local/ns/istio-system/sa/egress,DNS:a.example'
openssl genrsa -out rsa.key 2048 2>/dev/null
issue rsa '/CN=rsa' 'DNS:a.example'

${CC:-cc} -O1 -o tls_streams "$here/tls_streams.c" -lssl -lcrypto
./tls_streams "$dir"
cp ca.pem "$dir/ca.pem"
