/* test_config: egret.yaml is read by its table; what it does not know it refuses, with the place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "tests/tap.h"

static const struct {
	const char *text;
	const char *wrong;	/* NULL: good; else what the message must hold */
} cases[] = {
	{ "version: 1\nstore:\n  path: x.db\n", NULL },
	{ "version: 2\n", ":1:10: version must be 1" },
	{ "stores:\n  path: x\n", ":1:1: " },
	{ "store:\n  pth: x\n", ":2:3: store.pth is no key" },
	{ "store:\n  rows: some\n", "one of all|notable|none" },
	{ "store: [a]\n", "wants keys below it" },
	{ "capture:\n  memory: 12parsecs\n", "wants a size" },
	{ "policies:\n  settle: soon\n", "wants a duration" },
	{ "logs:\n  paths: {a: b}\n", "wants a list" },
	{ "- a\n", "one document" },
	{ "store:\n  path: a\nstore:\n  path: b\n", ":3:1: the key \"store\" is given twice" },
	{ "logs:\n  format: text\n  format: json\n", ":3:3: the key \"format\" is given twice" },
	{ "logs:\n  format: '{\"a\":\"%START_TIME%\",\"a\":\"%PROTOCOL%\"}'\n",
	  ":2:11: logs.format: the key \"a\" is given twice" },
	{ "logs:\n  format: json\n  keys: method=a,path=a\n", ":3:9: logs.keys: the key \"a\" is given twice" },
	{ "logs:\n  keys: method=a,method=b\n", ":2:9: logs.keys: the key \"method\" is given twice" },
	{ "logs:\n  format: '%START_TIME'\n", ":2:11: logs.format: byte 1" },
	{ "logs:\n  format: '{\"t\":\"%START_TIME%\",\"a\":{\"b\":\"%PROTOCOL%\"}}'\n", NULL },
	{ "a: [\n", ":2:1" },
};

static const char *file_with(const char *text)
{
	static char path[] = "test_config.yaml";
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	return path;
}

int main(void)
{
	struct err e;
	struct config *c;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		printf("# %s\n", cases[i].wrong ? cases[i].wrong : "good");
		e = (struct err){ 0 };
		c = config_load(file_with(cases[i].text), &e);
		is(c != NULL, cases[i].wrong == NULL);
		if (!c && !ok(strstr(e.msg, cases[i].wrong) && strstr(e.msg, "test_config.yaml")))
			printf("# got %s\n", e.msg);
		config_free(&c);
	}
	c = config_load(file_with("logs:\n  paths: a.log\n  format: json\ncapture:\n  memory: 2MiB\n"
				  "gateway:\n  addresses: [10.0.0.1, 10.0.0.2]\npolicies:\n  settle: 5s\n"), &e);
	ok(c && c->logs.n == 1 && !strcmp(c->logs.item[0], "a.log"));
	ok(c && c->memory == 2u << 20 && c->gateway_ips.n == 2 && c->settle_ns == 5000000000);
	config_free(&c);
	c = config_load("no/such/file", &e);
	ok(!c && e.kind == ERR_INPUT && strstr(e.msg, "no/such/file"));
	unlink("test_config.yaml");
	return tap_end();
}
