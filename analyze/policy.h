/*
 * policy - the set of Istio and Kubernetes objects that flows are judged by.
 *
 * Loaded from any mix of files, folders, lists, YAML or JSON.  Immutable after
 * policy_load; everything lives in the set's arena.  The revision is the
 * sha256 of the canonical objects: the same objects in another order or file give
 * the same revision.  Secrets, Pods and Nodes are no part of it, nor of the text.
 */
#ifndef ANALYZE_POLICY_H
#define ANALYZE_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "analyze/yaml.h"
#include "common/buf.h"
#include "schema/evidence.h"

enum object_kind {
	OBJ_AUTHORIZATION_POLICY, OBJ_GATEWAY, OBJ_VIRTUAL_SERVICE, OBJ_DESTINATION_RULE,
	OBJ_SERVICE_ENTRY, OBJ_SIDECAR, OBJ_PEER_AUTHENTICATION, OBJ_REQUEST_AUTHENTICATION,
	OBJ_SERVICE, OBJ_POD, OBJ_DEPLOYMENT, OBJ_NAMESPACE, OBJ_SECRET, OBJ_WORKLOAD_ENTRY,
	OBJ_MESH_CONFIG, OBJ_OTHER,	/* known to lint or counted as unknown */
	OBJ_KINDS
};

struct object {
	enum object_kind kind;
	struct slice api_version, kind_text;
	struct slice name, ns;		/* ns: "default" where the document names none */
	bool ns_given;
	struct node *root, *metadata, *spec;
	const char *file;
	uint32_t line;			/* of the document's first node */
	int64_t created;		/* metadata.creationTimestamp, ns; 0: none */
};

/*
 * What the mesh configuration says (ConfigMap `istio`, an IstioOperator's spec.meshConfig, or a bare
 * `kind: MeshConfig`); empty slices: not said.  The command line wins over it.
 */
struct mesh_config {
	const struct object *object;	/* that holds it; NULL: none given */
	const struct node *root;
	struct slice trust_domain;
	const struct node *aliases;	/* trustDomainAliases, a list or NULL */
	struct slice root_namespace;
	struct slice path_normalization;	/* NONE BASE MERGE_SLASHES ... */
	struct slice outbound_policy;	/* REGISTRY_ONLY ALLOW_ANY */
};

struct policy_set {
	struct arena *arena;
	struct object **objects;	/* in load order */
	size_t n;
	struct object **of_kind[OBJ_KINDS];
	size_t n_of_kind[OBJ_KINDS];
	char revision[65];		/* sha256 hex */
	struct slice text;		/* canonical text, for the store: policy_load_text reads it */
	struct mesh_config mesh;
	struct slice *warnings;		/* duplicates (last wins), unknown kinds: one line each */
	size_t n_warnings;
};

/*
 * Load all paths ("-" = standard input).  NULL: *e says file:line:column and what was expected;
 * the caller keeps its old set in force.  `ev` may be NULL.
 */
struct policy_set *policy_load(const char *const *paths, size_t n, struct evidence *ev,
			       struct err *e);
/* The same from memory; the text of a set gives the same set, files and lines included. */
struct policy_set *policy_load_text(struct slice text, const char *name, struct evidence *ev,
				    struct err *e);
void policy_free(struct policy_set **p);

/* "Kind namespace/name", or "Kind name" where the document names no namespace. */
void object_print(struct buf *b, const struct object *o);

#endif
