/* SPDX-License-Identifier: MIT */
/*
 * 8254 timer, Intel data sheet 231164, with a PC's port 0x61 around it.
 *
 * Nothing counts: counts and outputs are functions of the ticks that passed
 * since a counter was loaded, so a periodic counter cannot drift. Counter 0's
 * wire shows the rises of its output, each with a fall just before it; the low
 * half of a square wave is not waited for. Rises that nobody ran for in time,
 * or that come closer than MIN_GAP, are one.
 */
#include "dev/pit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/pit-counter.h"
#include "lib/err.h"

#define NEVER INT64_MAX
#define MIN_GAP 20000 /* ns between interrupts */
#define MAX_AGE (1LL << 60) /* of loaded state */
#define REFRESH 18 /* ticks between memory refreshes */

enum { BACK_NO_STATUS = 0x10, BACK_NO_COUNT = 0x20 };
enum { P61_GATE = 0x01, P61_KEEP = 0x0f };

struct pit {
	struct dev dev;
	struct clock *clock;
	struct irq out;
	struct timer timer;
	/* Absolute ticks, which age and left hold across a save. */
	int64_t start[3], swap[3];
	int64_t edge; /* the rise of counter 0 that the timer waits for */
	struct pit_regs {
		struct counter ch[3];
		uint32_t port61;
		uint16_t wire; /* counter 0's, as last driven */
		uint16_t owed; /* a rise came that was not shown */
	} r;
};

/* clang-format off */
#define CH(i, m) \
	{ #m #i, offsetof(struct pit, r.ch[i].m), \
		sizeof(((struct pit *)0)->r.ch[i].m), 1 }
#define COUNTER(i) \
	CH(i, age), CH(i, left), CH(i, n), CH(i, next), CH(i, latch), \
	CH(i, ctl), CH(i, status), CH(i, low), CH(i, write_high), \
	CH(i, read_high), CH(i, latched), CH(i, has_status), \
	CH(i, gate), CH(i, run), CH(i, null)
/* clang-format on */

static const struct field fields[] = {
	COUNTER(0),
	COUNTER(1),
	COUNTER(2),
	FIELD(struct pit, r, port61),
	FIELD(struct pit, r, wire),
	FIELD(struct pit, r, owed),
	FIELD_END,
};

/* --- time --- */

static int64_t
to_ticks(int64_t ns)
{
	return ns / NS_PER_S * PIT_HZ + ns % NS_PER_S * PIT_HZ / NS_PER_S;
}

