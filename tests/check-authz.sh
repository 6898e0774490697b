#!/bin/sh
# The shared conformance cases of authorization, every verdict and every name; skipped without them.
shared=${EGRET_SHARED:-$srcdir/../shared}
run=$shared/conformance/run-authz
[ -e "$run" ] && command -v python3 >/dev/null || { echo "1..0 # SKIP no $run (or no python3)"; exit 77; }
python3 "$run" "$EGRET" >check-authz.out 2>&1
cat check-authz.out
grep -q '^\([0-9]*\)/\1 verdicts right, \1/\1 named, \([0-9]*\)/\2 cases$' check-authz.out
code=$?
rm -f check-authz.out
exit $code
