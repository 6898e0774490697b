#!/bin/sh
# test-errors.sh - what bad input gets: the exit code and one line that says what and where.
#
# Every case also holds that no signal ended the program and that it did not hang; the
# cases at the end that the super-user would pass are skipped for him, and say so.
set -eu
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
cd "$tmp"
bad=0

# want CODE PATTERN COMMAND...: the exit code, and what standard error holds
want() {
	code=$1 pattern=$2 got=0
	shift 2
	timeout 20 "$EGRET" "$@" </dev/null >out 2>err || got=$?
	[ "$got" -eq "$code" ] || { echo "egret $*: exit $got, not $code"; cat err; bad=1; }
	[ -z "$pattern" ] || grep -q -- "$pattern" err || { echo "egret $*: no \"$pattern\""; cat err; bad=1; }
}

# --- what is given
mkdir folder
: >empty
echo 'these words are neither a capture nor a log line' >text
printf 'hi\n' >tiny
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "%c", 128 + i * 7919 % 128 }' >garbage
printf '\324\303\262\241\002\000\004\000\000\000\000\000\000\000\000\000' >head.pcap
cp head.pcap cut.pcap
printf '\377\377\000\000\001\000\000\000\001\002\003' >>cut.pcap
printf 'a: [b\n' >broken.yaml
printf 'apiVersion: v9\nkind: Nope\nmetadata: {name: x}\n' >kind.yaml
"$EGRET" ingest --db good.db empty >out

# --- the command line
for verb in capture decode doctor explain findings flows ingest judge lint parse query report \
	run serve test verify; do
	want 2 'unknown option --nonsense' $verb --nonsense
done
want 2 'no verb "nosuch"' nosuch
want 2 'a capture file is wanted\|one capture file is wanted' decode
want 2 'access log is wanted' parse
want 2 'access log is wanted' ingest
want 2 'wants a value' ingest --db
want 2 'no policies' judge text
want 2 'one SQL statement' query --db good.db
want 2 "a flow's id" explain --db good.db zz
want 2 'configuration is wanted' run

# --- captures
want 4 'neither a pcap nor a pcapng' decode garbage
want 4 'neither a pcap nor a pcapng' decode text
want 4 'neither a pcap nor a pcapng' decode tiny
printf 'hello\n' >tiny
want 4 'neither a pcap nor a pcapng' decode tiny
want 4 'file is empty' decode empty
want 4 'file is empty' decode -
want 4 'ends inside its header' decode head.pcap
want 1 'Is a directory' decode folder
want 1 'missing: No such file' decode missing
want 0 'ends inside packet 1' decode cut.pcap
want 4 'neither a pcap nor a pcapng' capture -r garbage --db c.db
want 2 'filter "no such"' capture -r cut.pcap --bpf 'no such' --db c.db
want 0 '' capture -r cut.pcap --db cut.db
"$EGRET" query --db cut.db -o csv 'SELECT reason, n FROM coverage' >out
grep -q 'file_cut.*1' out || { echo 'coverage does not count the cut file'; bad=1; }

# --- access logs
for verb in parse 'ingest --db l.db'; do
	want 4 'no format that egret knows' $verb text
	want 4 'no format that egret knows' $verb garbage
	want 1 'missing: No such file' $verb missing
	want 1 'folder: ' $verb folder
	want 0 '' $verb empty
	want 0 '' $verb -
done
[ "$("$EGRET" flows --db l.db -o jsonl | wc -l)" -eq 0 ] || { echo 'flows of no log'; bad=1; }

# --- what was refused leaves no database behind, and an old one as it was
rm -f x.db* && cp good.db old.db
for args in 'ingest text' 'ingest garbage' 'ingest missing' 'ingest folder' 'ingest -f %NO( text' \
	'ingest text -p broken.yaml' 'ingest text --inventory text' 'capture -r garbage' 'capture -r tiny' \
	'capture -r empty' 'capture -r missing' 'capture -i nosuchif0' 'capture -r cut.pcap --keylog missing'; do
	for db in x.db old.db; do
		got=0
		timeout 20 "$EGRET" $args --db $db </dev/null >out 2>err || got=$?
		case $got in 1 | 2 | 4) ;; *) echo "egret $args: exit $got"; cat err; bad=1 ;; esac
	done
	[ -z "$(ls x.db* 2>/dev/null)" ] || { echo "egret $args: left $(ls x.db*)"; rm -f x.db*; bad=1; }
	[ "$("$EGRET" query --db old.db -o csv 'SELECT count(*) FROM batches')" ] || { echo "egret $args: old.db"; bad=1; }
done

# --- policies, flows, tests, configuration
want 4 'broken.yaml:2:1' lint -p broken.yaml
want 4 'garbage:1:1: not UTF-8' lint -p garbage
want 1 'missing: No such file' lint -p missing
want 0 'kind Nope ignored' lint -p kind.yaml
want 0 'nothing is declared' lint -p folder
want 4 'text:1: byte 1: expected a JSON object' judge -p kind.yaml text
want 4 'no document' test empty
want 1 'missing: No such file' test missing
want 4 'broken.yaml:2:1' run -c broken.yaml

# --- databases
cp good.db newer.db
if command -v sqlite3 >/dev/null; then
	sqlite3 newer.db 'PRAGMA user_version = 999'
	want 1 'newer egret' flows --db newer.db
	want 1 'newer egret' ingest --db newer.db empty
else
	echo 'skipped: a newer database (no sqlite3)'
fi
for verb in flows findings verify 'report run' serve 'query SELECT+1'; do
	want 1 'not a database' $verb --db text
	want 1 'unable to open' $verb --db missing
	want 1 'is a folder' $verb --db folder
done
want 1 'unable to open' ingest --db nosuch/x.db empty
want 4 'no flow 999' explain --db good.db 999

# --- a full disk: the limit on a file's size stands for it
got=0
(trap '' XFSZ; ulimit -f 16; "$EGRET" ingest --db full.db empty) >out 2>err || got=$?
[ $got -eq 1 ] && grep -q 'database full.db' err || { echo "full disk: exit $got"; cat err; bad=1; }

# --- output that cannot be written
if [ -c /dev/full ]; then
	for verb in 'verify --db good.db' 'query --db good.db VALUES(1)' '--help' 'flows --help'; do
		got=0
		"$EGRET" $verb >/dev/full 2>err || got=$?
		[ $got -eq 1 ] || { echo "egret $verb >/dev/full: exit $got"; bad=1; }
	done
else
	echo 'skipped: output that cannot be written (no /dev/full)'
fi

# --- permissions
if [ "$(id -u)" -eq 0 ]; then
	echo 'skipped: a read-only folder, capturing without permission (runs as root)'
else
	mkdir readonly
	chmod a-w readonly
	want 1 'permissions' ingest --db readonly/x.db empty
	want 1 'ermi' capture -i lo --db p.db
fi
exit $bad
