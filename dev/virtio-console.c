/* SPDX-License-Identifier: MIT */
/*
 * virtio console: the ports' bytes. Buffers stay in the queues until there is
 * something to put in, or somebody to take what is in them.
 */
#include "dev/virtio-console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/virtio-console-int.h"
#include "lib/err.h"

enum { PIECE = 1024, ROOM = 65536, SEND = 256 << 10 };
enum { CONFIG_COLS = 0, CONFIG_ROWS = 2, CONFIG_PORTS = 4, CONFIG_EMERG = 8 };

static const struct field fields[] = {
	VIRTIO_FIELDS(struct console, r),
	FIELDS(struct console, r, sent),
	FIELDS(struct console, r, say),
	FIELDS(struct console, r, ready),
	FIELDS(struct console, r, open),
	FIELDS(struct console, r, spare),
	FIELD(struct console, r, cols),
	FIELD(struct console, r, rows),
	FIELD_END,
};

static unsigned
rx_queue(unsigned port)
{
	return port ? 2 * port + 2 : 0;
}

static bool
multiport(const struct console *c)
{
	return virtio_has(&c->v, F_MULTIPORT);
}

/* Does somebody in the guest read it? */
static bool
listens(const struct console *c, unsigned n)
{
	return multiport(c) ? c->r.open[n] : n == 0;
}

/* ---- from the guest ---- */

/* True: all of the chain went. Nobody may be there to take it, and there may be
 * gigabytes: so much at a time. */
static bool
send(struct console *c, unsigned n, const struct virtq_chain *chain)
{
	uint64_t end = c->r.sent[n] + SEND;
	uint64_t *sent = &c->r.sent[n];
	struct chr *chr = c->port[n].chr;
	uint8_t piece[PIECE];
	size_t got, took;

	while ((got = virtq_copy_out(chain, *sent, piece, sizeof(piece)))) {
		took = chr ? chr_write(chr, piece, got) : got;
		*sent += took;
		if (took < got ||
			(*sent >= end && virtio_later(&c->v, rx_queue(n) + 1)))
			return false;
	}
	*sent = 0;
	return true;
}

void
console_transmit(struct console *c, unsigned n)
{
	unsigned q = rx_queue(n) + 1;
	struct virtq_chain chain = console_chain(c);

	while (virtio_pop(&c->v, q, &chain)) {
		if (!send(c, n, &chain)) { /* writable() comes */
			virtio_unpop(&c->v, q, chain.head);
			break;
		}
		virtio_push(&c->v, q, chain.head, 0);
	}
	virtio_signal(&c->v, q);
}

static void
writable(void *to)
{
	struct port *p = to;

	console_transmit(p->c, p->n);
}

/* ---- to the guest ---- */

static size_t
room(void *to)
{
	struct port *p = to;
	struct console *c = p->c;
	unsigned q = rx_queue(p->n);
	struct virtq_chain chain = console_chain(c);

	if (!listens(c, p->n))
		return 0;
	while (virtio_pop(&c->v, q, &chain)) {
		if (chain.in_len) {
			virtio_unpop(&c->v, q, chain.head);
			return chain.in_len < ROOM ? (size_t)chain.in_len
						   : ROOM;
		}
		virtio_push(&c->v, q, chain.head, 0);
	}
	virtio_signal(&c->v, q);
	return 0;
}

static void
tell_open(struct port *p, bool host)
{
	struct console *c = p->c;

	p->leaving = false;
	p->host = host;
	if (!c->r.ready[p->n])
		return;
	c->r.say[p->n] |= SAY_OPEN;
	console_speak(c);
}

/* n <= room(): one chain, unless the guest has changed it since. */
static void
input(void *to, const uint8_t *p, size_t n)
{
	struct port *port = to;
	struct console *c = port->c;
	unsigned q = rx_queue(port->n);
	struct virtq_chain chain = console_chain(c);
	size_t left = n, done;

	while (left && virtio_pop(&c->v, q, &chain)) {
		done = virtq_copy_in(c->v.mem, &chain, 0, p, left);
		virtio_push(&c->v, q, chain.head, (uint32_t)done);
		p += done;
		left -= done;
	}
	virtio_signal(&c->v, q);
	if (port->leaving && chr_waiting(port->chr) <= n)
		tell_open(port, false);
}

/* There may be room again. */
void
console_receive(struct console *c, unsigned n)
{
	if (c->port[n].chr && listens(c, n))
		chr_poke(c->port[n].chr);
}

/* Who hangs up is heard to the end: a driver that knows it drops what comes. */
static void
event(void *to, enum chr_event what)
{
	struct port *p = to;

	if (what == CHR_OPENED)
		tell_open(p, true);
	else if (what == CHR_HANGUP && chr_waiting(p->chr))
		p->leaving = true;
	else if (what == CHR_HANGUP)
		tell_open(p, false);
}

