/* SPDX-License-Identifier: MIT */
/*
 * Keys for a guest, one after the other, over its control socket; never waits
 * for it. What it does not take is kept, up to a bound.
 */
#ifndef BIN_TUI_TYPIST_H
#define BIN_TUI_TYPIST_H

#include <poll.h>
#include <stdbool.h>

#include "lib/keys.h"

struct typist;

/* Connected to the machine in that directory. -errno with a sentence. */
int typist_open(struct typist **, int dir);
void typist_close(struct typist *);
struct pollfd typist_fd(const struct typist *);
/* It is ready, or tick: some time has passed. -errno with a sentence: close it.
 * *said (NULL: nothing) is what the machine answered instead of taking a key,
 * until the next call. */
int typist_go(struct typist *, short revents, const char **said);
/* -EAGAIN with a sentence: too many wait already. */
int typist_key(struct typist *, const struct chord *);

#endif
