/* SPDX-License-Identifier: MIT */
/*
 * What the machine is told: connecting, passing input on, and what it means
 * that the other side hangs up.
 */
#include "bin/console/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/console.h"
#include "lib/err.h"
#include "lib/sock.h"

/* How long a machine that runs may be without a socket, or one that has hung up
 * may answer; how often to look where nobody tells. */
#define PATIENCE (5 * NS_PER_S)
#define PARTING NS_PER_S
#define SOON (5 * NS_PER_MS)
#define OFTEN (50 * NS_PER_MS)
#define SELDOM NS_PER_S
enum { CONNECT_MS = 2000 };

/* Has the machine's process taken all that was sent? */
static bool
delivered(const struct session *s)
{
	struct pollfd p = {.fd = s->socket.fd};
	int queued = 0;

	if (s->socket.fd < 0)
		return true;
	if (s->in_used || ioctl(s->socket.fd, SIOCOUTQ, &queued) < 0 || queued)
		return false;
	/* Nor is it that it was thrown away; this order sees that. */
	return poll(&p, 1, 0) == 0;
}

void
session_leave_when_done(struct session *s)
{
	if (s->stage != STAGE_ATTACHED || !s->want->once ||
		session_input_waits(s))
		return;
	s->unheard = !delivered(s);
	if (s->unheard) {
		session_look_in(s, SOON); /* nobody tells */
		return;
	}
	session_enter(s, STAGE_LEAVING);
	s->left = console_follow_left(&s->log);
	session_show(s);
}

void
session_send(struct session *s)
{
	ssize_t n = 0;

	while (s->in_used && n >= 0) {
		n = send(s->socket.fd, s->in + s->in_at, s->in_used,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		s->in_at += n > 0 ? (size_t)n : 0;
		s->in_used -= n > 0 ? (size_t)n : 0;
	}
	/* Whatever went wrong: the hang-up will tell. */
	loop_mod(s->loop, &s->socket,
		s->in_used && errno == EAGAIN ? EPOLLOUT : EPOLLHUP);
	if (!s->in_used)
		chr_poke(s->stdio);
	session_leave_when_done(s);
}

static bool
is_same_socket(const struct session *s)
{
	struct stat st;

	return fstatat(s->dir, CONSOLE_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ino == s->inode;
}

/* Somebody answers there all the same: we are too many, or it is just going. */
static bool
answers(const struct session *s)
{
	int fd;

	if (!is_same_socket(s) || home_held(s->vm) == 0)
		return false;
	fd = sock_connect(s->dir, CONSOLE_SOCKET, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -ETIMEDOUT;
}

static void
parted(struct session *s)
{
	if (!answers(s)) {
		session_enter(s, STAGE_ENDED);
	} else if (clock_now(s->clock) - s->since < PARTING) {
		session_look_in(s, OFTEN);
	} else if (s->want->no_input) {
		session_enter(s, STAGE_ATTACHED); /* the lock tells as well */
		session_look_in(s, SELDOM);
	} else {
		failx(-EBUSY, "%s: too many consoles are attached", s->name);
		session_fail(s);
	}
}

/* Did it go without reading all that was sent? Then the error says so. */
static bool
unread(const struct session *s)
{
	socklen_t n = sizeof(int);
	int err = 0;

	getsockopt(s->socket.fd, SOL_SOCKET, SO_ERROR, &err, &n);
	return s->in_used || err == ECONNRESET;
}

static void
hung_up(struct session *s)
{
	s->unheard = s->want->once && unread(s);
	loop_del(s->loop, &s->socket);
	close(s->socket.fd);
	s->socket.fd = -1;
	s->in_used = 0;
	session_enter(s, STAGE_PARTED);
	session_look_in(s, 0);
}

static void
socket_ready(void *to, uint32_t events)
{
	struct session *s = to;

	if (events & (EPOLLHUP | EPOLLERR))
		hung_up(s);
	else if (events & EPOLLOUT)
		session_send(s);
}

/* --- attaching --- */

static void
tell_attached(const struct session *s)
{
	int key = s->want->escape;

	if (!s->want->tell)
		return;
	if (s->want->no_input || !isatty(STDIN_FILENO))
		tool_say("%s: connected", s->name);
	else if (key == NO_ESCAPE)
		tool_say("%s: connected; no key leaves", s->name);
	else if (key < ' ' || key == 0x7f)
		tool_say("%s: connected; Ctrl-%c leaves", s->name, key ^ 0x40);
	else
		tool_say("%s: connected; %c leaves", s->name, key);
}

static int
connect_socket(struct session *s)
{
	struct stat st = {0};
	int fd;

	if (fstatat(s->dir, CONSOLE_SOCKET, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	fd = sock_connect(s->dir, CONSOLE_SOCKET, CONNECT_MS);
	if (fd < 0)
		return fd;
	shutdown(fd, SHUT_RD);
	s->inode = st.st_ino;
	s->socket = (struct watch){fd, EPOLLHUP, socket_ready, s};
	return loop_add(s->loop, &s->socket);
}

/* It runs, but where is its socket? */
static int
without_socket(struct session *s, int why)
{
	if (why == -EACCES || why == -EPERM)
		return fail(why, "%s: cannot connect", s->name);
	if (clock_now(s->clock) - s->since < PATIENCE) {
		session_look_in(s, OFTEN);
		return 0;
	}
	if (why == -ETIMEDOUT)
		return failx(why, "%s: does not answer", s->name);
	if (!s->want->no_input)
		return failx(why, "%s: its console takes no input", s->name);
	session_enter(s, STAGE_ATTACHED);
	session_look_in(s, SELDOM);
	return session_read_log(s);
}

static int
stopped(struct session *s)
{
	if (s->want->wait) {
		s->waited = true;
		s->since = clock_now(s->clock); /* patience begins with it */
		session_look_in(s, s->notify.fd < 0 ? OFTEN : SELDOM);
		return 0;
	}
	if (s->want->tell)
		tool_say("%s: not running", s->name);
	session_enter(s, STAGE_STOPPED);
	chr_poke(s->stdio);
	return session_read_log(s);
}

static int
attach(struct session *s)
{
	int err = connect_socket(s), held;

	if (err) {
		held = home_held(s->vm);
		if (held < 0)
			return held;
		return held ? without_socket(s, err) : stopped(s);
	}
	session_enter(s, STAGE_ATTACHED);
	err = session_read_log(s);
	if (err)
		return err;
	tell_attached(s);
	chr_poke(s->stdio);
	session_leave_when_done(s);
	return 0;
}

/* Something has changed, or may have. */
void
session_look(struct session *s)
{
	if (s->stage == STAGE_WAITING && attach(s) < 0) {
		session_fail(s);
		return;
	}
	if (s->stage == STAGE_PARTED) {
		parted(s);
	} else if (s->stage == STAGE_ATTACHED && s->socket.fd < 0) {
		if (home_held(s->vm) == 0)
			session_enter(s, STAGE_ENDED);
		session_look_in(s, SELDOM);
	}
	if (s->notify.fd < 0)
		session_look_in(s, OFTEN);
	if (!s->out_used)
		session_show(s);
	session_leave_when_done(s);
}
