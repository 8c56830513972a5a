/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets in a directory: unix(7). A connect() to a listener whose backlog
 * is full does not wait when non-blocking: it is tried again until the
 * deadline.
 */
#include "lib/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/err.h"

enum { BACKLOG = 128, RETRY_MS = 5 };

static void
address(struct sockaddr_un *a, int dir, const char *name)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", dir,
		name);
}

int
sock_listen(int dir, const char *name, const char *what)
{
	struct sockaddr_un a;
	int fd, r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, "%s: socket", what);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT) {
		r = fail(-errno, "%s: cannot remove the old %s", what, name);
		close(fd);
		return r;
	}
	address(&a, dir, name);
	/* Before bind(): the file takes the socket's mode, less the umask. */
	if (fchmod(fd, 0600) < 0 ||
		bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(fd, BACKLOG) < 0) {
		r = fail(-errno, "%s: cannot listen at %s", what, name);
		close(fd);
		return r;
	}
	return fd;
}

/* To what path is. A link is no socket, whatever it leads to: who may write to
 * the directory cannot have us talk to others. */
static int
connect_path(int fd, int path, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;

	if (fstat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ECONNREFUSED;
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d", path);
	while (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		if (errno != EAGAIN)
			return -errno;
		if (now_ms() >= end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int
sock_connect(int dir, const char *name, int timeout_ms)
{
	int fd, path, r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	path = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = path < 0 ? -errno : connect_path(fd, path, timeout_ms);
	if (path >= 0)
		close(path);
	if (!r)
		return fd;
	close(fd);
	return r;
}
