/* policy_build - a policy_set under construction; private to policy*.c. */
#ifndef ANALYZE_POLICY_BUILD_H
#define ANALYZE_POLICY_BUILD_H

#include "analyze/policy.h"
#include "common/map.h"

struct policy_build {
	struct policy_set *set;
	struct evidence *ev;		/* never NULL */
	struct map by_name;		/* "group/kind/ns/name" -> struct object */
	struct map unknown;		/* kind -> struct unknown_kind */
	size_t unknown_more;		/* objects of kinds that are not in it any more */
	const char *file;		/* being read */
	size_t room, warning_room;
	size_t files;
};

/* Read every path into the build; policy_read.c. */
int policy_read(struct policy_build *b, const char *path, struct err *e);
/* One stream of documents named b->file; policy.c. */
int policy_stream(struct policy_build *b, struct slice text, struct err *e);
void policy_warn(struct policy_build *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "FILE:line:column: ..."; -1. */
int policy_fail(const struct policy_build *b, const struct node *at, struct err *e,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Fill set->text and set->revision; policy_canon.c. */
int policy_canon(struct policy_set *set, struct err *e);
/* The object inside one line of canonical text, positions restored; NULL: root is no such line. */
struct node *policy_canon_object(struct node *root, struct slice *file);

/* A bare mesh configuration, as istioctl's --meshConfigFile takes it: no kind, known settings. */
bool policy_is_mesh(const struct node *root);
/* Note what a mesh configuration object says; policy_mesh.c. */
int policy_mesh(struct policy_build *b, const struct object *o, struct err *e);

#endif
