/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock, Motorola MC146818A, with 128 bytes of RAM and a century
 * byte at 0x32. Nothing ticks: the time follows from the host's, flags are
 * brought up to date at each access, and a timer is armed only while an
 * interrupt would come of it. Left out: square wave, daylight saving, day of
 * the week as a counter of its own (it follows from the date).
 */
#include "dev/rtc.h"
#include "dev/rtc-int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define A_UIP 0x80
#define A_DIVIDER 0x70
#define C_IRQF 0x80
#define C_PF 0x40
#define C_AF 0x20
#define C_UF 0x10
#define C_FLAGS (C_PF | C_AF | C_UF)
#define D_VRT 0x80

#define UIP_NS 244000
#define CHAIN_HZ 32768
#define FAR_S 1000000000000 /* beyond any year that the chip can say */

struct rtc_regs {
	int64_t offset; /* seconds ahead of the host */
	int64_t seen_second; /* flags are up to date to here */
	int64_t seen_tick;
	uint32_t phase; /* ns that our seconds begin before the host's */
	uint8_t index; /* with the NMI mask in bit 7 */
	uint8_t spare[3]; /* always 0 */
	uint8_t cmos[128];
};

struct rtc {
	struct dev dev;
	struct rtc_regs r;
	struct clock *clock;
	struct irq out;
	struct timer timer;
};

static struct rtc *
of(struct dev *d)
{
	return (struct rtc *)d;
}

/* Time. The divider chain counts ns since some second began. */

static int64_t
chain(struct rtc *t)
{
	return clock_real(t->clock) + t->r.phase;
}

static int64_t
second(struct rtc *t)
{
	int64_t ns = chain(t), s = ns / NS_PER_S;

	return s - (ns % NS_PER_S < 0) + t->r.offset;
}

static int64_t
fraction(struct rtc *t)
{
	int64_t ns = chain(t) % NS_PER_S;

	return ns < 0 ? ns + NS_PER_S : ns;
}

static int64_t
tick(struct rtc *t)
{
	return (int64_t)((__int128)chain(t) * CHAIN_HZ / NS_PER_S);
}

static bool
chain_runs(const struct rtc *t)
{
	return (t->r.cmos[REG_A] & A_DIVIDER) <= 0x20;
}

static bool
running(const struct rtc *t)
{
	return chain_runs(t) && !(t->r.cmos[REG_B] & B_SET);
}

/* The time as of now, to the bytes. */
static void
show(struct rtc *t)
{
	rtc_show(t->r.cmos, second(t));
}

/* The bytes are the time from now on, to the running second's fraction. */
static void
set_time(struct rtc *t)
{
	int64_t s = rtc_seconds(t->r.cmos);

	t->r.offset += s - second(t);
	t->r.seen_second = s;
}

/* Interrupts */

/* Ticks in a period, 0 for none. */
static int64_t
period(const struct rtc *t)
{
	unsigned rate = t->r.cmos[REG_A] & 15;

	if (!rate || !chain_runs(t))
		return 0;
	return 1 << (rate <= 2 ? rate + 6 : rate - 1);
}

static void
note(struct rtc *t)
{
	struct rtc_regs *r = &t->r;
	int64_t now = second(t), tk = tick(t), p = period(t), ring;

	if (p && tk / p > r->seen_tick / p)
		r->cmos[REG_C] |= C_PF;
	r->seen_tick = tk;
	if (running(t) && now > r->seen_second) {
		r->cmos[REG_C] |= C_UF;
		ring = rtc_next_alarm(t->r.cmos, r->seen_second);
		if (ring >= 0 && ring <= now)
			r->cmos[REG_C] |= C_AF;
	}
	r->seen_second = now;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ns from now until second s begins */
static int64_t
until(struct rtc *t, int64_t s)
{
	int64_t n = s - second(t);

	return (n > DAY_S * 2 ? DAY_S * 2 : n) * NS_PER_S - fraction(t);
}

/* Arm for the next flag that would raise the line. */
static void
plan(struct rtc *t)
{
	uint8_t idle = (uint8_t)~t->r.cmos[REG_C];
	uint8_t want = t->r.cmos[REG_B] & idle & C_FLAGS;
	int64_t ns = CLOCK_NEVER, p = period(t), now = second(t), ring;

	if ((want & B_PIE) && p) {
		__int128 at = (__int128)(tick(t) / p + 1) * p * NS_PER_S;

		ns = (int64_t)((at + CHAIN_HZ - 1) / CHAIN_HZ) - chain(t);
	}
	if ((want & B_UIE) && running(t))
		ns = sooner(ns, until(t, now + 1));
	if ((want & B_AIE) && running(t)) {
		ring = rtc_next_alarm(t->r.cmos, now);
		if (ring >= 0)
			ns = sooner(ns, until(t, ring));
	}
	if (ns == CLOCK_NEVER || (t->r.cmos[REG_C] & C_IRQF))
		timer_disarm(&t->timer);
	else
		timer_arm(&t->timer, clock_now(t->clock) + ns);
}

static void
update(struct rtc *t)
{
	uint8_t *c = t->r.cmos;

	note(t);
	c[REG_C] &= C_FLAGS;
	if (c[REG_C] & c[REG_B])
		c[REG_C] |= C_IRQF;
	irq_set(t->out, c[REG_C] & C_IRQF);
	plan(t);
}

static void
fire(void *to)
{
	update(to);
}

/* Access */

static bool
is_time(unsigned reg)
{
	return reg == CENTURY || (reg < REG_A && reg != SEC_ALARM &&
					 reg != MIN_ALARM && reg != HOUR_ALARM);
}

static uint64_t
rtc_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct rtc *t = of(d);
	unsigned reg = t->r.index & 0x7f;
	uint8_t v;

	(void)bar, (void)size;
	if (off == 0)
		return 0xff; /* write-only */
	update(t);
	if (is_time(reg) && running(t))
		show(t);
	v = t->r.cmos[reg];
	if (reg == REG_A && running(t) && fraction(t) >= NS_PER_S - UIP_NS)
		v |= A_UIP;
	if (reg == REG_C) {
		t->r.cmos[REG_C] = 0;
		update(t);
	}
	return v;
}

