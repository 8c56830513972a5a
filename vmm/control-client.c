/* SPDX-License-Identifier: MIT */
/*
 * One client of the control server: its turns. A few hundred bytes are read, a
 * few commands worked off, and then it is the others' turn. While a client does
 * not take its answers, it is not read either, so what it can make us hold is
 * bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/control-int.h"

enum {
	OUT_ENOUGH = CONTROL_OUT / 4, /* waiting: no more commands until then */
	OUT_FIRST = 2048
};

/* ---- output ---- */

void
client_flush(struct client *cl)
{
	size_t done = 0;
	ssize_t n;

	while (done < cl->out_used) {
		n = send(cl->w.fd, cl->out + done, cl->out_used - done,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			client_kill(cl);
			return;
		}
		if (n < 0)
			break;
		done += (size_t)n;
	}
	cl->out_used -= done;
	if (cl->out_used) {
		memmove(cl->out, cl->out + done, cl->out_used);
		return;
	}
	free(cl->out);
	cl->out = NULL;
	cl->out_size = 0;
}

void
client_say(struct client *cl, const char *text, size_t n)
{
	size_t size = cl->out_size ? cl->out_size : OUT_FIRST;
	char *out;

	if (client_dead(cl))
		return;
	while (size < cl->out_used + n)
		size *= 2;
	if (size > 2 * CONTROL_OUT) {
		client_kill(cl);
		return;
	}
	if (size > cl->out_size) {
		out = realloc(cl->out, size);
		if (!out) {
			client_kill(cl);
			return;
		}
		cl->out = out;
		cl->out_size = size;
	}
	memcpy(cl->out + cl->out_used, text, n);
	cl->out_used += n;
}

/* ---- turns ---- */

/* Has it said something that we have not seen to? */
static bool
busy(const struct client *cl)
{
	return !client_dead(cl) && (cl->held || cl->left);
}

static bool
may_speak(const struct client *cl)
{
	return !client_dead(cl) && !cl->waiting && cl->out_used < OUT_ENOUGH;
}

/* What is held although it may speak waits for the timer. */
bool
client_has_turn(const struct client *cl)
{
	return busy(cl) && may_speak(cl) && !(cl->held && cl->c->costly_at);
}

/* What we want to hear of: a hang-up always, unless there is work to do, in
 * the course of which we shall notice. */
void
client_watch(struct client *cl)
{
	uint32_t events = 0;

	if (client_dead(cl))
		return;
	if (cl->eof && !busy(cl) && !cl->waiting && !cl->out_used) {
		client_kill(cl);
		return;
	}
	if (may_speak(cl) && !busy(cl) && !cl->eof)
		events |= EPOLLIN;
	if (cl->out_used)
		events |= EPOLLOUT;
	if (cl->waiting)
		events |= EPOLLHUP;
	loop_mod(cl->c->host.loop, &cl->w, events);
}

/* One value, or a piece of garbage. False: it has to wait. */
static bool
step(struct client *cl)
{
	int r;

	if (!cl->held) {
		r = qmp_split(&cl->in, &cl->at, &cl->left);
		if (r < 0)
			client_garbage(cl);
		if (r <= 0)
			return r < 0;
		cl->held = true;
	}
	if (!client_execute(cl))
		return false;
	cl->held = false;
	return true;
}

void
client_turn(struct client *cl)
{
	struct control *c = cl->c;
	unsigned n = TURN_COMMANDS;

	if (!cl->in.buf && busy(cl))
		cl->in.buf = malloc(QMP_VALUE_MAX + 1);
	if (!cl->in.buf && busy(cl)) {
		client_kill(cl);
		return;
	}
	while (n-- && busy(cl) && may_speak(cl))
		if (!step(cl))
			break;
	if (!client_dead(cl) && cl->out_used)
		client_flush(cl);
	if (!busy(cl) && !cl->in.depth && !cl->in.bad) {
		free(cl->in.buf); /* most clients are silent most of the time */
		cl->in.buf = NULL;
	}
	if (client_has_turn(cl))
		control_work(c);
	client_watch(cl);
}

static void
listen_to(struct client *cl)
{
	ssize_t n;

	do
		n = client_receive(cl, cl->rest, sizeof(cl->rest));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		client_kill(cl);
		return;
	}
	cl->eof = n == 0;
	cl->at = cl->rest;
	cl->left = (size_t)n;
}

void
client_ready(void *to, uint32_t events)
{
	struct client *cl = to;

	if (cl->out_used)
		client_flush(cl);
	if ((events & EPOLLHUP) && cl->waiting)
		client_kill(cl);
	if (may_speak(cl) && !busy(cl) && !cl->eof)
		listen_to(cl);
	if (!client_dead(cl))
		client_turn(cl);
}
