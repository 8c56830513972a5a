/* SPDX-License-Identifier: MIT */
/* The 8254 and port 0x61: dev/pit.h. */
#include "dev/pit.h"

#include "dev/bus.h"
#include "tests/tap.h"

static struct bus *bus;
static struct clock *clk;
static struct dev *pit;
static unsigned rises, falls;
static bool wire;
static int64_t rose_at;
static int64_t ticks; /* where the clock stands */

static void
set_wire(void *to, unsigned pin, bool level)
{
	(void)to;
	(void)pin;
	rises += level && !wire;
	falls += !level && wire;
	if (level && !wire)
		rose_at = clock_now(clk);
	wire = level;
}

static void
out(unsigned port, unsigned val)
{
	bus_write(bus, port, 1, val);
}

static unsigned
in(unsigned port)
{
	return (unsigned)bus_read(bus, port, 1);
}

/* The first ns at which tick t has passed. */
static int64_t
ns(int64_t t)
{
	return (t * NS_PER_S + PIT_HZ - 1) / PIT_HZ;
}

static void
tick(int64_t n)
{
	ticks += n;
	clock_advance(clk, ns(ticks) - clock_now(clk));
}

static void
fresh(void)
{
	/* A whole second: ticks and ns meet there. */
	clock_advance(clk, NS_PER_S - clock_now(clk) % NS_PER_S);
	ticks = clock_now(clk) / NS_PER_S * PIT_HZ;
	dev_reset(pit);
	rises = falls = 0;
}

/* Low byte, high byte, of counter c with control word ctl. */
static void
start(unsigned c, unsigned ctl, unsigned n)
{
	out(0x43, c << 6 | 0x30 | ctl);
	out(0x40 + c, n & 0xff);
	out(0x40 + c, n >> 8);
}

static unsigned
read_count(unsigned c)
{
	unsigned low;

	out(0x43, c << 6);
	low = in(0x40 + c);
	return low | in(0x40 + c) << 8;
}

static unsigned
status(unsigned c)
{
	out(0x43, 0xe0 | 2u << c);
	return in(0x40 + c);
}

static bool
out2(void)
{
	return in(0x61) & 0x20;
}

static void
test_mode0(void)
{
	fresh();
	ok(!wire, "after reset the wire is down");
	start(0, 0x00, 100);
	ok(!wire, "mode 0: low while it counts");
	tick(1);
	is_u64(read_count(0), 100, "the count is loaded at the next tick");
	is_u64(status(0), 0x30, "status: low, count in use, as programmed");
	tick(60);
	is_u64(read_count(0), 40, "it counts down");
	tick(39);
	ok(!wire, "still low a tick before the end");
	tick(1);
	ok(wire && rises == 1, "high at the end");
	is_u64(status(0), 0xb0, "status says so");
	tick(10);
	is_u64(read_count(0), 0xfff6, "it counts on below zero");
	tick(70000);
	is_u64(rises, 1, "once is all");
	out(0x40, 10);
	ok(!wire, "the first byte of a new count lowers it");
	tick(100);
	is_u64(rises, 1, "and stops it");
	out(0x40, 0);
	tick(11);
	is_u64(rises, 2, "the second byte starts it");
	out(0x43, 0x10);
	ok(!wire, "a control word lowers it");
	out(0x40, 5);
	tick(6);
	is_u64(rises, 3, "low byte only");
	out(0x43, 0x20);
	out(0x40, 1);
	tick(256);
	is_u64(rises, 3, "high byte only: 256,");
	tick(1);
	is_u64(rises, 4, "no less");
}

