/*
 * where_select: the whole statement: rows of the view that match, in an order, after a row.
 *
 * Ids are found first, over the tables; then only the rows of the page are shown through the view.
 * Pages go by key, never by offset: the row after which to go on is given by its id alone;
 * its sort value is looked up, so it is exact whatever its type.
 */
#include <string.h>

#include "schema/where_part.h"

static const struct sort {
	const char *name;
	enum where_of of;
	const char *expr;		/* NULL: the id alone */
} sorts[] = {
	{ "id", WHERE_FLOWS, NULL },
	{ "started_at", WHERE_FLOWS, "coalesce(f.started_at, 0)" },
	{ "bytes_sent", WHERE_FLOWS, "coalesce(f.bytes_sent, -1)" },
	{ "bytes_received", WHERE_FLOWS, "coalesce(f.bytes_received, -1)" },
	{ "duration_ms", WHERE_FLOWS, "coalesce(f.duration_ms, -1)" },
	{ "last_seen", WHERE_FINDINGS, "f.last_seen_ns" },
	{ "first_seen", WHERE_FINDINGS, "f.first_seen_ns" },
	{ "severity", WHERE_FINDINGS, "f.severity_rank" },
	{ "flows", WHERE_FINDINGS, "f.flows" },
	{ "id", WHERE_FINDINGS, NULL },
};

static const struct sort *sort_of(const struct where *w, const char *name)
{
	if (!name)
		name = w->of == WHERE_FLOWS ? "id" : "last_seen";
	for (size_t k = 0; k < sizeof sorts / sizeof *sorts; k++)
		if (sorts[k].of == w->of && !strcmp(sorts[k].name, name))
			return &sorts[k];
	return NULL;
}

static void condition(struct where *w, const struct where_page *p, const struct sort *s)
{
	const char *sign = p->ascending ? ">" : "<", *id;
	struct buf *b = &w->select;

	if (w->of == WHERE_FLOWS && w->notable)
		buf_str(b, "f.notable IS NOT NULL AND ");
	if (w->n_terms)
		buf_add(b, buf_slice(&w->sql));
	else
		buf_str(b, "1");
	if (!p->after)
		return;
	id = where_bind_int(w, p->after_id);
	if (s->expr)
		buf_printf(b, " AND (%s, f.id) %s ((SELECT %s FROM %s AS f WHERE f.id = %s), %s)", s->expr,
			   sign, s->expr, w->of == WHERE_FLOWS ? "flow" : "findings", id, id);
	else
		buf_printf(b, " AND f.id %s %s", sign, id);
}

/* "by DESC, id DESC" */
static void order(struct buf *b, const char *by, const char *id, bool ascending)
{
	const char *way = ascending ? "ASC" : "DESC";

	buf_str(b, " ORDER BY ");
	if (by)
		buf_printf(b, "%s %s, ", by, way);
	buf_printf(b, "%s %s", id, way);
}

const char *where_select(struct where *w, const struct where_page *p, struct err *e)
{
	const struct sort *s = sort_of(w, p->sort);
	bool flows = w->of == WHERE_FLOWS;
	struct buf *b = &w->select;

	if (!s) {
		err_set(e, ERR_USAGE, "%s cannot be sorted by \"%s\"", flows ? "flows" : "findings",
			p->sort);
		return NULL;
	}
	buf_clear(b);
	w->n_params = w->n_term_params;
	buf_printf(b, "SELECT %s FROM (SELECT f.id AS _id, %s AS _by FROM %s AS f%s WHERE ",
		   p->columns ? p->columns : "v.*", s->expr ? s->expr : "0",
		   flows ? "flow" : "findings", flows && w->notable ? " INDEXED BY flow_notable" : "");
	condition(w, p, s);
	order(b, s->expr ? "_by" : NULL, "f.id", p->ascending);
	if (p->limit)
		buf_printf(b, " LIMIT %u", p->limit);
	buf_printf(b, ") AS page JOIN %s AS v ON v.id = page._id", flows ? "flows" : "findings");
	order(b, s->expr ? "page._by" : NULL, "page._id", p->ascending);
	buf_byte(b, 0);
	return (const char *)b->p;
}
