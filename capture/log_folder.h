/*
 * log_folder - the names in a folder, sorted, so that the files beside a log are found without reading the folder
 * for each log in it.
 *
 * A listing is used again as long as the folder's time says that no name came or went.  Up to NAMES_MOST
 * names of a folder.
 */
#ifndef CAPTURE_LOG_FOLDER_H
#define CAPTURE_LOG_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum { NAMES_MOST = 1 << 20 };

struct log_folder {
	char **name;			/* sorted by strcmp */
	size_t n;
	bool full;			/* there are more names, and they are not here */
};

struct log_folders;

struct log_folders *log_folders_new(void);
void log_folders_free(struct log_folders **m);	/* NULL-safe */

/* The folder at this path; valid until the next call.  One that cannot be read has no names. */
const struct log_folder *log_folders_of(struct log_folders *m, const char *path);

/* The first name that is not less than this one. */
size_t log_folder_from(const struct log_folder *f, const char *name);

#endif
