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