/* The first ns at which tick t has passed. */
static int64_t
to_ns(int64_t t)
{
	return t / PIT_HZ * NS_PER_S +
	       (t % PIT_HZ * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

static int64_t
now_ticks(struct pit *p)
{
	return to_ticks(clock_now(p->clock));
}

/* --- a counter now --- */

/* When the next count began, in what would have been its own terms: in mode 3
 * it may take over in the middle of a cycle. */
static int64_t
next_start(const struct pit *p, unsigned i)
{
	const struct counter *c = &p->r.ch[i];

	if (counter_mode(c) == 3 && (p->swap[i] - p->start[i]) % c->n)
		return p->swap[i] - counter_high(c->next);
	return p->swap[i];
}

static void
take_next(struct counter *c)
{
	if (c->next)
		c->n = c->next;
	c->next = 0;
	c->null = 0;
}

/* Counter i's age, with the count that applies by now. */
static int64_t
settle(struct pit *p, unsigned i, int64_t now)
{
	struct counter *c = &p->r.ch[i];

	if (c->run != COUNTING)
		return c->age;
	if (c->next && counter_periodic(c) && now >= p->swap[i]) {
		p->start[i] = next_start(p, i);
		take_next(c);
	}
	return now > p->start[i] ? now - p->start[i] : 0;
}

/* The first rise of counter i's output after now. */
static int64_t
rise(struct pit *p, unsigned i, int64_t now)
{
	struct counter *c = &p->r.ch[i];
	int64_t e = settle(p, i, now), at;

	if (c->run != COUNTING)
		return NEVER;
	if (counter_periodic(c)) {
		if (c->next && counter_mode(c) == 3) {
			at = next_start(p, i);
			return at == p->swap[i] ? at : at + c->next;
		}
		if (c->n == 1)
			return c->next ? p->swap[i] : NEVER;
		return p->start[i] + (e / c->n + 1) * c->n;
	}
	at = p->start[i] + c->n + (counter_mode(c) >= 4);
	return at > now ? at : NEVER;
}

/* --- counter 0's wire --- */

static void
drive(struct pit *p, bool level)
{
	p->r.wire = level;
	irq_set(p->out, level);
}

static void
arm(struct pit *p, int64_t edge, int64_t earliest)
{
	p->edge = edge;
	if (edge == NEVER)
		timer_disarm(&p->timer);
	else
		timer_arm(&p->timer,
			to_ns(edge) > earliest ? to_ns(edge) : earliest);
}

static void
fire(void *to)
{
	struct pit *p = to;
	int64_t ns = clock_now(p->clock);

	drive(p, false);
	drive(p, true);
	arm(p, rise(p, 0, to_ticks(ns)), ns + MIN_GAP);
}

/* --- writes --- */

static void
begin(struct pit *p, unsigned i, int64_t now)
{
	struct counter *c = &p->r.ch[i];

	take_next(c);
	c->age = 0;
	c->run = c->gate || counter_triggered(c) ? COUNTING : FROZEN;
	p->start[i] = now + 1;
}

static void
write_count(struct pit *p, unsigned i, uint32_t v, int64_t now)
{
	struct counter *c = &p->r.ch[i];
	int64_t e = settle(p, i, now);
	uint32_t half = counter_high(c->n);

	c->next = counter_decode(c, v);
	c->null = 1;
	if (counter_triggered(c))
		return;
	if (!counter_periodic(c) || c->run == STOPPED) {
		begin(p, i, now);
	} else if (c->run == COUNTING) {
		p->swap[i] = p->start[i] + e - e % c->n + c->n;
		if (counter_mode(c) == 3 && e % c->n < half && c->n > 1)
			p->swap[i] += half - (int64_t)c->n;
	}
}

static void
count_byte(struct pit *p, unsigned i, uint8_t val, int64_t now)
{
	struct counter *c = &p->r.ch[i];
	unsigned rw = c->ctl >> 4 & 3;

	if (rw == RW_BOTH && !c->write_high) {
		c->low = val;
		c->write_high = 1;
		if (counter_mode(c) == 0)
			c->run = STOPPED;
		return;
	}
	if (rw == RW_BOTH)
		write_count(p, i, (uint32_t)val << 8 | c->low, now);
	else
		write_count(p, i, rw == RW_LOW ? val : (uint32_t)val << 8, now);
	c->write_high = 0;
}

static void
latch_count(struct pit *p, unsigned i, int64_t now)
{
	struct counter *c = &p->r.ch[i];

	if (c->latched)
		return;
	c->latch = counter_count(c, settle(p, i, now));
	c->latched = (c->ctl >> 4 & 3) == RW_BOTH ? 2 : 1;
}

static void
latch_status(struct pit *p, unsigned i, int64_t now)
{
	struct counter *c = &p->r.ch[i];
	bool out = counter_output(c, settle(p, i, now));

	if (c->has_status)
		return;
	c->has_status = 1;
	c->status = (uint16_t)(out << 7 | c->null << 6 | c->ctl);
}

static void
read_back(struct pit *p, uint8_t val, int64_t now)
{
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (!(val >> (i + 1) & 1))
			continue;
		if (!(val & BACK_NO_COUNT))
			latch_count(p, i, now);
		if (!(val & BACK_NO_STATUS))
			latch_status(p, i, now);
	}
}

static void
set_mode(struct pit *p, unsigned i, uint8_t val)
{
	struct counter *c = &p->r.ch[i];

	c->ctl = val & CTL_KEEP;
	c->run = STOPPED;
	c->age = 0;
	c->next = 0;
	c->null = 1;
	c->write_high = c->read_high = 0;
	c->latched = c->has_status = 0;
}

/* After a write to counter 0: its output may have moved, and its next rise. */
static void
follow(struct pit *p, int64_t now)
{
	struct counter *c = &p->r.ch[0];
	int64_t e = settle(p, 0, now);

	if (p->edge <= now) { /* it came before the write did */
		drive(p, false);
		drive(p, true);
	}
	if (c->run == STOPPED || counter_mode(c) == 0)
		drive(p, counter_output(c, e));
	arm(p, rise(p, 0, now), 0);
}

static void
control(struct pit *p, uint8_t val, int64_t now)
{
	unsigned i = val >> 6;

	if (i == 3)
		read_back(p, val, now);
	else if ((val >> 4 & 3) == RW_LATCH)
		latch_count(p, i, now);
	else
		set_mode(p, i, val);
}

static void
set_gate(struct pit *p, unsigned i, bool level, int64_t now)
{
	struct counter *c = &p->r.ch[i];
	int64_t e = settle(p, i, now);

	if (c->gate == level)
		return;
	c->gate = level;
	if (counter_triggered(c)) {
		if (level && (c->next || c->run == COUNTING))
			begin(p, i, now);
	} else if (!level && c->run == COUNTING) {
		c->run = FROZEN;
		c->age = e;
	} else if (level && c->run == FROZEN) {
		if (counter_periodic(c)) {
			begin(p, i, now);
		} else {
			c->run = COUNTING;
			p->start[i] = now - c->age;
		}
	}
}

/* --- the contract --- */

static uint8_t
count_read(struct pit *p, unsigned i, int64_t now)
{
	struct counter *c = &p->r.ch[i];
	unsigned rw = c->ctl >> 4 & 3;
	uint32_t v =
		c->latched ? c->latch : counter_count(c, settle(p, i, now));
	bool high = rw == RW_HIGH;

	if (c->has_status) {
		c->has_status = 0;
		return (uint8_t)c->status;
	}
	if (c->latched)
		c->latched--;
	if (rw == RW_BOTH) {
		high = c->read_high;
		c->read_high = !c->read_high;
	}
	return (uint8_t)(high ? v >> 8 : v);
}

static uint64_t
pit_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct pit *p = (struct pit *)d;
	int64_t now = now_ticks(p);
	bool out;

	(void)size;
	if (bar == 0)
		return off < 3 ? count_read(p, (unsigned)off, now) : 0xff;
	out = counter_output(&p->r.ch[2], settle(p, 2, now));
	return p->r.port61 | (uint64_t)(now / REFRESH & 1) << 4 |
	       (uint64_t)out << 5;
}

