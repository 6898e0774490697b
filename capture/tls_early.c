/*
 * tls_early: early data is the application's only once the server has taken it.
 *
 * Until then it is kept, up to EARLY_MAX; a client whose early data was refused sends it again.
 */
#include "capture/tls_layer.h"

enum { EARLY_MAX = 64 * 1024 };

void tls_early_add(struct tls_layer *t, enum dir d, struct slice plain, int64_t ts)
{
	struct tls_crypt *x = t->x;

	if (t->early_settled) {
		if (t->early_accepted)
			tls_app_data(t, d, plain, ts);
	} else if (!tls_buf_add(t, &x->early, plain, EARLY_MAX)) {
		tls_count(t, EV_TLS_TOO_LARGE);
	}
}

void tls_early_settle(struct tls_layer *t, bool accepted, int64_t ts)
{
	enum dir client = t->reversed ? FROM_SERVER : FROM_CLIENT;

	if (t->early_settled || !t->x)
		return;
	t->early_settled = true;
	t->early_accepted = accepted;
	if (accepted && t->x->early.n)
		tls_app_data(t, client, (struct slice){ t->x->early.p, t->x->early.n }, ts);
	tls_buf_drop(t, &t->x->early);
	if (!accepted && t->x->expect[client] == EPOCH_EARLY)
		t->x->expect[client] = EPOCH_HANDSHAKE;
}
