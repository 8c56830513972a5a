/* SPDX-License-Identifier: MIT */
/*
 * vm-ctl NAME dump: a regular file is handed to the VM process, which writes it
 * with holes. Everything else (a pipe, a device) may keep who writes there
 * waiting, and that is for us to do: the VM process gets one end of a socket,
 * and a thread carries what comes out of the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/ctl/ctl.h"
#include "bin/tool-unfinished.h"
#include "bin/tool.h"
#include "lib/err.h"

enum { ANSWER_MS = 5000 };

struct relay {
	int from, to;
	int err; /* of writing; 0 */
};

static int
write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static void *
carry(void *to)
{
	struct relay *r = to;
	static char buf[64 << 10];
	ssize_t n;

	while ((n = read(r->from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		r->err = write_all(r->to, buf, (size_t)n);
		if (r->err) {
			shutdown(r->from, SHUT_RDWR);
			break;
		}
	}
	return NULL;
}

static int
write_core(const struct ctl *c, struct qmp *q, int fd)
{
	int r = qmp_give_fd(q, "core", fd, ctl_patience(c, ANSWER_MS));

	if (!r)
		r = qmp_call(q, "dump-guest-memory",
			json_pack("{s:b, s:s}", "paging", 0, "protocol",
				"fd:core"),
			NULL, ctl_patience(c, -1));
	return r;
}

static int
relay_core(const struct ctl *c, struct qmp *q, int out)
{
	struct relay relay = {.to = out};
	int s[2], r, e;
	pthread_t id;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		return fail(-errno, "dump: socket");
	relay.from = s[0];
	e = pthread_create(&id, NULL, carry, &relay);
	r = e ? fail(-e, "dump: thread") : write_core(c, q, s[1]);
	close(s[1]);
	if (r && !e)
		pthread_cancel(id); /* where it writes, nobody may read */
	if (!e)
		pthread_join(id, NULL);
	close(s[0]);
	if (relay.err)
		r = fail(relay.err, "%s: cannot write",
			c->arg && strcmp(c->arg, "-") ? c->arg : "stdout");
	return r;
}

static int
to_descriptor(const struct ctl *c, struct qmp *q, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return write_core(c, q, fd);
	return relay_core(c, q, fd);
}

/* Its owner's alone, also where there was one that others could read: it has
 * all of the guest's secrets. */
static int
open_file(const char *path, bool *made)
{
	const int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
	int fd = open(path, flags | O_EXCL, 0600);
	struct stat st;

	*made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, flags | O_TRUNC, 0600);
	if (fd < 0)
		return fail(-errno, "%s: cannot open", path);
	if (!*made && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		fchmod(fd, 0600) < 0) {
		int r = fail(-errno, "%s: cannot make it private", path);

		close(fd);
		return r;
	}
	return fd;
}

static int
to_file(const struct ctl *c, struct qmp *q)
{
	bool made;
	int fd = open_file(c->arg, &made), r;

	if (fd < 0)
		return fd;
	tool_unfinished(made ? c->arg : NULL);
	r = to_descriptor(c, q, fd);
	if (close(fd) < 0 && !r)
		r = fail(-errno, "%s: cannot write", c->arg);
	if (r && made)
		unlink(c->arg);
	tool_unfinished(NULL);
	return r;
}

int
ctl_dump(const struct ctl *c)
{
	bool out = !c->arg || strcmp(c->arg, "-") == 0;
	struct qmp *q;
	int r;

	if (out && isatty(1)) {
		failx(-EINVAL, "stdout is a terminal; give dump a file");
		return tool_fail();
	}
	r = ctl_open(c, &q);
	if (r)
		return r;
	r = out ? to_descriptor(c, q, 1) : to_file(c, q);
	qmp_close(q);
	return r ? tool_fail() : 0;
}
