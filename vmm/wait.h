/* SPDX-License-Identifier: MIT */
/*
 * Waiting for machines: until they are in a state, or until a line appears on
 * their console, or a picture on their screen. The kernel tells when to look
 * (inotify); in case it does not, they are looked at every second as well, and
 * screens, of which it tells nothing, ten times a second. None is contacted, so
 * a hung one makes nobody wait longer than he wants.
 */
#ifndef VMM_WAIT_H
#define VMM_WAIT_H

#include <regex.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/home.h"
#include "vmm/wait-screen.h"

struct wait_want {
	const char *name;
	/*
	 * A bit (1 << enum home_state) for each state that will do. With
	 * HOME_STOPPED among them, any end of the machine decides; else the
	 * end of one that was seen to run does, and one that does not run is
	 * waited for.
	 */
	unsigned states;
	/* Instead of states: an extended regular expression, REG_NOSUB. It is
	 * sought in the log from this run's beginning; in the last run's, if
	 * the machine does not run. */
	const regex_t *console;
	/* Instead of both: a picture. It is sought on the screen of this run,
	 * as it is when looked at; on the last one that there was, if the
	 * machine does not run. */
	const struct wait_picture *screen;
	/* Out: 0, it came; -ETIMEDOUT; -ECANCELED, it ended or went before. */
	int result;
	char why[256]; /* a sentence for results but 0 */
};

/* "running,paused" to states. -EINVAL with a sentence. */
int wait_states(const char *list, unsigned *states);

/*
 * Wait for all of them, each until its result is known; timeout_ns -1: for
 * ever. 0: all results are filled in. Else, without waiting, what prevents it:
 * -ENOENT: there is no such machine.
 */
int wait_for(struct home *, struct wait_want *v, size_t n, int64_t timeout_ns);

#endif
