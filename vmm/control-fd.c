/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that come with a client's input (unix(7), SCM_RIGHTS): kept in
 * order until getfd gives the first one a name. What is too many is closed.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/control-int.h"

static void
keep(struct client *cl, const struct cmsghdr *h)
{
	size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t k = 0; k < n; k++) {
		int fd;

		memcpy(&fd, CMSG_DATA(h) + k * sizeof(fd), sizeof(fd));
		if (cl->givens < QMP_FDS)
			cl->given[cl->givens++] = fd;
		else
			close(fd);
	}
}

ssize_t
client_receive(struct client *cl, void *p, size_t n)
{
	union { /* of that alignment; the kernel closes what does not fit */
		char buf[CMSG_SPACE(QMP_FDS * sizeof(int))];
		struct cmsghdr h;
	} u;
	struct iovec v = {p, n};
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &u,
		.msg_controllen = sizeof(u),
	};
	ssize_t got = recvmsg(cl->w.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0)
		return got;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			keep(cl, h);
	return got;
}

static struct named_fd *
find(struct client *cl, const char *name)
{
	for (unsigned n = 0; n < QMP_FDS; n++)
		if (cl->named[n].fd >= 0 &&
			strcmp(cl->named[n].name, name) == 0)
			return &cl->named[n];
	return NULL;
}

static struct named_fd *
free_slot(struct client *cl)
{
	for (unsigned n = 0; n < QMP_FDS; n++)
		if (cl->named[n].fd < 0)
			return &cl->named[n];
	return NULL;
}

int
client_name_fd(struct client *cl, const char *name)
{
	struct named_fd *to = find(cl, name);
	int fd;

	if (!cl->givens)
		return failx(
			-EINVAL, "No file descriptor supplied via SCM_RIGHTS");
	fd = cl->given[0];
	memmove(cl->given, cl->given + 1, --cl->givens * sizeof(cl->given[0]));
	if (!*name || strlen(name) >= FD_NAME ||
		(*name >= '0' && *name <= '9')) {
		close(fd);
		return failx(-EINVAL,
			"Parameter 'fdname' expects a name not starting with a "
			"digit, of 63 bytes at most");
	}
	if (to)
		close(to->fd); /* the new one takes its place */
	else
		to = free_slot(cl);
	if (!to) {
		close(fd);
		return failx(-ENOSPC, "%u descriptors are kept already",
			(unsigned)QMP_FDS);
	}
	memcpy(to->name, name, strlen(name) + 1);
	to->fd = fd;
	return 0;
}

int
client_take_fd(struct client *cl, const char *name)
{
	struct named_fd *from = find(cl, name);
	int fd;

	if (!from)
		return failx(-ENOENT, "File descriptor named '%.63s' not found",
			name);
	fd = from->fd;
	from->fd = -1;
	return fd;
}

void
client_close_fds(struct client *cl)
{
	while (cl->givens)
		close(cl->given[--cl->givens]);
	for (unsigned n = 0; n < QMP_FDS; n++) {
		if (cl->named[n].fd >= 0)
			close(cl->named[n].fd);
		cl->named[n].fd = -1;
	}
}
