/* SPDX-License-Identifier: MIT */
/*
 * Putting the terminal right when there is no time for curses: the bytes that
 * endwin() would write are kept ready, and so are the modes of before.
 */
#include "bin/tui/tty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

enum { PATIENCE_MS = 200 }; /* with a terminal that takes nothing */

static struct {
	volatile sig_atomic_t saved;
	int fd;
	struct termios modes;
	volatile sig_atomic_t size; /* 0 while text changes */
	char text[512];
} reset;

int
tty_reset_save(int fd)
{
	if (tcgetattr(fd, &reset.modes) < 0)
		return -errno;
	reset.fd = fd;
	reset.size = 0;
	reset.saved = 1;
	return 0;
}

void
tty_reset_forget(void)
{
	reset.saved = 0;
}

/* A capability's text without its padding, $<5/>, which no terminal of today
 * needs. */
static size_t
add(size_t at, const char *text)
{
	if (!text || text == (const char *)-1)
		return at;
	while (*text && at < sizeof(reset.text)) {
		const char *end =
			strncmp(text, "$<", 2) ? NULL : strchr(text, '>');

		if (end)
			text = end + 1;
		else
			reset.text[at++] = *text++;
	}
	return at;
}

void
tty_reset_prepare(bool mouse)
{
	size_t n = 0;

	reset.size = 0;
	if (mouse)
		n = add(n, "\033[?1006l\033[?1002l\033[?1000l");
	n = add(n, exit_attribute_mode);
	n = add(n, orig_pair);
	n = add(n, exit_alt_charset_mode);
	n = add(n, keypad_local);
	n = add(n, cursor_normal);
	if (cursor_address)
		n = add(n, tiparm(cursor_address, LINES - 1, 0));
	n = add(n, exit_ca_mode);
	reset.size = (sig_atomic_t)n;
}

void
tty_reset_now(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
	size_t at = 0, n = (size_t)reset.size;

	if (!reset.saved)
		return;
	reset.saved = 0;
	while (at < n && poll(&p, 1, PATIENCE_MS) > 0) {
		ssize_t done = write(STDOUT_FILENO, reset.text + at, n - at);

		if (done < 0 && errno != EINTR)
			break;
		at += done > 0 ? (size_t)done : 0;
	}
	tcsetattr(reset.fd, TCSANOW, &reset.modes);
}
