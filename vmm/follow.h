/* SPDX-License-Identifier: MIT */
/*
 * Looking for a line in a machine's console.log while it is written, across its
 * rotation to console.log.1 (lib/console.h), without losing or doubling a byte.
 * It never waits; the owner knows when to look again.
 */
#ifndef VMM_FOLLOW_H
#define VMM_FOLLOW_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FOLLOW_LINE_MAX = 64 << 10, FOLLOW_ROUND = 1 << 20 };

struct follow {
	int dir; /* the machine's; not owned */
	const regex_t *re; /* REG_NOSUB; not owned */
	int fd; /* what is being read; -1: none yet */
	off_t at;
	char *line; /* the one that is not finished, NUL-terminated */
	size_t used;
};

/*
 * Begin at the first byte of this run's log. started: of the run, in seconds
 * since 1970; console.log.1 is taken for a part of it if written to later.
 * -ENOMEM.
 */
int follow_open(struct follow *, int dir, const regex_t *re, int64_t started);
void follow_close(struct follow *); /* zeroed is fine */

/*
 * Read on. 1: a line matches, or the last one as far as it is there; that is
 * the end of it. Lines come without their line end, and cut into pieces of
 * FOLLOW_LINE_MAX. 0: no, and all is read. -EAGAIN: no, and there is more to
 * read. on: go on to newer files; not, where these would be those of a later
 * run.
 */
int follow_read(struct follow *, bool on);

#endif
