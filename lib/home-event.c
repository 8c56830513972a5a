/* SPDX-License-Identifier: MIT */
/*
 * events.jsonl: one write a line, so that tail -f never sees half of one. A
 * line that a full disk cut short is ended before the next.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/home-int.h"
#include "lib/json.h"
#include "lib/stamp.h"

enum { EVENTS_MAX = 4 << 20, MEMBERS_MAX = 64 << 10 };

static int
open_events(const struct home_vm *vm, struct stat *st)
{
	int fd = call_openat(vm->home->calls, vm->dir, "events.jsonl",
		O_WRONLY | O_APPEND | O_CREAT | HOME_SAFE, 0600);

	if (fd >= 0 && (fstat(fd, st) || !S_ISREG(st->st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The line, free(); NULL: not now. */
static char *
make_line(const struct home_vm *vm, const char *event, const char *members)
{
	char stamp[STAMP_MAX], *line = NULL;
	struct timespec now;
	struct json j;
	size_t size;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	stamp_print(stamp, now.tv_sec);
	stamp[strcspn(stamp, "Z")] = '\0';
	fprintf(f, "%s{\"time\":\"%s.%03dZ\",\"event\":", vm->torn ? "\n" : "",
		stamp, (int)(now.tv_nsec / 1000000));
	json_open(&j, f);
	json_put_string(&j, NULL, event);
	if (members && *members)
		fprintf(f, ",%s", members);
	fputc('}', f);
	if (fclose(f)) {
		free(line);
		return NULL;
	}
	/* JSON has line ends only between its tokens. */
	for (char *p = line + vm->torn; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	return line;
}

void
home_event(struct home_vm *vm, const char *event, const char *members)
{
	const struct calls *calls = vm->home->calls;
	struct stat st;
	char *line;
	off_t size;
	size_t n;
	int fd;

	if (members && strlen(members) > MEMBERS_MAX)
		members = NULL;
	fd = open_events(vm, &st);
	if (fd >= 0 && st.st_size >= EVENTS_MAX &&
		call_renameat2(calls, vm->dir, "events.jsonl", vm->dir,
			"events.jsonl.1", 0) == 0) {
		close(fd);
		vm->torn = false;
		fd = open_events(vm, &st);
	}
	line = fd < 0 ? NULL : make_line(vm, event, members);
	if (line) {
		n = strlen(line);
		line[n] = '\n'; /* its NUL is not missed */
		size = st.st_size;
		if (call_write(calls, fd, line, n + 1) == 0)
			vm->torn = false;
		else if (fstat(fd, &st) == 0 && st.st_size != size)
			vm->torn = true;
	}
	free(line);
	if (fd >= 0)
		close(fd);
}
