/* SPDX-License-Identifier: MIT */
/*
 * The event loop over epoll(7). Watches are found by descriptor number and a
 * generation that epoll hands back, so an event that was fetched before its
 * watch was deleted, or its number reused, is recognised and dropped.
 *
 * Wake-ups: the loop says "sleeping" before it looks at the queue, the stop
 * flag and the clock; others change those first and then look at "sleeping".
 * Whoever turns it off writes the eventfd. So none is lost, and none is paid
 * for while the loop is awake anyway.
 */
#include "lib/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/loop-queue.h"
#include "lib/loop-ticker.h"

enum { BATCH = 64, SIGNALS_AT_ONCE = 8 };

struct entry {
	struct watch *w; /* NULL: free */
	uint32_t gen;
	bool in_epoll;
	bool always; /* epoll refused it: ready at any time */
};

struct loop {
	int ep;
	struct entry *table; /* by descriptor */
	size_t size;
	size_t always;
	uint32_t gen;

	struct ticker *ticker[LOOP_CLOCKS];
	unsigned tickers;
	struct watch wake, signals;
	bool masked;
	sigset_t old_mask;
	void (*caught)(void *to, int sig);
	void *caught_to;

	atomic_bool sleeping, stop;
	struct queue calls;
};

static void
loop_wake(struct loop *l)
{
	uint64_t one = 1;

	if (atomic_exchange(&l->sleeping, false))
		while (write(l->wake.fd, &one, sizeof(one)) < 0 &&
			errno == EINTR)
			;
}

/* --- watches --- */

static int
table_reach(struct loop *l, size_t fd)
{
	size_t size = l->size ? l->size : 32;
	struct entry *table;

	if (fd < l->size)
		return 0;
	while (size <= fd)
		size *= 2;
	table = realloc(l->table, size * sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = l->size; i < size; i++)
		table[i] = (struct entry){0};
	l->table = table;
	l->size = size;
	return 0;
}

/* Tell epoll what e's watch wants, in the way its state calls for. */
static int
entry_apply(struct loop *l, struct entry *e)
{
	struct epoll_event ev = {.events = e->w->events};
	int fd = e->w->fd, op = EPOLL_CTL_ADD;

	if (e->always)
		return 0;
	if (e->in_epoll)
		op = ev.events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
	else if (!ev.events)
		return 0;
	ev.data.u64 = (uint64_t)e->gen << 32 | (uint32_t)fd;
	if (epoll_ctl(l->ep, op, fd, &ev) == 0) {
		e->in_epoll = op != EPOLL_CTL_DEL;
		return 0;
	}
	if (errno != EPERM || op != EPOLL_CTL_ADD)
		return -errno;
	e->always = true;
	l->always++;
	return 0;
}

int
loop_add(struct loop *l, struct watch *w)
{
	struct entry *e;
	int err;

	if (w->fd < 0)
		return fail(-EBADF, "descriptor %d: cannot watch", w->fd);
	err = table_reach(l, (size_t)w->fd);
	if (err)
		return fail(err, "descriptor %d: cannot watch", w->fd);
	e = &l->table[w->fd];
	if (e->w)
		return fail(-EEXIST, "descriptor %d: cannot watch", w->fd);
	*e = (struct entry){.w = w, .gen = ++l->gen};
	err = entry_apply(l, e);
	if (err) {
		e->w = NULL;
		return fail(err, "descriptor %d: cannot watch", w->fd);
	}
	return 0;
}

static struct entry *
entry_of(struct loop *l, const struct watch *w)
{
	if (w->fd < 0 || (size_t)w->fd >= l->size || l->table[w->fd].w != w)
		return NULL;
	return &l->table[w->fd];
}

int
loop_mod(struct loop *l, struct watch *w, uint32_t events)
{
	struct entry *e = entry_of(l, w);
	int err;

	if (!e)
		return fail(-ENOENT, "descriptor %d: not watched", w->fd);
	if (w->events == events)
		return 0;
	w->events = events;
	err = entry_apply(l, e);
	return err ? fail(err, "descriptor %d: cannot watch", w->fd) : 0;
}

void
loop_del(struct loop *l, struct watch *w)
{
	struct entry *e = entry_of(l, w);

	if (!e)
		return;
	if (e->in_epoll)
		epoll_ctl(l->ep, EPOLL_CTL_DEL, w->fd, NULL);
	if (e->always)
		l->always--;
	*e = (struct entry){0};
}

static void
dispatch(struct loop *l, const struct epoll_event *ev)
{
	size_t fd = (uint32_t)ev->data.u64;
	struct entry *e = fd < l->size ? &l->table[fd] : NULL;

	if (e && e->w && e->in_epoll && e->gen == ev->data.u64 >> 32)
		e->w->ready(e->w->to, ev->events);
}

static void
dispatch_always(struct loop *l)
{
	uint32_t last = l->gen; /* those added meanwhile wait for their turn */

	for (size_t i = 0; l->always && i < l->size; i++) {
		const struct entry *e = &l->table[i];

		if (e->w && e->always && e->w->events && e->gen <= last)
			e->w->ready(
				e->w->to, e->w->events & (EPOLLIN | EPOLLOUT));
	}
}

