/* flows_test: a flow's JSON is YAML too; the judgement is taken out of it and becomes `expect`. */
#include "cli/flows_test.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "schema/flow_json.h"

struct writer {
	struct sink sink;
	FILE *out;
	struct buf buf;
	uint64_t unjudged;
};

static void forget_judgement(struct flow *f)
{
	size_t i = 0;

	while (flow_order[i] != F_VERDICT)
		i++;
	for (; i < F_COUNT; i++)
		flow_forget(f, flow_order[i]);
	flow_forget(f, F_ID);
	f->n_findings = 0;
}

/* "flow 12: default/sleep to httpbin.org, port 8443" */
static void write_name(struct buf *b, const struct flow *f)
{
	struct slice host = flow_has(f, F_AUTHORITY) ? flow_text(f, F_AUTHORITY)
						     : flow_text(f, F_SNI);
	struct buf name;

	buf_init(&name, 64 * 1024);
	buf_str(&name, "flow ");
	buf_add(&name, f->v[F_ID].text);
	if (flow_has(f, F_SOURCE_NAMESPACE)) {
		buf_str(&name, ": ");
		buf_add(&name, flow_text(f, F_SOURCE_NAMESPACE));
		buf_byte(&name, '/');
		buf_add(&name, flow_text(f, F_SOURCE_SERVICE_ACCOUNT));
	}
	if (host.n) {
		buf_str(&name, flow_has(f, F_SOURCE_NAMESPACE) ? " to " : ": to ");
		buf_add(&name, host);
	}
	if (flow_has(f, F_DESTINATION_PORT))
		buf_printf(&name, ", port %lld", (long long)flow_num(f, F_DESTINATION_PORT));
	buf_json_string(b, buf_slice(&name));
	buf_release(&name);
}

static int push(struct sink *sink, struct flow *flows, size_t n, struct err *e)
{
	struct writer *w = (struct writer *)sink;
	struct buf *b = &w->buf;

	for (size_t i = 0; i < n; i++) {
		struct flow *f = &flows[i];
		const char *verdict = flow_enum_name(ENUM_VERDICT, flow_num(f, F_VERDICT));
		struct slice policy = flow_text(f, F_POLICY);
		bool decided = flow_has(f, F_POLICY);

		if (!verdict) {
			w->unjudged++;
			continue;
		}
		buf_str(b, "- name: ");
		write_name(b, f);
		buf_printf(b, "\n  expect: %s\n", verdict);
		if (decided) {
			buf_str(b, "  policy: ");
			buf_json_string(b, policy);
			buf_byte(b, '\n');
		}
		buf_str(b, "  flow: ");
		forget_judgement(f);
		flow_json_write(b, f);
		buf_byte(b, '\n');
		if (!buf_write(b, w->out))
			return err_set(e, ERR_IO, "write: %s", strerror(errno));
		buf_clear(b);
	}
	return 0;
}

int flows_test_write(struct store *s, const struct where *w, uint64_t most, FILE *out, struct err *e)
{
	struct writer writer = { .sink = { .push = push }, .out = out };
	int rc;

	buf_init(&writer.buf, 64 << 20);
	fputs("# Written by egret flows -o test; run with egret test -p POLICIES FILE.\nflows:\n", out);
	rc = store_flows(s, w, most, &writer.sink, NULL, e);
	buf_release(&writer.buf);
	if (writer.unjudged)
		fprintf(out, "# %" PRIu64 " flows without a verdict were left out.\n",
			writer.unjudged);
	if (!rc && fflush(out))
		rc = err_set(e, ERR_IO, "write: %s", strerror(errno));
	return rc;
}
