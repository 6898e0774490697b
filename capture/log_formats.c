#include "capture/log_formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/log_private.h"
#include "capture/log_sight.h"

static int add(struct log_formats *f, struct log_format *one)
{
	if (!one)
		return -1;
	for (uint32_t i = 0; i < one->n; i++)
		f->secret |= one->piece[i].op == LOG_OP_HEADER && log_private_is_secret(one->piece[i].name);
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
static void say_unknown(const struct log_format *f, const struct log_options *o)
{
	char text[128];

	for (uint32_t i = 0; i < f->n && o->say; i++) {
		struct slice name = f->piece[i].name;
		if (f->piece[i].op != LOG_OP_OTHER || !name.n)
			continue;
		snprintf(text, sizeof text, "format: %%%.*s%% is not an operator that egret knows: "
			 "its values are passed over", name.n < 48 ? (int)name.n : 48, (const char *)name.p);
		o->say(o->say_ctx, text);
	}
}

void log_formats_tell(struct log_formats *f, const struct log_options *o)
{
	if (f->given && f->n == 1)
		say_unknown(f->list[0], o);
	bool whole = f->given && f->n == 1 && (!f->list[0]->json || (o->format && o->format[0] == '{'));
	if (o->decided && whole)
		log_formats_say(f, o, 0, NULL);
}
