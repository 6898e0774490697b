#include "capture/tls_shared.h"

#include <stdlib.h>

#include "capture/tls_layer.h"

enum { ROOM = 64 * 1024 * 1024 };

struct tls_shared *tls_shared_new(const struct tls_options *o, struct evidence *ev, struct err *e)
{
	struct tls_shared *sh = calloc(1, sizeof *sh);

	if (!sh)
		abort();
	sh->ev = ev;
	sh->certificate = o->certificate;
	sh->certificate_ctx = o->certificate_ctx;
	sh->growing = o->growing && o->n_keylogs;
	sh->room = o->room ? o->room : ROOM;
	tls_crypto_init(&sh->crypto);
	sh->keys = tls_keys_new(ev, 0);
	sh->memory = tls_memory_new(ev, 0);
	sh->certs = certs_new(o->trust, &sh->crypto, ev, e);
	if (!sh->certs) {
		tls_shared_free(&sh);
		return NULL;
	}
	for (size_t i = 0; i < o->n_keylogs; i++)
		if (tls_keys_file(sh->keys, o->keylogs[i], o->growing, e)) {
			tls_shared_free(&sh);
			return NULL;
		}
	return sh;
}

void tls_shared_free(struct tls_shared **shp)
{
	struct tls_shared *sh = *shp;

	if (!sh)
		return;
	tls_keys_free(&sh->keys);
	tls_memory_free(&sh->memory);
	certs_free(&sh->certs);
	tls_crypto_release(&sh->crypto);
	free(sh);
	*shp = NULL;
}

/* A file with one decryption secrets block may hold another further on. */
void tls_shared_add_keys(struct tls_shared *sh, struct slice text)
{
	tls_keys_text(sh->keys, text);
	sh->growing = true;
}

static void try_all(struct tls_shared *sh, int64_t ts)
{
	struct tls_waiting *w = sh->first, *next;

	for (; w; w = next) {
		next = tls_wait_next(w);
		tls_wait_try(tls_wait_layer(w), ts);
	}
}

bool tls_shared_poll(struct tls_shared *sh, int64_t ts)
{
	uint64_t before = sh->seen_released;

	tls_keys_poll(sh->keys);
	if (sh->generation != tls_keys_generation(sh->keys)) {
		sh->generation = tls_keys_generation(sh->keys);
		try_all(sh, ts);
	}
	while (sh->first && tls_wait_over(sh->first, ts))
		tls_wait_forget(tls_wait_layer(sh->first), ts);
	sh->seen_released = sh->released;
	return sh->released != before;
}

void tls_shared_drain(struct tls_shared *sh, int64_t ts)
{
	tls_keys_poll(sh->keys);
	try_all(sh, ts);	/* a log that lacks some secrets: what can be opened is opened */
	sh->growing = false;
	try_all(sh, ts);
	while (sh->first)
		tls_wait_forget(tls_wait_layer(sh->first), ts);
}
