/*
 * X-Forwarded-Client-Cert: the identity is a part of the header, and nothing that is put in front of what the
 * gateway wrote can change it.
 */
#include <assert.h>
#include <stdlib.h>

#include "capture/log_identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define WRITTEN ",By=spiffe://td/ns/i/sa/g;Hash=00;Subject=\"CN=a,O=\\\"b\\\"\";URI=spiffe://td/ns/a/sa/b"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct flow f;
	struct slice in = { p, n }, uri = log_identity_uri(in);
	uint8_t *both = malloc(n + sizeof WRITTEN);

	if (!both)
		abort();
	if (uri.n)
		assert(uri.p >= p && uri.p + uri.n <= p + n);
	flow_init(&f);
	log_identity_xfcc(&f, in);
	if (n)
		log_identity_peer(&f, in);
	if (n)
		memcpy(both, p, n);
	memcpy(both + n, WRITTEN, sizeof WRITTEN);
	/* A backslash before the comma escapes nothing: the comma is no quote. */
	uri = log_identity_uri((struct slice){ both, n + sizeof WRITTEN - 1 });
	assert(slice_is(uri, "spiffe://td/ns/a/sa/b"));
	free(both);
	return 0;
}
