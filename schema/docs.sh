#!/bin/sh
# docs.sh - docs/schema.md from field.def, views.sql and the comments of the migrations.
# Run in the source tree: sh schema/docs.sh >docs/schema.md
set -eu
cat <<'END'
# The database

Made by `schema/docs.sh`; a test keeps it current.

One SQLite file, readable with any SQLite (3.37 or later) and with `egret query`. **Query the views**: their names and columns
are kept. The tables behind them (last section) may change from version to version. Times are RFC 3339 text in UTC; a column
ending in `_ns` is the same time in integer nanoseconds. Booleans are 0 and 1. Text from outside that is not UTF-8 is shown with
`\xNN`.

`traffic`, `edges`, `identities`, `destinations`, `rules` and `finding_trend` are rollups: they count every flow, also those that
`store.rows` did not keep as rows, and they are fast whatever the number of flows. `flows` has one row a kept flow; bound a query over it
by `id` or by `started_at_ns`, or use `egret flows` ([filter.md](filter.md)), which does.

## flows

A column is NULL where the field is unknown or absent; `absent` lists, with blanks between, the fields that are *known to be
absent*; the other NULLs are unknown.

| column | type | meaning |
|---|---|---|
END
awk -F'"' '/^FIELD\(/ { t = $3; gsub(/[ ,]/, "", t); sub(/^ENUM_.*/, "name", t)
	printf "| `%s` | %s | %s |\n", $2, tolower(t), $4
	if ($2 == "started_at" || $2 == "ended_at") printf "| `%s_ns` | int | the same, in ns |\n", $2 }' schema/field.def
cat <<'END'
| `findings` | json | array of codes, worst first; NULL: not judged |
| `host` | text | the one name that a person would give to where it goes: inner SNI, authority, SNI, cluster host or address |
| `absent` | text | names of the fields known to be absent |

END
awk '
function columns(s,	i, c, depth, word, out) {
	sub(/^.*[ \n]AS[ \n]+SELECT /, "", s)
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		if (c == "(" || c == "{") depth++
		if (c == ")" || c == "}") depth--
		if (!depth && (c == "," || substr(s, i, 6) == " FROM ")) {
			sub(/^ +/, "", word); sub(/ +$/, "", word); sub(/^.*[ .]/, "", word)
			out = out (out ? ", " : "") "`" word "`"
			if (c != ",") return out
			word = ""
			continue
		}
		word = word c
	}
	return out
}
/^-- / { sub(/^-- /, ""); text = text (text ? " " : "") $0; next }
/^CREATE VIEW/ { name = $3 }
name { sub(/ *-- .*/, ""); body = body " " $0 }
/;$/ && name { sub(/^[a-z_]*: /, "", text); gsub(/  +/, " ", body)
	text = toupper(substr(text, 1, 1)) substr(text, 2)
	printf "## %s\n\n%s\n\nColumns: %s.\n\n", name, text, columns(body)
	name = text = body = "" }' schema/views.sql
cat <<'END'
## finding_codes, evidence_reasons

The catalogues: `code`, `severity`, `title`, `why`, `fix` of each finding; `source`, `reason`, `kind`, `meaning` of each counter.

## The tables

END
awk '/^-- [a-z_]+: / { sub(/^-- /, ""); name = $1; sub(/:$/, "", name); $1 = ""; text = $0; open = 1; next }
	open && /^-- / { sub(/^-- /, ""); text = text " " $0; next }
	open && /^CREATE TABLE/ { printf "* `%s`:%s\n", name, text }
	{ open = 0 }' schema/migrations/*.sql
