#!/bin/sh
# check-catalogue.sh - a code in a catalogue is made somewhere, and documented.
set -eu
cd "${srcdir:-.}"
bad=0
rows() { sed -n "s/^$1(\([A-Z0-9_]*\),.*/\1/p" "$2"; }
for id in $(rows FINDING schema/finding.def); do
	if ! grep -q "^FACTS($id, \"[a-z]" schema/finding_fact.def; then
		echo "schema/finding_fact.def: $id has no evidence"; bad=1
	fi
	if ! grep -rqw "FINDING_$id" capture analyze; then
		echo "schema/finding.def: $id is never made"; bad=1
	fi
done
for code in $(sed -n 's/^FINDING([A-Z0-9_]*, "\([A-Z0-9-]*\)".*/\1/p' schema/finding.def); do
	if ! grep -q "^| \`$code\`" docs/findings.md; then
		echo "docs/findings.md: $code is missing"; bad=1
	fi
done
for id in $(rows EVIDENCE schema/evidence.def); do
	if ! grep -rqw "EV_$id" capture analyze cli egret.c agent.c 2>/dev/null; then
		echo "schema/evidence.def: $id is never counted"; bad=1
	fi
done
exit $bad
