#!/bin/sh
# test-loading.sh - what policies may look like, and what hostile ones get: the exit code, and one line that
# names file, line and column.  Every case ends within its limits.
set -eu
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
tmp=$(mktemp -d)
trap 'chmod -R u+rw "$tmp"; rm -rf "$tmp"' EXIT
cd "$tmp"
bad=0

# want CODE PATTERN FILE: the exit code, and what standard error holds
want() {
	got=0
	timeout 30 "$EGRET" lint -p "$3" </dev/null >out 2>err || got=$?
	[ "$got" -eq "$1" ] || { echo "$3: exit $got, not $1"; head -c 600 err; bad=1; }
	grep -qF -- "$2" err || { echo "$3: no \"$2\""; head -c 600 err; bad=1; }
}
# The same for an entry that nothing is wrong with.
clean='egret lint: no findings in 1 objects'
spec='{hosts: [a.test], exportTo: ["."], resolution: DNS, ports: [{number: 443, name: t, protocol: TLS}]}'
cat >entry.yaml <<EOF
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec: $spec
EOF
json='{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","metadata":{"name":"a"},"spec":{"hosts":["a.test"],"exportTo":["."],"resolution":"DNS","ports":[{"number":443,"name":"t","protocol":"TLS"}]}}'

# --- every form that kubectl and editors write
want 0 "$clean" entry.yaml
printf '%s' "$json" >one.json; want 0 "$clean" one.json
printf '{"apiVersion":"v1","kind":"List","items":[%s]}' "$json" >list.json; want 0 "$clean" list.json
printf '{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntryList","items":[{"metadata":{"name":"a"},"spec":{"hosts":["a.test"],"exportTo":["."],"resolution":"DNS","ports":[{"number":443,"name":"t","protocol":"TLS"}]}}]}' >typed.json
want 0 "$clean" typed.json
printf '[%s]' "$json" >array.json; want 0 "$clean" array.json
printf '\357\273\277' | cat - entry.yaml >bom.yaml; want 0 "$clean" bom.yaml
printf '\357\273\277%s' "$json" >bom.json; want 0 "$clean" bom.json
sed 's/$/\r/' entry.yaml >crlf.yaml; want 0 "$clean" crlf.yaml
printf -- '---\n# nothing\n---\n' | cat - entry.yaml >several.yaml; want 0 "$clean" several.yaml
printf 'x: &b {exportTo: ["."], resolution: DNS}\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: a}\nspec: {<<: *b, hosts: [a.test], ports: [{number: 443, name: t, protocol: TLS}]}\n' >merge.yaml
want 0 "$clean" merge.yaml
mkdir folder
cp entry.yaml folder/a.yaml
printf '%s' "$json" | sed 's/"name":"a"/"name":"b"/' >folder/b.json
echo 'not YAML: [' >folder/notes.txt
echo 'not YAML: [' >folder/.hidden.yaml
want 0 'egret lint: no findings in 2 objects' folder
"$EGRET" lint -p - <entry.yaml 2>err || { echo "standard input: exit $?"; bad=1; }
grep -qF "$clean" err || { echo 'standard input'; cat err; bad=1; }
printf 'defaultConfig: {}\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\n' >mesh.yaml
want 0 "$clean" mesh.yaml

# --- what is ignored is counted and named
printf 'apiVersion: v9\nkind: Nope\nmetadata: {name: x}\n---\n' | cat - entry.yaml >kind.yaml
want 0 'kind.yaml:1: 1 object of kind Nope ignored' kind.yaml
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "---\nkind: K%d\nmetadata: {name: x}\n", i }' >kinds.yaml
want 0 '2900 objects of yet other kinds ignored' kinds.yaml
want 0 'nothing is declared' kinds.yaml
cat entry.yaml - entry.yaml >replaced.yaml <<'EOF'
---
EOF
want 0 'replaced.yaml:6: ServiceEntry a replaces the one at replaced.yaml:1' replaced.yaml
printf 'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: b, labels: {}, name: a}\nspec: %s\n' "$spec" >twice.yaml
want 0 'twice.yaml:3:33: key "name" stands twice' twice.yaml
printf '{"kind":"ServiceEntry","kind":"ServiceEntry"}' >twice.json
want 0 'twice.json:1:24: key "kind" stands twice' twice.json

