/* SPDX-License-Identifier: MIT */
/*
 * A machine's directory as a pane sees it: it may be gone, and come back as
 * another one of the same name.
 */
#ifndef BIN_TUI_PLACE_H
#define BIN_TUI_PLACE_H

#include <stdbool.h>

#include "lib/home.h"

struct place { /* zeroed, and name set, before the first look */
	char name[64];
	struct home *home;
	struct home_vm *vm; /* NULL: there is none */
	struct home_look look; /* if there is one */
};

/* Look again. True: the directory is not the one of before. */
bool place_look(struct place *);
int place_dir(const struct place *); /* -1: none */
bool place_lives(const struct place *); /* it has a process */
void place_close(struct place *);

/* Milliseconds, for deadlines; never goes back. */
int64_t pane_now(void);
/* From now until then, for pane_ops.next(). */
int pane_until(int64_t when);

#endif
