# pki.sh DIR - certificates of the recording: a mesh CA with SPIFFE leaves as Istio makes them (empty
# subject, critical URI SAN), one of them expired, and the outside world's servers.
set -eu
cd "$1"

ca() {	# ca NAME SUBJECT
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
	openssl req -x509 -new -key "$1.key" -days 3650 -subj "$2" -out "$1.crt" \
		-addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign'
	: >"$1.index"
	openssl rand -hex 16 >"$1.serial"
	cat >"$1.cnf" <<-EOF
	[ca]
	default_ca = this
	[this]
	database = $1.index
	serial = $1.serial
	new_certs_dir = .
	certificate = $1.crt
	private_key = $1.key
	default_md = sha256
	unique_subject = no
	policy = any
	[any]
	commonName = optional
	EOF
}

leaf() {	# leaf CA NAME SAN START END: NAME.pem holds chain and key
	openssl ecparam -name prime256v1 -genkey -noout -out "$2.key" 2>/dev/null
	openssl req -new -key "$2.key" -subj / -out "$2.csr"
	cat >"$2.ext" <<-EOF
	basicConstraints = critical,CA:FALSE
	keyUsage = critical,digitalSignature,keyEncipherment
	extendedKeyUsage = serverAuth,clientAuth
	subjectAltName = critical,$3
	EOF
	openssl ca -batch -notext -config "$1.cnf" -in "$2.csr" -out "$2.crt" -extfile "$2.ext" \
		-startdate "$4" -enddate "$5" 2>/dev/null
	cat "$2.crt" "$2.key" >"$2.pem"
}

day() { date -u -d "$1" +%Y%m%d%H%M%SZ; }

workload() {	# workload NAME NAMESPACE ACCOUNT [START END]
	uri="spiffe://cluster.local/ns/$2/sa/$3"
	leaf mesh "$1" "URI:$uri" "${4:-$(day '-1 hour')}" "${5:-$(day '+1 year')}"
	# haproxy 2.6 cannot read a URI SAN: the gateway looks identities up by fingerprint.
	openssl x509 -in "$1.crt" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g; s|$| '"$uri|" >>identities.map
}

: >identities.map
ca mesh /O=cluster.local
ca outside '/O=Outside CA'
workload gateway istio-system istio-egressgateway-service-account
workload sleep default sleep
workload reports default reports
workload payments default payments
workload crawler default crawler
workload batch payments batch-runner
workload legacy default legacy "$(day '-3 days')" "$(day '-2 days')"
leaf outside web DNS:httpbin.org,DNS:wikipedia.org,DNS:files.example.net "$(day '-1 day')" "$(day '+1 year')"
