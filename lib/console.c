/* SPDX-License-Identifier: MIT */
/*
 * The console: a character back end between the device and three others, the
 * port's own back end, the log, and the clients of the socket.
 *
 * Output goes to the port's back end at once, in the device's thread, and as
 * much as that takes goes to one of two buffers, which the loop exchanges and
 * writes to the log; clients are sent what is in the log. Input comes from the
 * port's back end and the clients in turns.
 */
#include "lib/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chr-impl.h"
#include "lib/console-int.h"
#include "lib/err.h"

/* At one turn, where the guest has that much room. */
enum { SHARE = 64 };

static void
user_lock(const struct console *c)
{
	if (c->chr->user.lock)
		pthread_mutex_lock(c->chr->user.lock);
}

static void
user_unlock(const struct console *c)
{
	if (c->chr->user.lock)
		pthread_mutex_unlock(c->chr->user.lock);
}

/* --- output --- */

static size_t
take(struct chr *chr, const void *p, size_t n)
{
	struct console *c = chr->own;
	bool first;

	pthread_mutex_lock(&c->lock);
	if (n > CONSOLE_BUF - c->filled) {
		n = CONSOLE_BUF - c->filled;
		c->fell_short = true;
	}
	if (c->front && n)
		n = chr_write(c->front, p, n);
	first = !c->filled && n;
	memcpy(c->fill + c->filled, p, n);
	c->filled += n;
	pthread_mutex_unlock(&c->lock);
	if (first)
		loop_call(c->loop, &c->flush);
	return n;
}

static void
call_writable(struct console *c)
{
	user_lock(c);
	if (c->chr->user.writable)
		c->chr->user.writable(c->chr->user.to);
	user_unlock(c);
}

static void
flush(void *to)
{
	struct console *c = to;
	bool fell_short;
	uint8_t *p;
	size_t n;

	pthread_mutex_lock(&c->lock);
	p = c->fill;
	n = c->filled;
	c->fill = c->spare;
	c->spare = p;
	c->filled = 0;
	fell_short = c->fell_short;
	c->fell_short = false;
	pthread_mutex_unlock(&c->lock);
	if (fell_short)
		call_writable(c);
	if (n && console_log_write(&c->log, p, n) < 0)
		chr_tell_error(c->chr);
	console_clients_send(c);
}

static void
drain(struct chr *chr, int timeout_ms)
{
	struct console *c = chr->own;

	if (!c) /* it could not be made */
		return;
	if (c->front)
		chr_flush(c->front, timeout_ms);
	flush(c); /* twice: the device may have had more to say */
	flush(c);
	console_clients_drain(c, timeout_ms);
}

/* --- input --- */

/* The device's lock is held for all of front's calls. */
static size_t
front_room(void *to)
{
	const struct console *c = to;
	const struct chr_user *u = &c->chr->user;
	size_t room = u->room && u->input ? u->room(u->to) : SIZE_MAX;

	if (c->waiting && room > c->front_share)
		room = c->front_share;
	return room;
}

static void
front_input(void *to, const uint8_t *p, size_t n)
{
	struct console *c = to;
	const struct chr_user *u = &c->chr->user;

	if (u->input)
		u->input(u->to, p, n);
	c->front_share -= n < c->front_share ? n : c->front_share;
}

static void
front_writable(void *to)
{
	const struct chr_user *u = &((struct console *)to)->chr->user;

	if (u->writable)
		u->writable(u->to);
}

static void
front_event(void *to, enum chr_event event)
{
	const struct chr_user *u = &((struct console *)to)->chr->user;

	if (u->event)
		u->event(u->to, event);
}

/* Front calls the device with the lock that the device wants. */
static void
attached(struct chr *chr)
{
	struct console *c = chr->own;
	struct chr_user user = {
		.room = front_room,
		.input = front_input,
		.writable = front_writable,
		.event = front_event,
		.to = c,
		.lock = chr->user.lock,
	};

	if (c->front)
		chr_attach(c->front, &user);
}

