/* flows_test: a flow's JSON is YAML too; the judgement is taken out of it and becomes `expect`. */
#include "cli/flows_test.h"

#include <errno.h>
#include <string.h>

#include "schema/flow_json.h"

struct writer {
	struct sink sink;
	FILE *out;
	struct buf buf;
};

static void forget_judgement(struct flow *f)
{
	for (int k = F_VERDICT; k < F_COUNT; k++)
		flow_forget(f, (enum flow_field)k);
	flow_forget(f, F_ID);
	f->n_findings = 0;
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

		if (!verdict)
			continue;
		buf_printf(b, "- name: \"flow %.*s\"\n  expect: %s\n", (int)f->v[F_ID].text.n,
			   (const char *)f->v[F_ID].text.p, verdict);
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
	if (!rc && fflush(out))
		rc = err_set(e, ERR_IO, "write: %s", strerror(errno));
	return rc;
}
