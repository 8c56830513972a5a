/* SPDX-License-Identifier: MIT */
/*
 * The flow of bytes through a character back end: buffers between the device's
 * threads and the event loop, and what to do when one of them is full.
 */
#include "lib/chr-impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/deadline.h"
#include "lib/err.h"

enum { BUF_SIZE = 65536, READ_SIZE = 4096, PIECES = 16 };

static void
buf_append(struct chr_buf *b, const uint8_t *p, size_t n)
{
	size_t to = (b->at + b->used) % BUF_SIZE;
	size_t first = n < BUF_SIZE - to ? n : BUF_SIZE - to;

	memcpy(b->p + to, p, first);
	memcpy(b->p, p + first, n - first);
	b->used += n;
}

/* How much lies at b->at without a wrap. */
static size_t
buf_span(const struct chr_buf *b)
{
	return b->used < BUF_SIZE - b->at ? b->used : BUF_SIZE - b->at;
}

static void
buf_consume(struct chr_buf *b, size_t n)
{
	b->used -= n;
	b->at = b->used ? (b->at + n) % BUF_SIZE : 0;
}

static void
user_lock(const struct chr *c)
{
	if (c->user.lock)
		pthread_mutex_lock(c->user.lock);
}

static void
user_unlock(const struct chr *c)
{
	if (c->user.lock)
		pthread_mutex_unlock(c->user.lock);
}

static void
call_writable(struct chr *c)
{
	user_lock(c);
	if (c->user.writable)
		c->user.writable(c->user.to);
	user_unlock(c);
}

void
chr_tell_error(struct chr *c)
{
	if (c->error_told)
		return;
	c->error_told = true;
	if (c->error)
		c->error(c->error_to, fail_text());
}

void
chr_set_gone(struct chr *c, bool gone)
{
	bool fell_short;

	pthread_mutex_lock(&c->lock);
	c->gone = gone;
	c->out.at = c->out.used = 0;
	fell_short = c->fell_short;
	c->fell_short = false;
	pthread_mutex_unlock(&c->lock);
	user_lock(c);
	if (c->user.event)
		c->user.event(c->user.to, gone ? CHR_HANGUP : CHR_OPENED);
	if (fell_short && c->user.writable)
		c->user.writable(c->user.to);
	user_unlock(c);
}

void
chr_set_stalled(struct chr *c)
{
	bool fell_short;

	pthread_mutex_lock(&c->lock);
	fell_short = c->fell_short;
	c->stalled = c->stalled || fell_short;
	c->fell_short = false;
	pthread_mutex_unlock(&c->lock);
	if (fell_short)
		call_writable(c);
}

/* --- from the host to the device --- */

static void
tell_end(struct chr *c)
{
	void (*end)(void *to) = c->end;

	if (!c->in_ended || c->in.used || !end)
		return;
	c->end = NULL;
	end(c->end_to);
}

/* Give the device as much as it has room for. */
static void
deliver(void *to)
{
	struct chr *c = to;
	const struct chr_user *u = &c->user;
	size_t n = 1;

	while (c->in.used && n) {
		n = buf_span(&c->in);
		user_lock(c);
		if (u->input && u->room) {
			size_t room = u->room(u->to);

			n = room < n ? room : n;
		}
		if (u->input && n)
			u->input(u->to, c->in.p + c->in.at, n);
		user_unlock(c);
		buf_consume(&c->in, n);
	}
	if (c->input.fd >= 0 && !c->in_ended)
		loop_mod(c->loop, &c->input,
			c->in.used < BUF_SIZE || c->keep_reading ? EPOLLIN : 0);
	tell_end(c);
}

static void
input_ready(void *to, uint32_t events)
{
	struct chr *c = to;
	uint8_t buf[READ_SIZE];
	size_t space = BUF_SIZE - c->in.used, max = sizeof(buf), n;
	ssize_t got;

	(void)events;
	if (space < max && !c->keep_reading)
		max = space;
	if (!max) { /* deliver() looks again */
		loop_mod(c->loop, &c->input, 0);
		return;
	}
	got = c->ops->read(c, buf, max);
	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got <= 0) {
		c->in_ended = true;
		loop_mod(c->loop, &c->input, 0);
		if (c->ops->in_end)
			c->ops->in_end(c);
		tell_end(c);
		return;
	}
	n = (size_t)got;
	if (c->filter)
		n = c->filter(c->filter_to, buf, n);
	buf_append(&c->in, buf, n < space ? n : space);
	deliver(c);
}

void
chr_poke(struct chr *c)
{
	if (c->ops->poke)
		c->ops->poke(c);
	else if (c->loop)
		loop_call(c->loop, &c->deliver);
}

size_t
chr_waiting(const struct chr *c)
{
	return c->in.used;
}

/* --- from the device to the host --- */

/* Nobody reads: what is oldest makes room for what is newest. */
static void
drop_oldest(struct chr_buf *b, size_t n)
{
	size_t space = BUF_SIZE - b->used;

	if (n > space)
		buf_consume(b, n - space < b->used ? n - space : b->used);
}

