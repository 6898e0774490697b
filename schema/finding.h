/*
 * finding - what is wrong with a flow: a stable code, a sentence, the evidence.
 *
 * The catalogue is schema/finding.def.  Capture adds what the bytes alone
 * show (SNI anomalies, ambiguous requests); analyze adds what policy,
 * log and wire show together.
 */
#ifndef SCHEMA_FINDING_H
#define SCHEMA_FINDING_H

#include <stdint.h>

#include "common/cursor.h"

enum severity { SEV_INFO = 1, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL };

enum finding_code {
	FINDING_NO_CODE,
#define FINDING(id, code, severity, title, why, fix) FINDING_##id,
#include "schema/finding.def"
#undef FINDING
	FINDING_CODES
};

struct finding_info {
	const char *code;
	enum severity severity;
	const char *title;	/* a few words */
	const char *why;	/* one sentence: why it matters */
	const char *fix;	/* one sentence: what to do */
};

/* What stands behind it (finding_fact.def); shown when it is read. */
struct finding_fact {
	const char *fields;	/* of the flow, "a,b,c" */
	const char *ruled_out;	/* "this|that"; empty: nothing else shows itself so */
};
extern const struct finding_fact finding_fact[FINDING_CODES];
extern const struct finding_info finding_info[FINDING_CODES];
enum finding_code finding_by_code(struct slice code);	/* FINDING_NO_CODE: none */

const char *severity_name(enum severity s);
enum severity severity_by_name(struct slice s);		/* 0: no such name */

struct finding {
	enum finding_code code;
	enum severity severity;		/* usually the catalogue's */
	struct slice sentence;		/* plain; names the two facts that disagree */
	struct slice evidence;		/* JSON object of the facts, or empty: the flow's, by finding_fact */
	struct slice ruled_out;		/* JSON array: false-positive checks that were done, or empty: likewise */
};

#endif
