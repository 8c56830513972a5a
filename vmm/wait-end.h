/* SPDX-License-Identifier: MIT */
/*
 * How a run ended, by the machine's events.jsonl.
 */
#ifndef VMM_WAIT_END_H
#define VMM_WAIT_END_H

#include <sys/types.h>

#include "lib/home.h"

struct wait_end {
	enum home_state state; /* HOME_STOPPED, _CRASHED or _ERROR */
	int exit;
	char cause[160];
};

/* Where in the file to look for the end of this process's run: from its START
 * on, or from the file's present end if that is not found. */
off_t wait_end_begin(int fd, pid_t pid);
/* The first SHUTDOWN from byte `from` on. -ENOENT: there is none. */
int wait_end(int fd, off_t from, struct wait_end *);

#endif
