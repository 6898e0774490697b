/*
 * log_formats - the formats that a log's lines may have: one that was given, or Istio's, of which the first
 * lines choose.
 */
#ifndef CAPTURE_LOG_FORMATS_H
#define CAPTURE_LOG_FORMATS_H

#include "capture/log.h"
#include "capture/log_format.h"

struct log_formats {
	struct log_format *list[12];
	unsigned n;
	bool decided;		/* false: the first lines decide */
	bool secret;		/* a line may hold credentials: it is never shown */
	bool given;		/* by the command line or the configuration */
	bool told;		/* log_options.decided was called */
};

int log_formats_init(struct log_formats *f, const char *format, const char *key_map, struct err *e);
void log_formats_release(struct log_formats *f);

/* Decided: it is Istio's JSON, or its text in one of its ages. */
void log_formats_keep(struct log_formats *f, bool json);

/* kubectl's own time may stand in front of such lines: none of them begins with one. */
bool log_formats_kubectl(const struct log_formats *f);

/* Tell what lines of list[k] can see; `seen` as in log_sight_of. */
void log_formats_say(struct log_formats *f, const struct log_options *o, unsigned k, const bool *seen);

/* Say what of a format is not understood, a sentence each. */
void log_formats_unread(const struct log_format *f, void (*say)(void *ctx, const char *text), void *ctx);

/*
 * The same of a format that was given as a whole (a format string, a JSON layout), for which no line is needed; and
 * the operators in it that are not known.
 */
void log_formats_tell(struct log_formats *f, const struct log_options *o);

#endif
