/*
 * keylog - preloaded into the recording's gateway: its TLS secrets as an NSS key log, which Envoy
 * writes by itself and haproxy does not.  haproxy makes a connection with one context and changes to
 * the certificate's after the ClientHello, so both ways in get the callback.
 *
 *	cc -shared -fPIC -o keylog.so keylog.c -ldl;  KEYLOG=file LD_PRELOAD=./keylog.so haproxy ...
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct ssl;
struct ssl_context;
typedef void keylog_line(const struct ssl *, const char *);

static void append(const struct ssl *s, const char *line)
{
	const char *path = getenv("KEYLOG");
	FILE *f = path ? fopen(path, "a") : NULL;

	(void)s;
	if (!f)
		return;
	fprintf(f, "%s\n", line);
	fclose(f);
}

static void watch(struct ssl_context *c)
{
	void (*set)(struct ssl_context *, keylog_line *);

	*(void **)&set = dlsym(RTLD_NEXT, "SSL_CTX_set_keylog_callback");
	set(c, append);
}

struct ssl *SSL_new(struct ssl_context *c)
{
	struct ssl *(*real)(struct ssl_context *);

	*(void **)&real = dlsym(RTLD_NEXT, "SSL_new");
	watch(c);
	return real(c);
}

struct ssl_context *SSL_set_SSL_CTX(struct ssl *s, struct ssl_context *c)
{
	struct ssl_context *(*real)(struct ssl *, struct ssl_context *);

	*(void **)&real = dlsym(RTLD_NEXT, "SSL_set_SSL_CTX");
	if (c)
		watch(c);
	return real(s, c);
}
