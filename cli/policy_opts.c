/* policy_opts: the command line's policies; the mesh configuration among them fills what is not given. */
#include "cli/policy_opts.h"

#include <stdio.h>

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

void policy_opts_free(struct policy_opts *p)
{
	opt_list_free(&p->paths);
	opt_list_free(&p->aliases);
}