# --- what cannot be read: place and text
printf 'kind: ServiceEntry\n\tmetadata: {name: a}\n' >tab.yaml
want 4 'tab.yaml:2:1: YAML: ' tab.yaml
printf 'kind: ServiceEntry\nmetadata: {name: "a\0b"}\n' >nul.yaml
want 4 'nul.yaml:2:20: not UTF-8 text (control characters are not allowed), at "\x00b' nul.yaml
printf 'kind: ServiceEntry\nmetadata: {name: \377}\n' >latin.yaml
want 4 'latin.yaml:2:18: not UTF-8 text (invalid leading UTF-8 octet)' latin.yaml
printf 'a: [b\n' >open.yaml
want 4 'open.yaml:2:1: YAML: ' open.yaml
printf 'just words\n' >words.yaml
want 4 'words.yaml:1:1: expected a mapping with apiVersion and kind, at "just words"' words.yaml
printf 'kind: ServiceEntry\nspec: [1]\n' >spec.yaml
want 4 'spec.yaml:2:7: spec: expected a mapping, found a list' spec.yaml
printf 'kind: ServiceEntry\nmetadata: a\n' >metadata.yaml
want 4 'metadata.yaml:2:11: metadata: expected a mapping, at "a"' metadata.yaml
printf '{"kind":"List","apiVersion":"v1","items":[%s,\n3]}' "$json" >number.json
want 4 'number.json:2:1: expected a mapping with apiVersion and kind, at "3"' number.json
printf 'a: &a [*a]\n' >cycle.yaml
want 4 'cycle.yaml:1:8: alias to the node that it stands in' cycle.yaml
printf 'a: *b\n' >anchor.yaml
want 4 'anchor.yaml:1:4: alias to an anchor that is not there' anchor.yaml

# --- limits
{
	echo 'a: &a [x,x,x,x,x,x,x,x,x]'
	last=a
	for i in b c d e f g h i j; do
		echo "$i: &$i [*$last,*$last,*$last,*$last,*$last,*$last,*$last,*$last,*$last]"
		last=$i
	done
} >laughs.yaml
want 4 'aliases stand for too many nodes' laughs.yaml
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "[" }' >deep.yaml
want 4 'deep.yaml:1:65: nested deeper than 64 levels' deep.yaml
awk 'BEGIN { for (i = 0; i < 100000; i++) printf "["; for (i = 0; i < 100000; i++) printf "]" }' >deep.json
want 4 'nested deeper than 64 levels' deep.json
awk 'BEGIN { printf "kind: ServiceEntry\nmetadata: {name: "; for (i = 0; i < 1000000; i++) printf "a"; print "}" }' >scalar.yaml
want 0 '1 finding in 1 objects' scalar.yaml
awk -v spec="$spec" 'BEGIN { for (i = 0; i < 20000; i++) { s = spec; sub(/a\.test/, "h" i ".test", s);
	printf "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e%d}\nspec: %s\n", i, s } }' >many.yaml
want 0 'no findings in 20000 objects' many.yaml
[ ! -e /dev/zero ] || want 4 '/dev/zero: larger than 64 MiB' /dev/zero

# --- files and links
mkdir loop
ln -s ../loop loop/self
ln -s ../entry.yaml loop/a.yaml
ln -s gone.yaml loop/dangling.yaml
mkfifo loop/pipe.yaml
want 0 "$clean" loop
want 1 'loop/dangling.yaml: No such file or directory' loop/dangling.yaml
want 1 'missing.yaml: No such file or directory' missing.yaml
if [ "$(id -u)" -ne 0 ]; then
	cp entry.yaml shut.yaml && chmod 0 shut.yaml
	want 1 'shut.yaml: Permission denied' shut.yaml
else
	echo 'an unreadable file: not tried as root'
fi
exit $bad
