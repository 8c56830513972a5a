/* SPDX-License-Identifier: MIT */
/*
 * Listing the root. A machine is a directory of ours, no link to one, with a
 * lock and a format in it: one whose format is gone is being deleted.
 */
#include "lib/home.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"

struct list {
	char *text; /* names, each with its NUL */
	size_t used, room, n;
};

static int
add(struct list *l, const char *name)
{
	size_t len = strlen(name) + 1;

	if (l->used + len > l->room) {
		size_t room = l->room * 2 + 4096;
		char *text = realloc(l->text, room);

		if (!text)
			return -ENOMEM;
		l->text = text;
		l->room = room;
	}
	memcpy(l->text + l->used, name, len);
	l->used += len;
	l->n++;
	return 0;
}

static bool
is_machine(int root, const struct dirent *d)
{
	char path[NAME_MAX + 16];
	struct stat st;

	if (d->d_type == DT_UNKNOWN) {
		if (fstatat(root, d->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
			!S_ISDIR(st.st_mode))
			return false;
	} else if (d->d_type != DT_DIR) {
		return false;
	}
	snprintf(path, sizeof(path), "%s/format", d->d_name);
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	snprintf(path, sizeof(path), "%s/lock", d->d_name);
	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
read_names(int root, struct list *l)
{
	int fd = openat(root, ".", HOME_DIR), err = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, d = readdir(dir)))
		if (home_is_name(d->d_name) && is_machine(root, d))
			err = add(l, d->d_name);
	if (!err)
		err = -errno;
	closedir(dir);
	return err;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
home_names(struct home *h, char ***names, size_t *n)
{
	struct list l = {0};
	int err = read_names(h->fd, &l);
	char **out = NULL, *at;

	if (!err) {
		out = malloc(l.n * sizeof(*out) + l.used + 1);
		err = out ? 0 : -ENOMEM;
	}
	if (err) {
		free(l.text);
		return fail(err, "%s: cannot list it", h->path);
	}
	at = (char *)(out + l.n);
	if (l.used)
		memcpy(at, l.text, l.used);
	free(l.text);
	for (size_t i = 0; i < l.n; i++, at += strlen(at) + 1)
		out[i] = at;
	if (l.n)
		qsort(out, l.n, sizeof(*out), by_name);
	*names = out;
	*n = l.n;
	return 0;
}
