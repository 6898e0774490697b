/* policy_opts: the command line's policies; the mesh configuration among them fills what is not given. */
#include "cli/policy_opts.h"

#include <stdio.h>
#include <string.h>

#include "analyze/match_path.h"

int policy_opts_judge(const struct policy_opts *p, struct judge_options *o, struct err *e)
{
	*o = (struct judge_options){
		.workload = p->workload, .trust_domain = p->trust_domain,
		.aliases = p->aliases.item, .n_aliases = p->aliases.n,
		.root_namespace = p->root_namespace,
	};
	if (!p->normalization)
		return 0;
	o->paths = path_normalization_by_name(slice_of(p->normalization));
	if (o->paths == PATH_DEFAULT)
		return err_set(e, ERR_USAGE, "--path-normalization %s: expected NONE, BASE, "
			       "MERGE_SLASHES or DECODE_AND_MERGE_SLASHES", p->normalization);
	return 0;
}

int policy_opts_load(const struct policy_opts *p, const char *verb, struct evidence *ev,
		     struct policy_set **set, struct judge_options *o, struct err *e)
{
	*set = NULL;
	if (policy_opts_judge(p, o, e))
		return -1;
	if (!p->paths.n)
		return 0;
	*set = policy_load(p->paths.item, p->paths.n, ev, e);
	if (!*set)
		return -1;
	for (size_t i = 0; i < (*set)->n_warnings; i++)
		fprintf(stderr, "egret %s: warning: %.*s\n", verb,
			(int)(*set)->warnings[i].n, (const char *)(*set)->warnings[i].p);
	return 0;
}

/* --- beside a stored revision */

#define REMEMBER "# egret: "

static void word(struct buf *out, const char *name, const char *value)
{
	if (value && !strpbrk(value, "\r\n"))
		buf_printf(out, REMEMBER "%s=%s\n", name, value);
}

void policy_opts_remember(const struct judge_options *o, struct buf *out)
{
	word(out, "workload", o->workload);
	word(out, "trust-domain", o->trust_domain);
	word(out, "root-namespace", o->root_namespace);
	if (o->paths != PATH_DEFAULT)
		word(out, "path-normalization", path_normalization_name(o->paths));
	for (size_t i = 0; i < o->n_aliases; i++)
		word(out, "trust-domain-alias", o->aliases[i]);
}

/* One "name=value"; the command line's own word wins. */
static int recall(struct policy_opts *p, struct slice line, struct arena *a, struct err *e)
{
	const uint8_t *eq = memchr(line.p, '=', line.n);
	const struct { const char *name; const char **to; } words[] = {
		{ "workload", &p->workload }, { "trust-domain", &p->trust_domain },
		{ "root-namespace", &p->root_namespace }, { "path-normalization", &p->normalization },
	};
	if (!eq)
		return 0;
	struct slice name = { line.p, (size_t)(eq - line.p) }, value = slice_from(line, name.n + 1);
	char *text = arena_bytes(a, value.n + 1);
	if (!text)
		return err_set(e, ERR_LIMIT, "the stored policy text is too large");
	memcpy(text, value.p, value.n);
	text[value.n] = 0;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_is(name, words[i].name) && !*words[i].to)
			*words[i].to = text;
	return slice_is(name, "trust-domain-alias") ? opt_list_add(&p->aliases, text) : 0;
}

int policy_opts_recall(struct policy_opts *p, struct slice text, struct arena *a, struct err *e)
{
	while (slice_starts(text, SLICE(REMEMBER))) {
		const uint8_t *nl = memchr(text.p, '\n', text.n);
		struct slice line = { text.p, nl ? (size_t)(nl - text.p) : text.n };
		if (recall(p, slice_from(line, strlen(REMEMBER)), a, e))
			return -1;
		text = slice_from(text, line.n + 1);
	}
	return 0;
}

void policy_opts_free(struct policy_opts *p)
{
	opt_list_free(&p->paths);
	opt_list_free(&p->aliases);
}
