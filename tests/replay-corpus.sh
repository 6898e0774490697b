#!/bin/sh
# replay-corpus.sh - every saved fuzz input still passes.  tests/corpus/NAME/ belongs to tests/fuzz_NAME.
set -eu
ran=0
for dir in "$srcdir"/tests/corpus/*/; do
	[ -d "$dir" ] || continue
	name=$(basename "$dir")
	"tests/fuzz_$name" "$dir"/*
	ran=$((ran + 1))
done
echo "$ran corpora"
