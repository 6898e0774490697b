/*
 * session: first-use allocation, and what every layer needs to stand on another.
 */
#include "capture/session.h"

struct arena *session_arena(struct session *s)
{
	if (!s->arena)
		s->arena = arena_new(SESSION_ARENA);
	return s->arena;
}

struct tls_facts *session_tls(struct session *s, unsigned nth)
{
	if (nth >= sizeof s->tls / sizeof *s->tls)
		return NULL;
	if (!s->tls[nth])
		s->tls[nth] = arena_new_object(session_arena(s), struct tls_facts);
	return s->tls[nth];
}

struct layer *layer_make(size_t size, const struct layer_ops *ops, struct session *s,
			 struct layer *below)
{
	struct layer *l;

	if (below && below->depth + 1 >= LAYER_DEPTH) {
		evidence_add(s->env->ev, EV_LAYER_DEPTH, 1);
		return NULL;
	}
	l = arena_alloc(session_arena(s), size);
	if (!l) {
		evidence_add(s->env->ev, EV_SESSION_FULL, 1);
		return NULL;
	}
	l->ops = ops;
	l->s = s;
	if (below) {
		l->depth = (uint8_t)(below->depth + 1);
		l->tls = (uint8_t)(below->tls + below->ops->tls);
	}
	return l;
}

void layer_release(struct layer **l)
{
	if (!*l)
		return;
	layer_release(&(*l)->above);
	if ((*l)->ops->release)
		(*l)->ops->release(*l);
	*l = NULL;
}
