/* SPDX-License-Identifier: MIT */
/*
 * The control protocol's client. What the server says is not trusted either: a
 * value's size and depth are bounded, and so is what is kept of events.
 */
// LDLIBS: -ljansson
#include "lib/qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/sock.h"

enum { EVENTS_MAX = 256, RETRY_MS = 10 };

struct qmp {
	int fd;
	char name[80];
	struct qmp_split in;
	char raw[4096]; /* what was read, from at on */
	const char *at;
	size_t left;
	json_t *events; /* that came while a reply was awaited */
	json_int_t id;
};

static int
left_until(int64_t end)
{
	int64_t left;

	if (end == INT64_MAX)
		return -1;
	left = end - now_ms();
	return left < 0 ? 0 : (int)left;
}

/* ---- bytes ---- */

/* Until the socket is ready; an error of it shows at the next call. */
static int
wait_for(struct qmp *q, short what, int64_t end)
{
	struct pollfd p = {.fd = q->fd, .events = what};
	int n;

	do
		n = poll(&p, 1, left_until(end));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(-errno, "%s: control socket", q->name);
	return n ? 0 : failx(-ETIMEDOUT, "%s: does not answer", q->name);
}

static int
gone(struct qmp *q)
{
	return failx(-EPIPE, "%s: closed the connection", q->name);
}

static int
fill(struct qmp *q, int64_t end)
{
	ssize_t n;
	int r;

	for (;;) {
		n = recv(q->fd, q->raw, sizeof(q->raw), MSG_DONTWAIT);
		if (n > 0)
			break;
		if (n == 0 || errno == ECONNRESET)
			return gone(q);
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return fail(-errno, "%s: control socket", q->name);
		r = wait_for(q, POLLIN, end);
		if (r)
			return r;
	}
	q->at = q->raw;
	q->left = (size_t)n;
	return 0;
}

