#!/bin/sh
# manpage.sh EGRET - print egret(1) from the program's own --help, so that the two agree.
# docs/egret.1 is its output, committed; tests/check-manpage.sh compares.
set -eu
egret=$1

# roff: escape backslashes, hyphens that must stay ASCII, and dots or quotes at a line's start.
text() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

cat <<'T'
.TH EGRET 1 "" "egret" "User Commands"
.SH NAME
egret \- an independent witness for Istio egress gateways
.SH SYNOPSIS
.B egret
.I VERB
.RI [ flags ]
.SH DESCRIPTION
egret reads an egress gateway's packets and its access log, replays every flow against the declared Istio
policies, and says where the wire, the log and the policy disagree.
Results go to standard output, diagnostics to standard error.
.SH VERBS
T
"$egret" --help | sed -n '/^Verbs:/,$p' | sed -n 's/^  \([a-z]*\) .*/\1/p' | while read -r verb; do
	[ "$verb" = version ] && continue
	printf '.SS egret %s\n.nf\n' "$verb"
	"$egret" "$verb" --help | text
	printf '.fi\n'
done
cat <<'T'
.SH EXIT STATUS
The same for every verb and every output format.
.TP
.B 0
clean
.TP
.B 1
the system failed: a file, a device, the database
.TP
.B 2
the command line is wrong
.TP
.B 3
findings at or above \-\-fail\-on
.TP
.B 4
input or configuration is not valid
.TP
.B 5
evidence below \-\-min\-coverage
.TP
.B 6
the integrity check failed
.SH FILES
.TP
.I egret.yaml
the agent's configuration; egret run \-\-keys lists every key
.SH SEE ALSO
tcpdump(8), istioctl(1)
T
