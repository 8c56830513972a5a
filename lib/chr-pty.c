/* SPDX-License-Identifier: MIT */
/*
 * A pseudo-terminal as character back end: where it is, chr_where() says. The
 * slave stays open here, so that people may come and go without hang-ups; the
 * price is that nobody tells us whether one is there. Output that nobody reads
 * for half a second is therefore dropped, oldest first.
 */
#include "lib/chr-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

enum { PATIENCE_MS = 500, READER_MS = 250, STEP_MS = 2 };

struct pty {
	int master, out, slave; /* out: the master again, for epoll */
	bool timing, moved; /* the timer runs; something was read since */
};

static ssize_t
pty_read(struct chr *c, uint8_t *p, size_t n)
{
	ssize_t got = read(((const struct pty *)c->own)->master, p, n);

	return got < 0 ? -errno : got;
}

static ssize_t
pty_write(struct chr *c, const uint8_t *p, size_t n)
{
	struct pty *pty = c->own;
	ssize_t done = write(pty->out, p, n);

	if (done > 0)
		pty->moved = true;
	return done < 0 ? -errno : done;
}

static void
pty_hangup(struct chr *c)
{
	chr_set_gone(c, true);
}

static void
pty_stuck(struct chr *c)
{
	struct pty *p = c->own;

	if (p->timing)
		return;
	p->timing = true;
	p->moved = false;
	chr_set_timer(c, PATIENCE_MS);
}

static void
pty_timer(struct chr *c)
{
	struct pty *p = c->own;

	p->timing = false;
	if (p->moved)
		pty_stuck(c);
	else
		chr_set_stalled(c);
}

/*
 * What lies unread when the master closes is lost to its reader. So wait for
 * one that reads, but not for one that does not.
 */
static void
pty_drain(struct chr *c, int timeout_ms)
{
	const struct pty *p = c->own;
	struct timespec pause = {.tv_nsec = STEP_MS * 1000000};
	int unread = -1, before, idle = 0, empty = 0;

	for (int ms = 0; ms < timeout_ms; ms += STEP_MS) {
		before = unread;
		if (ioctl(p->slave, FIONREAD, &unread) < 0)
			return;
		/* Twice: what is written goes there through a queue. */
		empty = unread ? 0 : empty + 1;
		idle = unread == before ? idle + STEP_MS : 0;
		if (empty == 2 || idle >= READER_MS)
			return;
		nanosleep(&pause, NULL);
	}
}

static void
pty_free(struct chr *c)
{
	struct pty *p = c->own;

	if (!p)
		return;
	if (p->slave >= 0)
		close(p->slave);
	if (p->out >= 0)
		close(p->out);
	if (p->master >= 0)
		close(p->master);
	free(p);
}

static const struct chr_ops pty_ops = {
	.write = pty_write,
	.read = pty_read,
	.hangup = pty_hangup,
	.stuck = pty_stuck,
	.timer = pty_timer,
	.drain = pty_drain,
	.free = pty_free,
};

static int
open_pair(struct chr *c, struct pty *p)
{
	struct termios t;
	char path[64];

	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->master < 0 || grantpt(p->master) < 0 || unlockpt(p->master) < 0)
		return -errno;
	p->out = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	if (p->out < 0)
		return -errno;
	if (ptsname_r(p->master, path, sizeof(path)) != 0)
		return -errno;
	p->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave < 0 || tcgetattr(p->slave, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	if (tcsetattr(p->slave, TCSANOW, &t) < 0)
		return -errno;
	c->where = strdup(path);
	return c->where ? 0 : -ENOMEM;
}

int
chr_open_pty(struct chr **out, const char *spec, struct loop *loop)
{
	struct chr *c = chr_new(spec, &pty_ops, loop);
	struct pty *p = calloc(1, sizeof(*p));
	int err;

	if (!c || !p) {
		chr_free(c);
		free(p);
		return fail(-ENOMEM, "%s: cannot open", spec);
	}
	p->master = p->out = p->slave = -1;
	c->own = p;
	err = open_pair(c, p);
	if (err)
		fail(err, "%s: cannot open", spec);
	if (!err)
		err = chr_add_timer(c);
	if (!err)
		err = chr_watch(c, p->master, p->out);
	if (err) {
		chr_free(c);
		return err;
	}
	*out = c;
	return 0;
}