/* fd >= 0 goes along with the first byte. */
static ssize_t
send_some(struct qmp *q, const char *p, size_t n, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr h;
	} u = {.buf = {0}};
	struct iovec v = {(char *)p, n};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = &u;
		m.msg_controllen = sizeof(u);
		u.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	}
	return sendmsg(q->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int
send_all(struct qmp *q, const char *p, size_t n, int fd, int64_t end)
{
	while (n) {
		ssize_t done = send_some(q, p, n, fd);
		int r;

		if (done >= 0) {
			p += done;
			n -= (size_t)done;
			fd = -1;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return gone(q);
		if (errno != EAGAIN)
			return fail(-errno, "%s: control socket", q->name);
		r = wait_for(q, POLLOUT, end);
		if (r)
			return r;
	}
	return 0;
}

/* ---- values ---- */

static int
nonsense(struct qmp *q)
{
	return failx(-EPROTO, "%s: what it answers is no QMP", q->name);
}

static int
receive(struct qmp *q, json_t **out, int64_t end)
{
	int r;

	while ((r = qmp_split(&q->in, &q->at, &q->left)) == 0) {
		if (q->in.bad)
			return nonsense(q); /* and it may have no end */
		r = fill(q, end);
		if (r)
			return r;
	}
	if (r < 0)
		return nonsense(q);
	*out = json_loadb(q->in.buf, q->in.used, 0, NULL);
	return *out ? 0 : nonsense(q);
}

/* Between values: a server that never falls silent is not heard out. */
static int
patience(struct qmp *q, int64_t end)
{
	return left_until(end)
		       ? 0
		       : failx(-ETIMEDOUT, "%s: does not answer", q->name);
}

static void
keep_event(struct qmp *q, json_t *v)
{
	if (json_array_size(q->events) == EVENTS_MAX)
		json_array_remove(q->events, 0);
	json_array_append_new(q->events, v);
}

/* The next thing that is no event; id 0: whatever it answers. */
static int
reply(struct qmp *q, json_int_t id, json_t **out, int64_t end)
{
	json_t *v, *its;
	int r;

	for (;;) {
		r = receive(q, &v, end);
		if (r)
			return r;
		its = json_object_get(v, "id");
		if (json_object_get(v, "event"))
			keep_event(q, v);
		else if (id && json_is_integer(its) &&
			 json_integer_value(its) != id)
			json_decref(v); /* of a call that was given up */
		else
			break;
		r = patience(q, end);
		if (r)
			return r;
	}
	*out = v;
	return 0;
}

static int
talk(struct qmp *q, json_t *command, int fd, json_t **out, int64_t end)
{
	json_int_t id = ++q->id;
	char *text;
	int r;

	if (!command)
		return fail(-ENOMEM, "%s: control", q->name);
	json_object_set_new(command, "id", json_integer(id));
	text = json_dumps(command, JSON_COMPACT);
	json_decref(command);
	if (!text)
		return fail(-ENOMEM, "%s: control", q->name);
	r = send_all(q, text, strlen(text), fd, end);
	if (!r)
		r = send_all(q, "\n", 1, -1, end);
	free(text);
	return r ? r : reply(q, id, out, end);
}

/* The answer's return, or its error as ours. v is consumed. */
static int
result(struct qmp *q, json_t *v, json_t **ret)
{
	json_t *error = json_object_get(v, "error"), *its;
	const char *desc;
	int r = 0;

	its = json_object_get(v, "return");
	if (error) {
		desc = json_string_value(json_object_get(error, "desc"));
		r = failx(-EREMOTEIO, "%s: %s", q->name,
			desc ? desc : "the command failed");
	} else if (!its) {
		r = nonsense(q);
	} else if (ret) {
		*ret = json_incref(its);
	}
	json_decref(v);
	return r;
}

static int
execute(struct qmp *q, const char *command, json_t *args, int fd, json_t **ret,
	int timeout_ms)
{
	json_t *v = json_pack("{s:s}", "execute", command);
	int r;

	if (v && args)
		json_object_set_new(v, "arguments", args);
	else
		json_decref(args);
	r = talk(q, v, fd, &v, deadline_ms(timeout_ms));
	return r ? r : result(q, v, ret);
}

/* ---- the connection ---- */

static int
negotiate(struct qmp *q, int64_t end)
{
	json_t *v;
	int r = receive(q, &v, end);

	if (r)
		return r;
	if (!json_object_get(v, "QMP"))
		r = nonsense(q);
	json_decref(v);
	return r ? r
		 : execute(q, "qmp_capabilities", NULL, -1, NULL,
			   left_until(end));
}

/* Somebody holds the lock and does not listen: it is starting, or ending. */
static int
connect_to(struct qmp *q, const struct home_vm *vm, int64_t end)
{
	struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
	int held;

	for (;;) {
		q->fd = sock_connect(home_vm_fd(vm), "ctl", left_until(end));
		if (q->fd >= 0)
			return 0;
		if (q->fd != -ECONNREFUSED && q->fd != -ENOENT &&
			q->fd != -ETIMEDOUT)
			return fail(q->fd, "%s: control socket", q->name);
		held = home_held(vm);
		if (held < 0)
			return held;
		if (!held)
			return failx(-ENOTCONN, "%s: not running", q->name);
		if (!left_until(end))
			return failx(
				-ETIMEDOUT, "%s: does not answer", q->name);
		nanosleep(&pause, NULL);
	}
}

int
qmp_open(struct qmp **out, const struct home_vm *vm, int timeout_ms)
{
	struct qmp *q = calloc(1, sizeof(*q));
	int64_t end = deadline_ms(timeout_ms);
	int r = 0;

	if (!q)
		return fail(-ENOMEM, "control");
	q->fd = -1;
	snprintf(q->name, sizeof(q->name), "%s", home_vm_name(vm));
	q->in.buf = malloc(QMP_VALUE_MAX + 1);
	q->events = json_pack("[]");
	if (!q->in.buf || !q->events)
		r = fail(-ENOMEM, "%s: control", q->name);
	if (!r)
		r = connect_to(q, vm, end);
	if (!r)
		r = negotiate(q, end);
	/* It went while we talked: the same as having been late. */
	if (r && r != -ENOTCONN && home_held(vm) == 0)
		r = failx(-ENOTCONN, "%s: not running", q->name);
	if (r) {
		qmp_close(q);
		return r;
	}
	*out = q;
	return 0;
}

void
qmp_close(struct qmp *q)
{
	if (!q)
		return;
	if (q->fd >= 0)
		close(q->fd);
	json_decref(q->events);
	free(q->in.buf);
	free(q);
}

int
qmp_call(struct qmp *q, const char *command, json_t *args, json_t **ret,
	int timeout_ms)
{
	return execute(q, command, args, -1, ret, timeout_ms);
}

int
qmp_again(struct qmp *q, json_t **ret, int timeout_ms)
{
	json_t *v;
	int r = reply(q, q->id, &v, deadline_ms(timeout_ms));

	return r ? r : result(q, v, ret);
}

int
qmp_raw(struct qmp *q, const char *text, json_t **ret, int timeout_ms)
{
	int64_t end = deadline_ms(timeout_ms);
	json_error_t e;
	json_t *v = json_loads(text, 0, &e);
	int r;

	if (!json_is_object(v)) {
		json_decref(v);
		return failx(-EINVAL, "not a JSON object: %s",
			v ? "something else" : e.text);
	}
	json_decref(v);
	r = send_all(q, text, strlen(text), -1, end);
	if (!r)
		r = send_all(q, "\n", 1, -1, end);
	return r ? r : reply(q, 0, ret, end);
}

int
qmp_give_fd(struct qmp *q, const char *name, int fd, int timeout_ms)
{
	return execute(q, "getfd", json_pack("{s:s}", "fdname", name), fd, NULL,
		timeout_ms);
}

int
qmp_event(struct qmp *q, json_t **event, int timeout_ms)
{
	int64_t end = deadline_ms(timeout_ms);
	json_t *v;
	int r;

	if (json_array_size(q->events)) {
		*event = json_incref(json_array_get(q->events, 0));
		json_array_remove(q->events, 0);
		return 0;
	}
	for (;;) {
		r = receive(q, &v, end);
		if (r)
			return r;
		if (json_object_get(v, "event"))
			break;
		json_decref(v);
		r = patience(q, end);
		if (r)
			return r;
	}
	*event = v;
	return 0;
}
