/* SPDX-License-Identifier: MIT */
/*
 * Finding the end of a run in events.jsonl. Lines that are not ours are passed
 * over; what is read is bounded by the size at which the file is rotated.
 */
// LDLIBS: -ljansson
#include "vmm/wait-end.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/machine.h"

enum { READ_MAX = 5 << 20, RECENT = 64 << 10, LINE = 4096 };

static bool
event_is(const json_t *o, const char *name)
{
	const char *event = json_string_value(json_object_get(o, "event"));

	return event && strcmp(event, name) == 0;
}

static bool
is_end(const json_t *o, void *to)
{
	const char *cause = json_string_value(json_object_get(o, "cause"));
	const json_t *code = json_object_get(o, "exit");
	struct wait_end *e = to;

	if (!event_is(o, "SHUTDOWN") || !json_is_integer(code))
		return false;
	e->exit = (int)json_integer_value(code);
	e->state = e->exit == END_FAILED ? HOME_ERROR
		   : e->exit >= END_PANIC && e->exit <= END_HALTED
			   ? HOME_CRASHED
			   : HOME_STOPPED;
	snprintf(e->cause, sizeof(e->cause), "%s", cause ? cause : "");
	return true;
}

static bool
is_begin(const json_t *o, void *to)
{
	const json_t *pid = json_object_get(o, "pid");

	return event_is(o, "START") && json_is_integer(pid) &&
	       json_integer_value(pid) == *(const pid_t *)to;
}

/* Where the first line of n bytes begins that is the one; NULL: none is. */
static const char *
find(const char *p, size_t n, bool (*is)(const json_t *, void *), void *to)
{
	const char *nl;

	for (; n && (nl = memchr(p, '\n', n)); n--) {
		size_t len = (size_t)(nl - p);
		json_t *o = len > LINE ? NULL : json_loadb(p, len, 0, NULL);
		bool yes = o && is(o, to);

		json_decref(o);
		if (yes)
			return p;
		p = nl + 1;
		n -= len;
	}
	return NULL;
}

static char *
slurp(int fd, off_t from, size_t *size)
{
	char *buf = malloc(READ_MAX);
	size_t used = 0;

	while (buf && used < READ_MAX) {
		ssize_t n = pread(
			fd, buf + used, READ_MAX - used, from + (off_t)used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	*size = used;
	return buf;
}

off_t
wait_end_begin(int fd, pid_t pid)
{
	off_t size = lseek(fd, 0, SEEK_END), from = 0;
	const char *at = NULL, *next;
	char *buf;
	size_t n = 0;

	if (size < 0)
		return 0;
	if (size > RECENT)
		from = size - RECENT;
	buf = pid > 0 ? slurp(fd, from, &n) : NULL;
	/* The last, as numbers come again. Past it means within its line: what
	 * is left of that is nothing. */
	for (const char *p = buf; p; p = next ? next + 1 : NULL) {
		next = find(p, n - (size_t)(p - buf), is_begin, &pid);
		at = next ? next : at;
	}
	if (at)
		size = from + (at - buf);
	free(buf);
	return size;
}

int
wait_end(int fd, off_t from, struct wait_end *e)
{
	size_t n = 0;
	char *buf = slurp(fd, from, &n);
	bool found = buf && find(buf, n, is_end, e);

	free(buf);
	return found ? 0 : -ENOENT;
}
