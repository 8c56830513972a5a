/* SPDX-License-Identifier: MIT */
/*
 * The virtio console's control queues (5.3.6.2). What is to be said is a few
 * bits a port, so nothing piles up while the driver does not listen.
 */
#include "dev/virtio-console-int.h"

#include <string.h>

enum event {
	DEVICE_READY,
	PORT_ADD,
	PORT_REMOVE,
	PORT_READY,
	CONSOLE_PORT,
	RESIZE,
	PORT_OPEN,
	PORT_NAME
};

struct message {
	uint32_t id;
	uint16_t event, value;
	char more[CONSOLE_NAME];
};
enum { HEAD = 8 };

/* The message that one bit stands for; its length. */
static size_t
compose(const struct console *c, unsigned n, unsigned bit, struct message *m)
{
	const struct port *p = &c->port[n];
	/* As the specification has it; some Linuxes read rows, columns. */
	uint16_t size[2] = {c->r.cols, c->r.rows};

	memset(m, 0, sizeof(*m));
	m->id = n;
	m->value = 1;
	switch (bit) {
	case SAY_ADD:
		m->event = PORT_ADD;
		break;
	case SAY_CONSOLE:
		m->event = CONSOLE_PORT;
		break;
	case SAY_OPEN:
		m->event = PORT_OPEN;
		m->value = p->host;
		break;
	case SAY_SIZE:
		m->event = RESIZE;
		memcpy(m->more, size, sizeof(size));
		return HEAD + sizeof(size);
	default:
		m->event = PORT_NAME;
		memcpy(m->more, p->name, sizeof(p->name));
		return HEAD + strlen(p->name);
	}
	return HEAD;
}

/* False: the driver has no room. */
static bool
say(struct console *c, unsigned n, unsigned bit)
{
	struct virtq_chain chain = console_chain(c);
	struct message m;
	size_t len;

	if (!virtio_pop(&c->v, CTL_IN, &chain))
		return false;
	len = compose(c, n, bit, &m);
	if (chain.in_len < len)
		dev_odd(&c->v.dev, "room for %llu bytes of a message",
			(unsigned long long)chain.in_len);
	len = virtq_copy_in(c->v.mem, &chain, 0, &m, len);
	virtio_push(&c->v, CTL_IN, chain.head, (uint32_t)len);
	c->r.say[n] &= (uint8_t)~bit;
	return true;
}

void
console_speak(struct console *c)
{
	bool room = true;
	unsigned n, bit;

	if (!virtio_running(&c->v) || !virtio_has(&c->v, F_MULTIPORT))
		return;
	for (n = 0; n < CONSOLE_PORTS; n++)
		for (bit = 1; room && bit < SAY_ALL; bit <<= 1)
			if (c->r.say[n] & bit)
				room = say(c, n, bit);
	virtio_signal(&c->v, CTL_IN);
}

static void
device_ready(struct console *c, bool good)
{
	unsigned n;

	for (n = 0; n < CONSOLE_PORTS; n++)
		c->r.say[n] = good && c->port[n].there ? SAY_ADD : 0;
}

static void
port_ready(struct console *c, unsigned n, bool good)
{
	const struct port *p = &c->port[n];

	c->r.ready[n] = good;
	c->r.say[n] = 0;
	if (!good)
		return;
	c->r.say[n] = p->console ? SAY_CONSOLE : 0;
	if (*p->name)
		c->r.say[n] |= SAY_NAME;
	if (p->host)
		c->r.say[n] |= SAY_OPEN;
	if (p->console && c->r.cols && virtio_has(&c->v, F_SIZE))
		c->r.say[n] |= SAY_SIZE;
}

static void
heard(struct console *c, const struct message *m)
{
	unsigned n = m->id;

	if (m->event == DEVICE_READY) {
		device_ready(c, m->value == 1);
		return;
	}
	if (n >= CONSOLE_PORTS || !c->port[n].there) {
		dev_odd(&c->v.dev, "message %u to port %u", m->event, n);
		return;
	}
	if (m->event == PORT_READY) {
		port_ready(c, n, m->value == 1);
	} else if (m->event == PORT_OPEN) {
		c->r.open[n] = m->value == 1;
		console_receive(c, n);
	} else {
		dev_odd(&c->v.dev, "message %u", m->event);
	}
}

void
console_listen(struct console *c)
{
	struct virtq_chain chain = console_chain(c);
	struct message m;

	while (virtio_pop(&c->v, CTL_OUT, &chain)) {
		if (virtq_copy_out(&chain, 0, &m, HEAD) == HEAD)
			heard(c, &m);
		else
			dev_odd(&c->v.dev, "a message of %llu bytes",
				(unsigned long long)chain.out_len);
		virtio_push(&c->v, CTL_OUT, chain.head, 0);
	}
	virtio_signal(&c->v, CTL_OUT);
	console_speak(c);
}
