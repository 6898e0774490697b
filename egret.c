/*
 * egret - an independent witness for Istio egress gateways.
 *
 * This file finds the verb; cli/ has one file a verb; the rooms do the work
 * (docs/architecture.md).
 */
#include "config.h"

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

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!strcmp(name, "--version") || !strcmp(name, "version")) {
		printf("egret %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		help(stdout);
		return 0;
	}
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(name, v->name))
			return v->run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "egret: no verb \"%s\"\n", name);
	help(stderr);
	return EXIT_USAGE;
}
