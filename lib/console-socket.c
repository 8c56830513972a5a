/* SPDX-License-Identifier: MIT */
/*
 * The console's socket: unix(7), SOCK_STREAM, a client a connection. One that
 * does not read is remembered by a number, where in the log it is; one whose
 * input the guest does not take yet is not read from.
 */
#include "lib/console-int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/chr-impl.h"
#include "lib/deadline.h"
#include "lib/sock.h"

enum { SEND_SIZE = 16384, PIECES = 4, RETRY_MS = 1000 };

static void
client_close(struct console_client *cl)
{
	struct console *c = cl->console;

	loop_del(c->loop, &cl->watch);
	close(cl->watch.fd);
	cl->watch.fd = -1;
	c->clients--;
	if (cl->used)
		c->waiting--;
	cl->used = 0;
}

/* Watch for what it may do next; one that can do nothing any more goes. */
static void
client_settle(struct console_client *cl)
{
	uint32_t events = 0;

	if (cl->in_ended && cl->deaf && !cl->used) {
		client_close(cl);
		return;
	}
	if (!cl->in_ended && !cl->used)
		events |= EPOLLIN;
	if (cl->behind)
		events |= EPOLLOUT;
	if (!events && !cl->used)
		events = EPOLLHUP; /* a reader: does it leave? */
	loop_mod(cl->console->loop, &cl->watch, events);
}

/* --- output --- */

static void
client_send(struct console_client *cl)
{
	const struct console_log *log = &cl->console->log;
	char buf[SEND_SIZE];
	ssize_t n, done;

	cl->behind = false;
	for (int i = 0; i < PIECES && !cl->deaf; i++) {
		n = console_log_read(log, &cl->at, buf, sizeof(buf));
		if (n <= 0) { /* no more, or somebody truncated it */
			cl->at = log->end;
			return;
		}
		done = send(cl->watch.fd, buf, (size_t)n,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			cl->deaf = true;
		if (done > 0)
			cl->at += (uint64_t)done;
		if (done < n)
			break;
	}
	cl->behind = !cl->deaf && cl->at < log->end;
}

void
console_clients_send(struct console *c)
{
	for (unsigned i = 0; c->clients && i < CONSOLE_CLIENTS; i++) {
		struct console_client *cl = &c->client[i];

		if (cl->watch.fd < 0 || cl->deaf || cl->behind)
			continue;
		client_send(cl);
		client_settle(cl);
	}
}

void
console_clients_drain(struct console *c, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms, left = timeout_ms;

	for (;;) {
		struct pollfd p[CONSOLE_CLIENTS];
		nfds_t n = 0;

		for (unsigned i = 0; i < CONSOLE_CLIENTS; i++) {
			struct console_client *cl = &c->client[i];

			if (cl->watch.fd < 0 || !cl->behind)
				continue;
			client_send(cl);
			if (cl->behind)
				p[n++] = (struct pollfd){
					.fd = cl->watch.fd, .events = POLLOUT};
		}
		if (!n || left <= 0)
			return;
		if (poll(p, n, (int)left) < 0 && errno != EINTR)
			return;
		left = end - now_ms();
	}
}

/* --- input --- */

void
console_client_took(struct console_client *cl, size_t n)
{
	cl->from += n;
	cl->used -= n;
	if (cl->used)
		return;
	cl->console->waiting--;
	client_settle(cl);
}

static void
client_read(struct console_client *cl)
{
	struct console *c = cl->console;
	ssize_t n = recv(
		cl->watch.fd, c->in[cl - c->client], CONSOLE_IN, MSG_DONTWAIT);

	if (n > 0) {
		cl->from = 0;
		cl->used = (size_t)n;
		c->waiting++;
		console_deliver(c);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		cl->in_ended = true;
	}
}

static void
client_ready(void *to, uint32_t events)
{
	struct console_client *cl = to;

	if (!cl->in_ended && !cl->used)
		client_read(cl);
	if (cl->watch.fd >= 0 && cl->behind)
		client_send(cl);
	if (cl->watch.fd >= 0 && cl->in_ended && (events & EPOLLHUP)) {
		cl->deaf = true;
		cl->behind = false;
	}
	if (cl->watch.fd >= 0)
		client_settle(cl);
}

/* --- coming --- */

/* Has it left, and only its input still waits for the guest? */
static bool
left_input(const struct console_client *cl)
{
	struct pollfd p = {.fd = cl->watch.fd};

	return cl->used && poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* A guest that takes no input must not keep people out: before one who is here
 * is hung up on, what one left behind is thrown away. */
static struct console_client *
free_client(struct console *c)
{
	for (unsigned i = 0; i < CONSOLE_CLIENTS; i++)
		if (c->client[i].watch.fd < 0)
			return &c->client[i];
	for (unsigned i = 0; i < CONSOLE_CLIENTS; i++)
		if (left_input(&c->client[i])) {
			client_close(&c->client[i]);
			return &c->client[i];
		}
	return NULL;
}

static void
welcome(struct console *c, int fd)
{
	struct console_client *cl = free_client(c);

	if (!cl) {
		close(fd);
		return;
	}
	*cl = (struct console_client){
		.console = c,
		.watch = {fd, EPOLLIN, client_ready, cl},
		.at = c->log.end,
	};
	if (loop_add(c->loop, &cl->watch) < 0) {
		close(fd);
		cl->watch.fd = -1;
		return;
	}
	c->clients++;
}

static void
accept_ready(void *to, uint32_t events)
{
	struct console *c = to;
	int fd = accept4(
		c->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		welcome(c, fd);
	} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		/* No descriptors or memory: it stays ready, so look away. */
		loop_mod(c->loop, &c->listener, 0);
		chr_set_timer(c->chr, RETRY_MS);
	}
}

void
console_socket_retry(struct console *c)
{
	loop_mod(c->loop, &c->listener, EPOLLIN);
}

/* --- life --- */

int
console_socket_open(struct console *c)
{
	int fd = sock_listen(c->log.dir, CONSOLE_SOCKET, "console");

	if (fd < 0)
		return fd;
	c->listener = (struct watch){fd, EPOLLIN, accept_ready, c};
	return loop_add(c->loop, &c->listener);
}

void
console_socket_close(struct console *c)
{
	if (c->listener.fd < 0)
		return;
	unlinkat(c->log.dir, CONSOLE_SOCKET, 0);
	loop_del(c->loop, &c->listener);
	close(c->listener.fd);
	c->listener.fd = -1;
}

void
console_clients_close(struct console *c)
{
	for (unsigned i = 0; i < CONSOLE_CLIENTS; i++)
		if (c->client[i].watch.fd >= 0)
			client_close(&c->client[i]);
}
