/* route_trace: the steps of an explanation: gathered, and printed for people and programs. */
#include "analyze/route_trace.h"

#include <stdarg.h>
#include <stdio.h>

#include "analyze/words.h"

void trace_step(struct trace *t, enum route_step_kind kind, bool taken, const struct object *o,
		 uint32_t line, const char *fmt, ...)
{
	struct route_step *s = &t->step[t->n];
	char text[700];
	va_list ap;

	if (t->n == STEPS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	*s = (struct route_step){ .kind = kind, .taken = taken, .object = o,
				  .file = o ? o->file : NULL,
				  .line = line ? line : o ? o->line : 0 };
	s->text = arena_copy(t->a, slice_of(text));
	t->n += s->text.p != NULL;
}

static void destination(struct trace *t, const struct route *r)
{
	for (uint32_t i = 0; i < r->n_targets; i++) {
		const struct route_target *d = &r->target[i];

		trace_step(t, STEP_DESTINATION, true, r->virtual_service, 0, "destination %s%s",
		     say(d->cluster),
		     d->exists ? "" : ": this cluster does not exist for this proxy");
		if (d->rule)
			trace_step(t, STEP_DESTINATION_RULE, true, d->rule, 0,
			     "%s applies: TLS %s%s%s", say_object(d->rule),
			     route_tls_name(d->tls), d->sni.n ? ", server name " : "",
			     d->sni.n ? say(d->sni) : "");
		else
			trace_step(t, STEP_DESTINATION_RULE, false, NULL, 0,
			     "no DestinationRule is visible for %s", say(d->host));
		if (d->entry)
			trace_step(t, STEP_SERVICE_ENTRY, true, d->entry, 0, "%s registers %s",
			     say_object(d->entry), say(d->host));
		else
			trace_step(t, STEP_SERVICE_ENTRY, false, NULL, 0,
			     "no ServiceEntry or Service given to egret registers %s",
			     say(d->host));
	}
}

static void outcome(struct trace *t, const struct route *r)
{
	static const char *const text[] = {
		[ROUTE_UNDECLARED] = "no Gateway selects this workload",
		[ROUTE_UNKNOWN] = "the route depends on what was not observed",
		[ROUTE_NO_SERVER] = "no server listens on this port",
		[ROUTE_NO_CHAIN] =
			"no filter chain takes this server name: the connection is closed (NR)",
		[ROUTE_NONE] = "no route: 404 or a closed connection (NR)",
		[ROUTE_ANSWERED] =
			"the gateway answers itself (redirect or direct response)",
		[ROUTE_NO_CLUSTER] =
			"the chosen cluster does not exist: 503 or a closed connection (NC)",
		[ROUTE_CHOSEN] = "the flow goes to the destination above",
	};

	trace_step(t, STEP_END, r->outcome == ROUTE_CHOSEN, NULL, 0, "%s%s%s", text[r->outcome],
	     r->missing ? ": " : "", r->missing ? r->missing : "");
}

void trace_route(struct trace *t, const struct route *r)
{
	const struct node *list;

	if (!r->virtual_service)
		return;
	list = node_get(r->virtual_service->spec, route_block_name(r->block));
	trace_step(t, STEP_ROUTE, true, r->virtual_service,
	     list && r->index < list->n ? list->item[r->index]->line : 0, "%s %s[%u] is taken",
	     say_object(r->virtual_service), route_block_name(r->block), r->index);
}

void trace_finish(struct trace *t, struct route *r)
{
	destination(t, r);
	outcome(t, r);
	r->steps = t->step;
	r->n_steps = t->n;
}

/* --- printing ------------------------------------------------------------------------ */

static const char *const step_names[] = {
	[STEP_PORT] = "port",
	[STEP_SERVER] = "server",
	[STEP_VIRTUAL_SERVICE] = "virtual_service",
	[STEP_ROUTE] = "route",
	[STEP_DESTINATION] = "destination",
	[STEP_DESTINATION_RULE] = "destination_rule",
	[STEP_SERVICE_ENTRY] = "service_entry",
	[STEP_END] = "outcome",
};

void route_trace_json(const struct route *r, struct buf *out)
{
	buf_byte(out, '[');
	for (uint32_t i = 0; i < r->n_steps; i++) {
		const struct route_step *s = &r->steps[i];

		buf_printf(out, "%s{\"step\":\"%s\",\"taken\":%s,\"text\":", i ? "," : "",
			   step_names[s->kind], s->taken ? "true" : "false");
		buf_json_string(out, s->text);
		if (s->object) {
			struct buf name;

			buf_init(&name, 1024);
			object_print(&name, s->object);
			buf_str(out, ",\"object\":");
			buf_json_string(out, buf_slice(&name));
			buf_str(out, ",\"file\":");
			buf_json_string(out, slice_of(s->file));
			buf_printf(out, ",\"line\":%u", s->line);
			buf_release(&name);
		}
		buf_byte(out, '}');
	}
	buf_byte(out, ']');
}

void route_trace_text(const struct route *r, struct buf *out)
{
	for (uint32_t i = 0; i < r->n_steps; i++) {
		const struct route_step *s = &r->steps[i];

		buf_str(out, s->taken ? "  -> " : "   x ");
		buf_add(out, s->text);
		if (s->file) {
			buf_str(out, " (");
			buf_quote(out, slice_of(s->file));
			buf_printf(out, ":%u)", s->line);
		}
		buf_byte(out, '\n');
	}
}
