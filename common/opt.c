#include "common/opt.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int opt_list_add(struct opt_list *l, const char *item)
{
	l->item = realloc(l->item, (l->n + 1) * sizeof *l->item);
	if (!l->item)
		abort();
	l->item[l->n++] = item;
	return 0;
}

void opt_list_free(struct opt_list *l)
{
	free(l->item);
	*l = (struct opt_list){ 0 };
}

void opt_help(const struct opt_verb *v)
{
	printf("%s\n\nUsage: %s\n", v->summary, v->usage);
	if (v->examples)
		printf("\nExamples:\n%s", v->examples);
	printf("\nOptions:\n");
	for (const struct opt *o = v->opts; o->name; o++) {
		char left[64];
		snprintf(left, sizeof left, "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ",
			 o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-32s %s\n", left, o->help);
	}
	printf("  %-32s %s\n", "-h, --help", "show this and stop");
	if (v->notes)
		printf("\n%s", v->notes);
}

static int store_value(const struct opt *o, const char *value, struct err *e)
{
	char *end;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		return 0;
	case OPT_TEXT:
		*(const char **)o->to = value;
		return 0;
	case OPT_LIST:
		return opt_list_add(o->to, value);
	case OPT_UINT:
		errno = 0;
		*(unsigned long *)o->to = strtoul(value, &end, 10);
		if (errno || *end || !isdigit((unsigned char)*value))
			return err_set(e, ERR_USAGE, "--%s wants a number, not \"%s\"",
				       o->name, value);
		return 0;
	}
	return 0;
}

static const struct opt *by_name(const struct opt_verb *v, const char *name, size_t n)
{
	for (const struct opt *o = v->opts; o->name; o++)
		if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
			return o;
	return NULL;
}

static const struct opt *by_letter(const struct opt_verb *v, char c)
{
	for (const struct opt *o = v->opts; o->name; o++)
		if (o->letter && o->letter == c)
			return o;
	return NULL;
}

/* One long option at argv[*i]; takes a following word as its value where it needs one. */
static int long_opt(const struct opt_verb *v, int argc, char **argv, int *i, struct err *e)
{
	const char *word = argv[*i] + 2, *eq = strchr(word, '=');
	const struct opt *o = by_name(v, word, eq ? (size_t)(eq - word) : strlen(word));

	if (!o)
		return err_set(e, ERR_USAGE, "unknown option %s (see --help)", argv[*i]);
	if (o->type == OPT_FLAG && eq)
		return err_set(e, ERR_USAGE, "--%s takes no value", o->name);
	if (o->type == OPT_FLAG || eq)
		return store_value(o, eq ? eq + 1 : NULL, e);
	if (*i + 1 >= argc)
		return err_set(e, ERR_USAGE, "--%s wants a value: %s", o->name, o->arg);
	return store_value(o, argv[++*i], e);
}

static int short_opts(const struct opt_verb *v, int argc, char **argv, int *i, struct err *e)
{
	for (const char *c = argv[*i] + 1; *c; c++) {
		const struct opt *o = by_letter(v, *c);
		if (!o)
			return err_set(e, ERR_USAGE, "unknown option -%c (see --help)", *c);
		if (o->type == OPT_FLAG) {
			store_value(o, NULL, e);
			continue;
		}
		if (c[1])
			return store_value(o, c + 1, e);
		if (*i + 1 >= argc)
			return err_set(e, ERR_USAGE, "-%c wants a value: %s", *c, o->arg);
		return store_value(o, argv[++*i], e);
	}
	return 0;
}

enum opt_result opt_parse(const struct opt_verb *v, int argc, char **argv,
			  int *operands, struct err *e)
{
	int n = 0;
	bool only_operands = false;

	for (int i = 1; i < argc; i++) {
		char *word = argv[i];
		if (only_operands || word[0] != '-' || !word[1]) {
			argv[n++] = word;
			continue;
		}
		if (!strcmp(word, "--")) {
			only_operands = true;
			continue;
		}
		if (!strcmp(word, "--help") || (!strcmp(word, "-h") && !by_letter(v, 'h'))) {
			opt_help(v);
			return OPT_HELPED;
		}
		if (word[1] == '-' ? long_opt(v, argc, argv, &i, e)
				   : short_opts(v, argc, argv, &i, e))
			return OPT_WRONG;
	}
	*operands = n;
	return OPT_GO;
}