/* ---- the device ---- */

static void
kick(struct virtio *v, unsigned n)
{
	struct console *c = (struct console *)v;
	unsigned port = n < CTL_IN ? 0 : (n - 2) / 2;

	if (n == CTL_IN)
		console_speak(c);
	else if (n == CTL_OUT)
		console_listen(c);
	else if (n & 1)
		console_transmit(c, port);
	else
		console_receive(c, port);
}

static uint32_t
config_read(struct virtio *v, unsigned at, unsigned size)
{
	const struct console *c = (struct console *)v;
	uint32_t val = 0;

	(void)size;
	if (at < CONFIG_PORTS)
		val = c->r.cols | (uint32_t)c->r.rows << 16;
	else if (at < CONFIG_EMERG)
		val = v->queues / 2 - 1;
	return val >> 8 * (at & 3);
}

/* A byte without queues, for a kernel that dies. */
static void
config_write(struct virtio *v, unsigned at, unsigned size, uint32_t val)
{
	const struct console *c = (struct console *)v;
	uint8_t byte = (uint8_t)val;

	(void)size;
	if (at == CONFIG_EMERG && c->port[0].chr)
		chr_write(c->port[0].chr, &byte, 1);
}

static bool
reset(struct virtio *v)
{
	struct console *c = (struct console *)v;

	memset(c->r.sent, 0, sizeof(c->r.sent));
	memset(c->r.say, 0, sizeof(c->r.say));
	memset(c->r.ready, 0, sizeof(c->r.ready));
	memset(c->r.open, 0, sizeof(c->r.open));
	return true;
}

static int
loaded(struct virtio *v)
{
	struct console *c = (struct console *)v;
	unsigned n;

	for (n = 0; n < CONSOLE_PORTS; n++)
		if (c->r.say[n] & ~SAY_ALL || c->r.ready[n] > 1 ||
			c->r.open[n] > 1 ||
			(!c->port[n].there &&
				(c->r.say[n] || c->r.ready[n] || c->r.open[n])))
			return failx(-EINVAL, "%s: bad state of port %u",
				v->dev.id, n);
	c->r.spare[0] = 0;
	for (n = 0; n < CONSOLE_PORTS; n++)
		console_receive(c, n);
	return 0;
}

static void
console_free(struct virtio *v)
{
	struct console *c = (struct console *)v;
	unsigned n;

	for (n = 0; n < CONSOLE_PORTS; n++)
		if (c->port[n].chr)
			chr_attach(c->port[n].chr, NULL);
	free(c);
}

static const struct virtio_ops ops = {
	.dev = {.name = "virtio-console",
		.fields = fields,
		DEV_REGS(struct console, r),
		VIRTIO_DEV_OPS},
	.id = VIRTIO_ID_CONSOLE,
	.pci_class = 0x078000,
	.config_size = 12,
	.kick = kick,
	.config_read = config_read,
	.config_write = config_write,
	.reset = reset,
	.loaded = loaded,
	.free = console_free,
};

static void
add_port(struct console *c, unsigned n, const struct virtio_console_port *from)
{
	struct port *p = &c->port[n];
	struct chr_user user = {
		.room = room,
		.input = input,
		.writable = writable,
		.event = event,
		.to = p,
		.lock = &c->v.dev.lock,
	};

	*p = (struct port){.c = c,
		.n = n,
		.there = true,
		.console = from->console,
		.host = from->open,
		.chr = from->chr};
	if (from->name)
		strncpy(p->name, from->name, sizeof(p->name) - 1);
	if (p->chr)
		chr_attach(p->chr, &user);
}

struct dev *
virtio_console_new(
	struct mem *m, const struct virtio_console_port *port, unsigned n)
{
	struct console *c = calloc(1, sizeof(*c));
	unsigned i, last = 0;
	uint16_t max[QUEUES];

	if (!c)
		return NULL;
	for (i = 0; i < n; i++)
		last += !port[i].console;
	for (i = 0; i < QUEUES; i++)
		max[i] = ENTRIES;
	virtio_init(&c->v, &ops, &c->r.v, m,
		F_SIZE | F_MULTIPORT | F_EMERG_WRITE, 2 * last + 4, max);
	last = 0;
	for (i = 0; i < n; i++)
		add_port(c, port[i].console ? 0 : ++last, &port[i]);
	return &c->v.dev;
}

void
virtio_console_resize(struct dev *d, unsigned cols, unsigned rows)
{
	struct console *c = (struct console *)d;

	dev_lock(d);
	c->r.cols = (uint16_t)cols;
	c->r.rows = (uint16_t)rows;
	if (virtio_has(&c->v, F_SIZE)) {
		if (multiport(c) && c->port[0].console && c->r.ready[0])
			c->r.say[0] |= SAY_SIZE;
		console_speak(c);
		virtio_config_changed(&c->v);
	}
	dev_unlock(d);
}