/* Stop or start as a new A or B says. */
static void
set_mode(struct rtc *t, unsigned reg, uint8_t v)
{
	bool ran = running(t), chain_ran = chain_runs(t);

	if (ran)
		show(t);
	t->r.cmos[reg] = v;
	if (chain_runs(t) && !chain_ran) {
		/* the first update comes half a second after a divider reset */
		int64_t late = NS_PER_S / 2 - fraction(t);

		late += late < 0 ? NS_PER_S : 0;
		t->r.phase = (uint32_t)((t->r.phase + late) % NS_PER_S);
		t->r.seen_tick = tick(t);
	}
	if (running(t) && !ran)
		set_time(t);
}

static void
set_b(struct rtc *t, uint8_t v)
{
	bool ran = running(t);

	if (v & B_SET)
		v &= (uint8_t)~B_UIE;
	set_mode(t, REG_B, v);
	if (ran)
		show(t); /* in the new format, should that have changed */
}

static void
rtc_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct rtc *t = of(d);
	unsigned reg = t->r.index & 0x7f;
	uint8_t v = (uint8_t)val;

	(void)bar, (void)size;
	if (off == 0) {
		t->r.index = v;
		return;
	}
	update(t);
	if (reg == REG_A) {
		set_mode(t, REG_A, v & (uint8_t)~A_UIP);
	} else if (reg == REG_B) {
		set_b(t, v);
	} else if (is_time(reg) && running(t)) {
		show(t);
		t->r.cmos[reg] = v;
		set_time(t);
	} else if (reg != REG_C && reg != REG_D) {
		t->r.cmos[reg] = v;
	}
	update(t);
}

void
rtc_preset(struct dev *d, unsigned reg, uint8_t value)
{
	if (reg > REG_D && reg < sizeof(of(d)->r.cmos))
		of(d)->r.cmos[reg] = value;
}

static bool
sound(struct rtc *t)
{
	const struct rtc_regs *r = &t->r;

	return r->offset <= FAR_S && r->offset >= -FAR_S &&
	       r->phase < NS_PER_S && r->seen_second >= -FAR_S &&
	       r->seen_tick >= 0 && !(r->cmos[REG_A] & A_UIP) &&
	       !(r->cmos[REG_C] & 0x0f) && r->cmos[REG_D] == D_VRT &&
	       !(r->spare[0] | r->spare[1] | r->spare[2]);
}

/* A new battery: the host's time. */
static void
renew(struct rtc *t)
{
	memset(&t->r, 0, sizeof(t->r));
	t->r.cmos[REG_A] = 0x26; /* 32768 Hz, 1024 Hz periodic */
	t->r.cmos[REG_B] = B_24H;
	t->r.cmos[REG_D] = D_VRT;
	t->r.seen_second = second(t);
	t->r.seen_tick = tick(t);
	show(t);
}

/* The RESET pin: time and RAM live on their battery, unless what was loaded
 * makes no sense. */
static void
reset(struct dev *d)
{
	struct rtc *t = of(d);

	if (!sound(t))
		renew(t);
	t->r.cmos[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	t->r.cmos[REG_C] = 0;
	t->r.index = 0;
	update(t);
}

static int
loaded(struct dev *d)
{
	struct rtc *t = of(d);
	struct rtc_regs *r = &t->r;

	if (!sound(t))
		return failx(-EINVAL, "%s: no state of a clock", d->id);
	if (r->seen_second > second(t))
		r->seen_second = second(t);
	if (r->seen_tick > tick(t))
		r->seen_tick = tick(t);
	update(t);
	return 0;
}

static void
saving(struct dev *d)
{
	update(of(d));
	if (running(of(d)))
		show(of(d));
}

static void
rtc_free(struct dev *d)
{
	timer_disarm(&of(d)->timer);
	free(d);
}

#define F(m) FIELD(struct rtc, r, m)
static const struct field fields[] = {
	F(offset),
	F(seen_second),
	F(seen_tick),
	F(phase),
	F(index),
	FIELDS(struct rtc, r, spare),
	FIELDS(struct rtc, r, cmos),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "rtc",
	.fields = fields,
	DEV_REGS(struct rtc, r),
	.widest = 1,
	.read = rtc_read,
	.write = rtc_write,
	.reset = reset,
	.loaded = loaded,
	.saving = saving,
	.free = rtc_free,
};

struct dev *
rtc_new(struct clock *clock, struct irq out)
{
	struct rtc *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	dev_init(&t->dev, &ops);
	t->clock = clock;
	t->out = out;
	timer_init(&t->timer, clock, &t->dev.lock, fire, t);
	renew(t);
	return &t->dev;
}
