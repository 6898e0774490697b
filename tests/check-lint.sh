#!/bin/sh
# check-lint.sh - docs/lint.md has the table of rules as the program prints it; the formats are well formed.
set -eu
egret=${EGRET:-./egret}
src=${srcdir:-.}
t=check-lint.$$
trap 'rm -f "$t".*' EXIT
"$egret" lint --rules >"$t.rules"
sed -n '/^| code /,$p' "$src/docs/lint.md" >"$t.doc"
cmp "$t.rules" "$t.doc" || { echo "docs/lint.md: run egret lint --rules"; exit 1; }

run() { "$egret" lint -p "$src/tests/fixtures/lint/$1.yaml" -o "$2" $3 >"$t.out" 2>"$t.err"; }
run traps jsonl ''
[ "$(grep -c '^{"code":.*}$' "$t.out")" = "$(wc -l <"$t.out")" ]
run traps sarif ''
grep -q '"version":"2.1.0"' "$t.out"
run traps junit ''
grep -q '<failure type="medium"' "$t.out"
run traps table ''
grep -q 'traps.yaml:30:' "$t.out"
# Exit codes.
run traps table '--fail-on medium' && exit 1 || [ $? = 3 ]
run traps table '--fail-on critical'
run clean-threads table '--fail-on info'
grep -q 'no findings in' "$t.err"
run nothing table '' && exit 1 || [ $? = 1 ]
run traps yaml '' && exit 1 || [ $? = 2 ]
printf 'kind: [\n' | "$egret" lint -p - 2>"$t.err" && exit 1 || [ $? = 4 ]
grep -q '(standard input):2:1: YAML' "$t.err"
echo ok
