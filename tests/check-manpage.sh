#!/bin/sh
# check-manpage.sh - docs/egret.1 says what --help says; every verb's --help works and shows an example.
set -eu
sh "$srcdir/docs/manpage.sh" "$EGRET" | diff -u "$srcdir/docs/egret.1" - || {
	echo 'make it again: sh docs/manpage.sh build/egret >docs/egret.1'; exit 1
}
for verb in $("$EGRET" --help | sed -n '/^Verbs:/,$p' | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	[ "$verb" = version ] && continue
	"$EGRET" "$verb" --help | grep -q '^Examples:' || { echo "$verb --help has no examples"; exit 1; }
	if "$EGRET" "$verb" --no-such-option 2>/dev/null; then
		echo "$verb takes any option"; exit 1
	elif [ $? -ne 2 ]; then
		echo "$verb: a wrong option is not exit 2"; exit 1
	fi
done
