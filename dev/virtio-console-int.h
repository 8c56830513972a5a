/* SPDX-License-Identifier: MIT */
/*
 * The virtio console's parts: virtio-console.c (ports and bytes) and
 * virtio-console-ctl.c (the control queues).
 */
#ifndef DEV_VIRTIO_CONSOLE_INT_H
#define DEV_VIRTIO_CONSOLE_INT_H

#include "dev/virtio-console.h"

enum { ENTRIES = 128 };
enum { CTL_IN = 2, CTL_OUT = 3, QUEUES = 2 * CONSOLE_PORTS + 2 };

#define F_SIZE (1ull << 0)
#define F_MULTIPORT (1ull << 1)
#define F_EMERG_WRITE (1ull << 2)

enum { /* what is to be said of a port, in this order */
	SAY_ADD = 1,
	SAY_CONSOLE = 2,
	SAY_NAME = 4,
	SAY_OPEN = 8,
	SAY_SIZE = 16,
	SAY_ALL = 31
};

struct console;

struct port {
	struct console *c;
	unsigned n;
	bool there, console;
	bool host; /* the host's side is open */
	bool leaving; /* it is not, once its last bytes are read */
	char name[CONSOLE_NAME];
	struct chr *chr;
};

struct console {
	struct virtio v;
	struct console_regs {
		struct virtio_regs v;
		uint64_t sent[CONSOLE_PORTS]; /* of the chain in transmission */
		uint8_t say[CONSOLE_PORTS];
		uint8_t ready[CONSOLE_PORTS]; /* the driver has the port */
		uint8_t open[CONSOLE_PORTS]; /* somebody in the guest does */
		uint8_t spare[1]; /* always 0 */
		uint16_t cols, rows;
	} r;
	struct port port[CONSOLE_PORTS];
	struct iovec iov[ENTRIES];
	uint64_t gpa[ENTRIES];
};

static inline struct virtq_chain
console_chain(struct console *c)
{
	return (struct virtq_chain){
		.iov = c->iov, .gpa = c->gpa, .room = ENTRIES};
}

/* Say what there is to be said, as far as the driver has room. */
void console_speak(struct console *);
/* The driver said something. */
void console_listen(struct console *);
/* Bytes of port n move again, if they can. */
void console_transmit(struct console *, unsigned n);
void console_receive(struct console *, unsigned n);

#endif
