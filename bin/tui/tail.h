/* SPDX-License-Identifier: MIT */
/*
 * The last lines of a machine's console log as plain text: what would move a
 * terminal's cursor or colour it is left out.
 */
#ifndef BIN_TUI_TAIL_H
#define BIN_TUI_TAIL_H

struct tail { /* zeroed is fine */
	char *text;
	char **line;
	unsigned n;
};

/* At most so many lines; what cannot be read has none. Never waits. */
void tail_read(struct tail *, int dir, unsigned lines);
void tail_free(struct tail *);

#endif
