/* SPDX-License-Identifier: MIT */
/*
 * Where a picture goes. A regular file is written beside where it will be, and
 * takes its place when it is whole; a pipe or a device just takes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/shot/shot.h"
#include "bin/tool-unfinished.h"
#include "lib/calls.h"
#include "lib/err.h"

/* What is no regular file is opened as it is. */
static int
open_there(struct out *o, const char *path)
{
	o->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return o->fd < 0 ? fail(-errno, "%s: cannot open", path) : 0;
}

static int
open_beside(struct out *o, const char *path)
{
	char *real = realpath(path, NULL); /* a link stays one */
	const char *slash;

	o->path = real ? real : strdup(path);
	if (!o->path)
		return fail(-ENOMEM, "%s", path);
	slash = strrchr(o->path, '/');
	if (asprintf(&o->temp, "%.*s.vm-shot-%ld.tmp",
		    slash ? (int)(slash + 1 - o->path) : 0, o->path,
		    (long)getpid()) < 0) {
		o->temp = NULL;
		return fail(-ENOMEM, "%s", path);
	}
	tool_unfinished(o->temp);
	unlink(o->temp); /* of one that had our number, and was killed */
	o->fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return o->fd < 0 ? fail(-errno, "%s: cannot open", path) : 0;
}

int
out_open(struct out *o, const char *path)
{
	struct stat st;
	int r;

	o->err = 0;
	o->used = 0;
	o->path = o->temp = NULL;
	o->name = path;
	if (strcmp(path, "-") == 0) {
		o->name = "stdout";
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return fail(-EISDIR, "%s: cannot open", path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return open_there(o, path);
	r = open_beside(o, path);
	if (r) {
		tool_unfinished(NULL);
		free(o->path);
		free(o->temp);
	}
	return r;
}

static void
flush(struct out *o)
{
	if (!o->err && o->used && call_write(NULL, o->fd, o->buf, o->used) < 0)
		o->err = -errno;
	o->used = 0;
}

void
out_write(struct out *o, const void *p, size_t n)
{
	const char *from = p;

	while (n && !o->err) {
		size_t part = sizeof(o->buf) - o->used;

		if (part > n)
			part = n;
		memcpy(o->buf + o->used, from, part);
		o->used += part;
		from += part;
		n -= part;
		if (o->used == sizeof(o->buf))
			flush(o);
	}
}

/* A reader that left needs no sentence. */
static int
told(const struct out *o, int err)
{
	if (err == -EPIPE)
		return failx(err, "%s", "");
	return fail(err, "%s: cannot write", o->name);
}

int
out_close(struct out *o, bool failed)
{
	int r = 0;

	if (!failed)
		flush(o);
	if (!failed && o->err)
		r = told(o, o->err);
	if (o->fd != STDOUT_FILENO && close(o->fd) < 0 && !r && !failed)
		r = told(o, -errno);
	if (!o->temp)
		return r;
	if (!r && !failed && rename(o->temp, o->path) < 0)
		r = fail(-errno, "%s: cannot rename", o->name);
	if (r || failed)
		unlink(o->temp);
	tool_unfinished(NULL);
	free(o->temp);
	free(o->path);
	return r;
}
