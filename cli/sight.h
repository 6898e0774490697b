/*
 * sight - what the policies read, held against what the evidence can show: the notice at the start of `ingest`
 * and `run`, and a part of `doctor`.
 */
#ifndef CLI_SIGHT_H
#define CLI_SIGHT_H

#include "analyze/need.h"
#include "capture/log_sight.h"

enum { SIGHT_USERS = 4 };

struct sight_user {
	struct slice policy;		/* "namespace/name" */
	uint32_t rule, line;
	struct slice file;
};

struct sight_need {
	enum flow_field field;
	struct slice name;		/* as struct need */
	struct slice part;		/* which header, or which metadata: "FILTER:KEY"; else empty */
	uint32_t policies, rules;	/* that read it */
	struct sight_user user[SIGHT_USERS];	/* the first of them */
};

struct sight_needs {
	struct arena *arena;
	struct sight_need *list;
	size_t n;
};

/* What there is to see by.  A key log opens what the wire alone does not show. */
struct sight_evidence {
	const struct log_sight *log;	/* NULL: no log, or its format is not known yet */
	bool inventory, wire, keylog;
};

/* A copy: the judge may go. */
void sight_needs_of(struct sight_needs *s, const struct judge *j);
void sight_needs_release(struct sight_needs *s);

bool sight_given(const struct sight_evidence *ev, const struct sight_need *n);

/* "the format lacks", "the wire does not show", ...: begins the sentence that sight_what ends. */
const char *sight_who(const struct sight_evidence *ev);

/* "source_identity, which the policies read as source.principal (prod/a rule 0 and 3 more rules)" */
void sight_what(const struct sight_need *n, struct buf *out);

/* What to do about it: one sentence. */
void sight_fix(const struct sight_evidence *ev, const struct sight_need *n, struct buf *out);

/* One line for each need that nothing meets. */
void sight_notice(const char *verb, const struct sight_evidence *ev, const struct sight_needs *s,
		  struct buf *out);
/* On standard error. */
void sight_say(const char *verb, const struct sight_evidence *ev, const struct sight_needs *s);

#endif
