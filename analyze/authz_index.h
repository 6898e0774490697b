/* authz_index - the rules' hash index: authz_index.c builds it, authz_look.c looks up (private to both). */
#ifndef ANALYZE_AUTHZ_INDEX_H
#define ANALYZE_AUTHZ_INDEX_H

#include "analyze/authz.h"

/* One way to look something up: what, of which variable, in which form. */
struct group {
	const struct var *var;
	enum hint_type type;
	bool fold, no_query;
	uint32_t *lengths;		/* PREFIX, SUFFIX, CIDR: in use, each once */
	uint32_t n_lengths, room;
};

enum { IN_LIST = 1u << 31 };		/* slot.at: where in `lists`, else the one rule's place */

struct slot {
	uint32_t key;			/* of a value; equal keys of different values share a slot */
	uint32_t at;			/* 0: empty */
};

/* For one set of unknown variables: rules are posted under values of the others. */
struct variant {
	var_mask unknown;
	struct group *group;
	uint32_t n_groups, room_groups;
	struct slot *slot;
	size_t slots;			/* a power of two */
	pack_place *lists;		/* count, places; count, places ... */
	size_t n_lists;
	pack_place *always;		/* rules that no value leads to */
	uint32_t n_always;
};

enum { VARIANTS = 12 };

struct authz_index {
	const struct authz *z;
	enum chain chain;
	struct variant *variant[VARIANTS];
	uint32_t n_variants;
};

/* NULL: there are too many already. */
const struct variant *index_variant(struct authz_index *ix, var_mask unknown);

/* The key of a text in a group.  Long folded text is cut: more candidates, none lost. */
uint32_t index_key(const struct variant *x, const struct group *g, struct slice s);

#endif
