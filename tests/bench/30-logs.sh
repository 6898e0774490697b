# Access logs: parse and ingest beside wc -l and goaccess, in one run.  2,000,000 text lines of the shared
# generator, 500,000 JSON lines.  CPU seconds are user and system of the whole process.
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
	bash -c 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1' bash "$@" 2>"$work/time" || :
	awk -v name="$name" -v n="$lines" '{ cpu = $2 + $3; printf "%-34s wall %6.2f s  cpu %6.2f s  %9.0f lines/s wall  %9.0f lines/s a core\n",
		name, $1, cpu, n / $1, n / cpu }' "$work/time"
}
run 'wc -l' 2000000 wc -l "$work/text"
run 'egret parse, text' 2000000 "$EGRET" parse -o none "$work/text"
run 'egret parse, JSON' 500000 "$EGRET" parse -o none "$work/json"
for rows in all notable none; do
	rm -f "$work/db"*
	run "egret ingest, rows $rows" 2000000 "$EGRET" ingest "$work/text" -p "$srcdir/examples/demo/policies" --db "$work/db" --rows "$rows"
	[ "$rows" != all ] || ls -l "$work/db" | awk '{ printf "%-34s %.1f bytes a flow\n", "", $5 / 2000000 }'
done
if command -v goaccess >/dev/null; then
	run 'goaccess, 200,000 lines' 200000 goaccess "$work/small" -o "$work/r.json" --no-global-config \
		--log-format='[%dT%t.%^] "%m %U %H" %s %^ %^ %^ "%^" %b %^ %T %^ "%^" "%u" "%^" "%v" "%h:%^" %^' --date-format=%Y-%m-%d --time-format=%H:%M:%S
else
	echo 'goaccess: not installed'
fi