static size_t
accept_output(struct chr *c, const void *p, size_t n)
{
	size_t taken = n;
	bool gone;

	if (c->ops->take)
		return c->ops->take(c, p, n);
	pthread_mutex_lock(&c->lock);
	gone = c->gone;
	if (!gone) {
		if (c->stalled && !c->writing)
			drop_oldest(&c->out, n);
		if (taken > BUF_SIZE - c->out.used)
			taken = BUF_SIZE - c->out.used;
		buf_append(&c->out, p, taken);
		if (taken < n)
			c->fell_short = true;
	}
	pthread_mutex_unlock(&c->lock);
	if (!gone)
		loop_call(c->loop, &c->flush);
	return taken;
}

size_t
chr_write(struct chr *c, const void *p, size_t n)
{
	size_t taken = accept_output(c, p, n);

	if (c->said && taken)
		c->said(c->said_to, p, taken);
	return taken;
}

void
chr_on_output(struct chr *c, void (*said)(void *to, const uint8_t *p, size_t n),
	void *to)
{
	c->said = said;
	c->said_to = to;
}

/* Write the first piece of `out`. Returns 0, -EAGAIN, or 1 for "go on". */
static int
write_piece(struct chr *c)
{
	const uint8_t *p;
	ssize_t done;
	size_t n;

	pthread_mutex_lock(&c->lock);
	p = c->out.p + c->out.at;
	n = buf_span(&c->out);
	c->writing = n > 0;
	pthread_mutex_unlock(&c->lock);
	if (!n)
		return 0;
	do
		done = c->ops->write(c, p, n);
	while (done == -EINTR);
	if (done == 0)
		done = -EAGAIN;
	pthread_mutex_lock(&c->lock);
	c->writing = false;
	if (done != -EAGAIN)
		buf_consume(&c->out, done > 0 ? (size_t)done : n);
	if (done > 0 && c->out.used <= BUF_SIZE / 2) /* somebody reads again */
		c->stalled = false;
	pthread_mutex_unlock(&c->lock);
	if (done == -EAGAIN)
		return -EAGAIN;
	if (done == -EPIPE || done == -ECONNRESET) {
		c->ops->hangup(c);
	} else if (done < 0) {
		fail((int)done, "%s: cannot write", c->name);
		chr_tell_error(c);
	}
	return 1;
}

/* Write what can be written now. 0, or something else when some is left. */
static int
flush_now(struct chr *c)
{
	bool stuck, resume;
	int r = 1;

	for (int i = 0; i < PIECES && r == 1; i++)
		r = write_piece(c);
	if (c->output.fd >= 0)
		loop_mod(c->loop, &c->output, r ? EPOLLOUT : 0);
	pthread_mutex_lock(&c->lock);
	resume = c->fell_short && c->out.used <= BUF_SIZE / 2;
	if (resume)
		c->fell_short = false;
	stuck = c->fell_short;
	pthread_mutex_unlock(&c->lock);
	if (resume)
		call_writable(c);
	else if (stuck && c->ops->stuck)
		c->ops->stuck(c);
	return r;
}

static void
flush_call(void *to)
{
	flush_now(to);
}

static void
output_ready(void *to, uint32_t events)
{
	(void)events;
	flush_now(to);
}

void
chr_flush(struct chr *c, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;
	int r, rounds = 0;

	if (c->ops->take) {
		if (c->ops->drain)
			c->ops->drain(c, timeout_ms);
		return;
	}
	while ((r = flush_now(c)) && c->output.fd >= 0) {
		struct pollfd p = {.fd = c->output.fd, .events = POLLOUT};
		int64_t left = end - now_ms();

		/* All at once, unless somebody goes on writing meanwhile. */
		if (r == 1 && rounds++ < PIECES)
			continue;
		if (left <= 0)
			return;
		poll(&p, 1, (int)left);
	}
	if (!r && c->ops->drain && end > now_ms())
		c->ops->drain(c, (int)(end - now_ms()));
}

/* --- watching --- */

int
chr_watch(struct chr *c, int in, int out)
{
	int err = 0;

	c->in_ended = false;
	c->input = (struct watch){in, EPOLLIN, input_ready, c};
	c->output = (struct watch){out, 0, output_ready, c};
	if (in >= 0)
		err = loop_add(c->loop, &c->input);
	if (!err && out >= 0)
		err = loop_add(c->loop, &c->output);
	if (err)
		chr_unwatch(c);
	return err;
}

void
chr_unwatch(struct chr *c)
{
	if (c->input.fd >= 0)
		loop_del(c->loop, &c->input);
	if (c->output.fd >= 0)
		loop_del(c->loop, &c->output);
	c->input.fd = c->output.fd = -1;
}

int
chr_init_flow(struct chr *c)
{
	c->deliver.fn = deliver;
	c->flush.fn = flush_call;
	c->deliver.to = c->flush.to = c;
	pthread_mutex_init(&c->lock, NULL);
	if (c->ops->take)
		return 0;
	c->in.p = malloc(BUF_SIZE);
	c->out.p = malloc(BUF_SIZE);
	return c->in.p && c->out.p ? 0 : -ENOMEM;
}
