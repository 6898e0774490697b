#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "analyze/correlate.h"

/*
 * The list is copied into the arena with one more place: it may belong to capture, whose
 * memory is not ours.  A flow has a handful of findings; MOST caps what odd input can make.
 */
enum { MOST = 24 };

static void put(struct buf *b, const char *p, size_t n)
{
	size_t room = b->max - b->n;

	buf_add(b, (struct slice){ (const uint8_t *)p, n < room ? n : room });
}

/* printf for sentences: %s and %d alone, at a fifth of its price; cut where the room ends. */
static void sentence(struct buf *b, const char *fmt, va_list ap)
{
	const char *mark, *s;

	for (; (mark = strchr(fmt, '%')); fmt = mark + 2) {
		uint8_t digits[16];
		struct buf number = { .p = digits, .size = sizeof digits, .max = sizeof digits };

		put(b, fmt, (size_t)(mark - fmt));
		assert(mark[1] == 's' || mark[1] == 'd');
		if (mark[1] == 's') {
			s = va_arg(ap, const char *);
			put(b, s, strlen(s));
		} else {
			buf_int(&number, va_arg(ap, int));
			put(b, (const char *)digits, number.n);
		}
	}
	put(b, fmt, strlen(fmt));
}

struct finding *finding_note(struct flow *f, enum finding_code code, struct arena *a,
			    const char *fmt, ...)
{
	uint8_t text[512];
	struct buf b = { .p = text, .size = sizeof text, .max = sizeof text };
	va_list ap;

	va_start(ap, fmt);
	sentence(&b, fmt, ap);
	va_end(ap);
	return finding_note_text(f, code, a, buf_slice(&b));
}

struct finding *finding_note_text(struct flow *f, enum finding_code code, struct arena *a,
				  struct slice text)
{
	struct finding *list;

	if (f->n_findings >= MOST)
		return NULL;
	for (uint32_t i = 0; i < f->n_findings; i++)
		if (f->findings[i].code == code)
			return NULL;	/* capture said it already, from the bytes */
	list = arena_new_array(a, struct finding, f->n_findings + 1);
	if (!list)
		return NULL;
	if (f->n_findings)
		memcpy(list, f->findings, f->n_findings * sizeof *list);
	struct finding *g = &list[f->n_findings];
	g->code = code;
	g->severity = finding_info[code].severity;
	g->sentence = arena_copy(a, text);
	f->findings = list;
	f->n_findings++;
	return g;
}
