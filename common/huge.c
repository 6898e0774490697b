/* huge: what is smaller than a huge page is common memory. */
#include "common/huge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, PAGE = 2 * 1024 * 1024 };

void *huge_new(size_t n)
{
	size_t unit = n < PAGE / 2 ? LINE : PAGE, all = (n + unit - 1) / unit * unit;
	void *p = all < n ? NULL : aligned_alloc(unit, all ? all : unit);

	if (!p)
		abort();
#ifdef MADV_HUGEPAGE
	if (unit == PAGE)
		madvise(p, all, MADV_HUGEPAGE);	/* advice: without it everything works */
#endif
	memset(p, 0, all);
	return p;
}
