/* SPDX-License-Identifier: MIT */
/*
 * Terminal modes by termios(3). A process in the background must not touch the
 * terminal of the one in front: the shell has restored it already.
 */
#include "lib/term.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/err.h"

static bool
in_front(int fd)
{
	pid_t front = tcgetpgrp(fd);

	return front < 0 || front == getpgrp(); /* < 0: not our session's */
}

/*
 * SIGTTOU is blocked, since a race with the shell could make us a background
 * process just now, and its default is to stop.
 */
static int
set(int fd, const struct termios *t)
{
	sigset_t ttou, old;
	int err = 0;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	while (tcsetattr(fd, TCSANOW, t) < 0) {
		if (errno == EINTR)
			continue;
		err = -errno;
		break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

int
term_raw(struct term *t, int fd)
{
	tcflag_t output;

	t->changed = 0;
	t->fd = fd;
	if (tcgetattr(fd, &t->saved) < 0)
		return fail(-errno, "terminal: cannot use");
	t->raw = t->saved;
	output = t->raw.c_oflag;
	cfmakeraw(&t->raw);
	t->raw.c_oflag = output; /* or our own messages would climb stairs */
	t->raw.c_cc[VMIN] = 1;
	t->raw.c_cc[VTIME] = 0;
	t->changed = 1; /* first: a signal in between must restore */
	while (tcsetattr(fd, TCSANOW, &t->raw) < 0) {
		if (errno == EINTR) /* in the background we were stopped */
			continue;
		t->changed = 0;
		return fail(-errno, "terminal: cannot make raw");
	}
	return 0;
}

void
term_again(struct term *t)
{
	if (t->changed && in_front(t->fd))
		set(t->fd, &t->raw);
}

void
term_restore(struct term *t)
{
	int saved = errno;

	if (t->changed && in_front(t->fd))
		set(t->fd, &t->saved);
	t->changed = 0;
	errno = saved;
}

int
term_size(int fd, unsigned *columns, unsigned *rows)
{
	struct winsize w = {0};
	int err = ioctl(fd, TIOCGWINSZ, &w) < 0 ? -errno : 0;

	*columns = w.ws_col ? w.ws_col : 80;
	*rows = w.ws_row ? w.ws_row : 24;
	return err;
}
