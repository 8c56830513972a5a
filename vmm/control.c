/* SPDX-License-Identifier: MIT */
/*
 * The control server's clients: who is there, whose turn it is. QEMU
 * Machine Protocol specification, sections 2.1 to 2.5; "out of band" commands
 * are left out.
 */
#include "vmm/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/control-int.h"

enum { ACCEPT_TURN = 16, WORK_NS = 1000000 };

/* ---- the list of clients ---- */

static void
list_remove(struct control *c, struct client *cl)
{
	if (cl->prev)
		cl->prev->next = cl->next;
	else
		c->first = cl->next;
	if (cl->next)
		cl->next->prev = cl->prev;
	else
		c->last = cl->prev;
	cl->next = cl->prev = NULL;
}

static void
list_append(struct control *c, struct client *cl)
{
	cl->prev = c->last;
	if (c->last)
		c->last->next = cl;
	else
		c->first = cl;
	c->last = cl;
}

void
control_touch(struct client *cl)
{
	if (cl->c->last == cl)
		return;
	list_remove(cl->c, cl);
	list_append(cl->c, cl);
}

void
control_work(struct control *c)
{
	loop_call(c->host.loop, &c->work);
}

/* Somebody may be in the middle of its turn, so the memory goes later. */
void
client_kill(struct client *cl)
{
	struct control *c = cl->c;

	if (client_dead(cl))
		return;
	loop_del(c->host.loop, &cl->w);
	close(cl->w.fd);
	cl->w.fd = -1;
	c->clients--;
	typing_cancel(cl);
	if (cl->waiting)
		job_cancel(c);
	client_close_fds(cl);
	control_work(c);
}

static void
client_free(struct client *cl)
{
	free(cl->in.buf);
	free(cl->out);
	free(cl);
}

static void
bury(struct control *c)
{
	for (struct client *cl = c->first, *next; cl; cl = next) {
		next = cl->next;
		if (!client_dead(cl))
			continue;
		list_remove(c, cl);
		client_free(cl);
	}
}

/* ---- turns ---- */

/* Turns for those who wait, the first of the list first, until the time for
 * that is up: then it is the loop's other descriptors' turn, among which are
 * clients who say little. Who had a turn goes to the end of the list. */
static void
work(void *to)
{
	struct control *c = to;
	int64_t end = clock_now(c->costly.clock) + WORK_NS;
	unsigned n = c->clients;
	struct client *next;

	bury(c);
	for (struct client *cl = c->first; cl && n--; cl = next) {
		next = cl->next;
		if (!client_has_turn(cl))
			continue;
		control_touch(cl);
		client_turn(cl);
		if (clock_now(c->costly.clock) >= end) {
			control_work(c);
			break;
		}
	}
}

static void
costly_again(void *to)
{
	struct control *c = to;

	if (clock_now(c->costly.clock) < c->costly_at) {
		timer_arm(&c->costly, c->costly_at);
		return;
	}
	c->costly_at = 0;
	control_work(c);
}

/* ---- who comes ---- */

/* The client who has been silent longest without a word of greeting. */
static bool
make_room(struct control *c)
{
	for (struct client *cl = c->first; cl; cl = cl->next)
		if (!client_dead(cl) && !cl->negotiated) {
			client_kill(cl);
			return true;
		}
	return false;
}

static void
welcome(struct control *c, int fd)
{
	struct client *cl = NULL;

	if (c->clients < CONTROL_CLIENTS || make_room(c))
		cl = calloc(1, sizeof(*cl));
	if (!cl) {
		close(fd);
		return;
	}
	cl->c = c;
	cl->w = (struct watch){fd, EPOLLIN, client_ready, cl};
	for (unsigned n = 0; n < QMP_FDS; n++)
		cl->named[n].fd = -1;
	if (loop_add(c->host.loop, &cl->w)) {
		close(fd);
		free(cl);
		return;
	}
	list_append(c, cl);
	c->clients++;
	client_greet(cl);
	client_flush(cl);
	client_watch(cl);
}

