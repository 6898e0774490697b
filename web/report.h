/*
 * report - what was observed and judged in a period, as one page to print and keep, and as JSON.
 *
 * The answer depends on the database, the period and `generated` only.  Every table is one SELECT over
 * the documented views; the SELECTs stand in the report, so that anybody can ask again.
 */
#ifndef WEB_REPORT_H
#define WEB_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "schema/store.h"

struct report_scope {
	const char *period;	/* as it was asked for; shown */
	int64_t from, to;	/* ns, whole hours, to is not included; INT64_MIN and INT64_MAX: open */
	const char *gateway;	/* NULL: all */
	int64_t generated;	/* ns */
};

struct report_facts {
	int64_t flows, judged, sure;	/* sure: with a verdict other than unknown */
	int64_t gaps, findings;		/* findings that are not accepted or closed */
	int64_t worst;			/* enum severity of those; 0 */
};

/* Either may be NULL.  -1: *e; the buffers then hold nothing of use. */
int report_make(struct store *db, const struct report_scope *scope, struct buf *html, struct buf *json,
		struct report_facts *facts, struct err *e);

/*
 * "2026", "2026-10", "2026-10-31", "24h" (before `now`), "FROM/TO" (dates or RFC 3339 times) or "all", as
 * whole hours: a period that begins or ends within one is widened, since what is counted is kept by
 * the hour.  ERR_USAGE.
 */
int report_period(const char *text, int64_t now, struct report_scope *scope, struct err *e);

#endif
