/*
 * flow - one judged unit, and the sink that rooms pass flows through.
 *
 * A flow is an HTTP request where HTTP is visible, else a TCP connection.  Each
 * field is unknown (nobody observed it), absent (known not to be there) or
 * present; two bitmaps say which.  A value is meaningful only where present,
 * so a flow is made ready by clearing the bitmaps (flow_init), not 1.4 kB.
 *
 * Ownership: text values borrow bytes that the producer keeps alive until
 * sink_push returns.  Sinks copy what they keep.
 */
#ifndef SCHEMA_FLOW_H
#define SCHEMA_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/cursor.h"
#include "common/err.h"
#include "common/ip.h"
#include "schema/finding.h"

enum flow_enum {
	ENUM_OBSERVED_BY, ENUM_CHAIN, ENUM_LEG, ENUM_PROTOCOL, ENUM_TRANSPORT,
	ENUM_TLS_VERSION, ENUM_TLS_ECH, ENUM_IDENTITY_SOURCE, ENUM_CERTIFICATE_STATUS,
	ENUM_OUTCOME, ENUM_VERDICT, ENUM_ACTION, ENUM_TABLES
};

/* OBSERVED_WIRE = 1, ... */
enum flow_enum_value {
#define ENUM(table, number, constant, text) constant = number,
#include "schema/enum.def"
#undef ENUM
	FLOW_ENUM_MAX = 15
};

enum flow_type {
	FLOW_TEXT, FLOW_INT, FLOW_BOOL, FLOW_TIME, FLOW_REAL, FLOW_IP, FLOW_JSON,
	FLOW_ENUM	/* FLOW_ENUM + enum flow_enum */
};

/* The hot ones first: a field's number is its place in a flow, not in the output. */
enum flow_field {
#define FIELD(heat, id, name, type, meaning) FIELD_##heat(F_##id)
#define FIELD_HOT(id) id,
#define FIELD_COLD(id)
#include "schema/field.def"
#undef FIELD_HOT
#undef FIELD_COLD
#define FIELD_HOT(id)
#define FIELD_COLD(id) id,
#include "schema/field.def"
#undef FIELD_HOT
#undef FIELD_COLD
#undef FIELD
	F_COUNT
};

enum {
#define FIELD(heat, id, name, type, meaning) FIELD_##heat
#define FIELD_HOT 1 +
#define FIELD_COLD
	FLOW_HOT =
#include "schema/field.def"
	0
#undef FIELD_HOT
#undef FIELD_COLD
#undef FIELD
};

enum flow_state { FLOW_UNKNOWN, FLOW_ABSENT, FLOW_PRESENT };

union flow_value {
	struct slice text;	/* TEXT, JSON */
	int64_t num;		/* INT, BOOL, TIME (ns), ENUM */
	double real;
	struct ip ip;
};

struct flow_ahead;

/* Who wrote a log's line, as far as something beside the line says it. */
enum flow_writer { WRITER_UNKNOWN, WRITER_GATEWAY, WRITER_OTHER };

struct flow {
	uint64_t known[2], present[2];	/* bit f of word f / 64 */
	const struct flow_ahead *ahead;	/* the store's (store_ahead), of this flow as it is; or NULL */
	struct finding *findings;	/* borrowed; worst first after the judge */
	uint32_t n_findings;
	enum flow_writer writer;
	struct slice within;		/* bytes that most texts lie in, not many more than they are; or empty */
	uint64_t line;			/* of which line of its input, counted from 1; 0: of none, or nobody counts */
	union flow_value v[F_COUNT];
};

struct field_info {
	const char *name;
	enum flow_type type;
	const char *meaning;
};
extern const struct field_info field_info[F_COUNT];
extern const enum flow_field flow_order[F_COUNT];	/* that of field.def, and of all output */
int flow_field_by_name(struct slice name);		/* -1: no such field */

const char *flow_enum_name(enum flow_enum t, int64_t value);	/* NULL: no such value */
int flow_enum_value(enum flow_enum t, struct slice name);	/* 0: no such name */

#define FLOW_HOT_BYTES (offsetof(struct flow, v) + FLOW_HOT * sizeof(union flow_value))

/* It will be written soon. */
static inline void flow_expect_write(struct flow *f)
{
	for (size_t at = 0; at < FLOW_HOT_BYTES; at += 64)
#ifdef __x86_64__	/* gcc's prefetch for writing is one for reading, unless told of the processor */
		__asm__ volatile("prefetchw %0" : : "m"(*((const char *)f + at)));
#else
		__builtin_prefetch((const char *)f + at, 1);
#endif
}

