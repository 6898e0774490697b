#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

volatile sig_atomic_t cli_stop;

int cli_fail(const char *verb, const struct err *e)
{
	/* Whoever read our output has gone (`| head`): that is no news to anybody. */
	if (!strstr(e->msg, strerror(EPIPE)))
		fprintf(stderr, "egret %s: %s\n", verb, e->msg);
	return err_exit(e);
}

int cli_parse(const char *verb, const struct opt_verb *v, int argc, char **argv, int *operands)
{
	struct err e = { 0 };

	switch (opt_parse(v, argc, argv, operands, &e)) {
	case OPT_GO:
		return -1;
	case OPT_HELPED:
		return EXIT_CLEAN;
	case OPT_WRONG:
		break;
	}
	return cli_fail(verb, &e);
}

static void on_signal(int sig)
{
	(void)sig;
	cli_stop = 1;
}

/* No SA_RESTART: a blocked read returns and the loop sees cli_stop. */
void cli_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void cli_raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur == l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}
