/* SPDX-License-Identifier: MIT */
/*
 * Reading a machine's console log while it is written and rotated, without
 * losing or doubling a byte; only what is rotated away twice before it was read
 * is lost. Nothing here waits: the caller watches the directory (inotify(7),
 * IN_MODIFY | IN_CREATE | IN_MOVED_TO) and reads until there is no more.
 */
#ifndef LIB_CONSOLE_FOLLOW_H
#define LIB_CONSOLE_FOLLOW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct console_follow { /* one run's log */
	int dir; /* the machine's, not owned */
	int fd, next; /* the file that is read, and the one after; -1: none */
	off_t at;
};

enum { CONSOLE_FROM_START = -1 };

/*
 * Begin so many lines before the end, 0: only what comes from now on. Whatever
 * the number, at most `bytes` before the end (0: any), then with a whole line.
 * A log that is not there yet is read from its beginning. -errno with a
 * sentence.
 */
int console_follow_open(
	struct console_follow *, int dir, int64_t lines, uint64_t bytes);
/* 0: no more for now; -errno with a sentence. */
ssize_t console_follow_read(struct console_follow *, void *p, size_t n);
/* How many bytes are there to read now. */
uint64_t console_follow_left(const struct console_follow *);
void console_follow_close(struct console_follow *);

#endif
