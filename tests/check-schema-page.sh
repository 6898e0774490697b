#!/bin/sh
# check-schema-page.sh - docs/schema.md is what schema/docs.sh makes of the sources.
set -eu
cd "${srcdir:-.}"
sh schema/docs.sh | diff -u docs/schema.md - || { echo 'run: sh schema/docs.sh >docs/schema.md'; exit 1; }
