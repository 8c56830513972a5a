/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets in a directory: unix(7). A connect() to a listener whose backlog
 * is full does not wait when non-blocking: it is tried again until the
 * deadline.
 */
#include "lib/sock.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

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

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
sock_connect(int dir, const char *name, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
	struct sockaddr_un a;
	int fd, r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	address(&a, dir, name);
	while (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		r = -errno;
		if (r == -EAGAIN && now_ms() < end) {
			nanosleep(&pause, NULL);
			continue;
		}
		close(fd);
		return r == -EAGAIN ? -ETIMEDOUT : r;
	}
	return fd;
}
