/*
 * serve: the dashboard on a database, until Ctrl-C.
 */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/explain.h"
#include "cli/serve.h"

/* "ADDRESS:PORT", "ADDRESS" or ":PORT". */
static int read_listen(const char *text, char *address, size_t size, uint16_t *port, struct err *e)
{
	const char *close = strchr(text, ']'), *colon = strrchr(close ? close : text, ':');
	unsigned long n = 0;

	if (colon && strchr(text, ':') != colon && text[0] != '[')
		colon = NULL;			/* an IPv6 address without a port */
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= size)
		return err_set(e, ERR_USAGE, "--listen: \"%s\" is no address", text);
	memcpy(address, text, len);
	address[len] = 0;
	for (const char *c = colon ? colon + 1 : ""; *c; c++) {
		if (*c < '0' || *c > '9' || n > 65535)
			return err_set(e, ERR_USAGE, "--listen: \"%s\" is no port", colon + 1);
		n = n * 10 + (unsigned long)(*c - '0');
	}
	if (n > 65535)
		return err_set(e, ERR_USAGE, "--listen: \"%s\" is no port", colon + 1);
	*port = (uint16_t)n;
	return 0;
}

int serve_until_stopped(const struct web_options *o, struct err *e)
{
	struct web *w = web_start(o, e);

	if (!w)
		return -1;
	bool six = o->address && strchr(o->address, ':');
	printf("http://%s%s%s:%u/\n", six ? "[" : "", o->address ? o->address : "127.0.0.1", six ? "]" : "",
	       web_port(w));
	fflush(stdout);
	while (!cli_stop)
		usleep(100 * 1000);
	web_stop(&w);
	return 0;
}

int verb_serve(int argc, char **argv)
{
	const char *db = "egret.db", *listen = "127.0.0.1:8080";
	bool next = false;
	const struct opt opts[] = {
		{ "db", 0, OPT_TEXT, &db, "FILE", "the database, default egret.db" },
		{ "listen", 'l', OPT_TEXT, &listen, "ADDRESS:PORT", "where to listen, default 127.0.0.1:8080" },
		{ "next-port", 0, OPT_FLAG, &next, NULL, "where the port is taken, take the next free one" },
		{ NULL, 0, OPT_FLAG, NULL, NULL, NULL },
	};
	const struct opt_verb verb = {
		.usage = "egret serve --db FILE [flags]",
		.summary = "Serve the dashboard and its API on a database, which is only read.",
		.examples = "  egret serve --db egret.db\n"
			    "  egret serve --db egret.db --listen 127.0.0.1:9000\n",
		.notes = "The dashboard has no login: listen on loopback, or behind a proxy that has one.\n",
		.opts = opts,
	};
	struct err e = { 0 };
	char address[64];
	int operands, code = cli_parse("serve", &verb, argc, argv, &operands);

	if (code >= 0)
		return code;
	struct web_options o = { .db = db, .next_port = next, .explain = explain_json,
				 .explain_ctx = (void *)(uintptr_t)db };
	int r = operands ? err_set(&e, ERR_USAGE, "no operand is wanted (see --help)")
			 : read_listen(listen, address, sizeof address, &o.port, &e);
	if (!r) {
		cli_catch_signals();
		o.address = *address ? address : NULL;
		r = serve_until_stopped(&o, &e);
	}
	return r ? cli_fail("serve", &e) : EXIT_CLEAN;
}
