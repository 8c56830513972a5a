/* SPDX-License-Identifier: MIT */
/*
 * The control protocol's client for keys alone: greeting, qmp_capabilities,
 * then a command at a time, as its answer says that the guest's keyboard has
 * the keys. What the server says is bounded and not trusted.
 */
#include "bin/tui/typist.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/qmp.h"
#include "lib/sock.h"

enum {
	QUEUE = 256, /* chords that wait */
	READS = 16, /* at a time, or a hostile one would keep us */
	GREETING_MS = 3000
};

struct typist {
	int fd;
	enum { GREETING, CAPABILITIES, READY, WAITING } stage;
	int64_t deadline; /* of the greeting */
	struct qmp_split in;
	char out[CHORD_QMP];
	size_t out_at, out_used;
	struct chord queue[QUEUE];
	unsigned head, used;
	char said[200];
	char value[QMP_VALUE_MAX + 1];
};

int
typist_open(struct typist **out, int dir)
{
	struct typist *t;
	int fd = sock_connect(dir, "ctl", 0);

	if (fd == -ECONNREFUSED || fd == -ENOENT)
		return failx(fd, "the machine does not run");
	if (fd < 0)
		return failx(fd, "the machine does not answer");
	t = calloc(1, sizeof(*t));
	if (!t) {
		close(fd);
		return fail(-ENOMEM, "keys");
	}
	t->fd = fd;
	t->in.buf = t->value;
	t->deadline = deadline_ms(GREETING_MS);
	*out = t;
	return 0;
}

void
typist_close(struct typist *t)
{
	if (!t)
		return;
	close(t->fd);
	free(t);
}

struct pollfd
typist_fd(const struct typist *t)
{
	short events = t->out_at < t->out_used ? POLLIN | POLLOUT : POLLIN;

	return (struct pollfd){.fd = t->fd, .events = events};
}

int
typist_key(struct typist *t, const struct chord *c)
{
	if (t->used == QUEUE)
		return failx(-EAGAIN, "the machine takes no more keys");
	t->queue[(t->head + t->used++) % QUEUE] = *c;
	return 0;
}

/* --- what it says --- */

static void
note(struct typist *t, const json_t *error)
{
	const char *text = json_string_value(json_object_get(error, "desc"));

	snprintf(t->said, sizeof(t->said), "%s",
		text ? text : "the machine refused a key");
}

static int
value(struct typist *t)
{
	static const char negotiate[] = "{\"execute\":\"qmp_capabilities\"}\n";
	json_t *v = json_loadb(t->value, t->in.used, 0, NULL);
	const json_t *error = json_object_get(v, "error");
	bool answer = error || json_object_get(v, "return");
	int err = 0;

	if (t->stage == GREETING && json_object_get(v, "QMP")) {
		memcpy(t->out, negotiate, sizeof(negotiate) - 1);
		t->out_at = 0;
		t->out_used = sizeof(negotiate) - 1;
		t->stage = CAPABILITIES;
	} else if (t->stage == GREETING || !v) {
		err = failx(-EPROTO, "the machine speaks no QMP");
	} else if (answer) {
		if (error)
			note(t, error);
		t->stage = READY;
	} /* else an event */
	json_decref(v);
	return err;
}

static int
take(struct typist *t, const char *p, size_t n)
{
	int got;

	while ((got = qmp_split(&t->in, &p, &n)) > 0) {
		int err = value(t);

		if (err)
			return err;
	}
	return got < 0 ? failx(-EPROTO, "the machine speaks no QMP") : 0;
}

static int
hear(struct typist *t)
{
	char buf[4096];

	for (unsigned i = 0; i < READS; i++) {
		ssize_t n = recv(t->fd, buf, sizeof(buf), MSG_DONTWAIT);
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return failx(-EPIPE, "the machine has hung up");
		err = take(t, buf, (size_t)n);
		if (err)
			return err;
	}
	return 0;
}

/* --- what it is told --- */

static void
next_key(struct typist *t)
{
	size_t n;

	if (t->stage != READY || !t->used)
		return;
	n = chord_qmp(&t->queue[t->head], t->out, sizeof(t->out));
	t->head = (t->head + 1) % QUEUE;
	t->used--;
	t->out_at = 0;
	t->out_used = n;
	if (n)
		t->stage = WAITING;
}

static int
tell(struct typist *t)
{
	while (t->out_at < t->out_used) {
		ssize_t n = send(t->fd, t->out + t->out_at,
			t->out_used - t->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return failx(-errno, "the machine has hung up");
		t->out_at += (size_t)n;
	}
	return 0;
}

int
typist_go(struct typist *t, short revents, const char **said)
{
	int err = 0;

	t->said[0] = '\0';
	if (revents & (POLLIN | POLLHUP | POLLERR))
		err = hear(t);
	if (!err && t->stage < READY && now_ms() > t->deadline)
		err = failx(-ETIMEDOUT, "the machine does not answer");
	next_key(t);
	if (!err)
		err = tell(t);
	*said = t->said[0] ? t->said : NULL;
	return err;
}
