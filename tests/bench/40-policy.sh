#!/bin/sh
# 40-policy.sh - policies: loading, compiling and replaying routes, lint; 1, 100 and 10,000 hosts.
set -eu
make -s tests/bench_route >/dev/null
nice tests/bench_route