static void
test_mode2(void)
{
	int64_t first;
	unsigned i;

	fresh();
	start(0, 0x04, 1193);
	ok(wire, "mode 2: starts high");
	rises = 0;
	tick(1 + 1193 - 1);
	is_u64(read_count(0), 1, "the last tick counts 1");
	is_u64(rises, 0, "nothing rose yet");
	is_u64(status(0), 0x34, "status shows the low tick");
	tick(1);
	ok(rises == 1 && falls == 1, "then a fall and a rise");
	first = rose_at;
	is_u64(read_count(0), 1193, "and it begins again");
	for (i = 0; i < 1000; i++)
		tick(1193);
	is_u64(rises, 1001, "a thousand periods, a thousand rises");
	is_u64((uint64_t)(rose_at - first),
		(uint64_t)(ns(ticks) - ns(ticks - 1193000)),
		"to the nanosecond where they belong");
	tick(500);
	out(0x40, 2000 & 0xff);
	out(0x40, 2000 >> 8);
	is_u64(status(0), 0xf4, "a new count waits: null count");
	tick(693);
	is_u64(rises, 1002, "for the period's end");
	is_u64(status(0), 0xb4, "then it is in use");
	tick(1999);
	is_u64(rises, 1002, "and the next period");
	tick(1);
	is_u64(rises, 1003, "has its length");
	tick(5);
	out(0x43, 0);
	tick(100);
	is_u64(in(0x40) | in(0x40) << 8, 1995, "a latched count stands");
	is_u64(in(0x40) | in(0x40) << 8, 1895, "unlatched, it is live");
}

static void
test_merge(void)
{
	fresh();
	start(0, 0x04, 100);
	rises = 0;
	clock_pause(clk);
	clock_advance(clk, 5 * NS_PER_S);
	clock_resume(clk);
	is_u64(rises, 0, "a pause makes no ticks");
	tick(101);
	is_u64(rises, 1, "after it, the next one comes in time");

	fresh();
	start(0, 0x04, 2);
	rises = 0;
	clock_advance(clk, NS_PER_S / 10);
	ok(rises > 100 && rises <= 5000,
		"a senseless rate is capped (%u in 0.1 s)", rises);
	start(0, 0x04, 1);
	rises = 0;
	clock_advance(clk, NS_PER_S / 10);
	is_u64(rises, 0, "the forbidden count 1 makes none");
	start(0, 0x04, 0);
	rises = 0;
	ticks = clock_now(clk) / NS_PER_S * PIT_HZ + PIT_HZ;
	clock_advance(clk, 10 * NS_PER_S);
	is_u64(rises, 182, "count 0 is 65536: 18.2 Hz");
}

static void
test_mode3(void)
{
	fresh();
	out(0x61, 1);
	start(2, 0x06, 10);
	tick(1);
	ok(out2(), "mode 3: high at first");
	is_u64(read_count(2), 10, "from the count");
	tick(2);
	is_u64(read_count(2), 6, "down by two");
	tick(2);
	ok(out2(), "high for half a period");
	tick(1);
	ok(!out2(), "then low");
	is_u64(read_count(2), 10, "with the count anew");
	tick(5);
	ok(out2(), "then high again");
	start(2, 0x06, 5);
	tick(1);
	is_u64(read_count(2), 4, "an odd count starts one lower");
	tick(2);
	ok(out2() && read_count(2) == 0, "high for (n + 1) / 2");
	tick(1);
	ok(!out2() && read_count(2) == 4, "low from there");
	tick(1);
	ok(!out2() && read_count(2) == 2, "for (n - 1) / 2");
	tick(1);
	ok(out2(), "and high again");
	start(2, 0x06, 100);
	tick(1 + 20);
	out(0x42, 20);
	out(0x42, 0);
	tick(29);
	ok(out2(), "a new count waits for the end of the half");
	tick(1);
	ok(!out2(), "which comes as before");
	tick(9);
	ok(!out2(), "the other half");
	tick(1);
	ok(out2(), "has the new length");
	tick(10);
	ok(!out2(), "as has the next");

	fresh();
	start(0, 0x06, 1000);
	rises = 0;
	tick(1 + 5000);
	is_u64(rises, 5, "counter 0 in mode 3 interrupts once a period");
}

static void
test_mode4(void)
{
	fresh();
	start(0, 0x08, 50);
	rises = falls = 0;
	ok(wire, "mode 4: high");
	tick(1 + 50);
	is_u64(status(0), 0x38, "low for the tick at the end");
	is_u64(rises, 0, "no rise before it is over");
	tick(1);
	ok(rises == 1 && falls == 1 && wire, "then one strobe");
	tick(200000);
	is_u64(rises, 1, "and only one");
}

