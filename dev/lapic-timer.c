/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer. Intel SDM vol. 3A, "APIC Timer". Nothing counts: the
 * current count follows from the clock and the time when the period began. The
 * host timer is armed only while an interrupt would come of it, and what is
 * due is done at each access, so that a busy event loop loses no interrupt.
 */
#include "dev/lapic-int.h"

#define MODE(lvt) ((lvt) >> 17 & 3)
enum { ONE_SHOT, PERIODIC, DEADLINE };

/* An interrupt storm is the guest's to have, but not the host's to run. */
#define MIN_PERIOD_NS 50000
/* The TSC may lag behind the clock; look again no sooner than this. */
#define RETRY_NS 10000
#define FOREVER_NS (INT64_MAX / 4)

_Static_assert(APIC_TIMER_HZ == NS_PER_S, "a tick is a nanosecond");

static unsigned
shift(const struct lapic *l)
{
	uint32_t v = (l->r.tdcr & 3) | (l->r.tdcr >> 1 & 4);

	return (v + 1) & 7;
}

static int64_t
period(const struct lapic *l)
{
	return (int64_t)l->r.tmict << shift(l);
}

static unsigned
mode(const struct lapic *l)
{
	return MODE(l->r.lvt[LVT_TIMER]);
}

static int64_t
ns_to_deadline(struct lapic *l)
{
	uint64_t now = l->out.tsc(l->out.to);
	unsigned __int128 ns;

	if (now >= l->r.deadline)
		return 0;
	ns = (unsigned __int128)(l->r.deadline - now) * NS_PER_S;
	ns = ns / l->out.tsc_hz + 1;
	return ns > FOREVER_NS ? FOREVER_NS : (int64_t)ns;
}

void
lapic_timer_run(struct lapic *l)
{
	int64_t past, p;

	if (!lapic_on(l))
		return;
	if (mode(l) == DEADLINE) {
		if (!l->r.deadline || ns_to_deadline(l))
			return;
		l->r.deadline = 0;
		lapic_local(l, LVT_TIMER);
		return;
	}
	if (!l->r.counting)
		return;
	p = period(l);
	past = clock_now(l->clock) - l->began;
	if (past < p)
		return;
	if (mode(l) == PERIODIC)
		l->began += past - past % p;
	else
		l->r.counting = 0;
	lapic_local(l, LVT_TIMER);
}

void
lapic_timer_plan(struct lapic *l)
{
	int64_t at = CLOCK_NEVER;

	if (!lapic_on(l) || (l->r.lvt[LVT_TIMER] & LVT_MASKED)) {
		at = CLOCK_NEVER;
	} else if (mode(l) == DEADLINE) {
		if (l->r.deadline)
			at = clock_now(l->clock) + ns_to_deadline(l);
	} else if (l->r.counting) {
		at = l->began + period(l);
		if (mode(l) == PERIODIC && at < l->fired + MIN_PERIOD_NS)
			at = l->fired + MIN_PERIOD_NS;
	}
	if (at == CLOCK_NEVER)
		timer_disarm(&l->timer);
	else
		timer_arm(&l->timer, at);
}

static void
fire(void *to)
{
	struct lapic *l = to;
	int64_t soon;

	l->fired = clock_now(l->clock);
	lapic_timer_run(l);
	lapic_timer_plan(l);
	soon = l->fired + RETRY_NS;
	if (mode(l) == DEADLINE && l->r.deadline && l->timer.at < soon)
		timer_arm(&l->timer, soon);
}

void
lapic_timer_init(struct lapic *l)
{
	timer_init(&l->timer, l->clock, &l->m, fire, l);
	l->fired = -MIN_PERIOD_NS;
}

uint32_t
lapic_timer_count(struct lapic *l)
{
	int64_t past;

	lapic_timer_run(l);
	if (mode(l) == DEADLINE || !l->r.counting)
		return 0;
	past = clock_now(l->clock) - l->began;
	return (uint32_t)(l->r.tmict - (past >> shift(l)));
}

/* Count down from initial, being at current by now. */
void
lapic_timer_set(struct lapic *l, uint32_t initial, uint32_t current)
{
	if (mode(l) == DEADLINE)
		return;
	if (current > initial)
		current = initial;
	l->r.tmict = initial;
	l->r.counting = current != 0;
	l->began = clock_now(l->clock) -
		   ((int64_t)(initial - current) << shift(l));
	lapic_timer_plan(l);
}

void
lapic_timer_divide(struct lapic *l, uint32_t tdcr)
{
	uint32_t count = lapic_timer_count(l);

	l->r.tdcr = tdcr;
	if (count)
		lapic_timer_set(l, l->r.tmict, count);
}

/* A new LVT entry. Between one-shot and periodic the count goes on; to and
 * from TSC-deadline mode disarms. */
void
lapic_timer_mode(struct lapic *l, uint32_t lvt)
{
	lapic_timer_run(l);
	if ((MODE(lvt) == DEADLINE) != (mode(l) == DEADLINE)) {
		l->r.tmict = 0;
		l->r.counting = 0;
		l->r.deadline = 0;
	}
	l->r.lvt[LVT_TIMER] = lvt;
	lapic_timer_plan(l);
}

uint64_t
lapic_timer_deadline(struct lapic *l)
{
	lapic_timer_run(l);
	return mode(l) == DEADLINE ? l->r.deadline : 0;
}

void
lapic_timer_set_deadline(struct lapic *l, uint64_t tsc)
{
	if (!lapic_on(l) || mode(l) != DEADLINE || !l->out.tsc)
		return;
	lapic_timer_run(l);
	l->r.deadline = tsc;
	lapic_timer_run(l);
	lapic_timer_plan(l);
}
