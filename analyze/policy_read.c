/*
 * policy_read: paths to texts.  A path given by name is read whatever it is called
 * (and may be a pipe); in a folder only *.yaml, *.yml and *.json count, hidden names are
 * skipped (a mounted ConfigMap keeps its ..data there), links to folders are not
 * followed, and order is by name, so that a load does not depend on the file system.
 */
#include "analyze/policy_build.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES = 64 << 20, FOLDER_DEPTH = 32, FILES_MAX = 100000 };

static int slurp(int fd, struct buf *to)
{
	for (;;) {
		ssize_t n;

		if (!buf_room(to, 64 * 1024))
			return 0;	/* `full` is set */
		n = read(fd, to->p + to->n, to->size - to->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		to->n += (size_t)n;
	}
}

static int read_fd(struct policy_build *b, int fd, const char *name, struct err *e)
{
	struct slice copy = arena_copy(b->set->arena, (struct slice){
		(const uint8_t *)name, strlen(name) + 1 });
	struct buf text;
	int rc;

	b->file = copy.p ? (const char *)copy.p : "(file)";
	buf_init(&text, FILE_BYTES + 64 * 1024);
	rc = slurp(fd, &text);
	if (rc < 0)
		err_set(e, ERR_IO, "%s: %s", name, strerror(errno));
	else if (text.full || text.n > FILE_BYTES)
		rc = err_set(e, ERR_INPUT, "%s: larger than %d MiB", name, FILE_BYTES >> 20);
	else
		rc = policy_stream(b, buf_slice(&text), e);
	buf_release(&text);
	return rc;
}

static int read_file(struct policy_build *b, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	if (++b->files > FILES_MAX)
		rc = err_set(e, ERR_LIMIT, "%s: more than %d files", path, FILES_MAX);
	else
		rc = read_fd(b, fd, path, e);
	close(fd);
	return rc;
}

static bool is_policy_name(const char *name)
{
	struct slice s = slice_of(name);

	return slice_ends(s, SLICE(".yaml")) || slice_ends(s, SLICE(".yml")) ||
	       slice_ends(s, SLICE(".json"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int read_folder(struct policy_build *b, const char *path, int depth, struct err *e);

static int read_entry(struct policy_build *b, const char *folder, const char *name, int depth,
		      struct err *e)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_IO, "%s/%s: name too long", folder, name);
	if (lstat(path, &st))
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return read_folder(b, path, depth + 1, e);
	if (!is_policy_name(name) || stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	return read_file(b, path, e);
}

static int read_folder(struct policy_build *b, const char *path, int depth, struct err *e)
{
	struct dirent **entry;
	int n, rc = 0;

	if (depth > FOLDER_DEPTH)
		return err_set(e, ERR_LIMIT, "%s: folders nested deeper than %d", path,
			       FOLDER_DEPTH);
	n = scandir(path, &entry, visible, by_name);
	if (n < 0)
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = read_entry(b, path, entry[i]->d_name, depth, e);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

int policy_read(struct policy_build *b, const char *path, struct err *e)
{
	struct stat st;

	if (!strcmp(path, "-")) {
		b->files++;
		return read_fd(b, STDIN_FILENO, "(standard input)", e);
	}
	if (stat(path, &st))
		return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
	return S_ISDIR(st.st_mode) ? read_folder(b, path, 0, e) : read_file(b, path, e);
}
