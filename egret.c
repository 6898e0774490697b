/*
 * egret - an independent witness for Istio egress gateways.
 *
 * This file finds the verb; cli/ has one file a verb; the rooms do the work
 * (docs/architecture.md).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void help(FILE *out)
{
	fprintf(out, "egret: an independent witness for Istio egress gateways\n\n"
		     "Usage: egret VERB [flags]        egret VERB --help\n\nVerbs:\n");
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(out, "  %-10s %s\n", v->name, v->summary);
	fprintf(out, "  %-10s %s\n", "version", "print the version");
}

/* What was printed and did not arrive is a failure, whatever the verb found. */
static int written(const char *name, int code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	if (code == EXIT_RUNTIME || errno == EPIPE)
		return EXIT_RUNTIME;	/* the verb has said so; or the reader has gone, as `| head` does */
	fprintf(stderr, "egret %s: standard output: cannot be written\n", name);
	return EXIT_RUNTIME;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--version") || !strcmp(name, "version")) {
		printf("egret %s\n", PACKAGE_VERSION);
		return written(name, 0);
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		help(stdout);
		return written(name, 0);
	}
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(name, v->name))
			return written(name, v->run(argc - 1, argv + 1));
	if (*name)
		fprintf(stderr, "egret: no verb \"%s\"\n", name);
	help(stderr);
	return EXIT_USAGE;
}
