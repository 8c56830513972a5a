/* SPDX-License-Identifier: MIT */
/*
 * Clocks and the event loop: the timerfd is set anew only when the clock's next
 * timer is another one.
 */
#include "lib/loop-ticker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/err.h"

struct ticker {
	struct clock *clock;
	struct loop *loop;
	struct watch timer;
	int64_t armed; /* what the timerfd waits for, in the clock's time */
	bool expire; /* something is due */
};

static void
timer_ready(void *to, uint32_t events)
{
	struct ticker *t = to;
	uint64_t n;

	(void)events;
	if (read(t->timer.fd, &n, sizeof(n)) < 0)
		return; /* re-armed since */
	t->armed = CLOCK_NEVER;
	t->expire = true;
}

bool
ticker_arm(struct ticker *t)
{
	int64_t next = clock_next(t->clock);
	struct itimerspec at = {0};

	if (next == t->armed)
		return t->expire;
	if (next != CLOCK_NEVER) {
		int64_t ns = next - clock_now(t->clock);

		if (ns <= 0) {
			t->expire = true;
			return true;
		}
		at.it_value.tv_sec = ns / NS_PER_S;
		at.it_value.tv_nsec = ns % NS_PER_S;
	}
	if (timerfd_settime(t->timer.fd, 0, &at, NULL) == 0)
		t->armed = next;
	return t->expire;
}

void
ticker_expire(struct ticker *t)
{
	if (!t->expire)
		return;
	t->expire = false;
	clock_expire(t->clock);
}

const struct clock *
ticker_clock(const struct ticker *t)
{
	return t->clock;
}

int
ticker_new(struct ticker **out, struct loop *l, struct clock *clock)
{
	struct ticker *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return fail(-ENOMEM, "event loop: cannot make");
	t->clock = clock;
	t->loop = l;
	t->armed = CLOCK_NEVER;
	t->timer = (struct watch){-1, EPOLLIN, timer_ready, t};
	t->timer.fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	err = t->timer.fd < 0 ? fail(-errno, "event loop: cannot make")
			      : loop_add(l, &t->timer);
	if (err) {
		if (t->timer.fd >= 0)
			close(t->timer.fd);
		free(t);
		return err;
	}
	*out = t;
	return 0;
}

void
ticker_free(struct ticker *t)
{
	clock_on_earlier(t->clock, NULL, NULL);
	loop_del(t->loop, &t->timer);
	close(t->timer.fd);
	free(t);
}