static void
test_gate(void)
{
	fresh();
	start(2, 0x00, 100);
	tick(50);
	ok(read_count(2) == 100 && !out2(), "mode 0: a low gate holds it");
	out(0x61, 1);
	tick(40);
	is_u64(read_count(2), 60, "a high one lets it count");
	out(0x61, 0);
	tick(40);
	is_u64(read_count(2), 60, "low: it stands");
	out(0x61, 1);
	tick(60);
	ok(out2(), "and goes on to its end");

	out(0x61, 0);
	start(2, 0x02, 30);
	tick(100);
	ok(out2() && status(2) == 0xf2, "mode 1 waits for a trigger, high");
	out(0x61, 1);
	tick(1);
	ok(!out2(), "triggered: low");
	tick(20);
	out(0x61, 0);
	tick(5);
	is_u64(read_count(2), 5, "the gate's level does not matter");
	out(0x61, 1);
	tick(1 + 29);
	ok(!out2(), "retriggered");
	tick(1);
	ok(out2(), "high at the end");

	out(0x61, 0);
	start(2, 0x04, 30);
	ok(out2(), "mode 2: high while the gate is low");
	out(0x61, 1);
	tick(11);
	is_u64(read_count(2), 20, "counts while it is high");
	out(0x61, 0);
	out(0x61, 1);
	tick(1);
	is_u64(read_count(2), 30, "and begins anew when it rises");

	out(0x61, 0);
	start(2, 0x0a, 30);
	out(0x61, 1);
	tick(1 + 30);
	ok(!out2(), "mode 5: a strobe after the trigger");
	tick(1);
	ok(out2(), "of one tick");
}

static void
test_formats(void)
{
	fresh();
	start(0, 0x05, 0x1000); /* BCD 1000 */
	tick(2);
	is_u64(read_count(0), 0x999, "BCD counts in decimal");
	start(0, 0x05, 0);
	rises = 0;
	tick(10000);
	is_u64(rises, 0, "BCD 0 is 10000,");
	tick(1);
	is_u64(rises, 1, "no less");
	start(0, 0x01, 0x0005);
	tick(1 + 7);
	is_u64(read_count(0), 0x9998, "it wraps in decimal");
	start(0, 0x05, 0xffff);
	tick(70000);
	ok(rises > 1, "a senseless BCD count is survived");
	out(0x43, 0x16);
	out(0x40, 100);
	tick(3);
	is_u64(in(0x40), 96, "low byte only is read once");
	is_u64(in(0x40), 96, "and again");
	start(0, 0x04, 0x1234);
	tick(1);
	out(0x43, 0xc2); /* status and count of counter 0 */
	tick(5);
	out(0x43, 0xc2); /* ignored: not read yet */
	is_u64(in(0x40), 0xb4, "read-back: the status first");
	is_u64(in(0x40), 0x34, "then the count's low byte");
	is_u64(in(0x40), 0x12, "and its high byte");
	is_u64(in(0x40), 0x2f, "then live ones");
	is_u64(in(0x43), 0xff, "the control word cannot be read");
	start(0, 0x0c, 1000);
	is_u64(status(0) & 0x3f, 0x3c, "mode 6 reads as written");
	rises = 0;
	tick(1001);
	is_u64(rises, 1, "and is mode 2");
}

static void
test_port61(void)
{
	unsigned i, toggles = 0, was, now;

	fresh();
	out(0x61, 0xff);
	is_u64(in(0x61) & 0xcf, 0x0f, "port 0x61: four bits stick");
	was = in(0x61) & 0x10;
	for (i = 0; i < 1800; i++) {
		tick(1);
		now = in(0x61) & 0x10;
		toggles += now != was;
		was = now;
	}
	is_u64(toggles, 100, "refresh toggles every 18 ticks");
}

int
main(void)
{
	struct irq irq = {set_wire, NULL, 0};

	deadline(20);
	clk = clock_new_manual(0);
	if (!clk || bus_new(&bus, "ports", 0x10000))
		return 1;
	pit = pit_new(clk, irq);
	bus_add(bus, 0x40, 4, pit, 0);
	bus_add(bus, 0x61, 1, pit, 1);
	test_mode0();
	test_mode2();
	test_merge();
	test_mode3();
	test_mode4();
	test_gate();
	test_formats();
	test_port61();
	bus_free(bus);
	dev_free(pit);
	ok(clock_next(clk) == CLOCK_NEVER, "freed, its timer is gone");
	clock_free(clk);
	return done();
}