static void
pit_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct pit *p = (struct pit *)d;
	int64_t now = now_ticks(p);

	(void)size;
	if (bar == 1) {
		p->r.port61 = val & P61_KEEP;
		set_gate(p, 2, val & P61_GATE, now);
		return;
	}
	if (off == 3)
		control(p, (uint8_t)val, now);
	else
		count_byte(p, (unsigned)off, (uint8_t)val, now);
	if (off == 0 || (off == 3 && val >> 6 == 0))
		follow(p, now);
}

static void
pit_reset(struct dev *d)
{
	struct pit *p = (struct pit *)d;
	unsigned i;

	memset(&p->r, 0, sizeof(p->r));
	for (i = 0; i < 3; i++) {
		p->r.ch[i].ctl = RW_BOTH << 4;
		p->r.ch[i].n = 65536;
		p->r.ch[i].null = 1;
		p->r.ch[i].gate = i < 2;
		p->start[i] = p->swap[i] = 0;
	}
	arm(p, NEVER, 0);
	drive(p, false);
}

static void
pit_saving(struct dev *d)
{
	struct pit *p = (struct pit *)d;
	int64_t now = now_ticks(p);
	unsigned i;

	for (i = 0; i < 3; i++) {
		struct counter *c = &p->r.ch[i];

		settle(p, i, now);
		if (c->run == COUNTING)
			c->age = now - p->start[i];
		c->left = c->run == COUNTING && counter_periodic(c) && c->next
				  ? p->swap[i] - now
				  : 0;
	}
	p->r.owed = p->edge <= now;
}

static bool
sane(const struct counter *c)
{
	int64_t age = c->run == COUNTING ? c->age + 1 : c->age;

	return c->ctl <= CTL_KEEP && c->ctl >> 4 && c->n && c->n <= 65536 &&
	       c->next <= 65536 && c->latch <= 0xffff && c->status <= 0xff &&
	       c->write_high <= 1 && c->read_high <= 1 && c->latched <= 2 &&
	       c->has_status <= 1 && c->gate <= 1 && c->run <= FROZEN &&
	       c->null <= 1 && age >= 0 && age <= MAX_AGE && c->left >= 0 &&
	       c->left <= 65536;
}

static int
pit_loaded(struct dev *d)
{
	struct pit *p = (struct pit *)d;
	int64_t now = now_ticks(p);
	unsigned i;

	for (i = 0; i < 3; i++) {
		struct counter *c = &p->r.ch[i];

		if (!sane(c))
			return failx(
				-EINVAL, "%s: impossible counter %u", d->id, i);
		p->start[i] = now - c->age;
		p->swap[i] = now + c->left;
	}
	if (p->r.port61 & ~(uint32_t)P61_KEEP || p->r.wire > 1 ||
		p->r.owed > 1 || !p->r.ch[0].gate || !p->r.ch[1].gate ||
		p->r.ch[2].gate != (p->r.port61 & P61_GATE))
		return failx(-EINVAL, "%s: impossible state", d->id);
	drive(p, p->r.wire);
	arm(p, p->r.owed ? now : rise(p, 0, now), 0);
	return 0;
}

static void
pit_free(struct dev *d)
{
	struct pit *p = (struct pit *)d;

	timer_disarm(&p->timer);
	free(p);
}

static const struct dev_ops ops = {
	.name = "pit",
	.fields = fields,
	DEV_REGS(struct pit, r),
	.widest = 1,
	.read = pit_read,
	.write = pit_write,
	.reset = pit_reset,
	.loaded = pit_loaded,
	.saving = pit_saving,
	.free = pit_free,
};

struct dev *
pit_new(struct clock *clock, struct irq out)
{
	struct pit *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	dev_init(&p->dev, &ops);
	p->clock = clock;
	p->out = out;
	timer_init(&p->timer, clock, &p->dev.lock, fire, p);
	pit_reset(&p->dev);
	return &p->dev;
}
