/* SPDX-License-Identifier: MIT */
/*
 * A terminal in raw mode, so that every key reaches the guest, and back again
 * whatever happens: term_restore() may be called from a signal handler.
 */
#ifndef LIB_TERM_H
#define LIB_TERM_H

#include <signal.h>
#include <termios.h>

struct term {
	int fd;
	struct termios saved, raw;
	volatile sig_atomic_t changed; /* saved is to be put back */
};

/*
 * Save the modes of fd and make it raw: no echo, no signals from keys, bytes
 * as they come; output processing stays. -ENOTTY if it is no terminal.
 */
int term_raw(struct term *, int fd);
/* Raw again: after SIGCONT, when the shell has changed the modes. */
void term_again(struct term *);
/* Put back what was saved. Async-signal-safe; harmless when nothing was. */
void term_restore(struct term *);

/* The window's size in characters; -errno and 80x24 if it has none. */
int term_size(int fd, unsigned *columns, unsigned *rows);

#endif
