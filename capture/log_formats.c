#include "capture/log_formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/log_private.h"
#include "capture/log_sight.h"

/* A sample of a line would show it: a credential, or a query without the mark that begins one. */
static bool is_secret(const struct log_piece *p)
{
	if (p->op == LOG_OP_HEADER)
		return log_private_is_secret(p->name) || log_private_is_query(p->name);
	return p->op == LOG_OP_QUERY;
}

static int add(struct log_formats *f, struct log_format *one)
{
	if (!one)
		return -1;
	for (uint32_t i = 0; i < one->n; i++)
		f->secret |= is_secret(&one->piece[i]);
	f->list[f->n++] = one;
	return 0;
}

static int add_text(struct log_formats *f, struct err *e)
{
	for (const struct log_default *d = log_defaults; d->name; d++)
		if (add(f, log_format_new(d->name, slice_of(d->text), e)))
			return -1;
	return 0;
}

int log_formats_init(struct log_formats *f, const char *format, const char *key_map, struct err *e)
{
	struct slice none = { NULL, 0 };
	bool given = format && strcmp(format, "auto") != 0;
	bool json = given && (!strcmp(format, "json") || format[0] == '{');

	memset(f, 0, sizeof *f);
	f->decided = f->given = given || key_map;
	if (given && key_map && !json)
		return err_set(e, ERR_USAGE, "keys are of JSON, and the format that is given is text");
	if (!given && !key_map)
		return add_text(f, e) || add(f, log_format_json(none, NULL, e)) ? -1 : 0;
	if (json || key_map) {
		struct slice layout = json && format[0] == '{' ? slice_of(format) : none;
		return add(f, log_format_json(layout, key_map, e));
	}
	if (!strcmp(format, "text"))
		return add_text(f, e);
	if (!strchr(format, '%'))
		return err_set(e, ERR_USAGE, "format: \"%s\" is not auto, text, json or a format: there is no "
			       "operator in it", format);
	return add(f, log_format_new("custom text", slice_of(format), e));
}

void log_formats_release(struct log_formats *f)
{
	while (f->n)
		log_format_free(&f->list[--f->n]);
}

void log_formats_keep(struct log_formats *f, bool json)
{
	unsigned n = 0;

	for (unsigned k = 0; k < f->n; k++) {
		if (f->list[k]->json == json)
			f->list[n++] = f->list[k];
		else
			log_format_free(&f->list[k]);
	}
	f->n = n;
	f->decided = true;
}

bool log_formats_kubectl(const struct log_formats *f)
{
	return f->n > 1 || f->list[0]->json;
}

void log_formats_say(struct log_formats *f, const struct log_options *o, unsigned k, const bool *seen)
{
	struct log_sight *s = malloc(sizeof *s);

	if (!s)
		abort();
	f->told = true;
	log_sight_of(s, f->list[k], seen);
	s->given = f->given;
	o->decided(o->say_ctx, s);
	free(s);
}

/* Envoy has operators that egret does not know; a misspelt one looks the same. */
static bool not_read(const struct log_piece *p, struct buf *text)
{
	static const char passed_over[] = ": its values are passed over";

	if (p->why.n) {
		buf_str(text, "format: \"");
		buf_quote(text, p->before);
		buf_str(text, "\": ");
		buf_add(text, p->why);
	} else if (p->op == LOG_OP_OTHER && p->name.n) {
		buf_str(text, "format: %");
		buf_quote(text, p->name);
		buf_str(text, "% is not an operator that egret knows");
	} else {
		return false;
	}
	buf_str(text, passed_over);
	return true;
}

void log_formats_unread(const struct log_format *f, void (*say)(void *ctx, const char *text), void *ctx)
{
	struct buf text;

	buf_init(&text, 64 * 1024);
	for (uint32_t i = 0; i < f->n; i++) {
		buf_clear(&text);
		if (!not_read(&f->piece[i], &text))
			continue;
		buf_byte(&text, 0);
		if (!text.full)
			say(ctx, (const char *)text.p);
	}
	buf_release(&text);
}

void log_formats_tell(struct log_formats *f, const struct log_options *o)
{
	if (o->say && f->given && f->n == 1)
		log_formats_unread(f->list[0], o->say, o->say_ctx);
	bool whole = f->given && f->n == 1 && (!f->list[0]->json || (o->format && o->format[0] == '{'));
	if (o->decided && whole)
		log_formats_say(f, o, 0, NULL);
}