/* Each returns how many bytes the guest took. */
static size_t
front_gives(struct console *c)
{
	struct chr *f = c->front;
	size_t before;

	if (!f || !f->in.used)
		return 0;
	before = f->in.used;
	c->front_share = SHARE;
	f->deliver.fn(f->deliver.to);
	c->front_share = 0;
	return before - f->in.used;
}

static size_t
client_gives(struct console *c, struct console_client *cl)
{
	const struct chr_user *u = &c->chr->user;
	size_t n = cl->used < SHARE ? cl->used : SHARE, room;

	if (!n)
		return 0;
	user_lock(c);
	if (u->input && u->room) {
		room = u->room(u->to);
		n = room < n ? room : n;
	}
	if (u->input && n)
		u->input(u->to, c->in[cl - c->client] + cl->from, n);
	user_unlock(c);
	if (n)
		console_client_took(cl, n);
	return n;
}

/* Who gave last is last in the next round, so none waits for ever. */
void
console_deliver(struct console *c)
{
	unsigned sources = CONSOLE_CLIENTS + 1, idle = 0;
	size_t n;

	if (!c->waiting) {
		if (c->front)
			chr_poke(c->front);
		return;
	}
	while (idle < sources) {
		if (c->turn == CONSOLE_CLIENTS)
			n = front_gives(c);
		else
			n = client_gives(c, &c->client[c->turn]);
		idle = n ? 0 : idle + 1;
		c->turn = (c->turn + 1) % sources;
	}
}

static void
deliver(void *to)
{
	console_deliver(to);
}

static void
poke(struct chr *chr)
{
	struct console *c = chr->own;

	loop_call(c->loop, &c->deliver);
}

/* --- life --- */

static void
timer(struct chr *chr)
{
	console_socket_retry(chr->own);
}

static const struct chr_ops console_ops = {
	.take = take,
	.poke = poke,
	.attached = attached,
	.timer = timer,
	.drain = drain,
};

static int
init(struct console *c, int dir, uint64_t cap, bool log_only)
{
	int err;

	c->flush = (struct call){.fn = flush, .to = c};
	c->deliver = (struct call){.fn = deliver, .to = c};
	pthread_mutex_init(&c->lock, NULL);
	c->log = (struct console_log){.fd = -1, .fd_1 = -1};
	c->listener.fd = -1;
	for (unsigned i = 0; i < CONSOLE_CLIENTS; i++)
		c->client[i].watch.fd = -1;
	c->fill = malloc(CONSOLE_BUF);
	c->spare = malloc(CONSOLE_BUF);
	c->in = malloc(CONSOLE_CLIENTS * sizeof(*c->in));
	if (!c->fill || !c->spare || !c->in)
		return fail(-ENOMEM, "console: cannot make");
	c->chr = chr_new("console", &console_ops, c->loop);
	if (!c->chr)
		return fail(-ENOMEM, "console: cannot make");
	c->chr->own = c;
	attached(c->chr);
	err = console_log_open(&c->log, dir, cap);
	if (!err && !log_only)
		err = chr_add_timer(c->chr);
	if (!err && !log_only)
		err = console_socket_open(c);
	return err;
}

int
console_new(struct console **out, int dir, struct chr *front, struct loop *loop,
	uint64_t cap, bool log_only)
{
	struct console *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return fail(-ENOMEM, "console: cannot make");
	c->front = front;
	c->loop = loop;
	err = init(c, dir, cap, log_only);
	if (err) {
		console_free(c);
		return err;
	}
	*out = c;
	return 0;
}

struct chr *
console_chr(struct console *c)
{
	return c->chr;
}

void
console_free(struct console *c)
{
	if (!c)
		return;
	console_socket_close(c);
	if (c->chr)
		chr_attach(c->chr, NULL);
	chr_free(c->chr); /* drains */
	console_clients_close(c);
	if (c->front)
		chr_attach(c->front, NULL);
	loop_uncall(c->loop, &c->flush);
	loop_uncall(c->loop, &c->deliver);
	console_log_close(&c->log);
	pthread_mutex_destroy(&c->lock);
	free(c->fill);
	free(c->spare);
	free(c->in);
	free(c);
}
