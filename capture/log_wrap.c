#include "capture/log_wrap.h"

#include <string.h>

#include "common/json.h"

enum { TIME_LEAST = 20, TIME_MOST = 40, UNWRAP = 4 * 1024 * 1024 };

/* A time of RFC 3339 and a blank at the start: their length; 0: something else. */
static size_t stamp(struct slice line)
{
	size_t most = line.n < TIME_MOST ? line.n : TIME_MOST;
	const uint8_t *blank = most > TIME_LEAST ? memchr(line.p, ' ', most) : NULL;

	if (!blank || blank - line.p < TIME_LEAST || line.p[4] != '-' || line.p[10] != 'T')
		return 0;
	return (size_t)(blank - line.p) + 1;
}

/* 2026-11-24T08:24:00.123456789Z stdout F text */
static bool cri(struct slice line, struct log_part *part)
{
	size_t time = stamp(line);
	struct slice rest = slice_from(line, time);

	if (!time || (!slice_starts(rest, SLICE("stdout ")) && !slice_starts(rest, SLICE("stderr "))))
		return false;
	part->stream = rest.p[3] == 'e';
	rest = slice_from(rest, 7);
	/* Tags are joined by ':'; the first says partial or full. */
	if (rest.n < 2 || (rest.p[0] != 'F' && rest.p[0] != 'P') || (rest.p[1] != ' ' && rest.p[1] != ':'))
		return false;
	const uint8_t *end = memchr(rest.p, ' ', rest.n);
	if (!end)
		return false;
	part->more = rest.p[0] == 'P';
	part->text = slice_from(rest, (size_t)(end - rest.p) + 1);
	return true;
}

static bool docker(struct slice line, struct log_part *part, struct arena *a)
{
	struct json j;
	enum json_token t;
	unsigned logs = 0, streams = 0;

	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while ((t = json_next(&j)) == JSON_KEY) {
		bool is_log = slice_is(j.text, "log"), is_stream = slice_is(j.text, "stream");
		t = json_next(&j);
		if (is_log && t == JSON_STRING) {
			part->text = json_unescape(&j, a);
			logs += part->text.p ? 1 : 2;
		} else if (is_stream && t == JSON_STRING) {
			part->stream = slice_is(j.text, "stderr");
			streams++;
		} else if (!json_skip(&j, t, NULL)) {
			return false;
		}
	}
	if (t != JSON_OBJECT_END || json_next(&j) != JSON_END || logs != 1 || streams != 1)
		return false;
	part->more = !slice_ends(part->text, SLICE("\n"));
	while (slice_ends(part->text, SLICE("\n")) || slice_ends(part->text, SLICE("\r")))
		part->text.n--;
	return true;
}

/* What kubectl put in front: always some of it, or nothing is said. */
static bool kubectl(struct slice line, struct log_part *part)
{
	struct slice rest = line;
	const uint8_t *end = slice_starts(rest, SLICE("[pod/")) ? memmem(rest.p, rest.n, "] ", 2) : NULL;

	if (end)
		rest = slice_from(rest, (size_t)(end - rest.p) + 2);
	rest = slice_from(rest, stamp(rest));
	*part = (struct log_part){ .text = rest };
	return rest.n < line.n;
}

bool log_unwrap(enum log_wrapper w, struct slice line, struct log_part *part, struct arena *a)
{
	*part = (struct log_part){ .text = line };
	switch (w) {
	case LOG_CRI:
		return cri(line, part);
	case LOG_DOCKER:
		return docker(line, part, a);
	case LOG_KUBECTL:
		return kubectl(line, part);
	case LOG_PLAIN:
		break;
	}
	return true;
}

/* Inside stands a line of Istio's, or one that the gateway writes of itself: with a time of its own. */
static bool is_kubectl(struct slice line)
{
	struct log_part part;

	if (!kubectl(line, &part) || !part.text.n)
		return false;
	return slice_starts(line, SLICE("[pod/")) || part.text.p[0] == '[' || part.text.p[0] == '{' ||
	       (part.text.n > TIME_LEAST && part.text.p[4] == '-' && part.text.p[10] == 'T');
}

enum log_wrapper log_wrapper_of(struct slice line, bool may_be_kubectl)
{
	struct log_part part;
	struct arena *a;

	if (line.n && line.p[0] != '{') {
		if (cri(line, &part))
			return LOG_CRI;
		return may_be_kubectl && is_kubectl(line) ? LOG_KUBECTL : LOG_PLAIN;
	}
	a = arena_new(UNWRAP);
	bool is = docker(line, &part, a);
	arena_free(&a);
	return is ? LOG_DOCKER : LOG_PLAIN;
}
