#!/bin/sh
# test-follow.sh - logs that grow, rotate, are copied and truncated, cut, deleted, swapped and compressed, followed
# and taken up again: every line is stored once.
#
# Each case is a function in a folder of its own; those that follow run side by side.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
case $EGRET in /*) ;; *) EGRET=$PWD/$EGRET ;; esac
cd "$tmp"

# lines FROM TO: access lines with these numbers
lines() {
	awk -v a="$1" -v b="$2" 'BEGIN { for (i = a; i <= b; i++) printf "[2026-01-05T10:%02d:%02d.%03dZ] \"GET /a " \
		"HTTP/1.1\" 200 - via_upstream - \"-\" 1 2 3 2 \"-\" \"u\" \"id-%d\" \"h.example\" \"1.2.3.4:443\" " \
		"outbound|443||h.example 10.0.0.1:1 10.0.0.1:8443 10.0.0.2:5 h.example -\n", \
		int(i / 60000) % 60, int(i / 1000) % 60, i % 1000, i }'
}

ingest() {
	"$EGRET" ingest -f text --db db "$@" >>out 2>&1
}

follow() {
	"$EGRET" ingest -f text --db db --follow "$@" >>out 2>&1 &
	pid=$!
}

stored() {
	"$EGRET" query --db db -o csv 'SELECT count(*), count(DISTINCT request_id) FROM flows' 2>>out | sed 1d | tr -d '\r'
}

# await N: until so many lines are stored (or far too long)
await() {
	tries=0
	while [ "$(stored)" != "$1,$1" ] && [ $tries -lt 150 ]; do
		sleep 0.2
		tries=$((tries + 1))
	done
}

stop() {
	kill $pid
	wait $pid || echo "$case: egret ended with $?" >>../failed
}

# holds N: so many lines are stored, each once
holds() {
	[ "$(stored)" = "$1,$1" ] || { echo "$case: stored $(stored), not $1" >>../failed; cat out >>../failed; }
}

# --- while egret looks

rename_and_create() {
	lines 1 50 >a.log
	follow a.log
	await 50
	mv a.log a.log.1
	lines 51 60 >>a.log.1		# the writer reopens late
	lines 61 70 >a.log
	lines 71 75 >>a.log.1
	await 75
	stop
	holds 75
}

copy_and_truncate() {
	lines 1 50 >a.log
	follow a.log
	await 50
	lines 51 60 >>a.log
	cp a.log a.log.1
	lines 61 65 >a.log		# shorter than what was read
	await 65
	cp a.log a.log.2
	lines 66 400 >a.log		# longer than what was read
	await 400
	stop
	holds 400
}

# Both generations begin with the same lines, which are none of a log's.
same_first_line() {
	{ echo begin; lines 1 50; } >a.log
	follow a.log
	await 50
	cp a.log a.log.1
	{ echo begin; lines 51 300; } >a.log
	await 300
	{ echo begin; lines 301 310; } >b.log
	mv a.log a.log.2
	mv b.log a.log
	await 310
	stop
	holds 310
	ingest a.log
	holds 310
}

cut_to_a_part() {
	lines 1 20 >a.log
	follow a.log
	await 20
	size=$(wc -c <a.log)
	lines 21 60 >>a.log
	await 60
	truncate -s "$size" a.log
	lines 61 65 >>a.log
	await 65
	: >a.log
	lines 66 70 >>a.log
	await 70
	stop
	holds 70
}

delete_and_create() {
	lines 1 50 >a.log
	follow a.log
	await 50
	rm a.log
	lines 51 60 >a.log
	await 60
	rm a.log
	sleep 0.5
	lines 61 70 >a.log
	await 70
	stop
	holds 70
}

growth() {
	lines 1 10 >a.log
	follow a.log
	i=0
	while [ $i -lt 40 ]; do
		lines $((i * 1000 + 11)) $((i * 1000 + 1010)) >>a.log
		i=$((i + 1))
	done
	await 40010
	stop
	holds 40010
}

# As a kubelet does: a link into the pod's folder, numbered by restart, rotated there.
symbolic_link() {
	mkdir -p pods
	lines 1 20 >pods/0.log
	ln -s pods/0.log a.log
	follow ./a*.log
	await 20
	mv pods/0.log pods/0.log.20260105-101500
	lines 21 30 >pods/0.log
	await 30
	lines 31 40 >pods/1.log
	ln -sfn pods/1.log a.log.new
	mv -T a.log.new a.log
	lines 41 45 >>pods/0.log
	await 45
	stop
	# While nobody looks: the rest of 1.log, and a restart.
	lines 46 50 >>pods/1.log
	gzip pods/0.log
	lines 51 60 >pods/2.log
	ln -sfn pods/2.log a.log
	ingest a.log
	holds 60
}

# What is not understood is to be seen while egret runs.
counted() {
	{ lines 1 50; echo 'no line'; } >a.log
	follow a.log
	await 50
	tries=0
	seen() { "$EGRET" query --db db -o csv "SELECT sample FROM evidence_samples JOIN coverage USING (reason) WHERE n = 1"; }
	while ! seen 2>>out | grep -q 'no line' && [ $tries -lt 100 ]; do
		sleep 0.2
		tries=$((tries + 1))
	done
	seen | grep -q 'no line' || echo "$case: not counted while it ran" >>../failed
	stop
	[ "$("$EGRET" query --db db -o csv "SELECT sum(n) FROM coverage WHERE reason = 'lines'" | sed 1d | tr -d '\r')" = 51 ] ||
		echo "$case: lines counted twice, or not" >>../failed
}

# The folder also names what was rotated.
folder() {
	mkdir logs
	lines 1 50 >logs/a.log
	lines 51 60 >logs/b.log
	follow logs
	await 60
	mv logs/a.log logs/a.log.1
	lines 61 70 >logs/a.log
	await 70
	cp logs/a.log logs/a.log.5
	lines 71 80 >logs/a.log
	gzip -c logs/a.log.1 >logs/a.log.2.gz
	rm logs/a.log.1
	await 80
	sleep 3				# a scan of the folder
	stop
	holds 80
	ingest logs
	holds 80
}

many_files() {
	mkdir logs
	i=0
	lines 1 3000 | split -l 3 -a 4 -d - logs/f. 
	for f in logs/f.*; do mv $f $f.log; done
	follow logs
	await 3000
	i=3000
	for f in logs/f.00*.log; do
		i=$((i + 2))
		lines $((i - 1)) $i >>"$f"
	done
	rm logs/f.05*.log
	lines $((i + 1)) $((i + 5)) >logs/new.log
	await $((i + 5))
	stop
	holds $((i + 5))
}

# --- while nobody looks

rotated_twice() {
	lines 1 50 >a.log
	ingest a.log
	lines 51 60 >>a.log
	mv a.log a.log.1
	lines 61 100 >a.log
	mv a.log.1 a.log.2
	gzip a.log.2
	mv a.log a.log.1
	lines 101 110 >a.log
	ingest a.log
	holds 110
	ingest a.log
	holds 110
}

# What was read last is gone altogether; what came after it is there.
left_one_gone() {
	lines 1 50 >a.log
	ingest a.log
	sleep 0.1
	rm a.log
	lines 51 60 >a.log.2
	lines 61 70 >a.log.1
	touch -d '+1 second' a.log.1
	lines 71 80 >a.log
	ingest a.log
	holds 80
}

# Logs that were rotated away before anybody followed are not wanted, nor is what only looks like one.
older_ones() {
	lines 1 50 >a.log.1
	lines 51 60 >a.log
	ingest a.log
	holds 10
	mv a.log a.log.2
	lines 61 70 >a.log
	lines 71 80 >a.log.offsets
	lines 81 90 >a-admin.log
	ingest a.log
	holds 20
}

dated_names() {
	lines 1 50 >a.log
	ingest a.log
	lines 51 60 >>a.log
	mv a.log a-20260105.log
	gzip a-20260105.log
	lines 61 70 >a-20260106.log
	lines 71 80 >a.log
	ingest a.log
	holds 80
}

truncated_unseen() {
	{ echo begin; lines 1 50; } >a.log
	ingest a.log
	lines 51 60 >>a.log
	cp a.log a.log.1
	{ echo begin; lines 61 200; } >a.log
	ingest a.log
	holds 200
}

# A database of the first version has no tails.
old_database() {
	command -v sqlite3 >/dev/null || return 0
	lines 1 50 >a.log
	ingest a.log
	sqlite3 db 'CREATE TABLE old (path TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL,
		digest BLOB NOT NULL, offset INTEGER NOT NULL, seen INTEGER NOT NULL,
		PRIMARY KEY (path, digest)) STRICT, WITHOUT ROWID;
		INSERT INTO old SELECT path, device, inode, digest, offset, seen FROM log_offset;
		DROP TABLE log_offset; PRAGMA legacy_alter_table = ON; ALTER TABLE old RENAME TO log_offset;
		PRAGMA user_version = 1'
	lines 51 60 >>a.log
	ingest a.log
	holds 60
	"$EGRET" query --db db -o csv 'SELECT count(*) FROM log_offsets' 2>>out | grep -q '^1' ||
		echo "$case: the view log_offsets is gone" >>../failed
}

# Both generations begin with the same part of a line, and the first was left inside another.
same_first_part() {
	at='2026-01-05T10:00:00.123456789Z stdout'
	parts() { lines "$1" "$2" | sed "1s/^\\[/$at P [\\n$at F /; 1!s/^/$at F /"; }
	{ parts 1 20; printf '%s P [2026-01-0' "$at"; echo; } >a.log
	follow a.log
	await 20
	sleep 1.5			# the offset is stored with a later batch, or with this one
	kill -9 $pid
	{ wait $pid || :; } 2>>out
	cp a.log a.log.1
	parts 21 90 >a.log
	ingest a.log
	holds 90
}

# A line that its writer has not ended is no line yet; once nobody writes it is one.
unfinished_line() {
	lines 1 2 >whole
	head -c 300 whole >a.log
	exec 9>>a.log
	ingest a.log
	holds 1
	tail -c +301 whole | head -c -1 >&9
	ingest a.log
	holds 1
	exec 9>&-
	ingest a.log
	holds 2
}

# Ten files of one text under names of their own are ten logs.
same_text() {
	for i in 1 2 3 4 5 6 7 8 9 10; do lines 1 5 >pod-$i.log; done
	ingest pod-*.log
	[ "$(stored)" = 50,5 ] || echo "$case: stored $(stored)" >>../failed
}

: >failed
for case in counted rename_and_create copy_and_truncate same_first_line cut_to_a_part delete_and_create growth symbolic_link \
	folder many_files rotated_twice left_one_gone older_ones dated_names truncated_unseen old_database same_first_part unfinished_line same_text; do
	[ -z "${1-}" ] || [ "$1" = $case ] || continue
	mkdir $case
	(cd $case && $case) || echo "$case: ended early" >>failed &
done
wait
cat failed
[ ! -s failed ]
