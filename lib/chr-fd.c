/* SPDX-License-Identifier: MIT */
/*
 * Character back ends over descriptors: the inherited ones (stdio) and a file.
 *
 * O_NONBLOCK belongs to the open file description, which an inherited
 * descriptor shares with the shell and whoever else: setting it there breaks
 * them. So pipes and terminals are opened once more through /proc/self/fd,
 * which makes a description of our own; where that is refused (another user's
 * terminal), each access asks poll(2) first and is small enough not to wait.
 * Regular files and null devices never wait; sockets have MSG_DONTWAIT.
 */
#include "lib/chr-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

struct side {
	int fd; /* -1: there is none */
	bool ours; /* ours to close, and non-blocking */
	bool socket, tty;
	bool direct; /* never waits, or our own */
	size_t max; /* what a write after poll() may safely hold */
};

struct fds {
	struct side in, out;
	bool raises; /* a broken pipe would raise SIGPIPE */
};

static bool
ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 0) > 0;
}

static ssize_t
result(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static ssize_t
fds_read(struct chr *c, uint8_t *p, size_t n)
{
	const struct side *in = &((const struct fds *)c->own)->in;

	if (in->socket)
		return result(recv(in->fd, p, n, MSG_DONTWAIT));
	if (!in->direct && !ready(in->fd, POLLIN))
		return -EAGAIN;
	return result(read(in->fd, p, n));
}

/*
 * write() that fails with EPIPE but raises nothing. The signal is sent to this
 * very thread, so it can be taken back here; one that was pending before stays.
 */
static ssize_t
write_unraised(int fd, const void *p, size_t n)
{
	sigset_t pipe, old, pending;
	struct timespec none = {0};
	ssize_t done;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe, &old);
	done = result(write(fd, p, n));
	if (done == -EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe, NULL, &none) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return done;
}

static ssize_t
fds_write(struct chr *c, const uint8_t *p, size_t n)
{
	const struct fds *f = c->own;
	const struct side *out = &f->out;
	ssize_t done;

	if (out->fd < 0)
		return (ssize_t)n;
	if (out->socket)
		return result(send(out->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL));
	if (!out->direct) {
		if (!ready(out->fd, POLLOUT))
			return -EAGAIN;
		n = n < out->max ? n : out->max;
	}
	if (f->raises)
		done = write_unraised(out->fd, p, n);
	else
		done = result(write(out->fd, p, n));
	return done == -EIO && out->tty ? -EPIPE : done; /* it hung up */
}

static void
fds_hangup(struct chr *c)
{
	struct fds *f = c->own;

	if (c->output.fd >= 0) {
		loop_del(c->loop, &c->output);
		c->output.fd = -1;
	}
	if (f->out.ours)
		close(f->out.fd);
	f->out = (struct side){.fd = -1};
	chr_set_gone(c, true);
}

static void
fds_free(struct chr *c)
{
	struct fds *f = c->own;

	if (f && f->in.ours)
		close(f->in.fd);
	if (f && f->out.ours)
		close(f->out.fd);
	free(f);
}

static const struct chr_ops fds_ops = {
	.write = fds_write,
	.read = fds_read,
	.hangup = fds_hangup,
	.free = fds_free,
};

/* A description of our own for what fd is, or -1. */
static int
reopen(int fd, int flags)
{
	char path[32];
	unsigned n;

	/* Opening a terminal's master makes another terminal. */
	if (ioctl(fd, TIOCGPTN, &n) == 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Find out how to use fd without ever waiting. */
static void
side_init(struct side *s, int fd, int flags)
{
	struct stat st;
	int own = -1;

	*s = (struct side){.fd = fd, .max = PIPE_BUF};
	if (fd < 0 || fstat(fd, &st) < 0) {
		s->fd = -1;
		return;
	}
	s->socket = S_ISSOCK(st.st_mode);
	s->direct = S_ISREG(st.st_mode);
	s->tty = isatty(fd);
	if (s->tty)
		s->max = 1;
	if (s->tty || S_ISFIFO(st.st_mode))
		own = reopen(fd, flags);
	if (own >= 0) {
		s->fd = own;
		s->ours = s->direct = true;
	}
}

static bool
sigpipe_raises(void)
{
	struct sigaction sa;

	return sigaction(SIGPIPE, NULL, &sa) < 0 || sa.sa_handler != SIG_IGN;
}

static int
new_fds(struct chr **out, const char *spec, struct loop *loop)
{
	struct chr *c = chr_new(spec, &fds_ops, loop);
	struct fds *f = calloc(1, sizeof(*f));

	if (!c || !f) {
		chr_free(c);
		free(f);
		return fail(-ENOMEM, "%s: cannot open", spec);
	}
	f->in.fd = f->out.fd = -1;
	f->raises = sigpipe_raises();
	c->own = f;
	*out = c;
	return 0;
}

static int
finish(struct chr **out, struct chr *c)
{
	struct fds *f = c->own;
	int err;

	/* A socket that is both: epoll wants two descriptors. */
	if (f->out.fd >= 0 && f->out.fd == f->in.fd) {
		f->out.fd = fcntl(f->out.fd, F_DUPFD_CLOEXEC, 3);
		if (f->out.fd < 0) {
			err = fail(-errno, "%s: cannot open", c->name);
			chr_free(c);
			return err;
		}
		f->out.ours = true;
	}
	err = chr_watch(c, f->in.fd, f->out.fd);
	if (err) {
		chr_free(c);
		return err;
	}
	*out = c;
	return 0;
}

int
chr_open_fds(struct chr **made, int in, int out, struct loop *loop)
{
	struct chr *c;
	struct fds *f;
	int err = new_fds(&c, "stdio", loop);

	if (err)
		return err;
	f = c->own;
	side_init(&f->in, in, O_RDONLY);
	side_init(&f->out, out, O_WRONLY);
	c->keep_reading = f->in.tty;
	return finish(made, c);
}

int
chr_open_file(
	struct chr **out, const char *spec, const char *path, struct loop *loop)
{
	int how = *path == '+' ? O_APPEND : O_TRUNC, err;
	struct chr *c;
	struct fds *f;

	if (how == O_APPEND)
		path++;
	err = new_fds(&c, spec, loop);
	if (err)
		return err;
	f = c->own;
	f->out.fd = open(path,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | how,
		0666);
	if (f->out.fd < 0) {
		err = fail(-errno, "%s: cannot open", path);
		chr_free(c);
		return err;
	}
	f->out.ours = f->out.direct = true;
	return finish(out, c);
}
