/* SPDX-License-Identifier: MIT */
/*
 * A listening unix socket as character back end, for one peer at a time; the
 * next ones wait in the backlog. It is mode 0600 from its first moment. A
 * stale socket in the way is replaced, a live one is not: a lock on the
 * directory makes "is anybody there, else take its place" one step. Paths go
 * through /proc/self/fd/DIR, since sun_path holds only 107 bytes.
 */
#include "lib/chr-impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"

enum { BACKLOG = 4, RETRY_MS = 1000, LOCK_TRIES = 50, LOCK_PAUSE_MS = 20 };

struct server {
	int dir;
	char *base; /* the socket's name in dir */
	dev_t dev; /* and what we made there */
	ino_t ino;
	struct watch listener;
	int peer, peer_out; /* the same socket; epoll wants two */
};

static ssize_t
peer_read(struct chr *c, uint8_t *p, size_t n)
{
	ssize_t got =
		recv(((const struct server *)c->own)->peer, p, n, MSG_DONTWAIT);

	return got < 0 ? -errno : got;
}

static ssize_t
peer_write(struct chr *c, const uint8_t *p, size_t n)
{
	const struct server *s = c->own;
	ssize_t done;

	if (s->peer_out < 0)
		return (ssize_t)n;
	done = send(s->peer_out, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return done < 0 ? -errno : done;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
peer_hangup(struct chr *c)
{
	struct server *s = c->own;

	chr_unwatch(c);
	close_fd(&s->peer);
	close_fd(&s->peer_out);
	loop_mod(c->loop, &s->listener, EPOLLIN);
	chr_set_gone(c, true);
}

/* It sends no more; it may still listen, and says so by not hanging up. */
static void
peer_in_end(struct chr *c)
{
	struct pollfd p = {.fd = ((const struct server *)c->own)->peer};

	if (poll(&p, 1, 0) > 0)
		peer_hangup(c);
	else
		loop_mod(c->loop, &c->input, EPOLLHUP);
}

static void
accept_ready(void *to, uint32_t events)
{
	struct chr *c = to;
	struct server *s = c->own;

	(void)events;
	s->peer = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->peer >= 0)
		s->peer_out = fcntl(s->peer, F_DUPFD_CLOEXEC, 3);
	if (s->peer_out >= 0 && chr_watch(c, s->peer, s->peer_out) == 0) {
		loop_mod(c->loop, &s->listener, 0);
		chr_set_gone(c, false);
		return;
	}
	if (s->peer < 0 && (errno == EAGAIN || errno == ECONNABORTED))
		return;
	/* No descriptors or memory: it stays ready, so look away a while. */
	close_fd(&s->peer);
	close_fd(&s->peer_out);
	loop_mod(c->loop, &s->listener, 0);
	chr_set_timer(c, RETRY_MS);
}

static void
retry(struct chr *c)
{
	struct server *s = c->own;

	if (s->peer < 0)
		loop_mod(c->loop, &s->listener, EPOLLIN);
}

static void
server_free(struct chr *c)
{
	struct server *s = c->own;
	struct stat st;

	if (!s)
		return;
	close_fd(&s->peer);
	close_fd(&s->peer_out);
	if (s->listener.fd >= 0) {
		loop_del(c->loop, &s->listener);
		if (s->ino &&
			fstatat(s->dir, s->base, &st, AT_SYMLINK_NOFOLLOW) ==
				0 &&
			st.st_ino == s->ino && st.st_dev == s->dev)
			unlinkat(s->dir, s->base, 0);
		close(s->listener.fd);
	}
	close_fd(&s->dir);
	free(s->base);
	free(s);
}

static const struct chr_ops unix_ops = {
	.write = peer_write,
	.read = peer_read,
	.in_end = peer_in_end,
	.hangup = peer_hangup,
	.timer = retry,
	.free = server_free,
};

/* Split path; opens its directory. */
static int
open_dir(struct server *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;

	s->base = strdup(slash ? slash + 1 : path);
	dir = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	if (s->base && dir)
		s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (s->dir < 0)
		return -errno;
	return *s->base ? 0 : -EISDIR;
}

static int
lock_dir(int dir)
{
	struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

/* Does anybody listen there? 0: no, and it may go; else why it may not. */
static int
check_stale(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = -EADDRINUSE;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
		errno != EAGAIN)
		err = errno == ECONNREFUSED ? 0 : -errno;
	close(fd);
	return err;
}

static int
replace_stale(const struct server *s, const struct sockaddr_un *addr)
{
	struct stat st;
	int err;

	if (fstatat(s->dir, s->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	err = check_stale(addr);
	if (err)
		return err;
	if (unlinkat(s->dir, s->base, 0) < 0)
		return -errno;
	if (bind(s->listener.fd, (const struct sockaddr *)addr, sizeof(*addr)) <
		0)
		return -errno;
	return 0;
}

/* With the directory locked: bind, listen, remember what was made. */
static int
bind_there(struct server *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = s->listener.fd, n, err = 0;
	struct stat st;

	n = snprintf(addr.sun_path, sizeof(addr.sun_path),
		"/proc/self/fd/%d/%s", s->dir, s->base);
	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		err = errno == EADDRINUSE ? replace_stale(s, &addr) : -errno;
	if (err)
		return err;
	if (fstatat(s->dir, s->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int
start(struct chr *c, struct server *s, const char *path)
{
	int err = open_dir(s, path);

	if (err)
		return err;
	s->listener = (struct watch){-1, EPOLLIN, accept_ready, c};
	s->listener.fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener.fd < 0)
		return -errno;
	/* The mode of the socket is what bind() gives to the file. */
	if (fchmod(s->listener.fd, 0600) < 0)
		return -errno;
	err = lock_dir(s->dir);
	if (err)
		return err;
	err = bind_there(s);
	flock(s->dir, LOCK_UN);
	if (err)
		return err;
	c->where = strdup(path);
	return c->where ? loop_add(c->loop, &s->listener) : -ENOMEM;
}

int
chr_open_unix(
	struct chr **out, const char *spec, const char *path, struct loop *loop)
{
	struct chr *c = chr_new(spec, &unix_ops, loop);
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!c || !s) {
		chr_free(c);
		free(s);
		return fail(-ENOMEM, "%s: cannot listen", path);
	}
	s->dir = s->peer = s->peer_out = s->listener.fd = -1;
	c->own = s;
	c->gone = true;
	err = start(c, s, path);
	if (err)
		fail(err, "%s: cannot listen", path);
	if (!err)
		err = chr_add_timer(c);
	if (err) {
		chr_free(c);
		return err;
	}
	*out = c;
	return 0;
}
