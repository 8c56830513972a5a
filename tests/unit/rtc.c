/* SPDX-License-Identifier: MIT */
/* The real-time clock, against the MC146818A's data sheet. */
#include "dev/rtc.h"
#include "tests/tap.h"

#define MS 1000000LL
/* 2024-02-29 23:59:57, a Thursday */
#define LEAP (1709251197LL * NS_PER_S)

static struct clock *clk;
static struct dev *rtc;
static bool line;
static unsigned rises;

static void
set_line(void *to, unsigned pin, bool level)
{
	(void)to, (void)pin;
	rises += level && !line;
	line = level;
}

static void
setup(int64_t real)
{
	clk = clock_new_manual(real);
	rtc = rtc_new(clk, (struct irq){set_line, NULL, 8});
	dev_reset(rtc);
	line = false;
	rises = 0;
}

static void
teardown(void)
{
	dev_free(rtc);
	clock_free(clk);
}

static void
wr(unsigned reg, unsigned v)
{
	rtc->ops->write(rtc, 0, 0, 1, reg);
	rtc->ops->write(rtc, 0, 1, 1, v);
}

static unsigned
rd(unsigned reg)
{
	rtc->ops->write(rtc, 0, 0, 1, reg);
	return (unsigned)rtc->ops->read(rtc, 0, 1, 1);
}

/* "yyyy-mm-dd hh:mm:ss w" in hexadecimal, as the registers have it. */
static const char *
now(void)
{
	static char s[32];

	snprintf(s, sizeof(s), "%02x%02x-%02x-%02x %02x:%02x:%02x %x", rd(0x32),
		rd(9), rd(8), rd(7), rd(4), rd(2), rd(0), rd(6));
	return s;
}

static void
test_formats(void)
{
	setup(LEAP);
	is_str(now(), "2024-02-29 23:59:57 5", "BCD, 24 hours");
	wr(0x0b, 0x06);
	is_str(now(), "1418-02-1d 17:3b:39 5", "binary");
	wr(0x0b, 0x00);
	is_u64(rd(4), 0x91, "12 hours: 11 pm");
	clock_advance(clk, 3 * NS_PER_S);
	is_u64(rd(4), 0x12, "midnight is 12 am");
	wr(0x0b, 0x02);
	is_str(now(), "2024-03-01 00:00:00 6", "the leap day ends");
	is_u64(rd(0x0d), 0x80, "RAM and time are valid");
	teardown();
	setup(951868799LL * NS_PER_S);
	is_str(now(), "2000-02-29 23:59:59 3", "2000 was a leap year");
	teardown();
	setup(4107542399LL * NS_PER_S);
	clock_advance(clk, NS_PER_S);
	is_str(now(), "2100-03-01 00:00:00 2", "2100 will be none");
	teardown();
}

static void
set(unsigned century, unsigned y, unsigned mo, unsigned d, unsigned h,
	unsigned mi, unsigned s)
{
	wr(0x32, century);
	wr(9, y);
	wr(8, mo);
	wr(7, d);
	wr(4, h);
	wr(2, mi);
	wr(0, s);
}

