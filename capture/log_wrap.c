#include "capture/log_wrap.h"

#include <string.h>

#include "common/json.h"

static bool cri(struct slice line, struct slice *text, bool *more)
{
	const uint8_t *blank = line.n > 30 ? memchr(line.p, ' ', line.n < 40 ? line.n : 40) : NULL;

	/* 2026-11-24T08:24:00.123456789Z stdout F text */
	if (!blank || line.p[4] != '-' || line.p[10] != 'T' || blank - line.p < 20)
		return false;
	struct slice rest = slice_from(line, (size_t)(blank - line.p) + 1);
	if (!slice_starts(rest, SLICE("stdout ")) && !slice_starts(rest, SLICE("stderr ")))
		return false;
	rest = slice_from(rest, 7);
	/* Tags are joined by ':'; the first says partial or full. */
	if (rest.n < 2 || (rest.p[0] != 'F' && rest.p[0] != 'P') || (rest.p[1] != ' ' && rest.p[1] != ':'))
		return false;
	const uint8_t *end = memchr(rest.p, ' ', rest.n);
	if (!end)
		return false;
	*more = rest.p[0] == 'P';
	*text = slice_from(rest, (size_t)(end - rest.p) + 1);
	return true;
}

static bool docker(struct slice line, struct slice *text, bool *more, struct arena *a)
{
	struct json j;
	enum json_token t;
	bool log = false, stream = false;

	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while ((t = json_next(&j)) == JSON_KEY) {
		bool is_log = slice_is(j.text, "log");
		stream |= slice_is(j.text, "stream");
		t = json_next(&j);
		if (is_log && t == JSON_STRING) {
			*text = json_unescape(&j, a);
			log = text->p != NULL;
		} else if (!json_skip(&j, t, NULL)) {
			return false;
		}
	}
	if (t != JSON_OBJECT_END || !log || !stream)
		return false;
	*more = !slice_ends(*text, SLICE("\n"));
	while (text->n && (text->p[text->n - 1] == '\n' || text->p[text->n - 1] == '\r'))
		text->n--;
	return true;
}

bool log_unwrap(enum log_wrapper w, struct slice line, struct slice *text, bool *more, struct arena *a)
{
	switch (w) {
	case LOG_CRI:
		return cri(line, text, more);
	case LOG_DOCKER:
		return docker(line, text, more, a);
	case LOG_PLAIN:
		break;
	}
	*text = line;
	*more = false;
	return true;
}

enum log_wrapper log_wrapper_of(struct slice line)
{
	struct slice text;
	bool more;
	struct arena *a;

	if (line.n && line.p[0] != '{')
		return cri(line, &text, &more) ? LOG_CRI : LOG_PLAIN;
	a = arena_new(4 * 1024 * 1024);
	bool is = docker(line, &text, &more, a);
	arena_free(&a);
	return is ? LOG_DOCKER : LOG_PLAIN;
}
