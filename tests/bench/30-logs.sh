# Access logs: parse and ingest beside wc -l and goaccess, in one run.  2,000,000 text lines of the shared
# generator, 500,000 JSON lines, 1,000,000 lines of a gateway.  CPU seconds are user and system of the whole
# process; the memory is its most at any moment, where /usr/bin/time can tell.
echo "== access logs"
shared=${EGRET_SHARED:-$srcdir/../shared}
[ -f "$shared/perf/gen_log.c" ] || { echo "skipped: there is no $shared/perf/gen_log.c"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -o "$work/gen" "$shared/perf/gen_log.c" -lm
"$work/gen" -n 2000000 >"$work/text"
"$work/gen" -n 500000 -f json >"$work/json"
"$work/gen" -n 200000 >"$work/small"

# run NAME LINES COMMAND...
run() {
	name=$1 lines=$2
	shift 2
	if [ -x /usr/bin/time ]; then
		/usr/bin/time -q -f '%e %U %S %M' -o "$work/time" "$@" >/dev/null 2>&1 || :
	else
		bash -c 'TIMEFORMAT="%R %U %S 0"; time "$@" >/dev/null 2>&1' bash "$@" 2>"$work/time" || :
	fi
	awk -v name="$name" -v n="$lines" '{ cpu = $2 + $3; wall = $1 > 0 ? $1 : 0.01; cpu = cpu > 0 ? cpu : 0.01
		printf "%-36s wall %6.2f s  cpu %6.2f s  %9.0f lines/s wall  %9.0f lines/s a core  %4.0f MB\n",
		name, wall, cpu, n / wall, n / cpu, $4 / 1024 }' "$work/time"
}
run 'wc -l' 2000000 wc -l "$work/text"
run 'egret parse, text' 2000000 "$EGRET" parse -o none "$work/text"
run 'egret parse, JSON' 500000 "$EGRET" parse -o none "$work/json"
# The seeds' policies where they are; else the demo's, which are alike.
policies=$srcdir/../shared/seeds/multi-host.yaml
[ -f "$shared/seeds/multi-host.yaml" ] && policies=$shared/seeds/multi-host.yaml
[ -f "$policies" ] || policies=$srcdir/examples/demo/policies

# ingest NAME LINES ROWS FILE [--format FORMAT]
ingest() {
	name=$1 lines=$2 rows=$3
	shift 3
	rm -f "$work/db"*
	run "ingest $name, rows $rows" "$lines" "$EGRET" ingest "$@" -p "$policies" --db "$work/db" --rows "$rows"
	ls -l "$work/db" | awk -v n="$lines" '{ printf "%-34s %.1f bytes a flow\n", "", $5 / n }'
}
# Lines of sidecars, nearly all: the gateway's policies judge one in fifteen.
for rows in all notable none; do
	ingest "the generator's lines" 2000000 "$rows" "$work/text"
done
# Lines of a gateway, with identities: each is judged.
awk -v n=1000000 -f "$srcdir/tests/bench/gateway_log.awk" >"$work/gateway"
format='[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME% "%DOWNSTREAM_PEER_URI_SAN%"'
for rows in all notable none; do
	ingest "a gateway's lines" 1000000 "$rows" "$work/gateway" --format "$format"
done
# Ten times the lines: ten times as long, in the same memory.  LONG=1, as it takes 4 GB of disk.
if [ -n "${LONG:-}" ]; then
	head -1000000 "$work/text" >"$work/one"
	ingest 'one million' 1000000 all "$work/one"
	"$work/gen" -n 10000000 >"$work/text"
	ingest 'ten million' 10000000 all "$work/text"
fi
rm -f "$work/text" "$work/gateway"
if command -v goaccess >/dev/null; then
	run 'goaccess, 200,000 lines' 200000 goaccess "$work/small" -o "$work/r.json" --no-global-config \
		--log-format='[%dT%t.%^] "%m %U %H" %s %^ %^ %^ "%^" %b %^ %T %^ "%^" "%u" "%^" "%v" "%h:%^" %^' --date-format=%Y-%m-%d --time-format=%H:%M:%S
else
	echo 'goaccess: not installed'
fi
