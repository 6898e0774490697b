#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	e->kind = kind;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	return -1;
}

int err_at(struct err *e, const char *fmt, ...)
{
	char cause[sizeof e->msg];
	va_list ap;
	int n;

	memcpy(cause, e->msg, sizeof cause);
	va_start(ap, fmt);
	n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 3 > sizeof e->msg)
		return -1;
	/* What does not fit of the cause is cut at its end. */
	size_t room = sizeof e->msg - (size_t)n - 3, len = strnlen(cause, room);
	memcpy(e->msg + n, ": ", 2);
	memcpy(e->msg + n + 2, cause, len);
	e->msg[(size_t)n + 2 + len] = 0;
	return -1;
}

int err_exit(const struct err *e)
{
	static const int code[] = {
		[ERR_NONE] = EXIT_RUNTIME,	[ERR_IO] = EXIT_RUNTIME,
		[ERR_DB] = EXIT_RUNTIME,	[ERR_LIMIT] = EXIT_RUNTIME,
		[ERR_USAGE] = EXIT_USAGE,	[ERR_INPUT] = EXIT_INPUT,
		[ERR_INTEGRITY] = EXIT_INTEGRITY,
	};
	return code[e->kind];
}