/* No descriptor is left: somebody must go, and it would be called again and
 * again for one that cannot be accepted. */
static void
refuse(struct control *c)
{
	int fd;

	if (make_room(c))
		return;
	if (c->spare >= 0)
		close(c->spare);
	fd = accept4(c->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	c->spare = fcntl(c->listener.fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || c->spare < 0) {
		loop_mod(c->host.loop, &c->listener, 0);
		timer_arm(&c->again, clock_now(c->again.clock) + NS_PER_S);
	}
}

static void
accept_again(void *to)
{
	struct control *c = to;

	if (c->spare < 0)
		c->spare = fcntl(c->listener.fd, F_DUPFD_CLOEXEC, 3);
	loop_mod(c->host.loop, &c->listener, EPOLLIN);
}

static void
accept_ready(void *to, uint32_t events)
{
	struct control *c = to;

	(void)events;
	for (unsigned n = 0; n < ACCEPT_TURN; n++) {
		int fd = accept4(c->listener.fd, NULL, NULL,
			SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			welcome(c, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS)
			refuse(c);
		break;
	}
}

/* ---- events ---- */

void
control_event(struct control *c, const char *event, const char *data)
{
	struct timespec t;
	char head[160];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	n = (size_t)snprintf(head, sizeof(head),
		"{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %ld}, "
		"\"event\": \"%.64s\"",
		(long long)t.tv_sec, t.tv_nsec / 1000, event);
	for (struct client *cl = c->first; cl; cl = cl->next) {
		size_t more = data ? strlen(data) + 16 : 4;

		if (client_dead(cl) || !cl->negotiated ||
			cl->out_used + n + more > CONTROL_OUT)
			continue;
		client_say(cl, head, n);
		if (data)
			client_say(cl, ", \"data\": ", 10);
		if (data)
			client_say(cl, data, strlen(data));
		client_say(cl, "}\r\n", 3);
		if (!client_dead(cl))
			client_flush(cl);
		client_watch(cl);
	}
}

/* ---- making and unmaking ---- */

static void
quit(void *to)
{
	struct control *c = to;

	c->host.quit(c->host.to);
}

int
control_new(struct control **out, int listener, const struct control_host *host)
{
	struct control *c = calloc(1, sizeof(*c));
	struct clock *clock;
	int r;

	if (!c) {
		close(listener);
		return fail(-ENOMEM, "%s: control", host->name);
	}
	json_object_seed(0); /* it looks for randomness: while we may open */
	c->host = *host;
	c->work = (struct call){.fn = work, .to = c};
	c->quit = (struct call){.fn = quit, .to = c};
	clock = machine_clock(host->machine);
	timer_init(&c->costly, clock, NULL, costly_again, c);
	timer_init(&c->again, clock, NULL, accept_again, c);
	timer_init(&c->typist, clock, NULL, control_type, c);
	machine_on_input(host->machine, control_type, c);
	timer_init(&c->balloon, clock, NULL, control_look_at_balloon, c);
	c->listener = (struct watch){listener, EPOLLIN, accept_ready, c};
	c->spare = fcntl(listener, F_DUPFD_CLOEXEC, 3);
	r = c->spare < 0 ? fail(-errno, "%s: control", host->name)
			 : loop_add(host->loop, &c->listener);
	if (r) {
		control_free(c);
		return r;
	}
	*out = c;
	return 0;
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	job_cancel(c);
	for (struct client *cl = c->first; cl; cl = cl->next) {
		if (!client_dead(cl) && cl->out_used)
			client_flush(cl);
		client_kill(cl);
	}
	bury(c);
	timer_disarm(&c->costly);
	timer_disarm(&c->again);
	timer_disarm(&c->balloon);
	timer_disarm(&c->typist);
	machine_on_input(c->host.machine, NULL, NULL);
	loop_uncall(c->host.loop, &c->work);
	loop_uncall(c->host.loop, &c->quit);
	loop_del(c->host.loop, &c->listener);
	close(c->listener.fd);
	if (c->spare >= 0)
		close(c->spare);
	free(c);
}
