#!/bin/sh
# check-includes.sh - folders include only downwards (docs/architecture.md); files stay short;
# only schema/ knows SQLite.
set -eu
cd "${srcdir:-.}"
allow() {
	case $1 in
	common)		echo 'common' ;;
	schema)		echo 'schema|common' ;;
	capture)	echo 'capture|schema|common' ;;
	analyze)	echo 'analyze|schema|common' ;;
	web)		echo 'web|schema|common' ;;
	esac
}
bad=0
for dir in common schema capture analyze web; do
	if grep -rnE --include='*.[ch]' '^#include "' "$dir" |
	    grep -vE "#include \"($(allow "$dir"))/|#include \"config.h\""; then
		echo "$dir/ includes a folder above it"; bad=1
	fi
done
if grep -rlE --include='*.[ch]' '<sqlite3\.h>' common capture analyze web cli egret.c; then
	echo 'only schema/ may include sqlite3.h'; bad=1
fi
for f in $(find common schema capture analyze web cli egret.c -name '*.[ch]'); do
	case $f in schema/migrations.c|schema/views.c|web/assets.c) continue ;; esac
	n=$(wc -l <"$f")
	if [ "$n" -gt 800 ]; then echo "$f: $n lines"; bad=1; fi
done
exit $bad
