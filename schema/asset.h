/* asset - files compiled into the program by embed.sh. */
#ifndef SCHEMA_ASSET_H
#define SCHEMA_ASSET_H

#include <stddef.h>

struct asset {
	const char *name;		/* without its folder */
	const unsigned char *data;	/* a NUL follows data[len - 1] */
	size_t len;
};

#endif
