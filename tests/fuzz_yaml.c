/* fuzz: any bytes to yaml_parse; the tree must be whole and inside its bounds. */
#include <stdlib.h>

#include "analyze/yaml.h"

static size_t walk(const struct node *n, int depth)
{
	size_t sum = n->text.n ? n->text.p[n->text.n - 1] : 0;

	if (depth > 70 || n->line == 0 || n->column == 0)
		abort();
	for (uint32_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_MAP)
			sum += walk(n->key[i], depth + 1);
		sum += walk(n->item[i], depth + 1);
	}
	return sum;
}

static int each(void *ctx, struct node *root, struct err *e)
{
	(void)e;
	*(size_t *)ctx += walk(root, 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(256 << 20);
	struct err e = { 0 };
	size_t sum = 0;

	if (yaml_parse((struct slice){ p, n }, a, each, &sum, &e) && !e.msg[0])
		abort();
	arena_free(&a);
	return 0;
}
