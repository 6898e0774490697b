/* run_tool - another program, from PATH, to its end. */
#ifndef TESTS_RUN_TOOL_H
#define TESTS_RUN_TOOL_H

#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static inline void run_tool(const char *tool, const char *a, const char *b)
{
	pid_t p = fork();

	if (p == 0) {
		execlp(tool, tool, a, b, NULL);
		_exit(127);
	}
	waitpid(p, NULL, 0);
}

#endif
