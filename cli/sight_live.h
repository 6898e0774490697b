/*
 * sight_live - the agent's notice of what the policies read and the evidence lacks: when it
 * starts, and again when other policies change it.
 *
 * Any thread may call.  Where there is a log, nothing is said before its format is known.
 */
#ifndef CLI_SIGHT_LIVE_H
#define CLI_SIGHT_LIVE_H

#include "cli/sight.h"

struct sight_live;

/* `ev`: what is configured; its log is told later, if `log`. */
struct sight_live *sight_live_new(const struct sight_evidence *ev, bool log);
void sight_live_free(struct sight_live **l);		/* NULL-safe */

void sight_live_judge(struct sight_live *l, const struct judge *j);	/* copied; NULL: none */
void sight_live_log(struct sight_live *l, const struct log_sight *log);	/* copied */

#endif
