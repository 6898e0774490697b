#!/bin/sh
# The dashboard in a real browser: run.sh EGRET.  Needs node, npm and Debian's chromium; no part of
# make check.  SHOTS=FOLDER keeps a picture of every page.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 EGRET" >&2; exit 2; }
egret=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)
chromium=${CHROMIUM:-/usr/bin/chromium}
for need in node npm "$chromium"; do
	command -v "$need" >/dev/null || { echo "$0: skipped: there is no $need" >&2; exit 77; }
done
work=$(mktemp -d)
server=
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# The modules are beside the test, or are installed in a copy: the tree is never written to.
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$work"
if [ -d "$here/node_modules" ]; then
	ln -s "$here/node_modules" "$work/node_modules"
else
	(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline >npm.log 2>&1) || {
		cat "$work/npm.log" >&2
		exit 1
	}
fi

"$egret" demo --no-serve --db "$work/demo.db" --from "$here/../../examples/demo" >"$work/demo.log" || {
	cat "$work/demo.log" >&2
	exit 1
}
"$egret" serve --db "$work/demo.db" --listen 127.0.0.1:18080 --next-port >"$work/url" &
server=$!
n=0
until [ -s "$work/url" ]; do
	n=$((n + 1))
	[ $n -lt 100 ] || { echo "$0: egret serve does not answer" >&2; exit 1; }
	sleep 0.1
done
"$egret" report run --db "$work/demo.db" >"$work/report.html"
CHROMIUM=$chromium PROFILE=$work/profile node "$work/dashboard.mjs" "$(cat "$work/url")" "$work/report.html"