static void
test_set(void)
{
	setup(LEAP + 300 * MS);
	wr(0x0b, 0x82);
	clock_advance(clk, 5 * NS_PER_S);
	is_str(now(), "2024-02-29 23:59:57 5", "SET stops the registers");
	set(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
	is_str(now(), "1999-12-31 23:59:59 5", "they read as written");
	wr(0x0b, 0x02);
	clock_advance(clk, 699 * MS);
	is_u64(rd(0), 0x59, "it goes on from there, in phase");
	clock_advance(clk, 1 * MS);
	is_str(now(), "2000-01-01 00:00:00 7", "into the next century");
	wr(0, 0x30);
	is_str(now(), "2000-01-01 00:00:30 7", "set while it runs");
	wr(0x0b, 0x82);
	wr(0x0a, 0x76);
	set(0x20, 0x30, 0x06, 0x15, 0x12, 0x00, 0x00);
	wr(0x0b, 0x02);
	clock_advance(clk, 10 * NS_PER_S);
	is_u64(rd(0), 0, "a divider in reset holds the time");
	wr(0x0a, 0x26);
	clock_advance(clk, 499 * MS);
	is_u64(rd(0), 0, "and half a second after it");
	clock_advance(clk, 1 * MS);
	is_u64(rd(0), 1, "comes the first update");
	wr(0x0b, 0x82);
	set(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	wr(0x0b, 0x06);
	set(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	ok(strlen(now()) == 21, "a senseless time does no harm");
	teardown();
}

static void
test_uip(void)
{
	setup(LEAP);
	clock_advance(clk, NS_PER_S - 244001);
	is_u64(rd(0x0a), 0x26, "no UIP 245 us before the update");
	clock_advance(clk, 1);
	is_u64(rd(0x0a), 0xa6, "UIP 244 us before it");
	clock_advance(clk, 244000);
	is_u64(rd(0x0a), 0x26, "none after it");
	wr(0x0b, 0x82);
	clock_advance(clk, NS_PER_S - 1000);
	is_u64(rd(0x0a), 0x26, "none while SET");
	teardown();
}

static void
test_update(void)
{
	setup(LEAP + 100 * MS);
	is_u64((uint64_t)clock_next(clk), (uint64_t)CLOCK_NEVER,
		"an idle clock arms no timer");
	wr(0x0a, 0x20); /* nothing periodic, no alarm at midnight */
	wr(5, 0x12);
	rd(0x0c);
	clock_advance(clk, NS_PER_S);
	is_u64(rd(0x0c), 0x10, "UF is set without being enabled");
	ok(!line && rd(0x0c) == 0, "no interrupt, and reading clears it");
	wr(0x0b, 0x12);
	clock_advance(clk, 899 * MS);
	ok(!line, "update-ended interrupt: not yet");
	clock_advance(clk, 1 * MS);
	ok(line, "now");
	clock_advance(clk, 10 * NS_PER_S);
	is_u64(rises, 1, "the line stays up");
	is_u64(rd(0x0c), 0x90, "register C says why");
	ok(!line, "and reading it lowers the line");
	wr(0x0b, 0x92);
	is_u64(rd(0x0b), 0x82, "SET clears UIE");
	wr(0x0b, 0x12);
	clock_advance(clk, NS_PER_S);
	ok(line, "enabled again");
	dev_reset(rtc);
	ok(!line && rd(0x0b) == 0x02, "reset disables interrupts");
	teardown();
}

static void
test_periodic(void)
{
	unsigned n = 0;

	setup(LEAP);
	wr(0x0a, 0x2f); /* 2 Hz */
	wr(0x0b, 0x42);
	clock_advance(clk, 499 * MS);
	ok(!line, "2 Hz: not before half a second");
	clock_advance(clk, 1 * MS);
	ok(line && rd(0x0c) == 0xc0 && !line, "then PF");
	wr(0x0a, 0x26); /* 1024 Hz */
	rd(0x0c);
	for (int i = 0; i < 2000; i++) {
		clock_advance(clk, MS / 2);
		if (line)
			n += (rd(0x0c) & 0x40) != 0;
	}
	is_u64(n, 1024, "1024 Hz: so many in a second");
	wr(0x0a, 0x21);
	rd(0x0c);
	clock_advance(clk, 3906250);
	ok(line, "rate 1 is 256 Hz");
	rd(0x0c);
	wr(0x0a, 0x20);
	rd(0x0c);
	clock_advance(clk, 10 * NS_PER_S);
	ok(!line, "rate 0 is none");
	teardown();
}

static void
alarm_at(unsigned h, unsigned m, unsigned s)
{
	wr(5, h);
	wr(3, m);
	wr(1, s);
	rd(0x0c);
}

static void
test_alarm(void)
{
	setup(LEAP); /* 23:59:57 */
	wr(0x0a, 0x20);
	wr(0x0b, 0x22);
	alarm_at(0x00, 0x00, 0x02);
	clock_advance(clk, 5 * NS_PER_S - 1);
	ok(!line, "alarm: not yet");
	clock_advance(clk, 1);
	ok(line && rd(0x0c) == 0xb0, "alarm across midnight");
	alarm_at(0xff, 0x01, 0x00);
	clock_advance(clk, 58 * NS_PER_S);
	ok(line, "any hour");
	rd(0x0c);
	clock_advance(clk, 3599 * NS_PER_S);
	ok(!line, "not for an hour");
	clock_advance(clk, NS_PER_S);
	ok(line, "and again");
	alarm_at(0xff, 0xff, 0xc0);
	clock_advance(clk, NS_PER_S);
	ok(line, "every second");
	alarm_at(0x24, 0x00, 0x00);
	clock_advance(clk, 100000 * NS_PER_S);
	ok(!line, "an hour that does not exist never comes");
	wr(0x0b, 0x02);
	alarm_at(0xff, 0xff, 0xff);
	clock_advance(clk, NS_PER_S);
	ok(!line && (rd(0x0c) & 0x20), "AF without an interrupt");
	wr(0x0b, 0x20);
	alarm_at(0x81, 0xff, 0xff);
	ok(rd(5) == 0x81, "12 hours: an alarm at 1 pm");
	clock_advance(clk, 86400 * NS_PER_S);
	ok(line, "comes once a day");
	teardown();
}

static void
test_ram(void)
{
	setup(LEAP);
	rtc_preset(rtc, 0x34, 0x5a);
	rtc_preset(rtc, 0x200, 0x5a);
	wr(0x7f, 0xa5);
	wr(0x80 | 0x40, 0x11);
	dev_reset(rtc);
	ok(rd(0x34) == 0x5a && rd(0x7f) == 0xa5 && rd(0x40) == 0x11,
		"RAM survives reset; bit 7 of the index is no part of it");
	wr(0x0c, 0xff);
	wr(0x0d, 0x00);
	ok(rd(0x0c) == 0 && rd(0x0d) == 0x80, "C and D are read-only");
	teardown();
}

int
main(void)
{
	deadline(10);
	test_formats();
	test_set();
	test_uip();
	test_update();
	test_periodic();
	test_alarm();
	test_ram();
	return done();
}
