#!/bin/sh
# fuzz.sh SECONDS [TARGET...] - build the fuzz targets with clang, libFuzzer, ASan and UBSan, and run each
# for SECONDS on a copy of its corpus.  Needs clang.  What it finds is left in fuzz-out/TARGET/; a
# finding becomes a case in the target's corpus, with the fix.
set -eu
seconds=${1:?usage: fuzz.sh SECONDS [TARGET...]}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
out=${FUZZ_OUT:-$PWD/fuzz-out}
mkdir -p "$out/build"
cd "$out/build"
[ -f config.status ] || CC=clang "$top/configure" -q --enable-fuzzers --enable-sanitizers --disable-hardening \
	CFLAGS='-O1 -g'
all=$(grep -oh 'tests/fuzz_[a-z0-9_]*' "$top"/tests/*.inc | sed 's/tests.fuzz_//' | grep -v '^replay$' | sort -u)
bad=0
for t in ${*:-$all}; do
	make -s "tests/fuzz_$t"
	mkdir -p "$out/$t/corpus"
	cp -n "$top/tests/corpus/$t"/* "$out/$t/corpus/" 2>/dev/null || true
	printf '%s: ' "$t"
	if nice "tests/fuzz_$t" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 \
	    -artifact_prefix="$out/$t/" "$out/$t/corpus" >"$out/$t/log" 2>&1; then
		tail -n 1 "$out/$t/log"
	else
		bad=1
		echo "FOUND, see $out/$t/"
		grep -m 1 -E 'ERROR|runtime error' "$out/$t/log" || true
	fi
done
exit $bad
