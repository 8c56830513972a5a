/* SPDX-License-Identifier: MIT */
/*
 * The terminal's parts among themselves: tty.c has the signals and the state,
 * tty-reset.c what puts a terminal right from anywhere.
 */
#ifndef BIN_TUI_TTY_H
#define BIN_TUI_TTY_H

#include <stdbool.h>
#include <termios.h>

/* Remember how the terminal is; before curses begins. -errno. */
int tty_reset_save(int fd);
/* Note what will have to be written, for the size that it has now. */
void tty_reset_prepare(bool mouse);
/* Put it right without curses: async-signal-safe, never waits long. Does
 * nothing before _save() or after _forget(). */
void tty_reset_now(void);
void tty_reset_forget(void);

#endif
