/* SPDX-License-Identifier: MIT */
/*
 * Looking at a machine's screen again and again: does it show what is waited
 * for? It costs the machine nothing: its framebuffer file is read.
 */
#ifndef VMM_WAIT_SCREEN_H
#define VMM_WAIT_SCREEN_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

enum { WAIT_SCREEN_MS = 100 }; /* how often one should look */

struct wait_picture { /* one of these is wanted */
	/* An extended regular expression, REG_NOSUB, that a row of its text
	 * matches, or all of its text, of which rows end in newlines. */
	const regex_t *text;
	bool by_hash;
	uint64_t hash; /* fb_hash() */
	int64_t still; /* ns without a change; with no other */
};

struct wait_screen;

/* dir: the machine's. The screen is that of its run, or the last one. 0;
 * -ENOENT: it has none; else -errno with a sentence. */
int wait_screen_open(
	struct wait_screen **, int dir, const struct wait_picture *want);
void wait_screen_close(struct wait_screen *); /* NULL is fine */
/* now: ns of a clock that is never set; runs: else it can be no longer still.
 * 1: that is it; 0: not yet; -errno with a sentence. */
int wait_screen_look(struct wait_screen *, int64_t now, bool runs);

#endif