static inline void flow_init(struct flow *f)
{
	f->known[0] = f->known[1] = f->present[0] = f->present[1] = 0;
	f->ahead = NULL;
	f->findings = NULL;
	f->n_findings = 0;
	f->writer = WRITER_UNKNOWN;
	f->within = (struct slice){ NULL, 0 };
	f->line = 0;
}

static inline enum flow_state flow_state(const struct flow *f, enum flow_field k)
{
	return (enum flow_state)((f->known[k / 64] >> (k % 64) & 1) +
				 (f->present[k / 64] >> (k % 64) & 1));
}

static inline bool flow_has(const struct flow *f, enum flow_field k)
{
	return f->present[k / 64] >> (k % 64) & 1;
}

static inline void flow_mark(struct flow *f, enum flow_field k)
{
	f->known[k / 64] |= UINT64_C(1) << (k % 64);
	f->present[k / 64] |= UINT64_C(1) << (k % 64);
}

static inline void flow_set_absent(struct flow *f, enum flow_field k)
{
	f->known[k / 64] |= UINT64_C(1) << (k % 64);
	f->present[k / 64] &= ~(UINT64_C(1) << (k % 64));
}

static inline void flow_forget(struct flow *f, enum flow_field k)
{
	f->known[k / 64] &= ~(UINT64_C(1) << (k % 64));
	f->present[k / 64] &= ~(UINT64_C(1) << (k % 64));
}

static inline void flow_set_text(struct flow *f, enum flow_field k, struct slice s)
{
	flow_mark(f, k);
	f->v[k].text = s;
}

static inline void flow_set_num(struct flow *f, enum flow_field k, int64_t n)
{
	flow_mark(f, k);
	f->v[k].num = n;
}

static inline void flow_set_real(struct flow *f, enum flow_field k, double d)
{
	flow_mark(f, k);
	f->v[k].real = d;
}

static inline void flow_set_ip(struct flow *f, enum flow_field k, struct ip ip)
{
	flow_mark(f, k);
	f->v[k].ip = ip;
}

/* Empty / 0 where not present: test flow_has where the difference matters. */
static inline struct slice flow_text(const struct flow *f, enum flow_field k)
{
	return flow_has(f, k) ? f->v[k].text : (struct slice){ NULL, 0 };
}

static inline int64_t flow_num(const struct flow *f, enum flow_field k)
{
	return flow_has(f, k) ? f->v[k].num : 0;
}

/*
 * Set SOURCE_IDENTITY and the fields derived from it (principal, namespace, service account,
 * trust domain).  A part that the URI does not have is absent.  Borrows `uri`.
 */
void flow_set_identity(struct flow *f, struct slice uri);
void flow_set_no_identity(struct flow *f);	/* all of them absent */

/*
 * A copy that owns everything it points to, in one block: release it with free().  Aborts
 * without memory; the size is that of the flow and its text.
 */
struct flow *flow_clone(const struct flow *f);

/*
 * Copy *from into *to with its text in the arena: only what is present is touched.  False: the
 * arena is full, *to is not usable.
 */
bool flow_copy(struct flow *to, const struct flow *from, struct arena *a);

/* Take field k of *from, whatever its state. */
static inline void flow_take(struct flow *f, enum flow_field k, const struct flow *from)
{
	if (flow_state(from, k) == FLOW_UNKNOWN) {
		flow_forget(f, k);
	} else if (!flow_has(from, k)) {
		flow_set_absent(f, k);
	} else {
		flow_mark(f, k);
		f->v[k] = from->v[k];
	}
}

/* What stands for a credential in REQUEST_HEADERS: it was sent, and nothing else is said of it. */
#define FLOW_MASKED "(masked)"

/* A value that is masked, or whose query is (masked, or its hash): what it was is not known. */
bool flow_is_masked(struct slice value);

/*
 * Do REQUEST_HEADERS and METADATA hold every member that a policy may ask for, so that one that is not
 * there was not sent?  A log line holds those that its format names; of others nothing is known.
 */
bool flow_object_whole(const struct flow *f);

/* Both present and equal.  Text byte by byte. */
bool flow_same(const struct flow *a, const struct flow *b, enum flow_field k);

/*
 * sink - where flows go.  push takes a batch, may change the flows (the judge does), keeps
 * nothing borrowed.  finish is called once, after the last push.  Both: 0 or -1 and *e.
 */
struct sink {
	int (*push)(struct sink *s, struct flow *flows, size_t n, struct err *e);
	int (*finish)(struct sink *s, struct err *e);
};

static inline int sink_push(struct sink *s, struct flow *flows, size_t n, struct err *e)
{
	return n ? s->push(s, flows, n, e) : 0;
}

static inline int sink_finish(struct sink *s, struct err *e)
{
	return s->finish ? s->finish(s, e) : 0;
}

#endif