static bool
any_always(const struct loop *l)
{
	for (size_t i = 0; l->always && i < l->size; i++)
		if (l->table[i].w && l->table[i].always &&
			l->table[i].w->events)
			return true;
	return false;
}

/* --- calls --- */

void
loop_call(struct loop *l, struct call *c)
{
	queue_put(&l->calls, c);
	loop_wake(l);
}

void
loop_uncall(struct loop *l, struct call *c)
{
	queue_remove(&l->calls, c);
}

int
loop_post(struct loop *l, void (*fn)(void *to), void *to)
{
	if (queue_post(&l->calls, fn, to) < 0)
		return fail(-EAGAIN, "event loop: too many calls are waiting");
	loop_wake(l);
	return 0;
}

/* --- the descriptors of our own --- */

static void
wake_ready(void *to, uint32_t events)
{
	struct loop *l = to;
	uint64_t n;

	(void)events;
	if (read(l->wake.fd, &n, sizeof(n)) < 0)
		return; /* somebody's spurious event: nothing to take */
}

static void
earlier(void *to)
{
	loop_wake(to);
}

/* Is any timer due? */
static bool
arm_timers(struct loop *l)
{
	bool due = false;

	for (unsigned i = 0; i < l->tickers; i++)
		due |= ticker_arm(l->ticker[i]);
	return due;
}

int
loop_add_clock(struct loop *l, struct clock *clock)
{
	int err;

	if (l->tickers == LOOP_CLOCKS)
		return fail(-ENOSPC, "event loop: too many clocks");
	err = ticker_new(&l->ticker[l->tickers], l, clock);
	if (err)
		return err;
	clock_on_earlier(clock, earlier, l);
	l->tickers++;
	return 0;
}

void
loop_del_clock(struct loop *l, struct clock *clock)
{
	unsigned i = 0;

	while (i < l->tickers && ticker_clock(l->ticker[i]) != clock)
		i++;
	if (i == l->tickers)
		return;
	ticker_free(l->ticker[i]);
	l->ticker[i] = l->ticker[--l->tickers];
}

static void
signals_ready(void *to, uint32_t events)
{
	struct signalfd_siginfo info[SIGNALS_AT_ONCE];
	struct loop *l = to;
	ssize_t n = read(l->signals.fd, info, sizeof(info));

	(void)events;
	for (ssize_t i = 0; i < n / (ssize_t)sizeof(info[0]); i++)
		l->caught(l->caught_to, (int)info[i].ssi_signo);
}

int
loop_signals(struct loop *l, const sigset_t *set,
	void (*caught)(void *to, int sig), void *to)
{
	int err;

	if (l->masked)
		return fail(-EBUSY, "signals: already watched");
	l->signals.fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (l->signals.fd < 0)
		return fail(-errno, "signals: cannot watch");
	l->signals.events = EPOLLIN;
	l->signals.ready = signals_ready;
	l->signals.to = l;
	err = loop_add(l, &l->signals);
	if (err) {
		close(l->signals.fd);
		l->signals.fd = -1;
		return err;
	}
	l->caught = caught;
	l->caught_to = to;
	pthread_sigmask(SIG_BLOCK, set, &l->old_mask);
	l->masked = true;
	return 0;
}

/* --- the loop --- */

static int
open_fds(struct loop *l)
{
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	if (l->ep < 0)
		return fail(-errno, "event loop: cannot make");
	l->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->wake.events = EPOLLIN;
	l->wake.ready = wake_ready;
	l->wake.to = l;
	if (l->wake.fd < 0)
		return fail(-errno, "event loop: cannot make");
	return loop_add(l, &l->wake);
}

int
loop_new(struct loop **out, struct clock *clock)
{
	struct loop *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return fail(-ENOMEM, "event loop: cannot make");
	l->ep = l->wake.fd = l->signals.fd = -1;
	queue_init(&l->calls);
	err = open_fds(l);
	if (!err && clock)
		err = loop_add_clock(l, clock);
	if (err) {
		loop_free(l);
		return err;
	}
	*out = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	int fds[3];

	if (!l)
		return;
	while (l->tickers)
		ticker_free(l->ticker[--l->tickers]);
	fds[0] = l->signals.fd;
	fds[1] = l->wake.fd;
	fds[2] = l->ep;
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (l->masked)
		pthread_sigmask(SIG_SETMASK, &l->old_mask, NULL);
	queue_destroy(&l->calls);
	free(l->table);
	free(l);
}

int
loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[BATCH];
	int n;

	atomic_store(&l->sleeping, true);
	if (arm_timers(l) || atomic_load(&l->stop) ||
		queue_waiting(&l->calls) || any_always(l))
		timeout_ms = 0;
	n = epoll_wait(l->ep, ev, BATCH, timeout_ms);
	if (n < 0 && errno != EINTR)
		return fail(-errno, "event loop: cannot wait");
	atomic_store(&l->sleeping, false);
	for (int i = 0; i < n; i++)
		dispatch(l, &ev[i]);
	dispatch_always(l);
	for (unsigned i = 0; i < l->tickers; i++)
		ticker_expire(l->ticker[i]);
	queue_run(&l->calls);
	return 0;
}

int
loop_run(struct loop *l)
{
	int err = 0;

	while (!err && !atomic_exchange(&l->stop, false))
		err = loop_once(l, -1);
	return err;
}

void
loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	loop_wake(l);
}
