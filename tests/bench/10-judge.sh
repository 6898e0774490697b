#!/bin/sh
# Verdicts by number of policies, beside a straight loop over all rules in the same run.
echo "== judge: one core, CPU time a verdict"
make -s tests/bench/bench_judge || exit 1
exec ./tests/bench/bench_judge
