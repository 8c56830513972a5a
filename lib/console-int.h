/* SPDX-License-Identifier: MIT */
/*
 * The console's parts: the log on disk, the socket and its clients, and what
 * joins them to the device. All but the lock and what it guards belongs to the
 * loop's thread.
 */
#ifndef LIB_CONSOLE_INT_H
#define LIB_CONSOLE_INT_H

#include <pthread.h>
#include <sys/types.h>

#include "lib/console.h"

enum {
	CONSOLE_BUF = 64 << 10, /* of output on its way to the log */
	CONSOLE_IN = 4096 /* of one client's input */
};

struct console_log {
	int dir;
	int fd, fd_1; /* console.log and console.log.1; -1: none */
	uint64_t cap;
	/* Positions in this run's output: where the files begin, and where the
	 * first one ends. */
	uint64_t start, start_1, end;
};

struct console_client {
	struct console *console;
	struct watch watch; /* fd -1: nobody */
	uint64_t at; /* what was sent, a position in the output */
	bool behind; /* there is more, when it reads again */
	bool deaf; /* wants no output (any more) */
	bool in_ended; /* sends no more */
	size_t from, used; /* its input that waits for the guest */
};

struct console {
	struct chr *chr, *front;
	struct loop *loop;
	struct console_log log;
	struct call flush, deliver;

	struct watch listener;
	struct console_client client[CONSOLE_CLIENTS];
	uint8_t (*in)[CONSOLE_IN]; /* a client each */
	unsigned clients, waiting; /* how many; how many have input waiting */
	unsigned turn; /* who may give input next; CONSOLE_CLIENTS: front */
	size_t front_share; /* what front may give now, while others wait */

	pthread_mutex_t lock; /* of the following; after the device's */
	uint8_t *fill, *spare;
	size_t filled;
	bool fell_short; /* a write was not taken whole, for want of space */
};

/* Begin this run's log, the one before is put aside. */
int console_log_open(struct console_log *, int dir, uint64_t cap);
void console_log_close(struct console_log *);
/* 0, or -errno with a sentence: some of it is lost. */
int console_log_write(struct console_log *, const uint8_t *p, size_t n);
/* What was said at *at; moves that on if it was rotated away. 0: no more. */
ssize_t console_log_read(
	const struct console_log *, uint64_t *at, void *p, size_t n);

int console_socket_open(struct console *);
void console_socket_close(struct console *);
/* The listener is looked at again, after a want of descriptors. */
void console_socket_retry(struct console *);
/* There is new output. */
void console_clients_send(struct console *);
/* Wait until all have it, or for so long. */
void console_clients_drain(struct console *, int timeout_ms);
void console_clients_close(struct console *);
/* Bytes of a client's input were taken, maybe all: read on, or let it go. */
void console_client_took(struct console_client *, size_t n);
/* Offer waiting input to the guest. */
void console_deliver(struct console *);

#endif
