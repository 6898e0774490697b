#include "cli/batch.h"

#include <stdlib.h>

enum { BATCH_TEXT = 16 * 1024 * 1024 };

void batches_init(struct batches *s)
{
	*s = (struct batches){ .spare = NULL };
	pthread_mutex_init(&s->lock, NULL);
}

void batches_release(struct batches *s)
{
	for (struct batch *b = s->spare, *next; b; b = next) {
		next = b->next;
		arena_free(&b->text);
		free(b);
	}
	pthread_mutex_destroy(&s->lock);
}

struct batch *batch_take(struct batches *s)
{
	struct batch *b;

	pthread_mutex_lock(&s->lock);
	b = s->spare;
	if (b)
		s->spare = b->next;
	pthread_mutex_unlock(&s->lock);
	if (!b) {
		b = malloc(sizeof *b);
		if (!b)
			abort();
		b->text = arena_new(BATCH_TEXT);
	}
	arena_recycle(b->text);
	b->n = b->n_certificates = 0;
	b->has_offset = b->tracked = false;
	return b;
}

void batch_give_back(struct batches *s, struct batch *b)
{
	pthread_mutex_lock(&s->lock);
	b->next = s->spare;
	s->spare = b;
	pthread_mutex_unlock(&s->lock);
}

bool batch_certificate(struct batch *b, const struct certificate *c)
{
	if (b->n_certificates == BATCH_CERTIFICATES)
		return false;
	struct certificate *to = &b->certificates[b->n_certificates];
	struct slice *const texts[] = { &to->sha256, &to->role, &to->subject, &to->issuer, &to->serial,
		&to->uri_sans, &to->dns_sans, &to->key_type, &to->signature, &to->der };

	*to = *c;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct slice copy = arena_copy(b->text, *texts[i]);
		if (copy.n != texts[i]->n)
			return false;
		*texts[i] = copy;
	}
	b->n_certificates++;
	return true;
}

void batch_offset(struct batch *b, const struct log_offset *at)
{
	b->has_offset = true;
	b->offset = *at;
	b->offset.path = arena_copy(b->text, at->path);
	b->offset.digest = arena_copy(b->text, at->digest);
	b->offset.tail = arena_copy(b->text, at->tail);
}
