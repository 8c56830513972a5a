/* SPDX-License-Identifier: MIT */
/* The 8259A pair: dev/pic.h. */
#include "dev/pic.h"

#include "dev/bus.h"
#include "tests/tap.h"

static struct bus *bus;
static struct dev *pic;
static bool intr;

static void
set_intr(void *to, unsigned pin, bool level)
{
	(void)to;
	(void)pin;
	intr = level;
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

static void
program(unsigned icw4_master, unsigned icw4_slave)
{
	unsigned i;

	dev_reset(pic);
	for (i = 0; i < 16; i++)
		pic_set(pic, i, false);
	out(0x20, 0x11);
	out(0x21, 0x20);
	out(0x21, 0x04);
	out(0x21, icw4_master);
	out(0xa0, 0x11);
	out(0xa1, 0x28);
	out(0xa1, 0x02);
	out(0xa1, icw4_slave);
}

static void
pulse(unsigned pin)
{
	pic_set(pic, pin, false);
	pic_set(pic, pin, true);
}

static void
test_basic(void)
{
	program(1, 1);
	ok(!intr, "no request, no interrupt");
	pulse(0);
	ok(intr, "an edge interrupts");
	is_u64(in(0x20), 1, "IRR shows it");
	is_u64(pic_ack(pic), 0x20, "the vector is base plus input");
	ok(!intr, "acknowledged, the line is down");
	is_u64(in(0x20), 0, "IRR is clear");
	out(0x20, 0x0b);
	is_u64(in(0x20), 1, "ISR shows it after OCW3");
	pulse(1);
	ok(!intr, "lower priority waits");
	out(0x20, 0x20);
	ok(intr, "until the end of interrupt");
	is_u64(pic_ack(pic), 0x21, "then it comes");
	pulse(0);
	ok(intr, "higher priority interrupts");
	is_u64(pic_ack(pic), 0x20, "and comes");
	out(0x20, 0x20);
	is_u64(in(0x20), 2, "a non-specific EOI ends the highest");
	out(0x20, 0x61);
	is_u64(in(0x20), 0, "a specific one the one it names");
	pic_set(pic, 0, true);
	ok(!intr, "a line that stays up is no second edge");
	out(0x21, 0x10);
	pulse(4);
	ok(!intr, "a masked input does not interrupt");
	is_u64(in(0x21), 0x10, "IMR reads back");
	out(0x21, 0);
	ok(intr, "unmasked, it does");
}

static void
test_cascade(void)
{
	program(1, 1);
	pulse(8);
	is_u64(pic_ack(pic), 0x28, "IRQ 8 comes through the slave");
	out(0x20, 0x0b);
	out(0xa0, 0x0b);
	ok(in(0x20) == 4 && in(0xa0) == 1, "both chips serve it");
	pulse(3);
	ok(!intr, "IRQ 3 is below the cascade");
	pulse(1);
	is_u64(pic_ack(pic), 0x21, "IRQ 1 above it");
	out(0x20, 0x20);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	is_u64(pic_ack(pic), 0x23, "both ended, IRQ 3 comes");
	out(0x20, 0x20);
	pulse(12);
	pulse(9);
	is_u64(pic_ack(pic), 0x29, "the slave has its own priorities");
	out(0xa0, 0x20);
	out(0x20, 0x20);
	is_u64(pic_ack(pic), 0x2c, "and its next request is not lost");
	out(0xa0, 0x20);
	out(0x20, 0x20);
	pic_set(pic, 2, true);
	ok(!intr, "the cascade's pin has no outside");
}

static void
test_spurious(void)
{
	program(1, 1);
	pic_set(pic, 5, true);
	pic_set(pic, 5, false);
	ok(!intr, "a request that goes away before it is acknowledged");
	is_u64(pic_ack(pic), 0x27, "is spurious IRQ 7");
	out(0x20, 0x0b);
	is_u64(in(0x20), 0, "which is not in service");
	pulse(15);
	out(0xa1, 0xff);
	is_u64(pic_ack(pic), 0x27, "masking is going away, too");
	out(0xa1, 0);
	is_u64(pic_ack(pic), 0x2f, "IRQ 15 has its vector");
}

static void
test_level(void)
{
	program(1, 1);
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	is_u64(bus_read(bus, 0x4d0, 2), 0xdef8, "ELCR keeps 0 1 2 8 13 edge");
	pic_set(pic, 11, true);
	is_u64(pic_ack(pic), 0x2b, "a level interrupts");
	out(0xa0, 0x20);
	out(0x20, 0x20);
	ok(intr, "and again after EOI while it is up");
	pic_set(pic, 11, false);
	ok(!intr, "and no more when it goes down");
	pic_set(pic, 11, true);
	out(0x4d1, 0);
	ok(!intr, "turned edge, the level is no request");
	pulse(11);
	ok(intr, "but an edge is");
	pic_ack(pic);
	out(0xa0, 0x20);
	out(0x20, 0x20);
	out(0x4d0, 0xf8);
	pic_set(pic, 5, true);
	out(0x20, 0x11);
	out(0x21, 0x40);
	ok(!intr, "no interrupt amid initialisation");
	out(0x21, 0x04);
	out(0x21, 1);
	is_u64(pic_ack(pic), 0x45, "a level outlives it");
}

static void
test_rotation(void)
{
	program(1, 1);
	out(0x20, 0xc3); /* 3 lowest: 4 highest */
	pulse(0);
	pulse(4);
	is_u64(pic_ack(pic), 0x24, "set priority: 4 comes before 0");
	out(0x20, 0xa0); /* rotate on non-specific EOI */
	pulse(4);
	is_u64(pic_ack(pic), 0x20, "rotated: 0 comes before 4");
	out(0x20, 0xe5); /* specific EOI of 5, which is now lowest */
	out(0x20, 0x0b);
	is_u64(in(0x20), 1, "specific EOI with rotation ends only its own");
	out(0x20, 0x60);
	pulse(6);
	pulse(7);
	is_u64(pic_ack(pic), 0x26, "and 6 is highest");
	out(0x20, 0x20);
	program(3, 1);
	pulse(3);
	is_u64(pic_ack(pic), 0x23, "automatic EOI");
	out(0x20, 0x0b);
	is_u64(in(0x20), 0, "leaves nothing in service");
	pulse(0);
	pulse(3);
	is_u64(pic_ack(pic), 0x20, "without rotation, 0 first");
	out(0x20, 0x80);
	pulse(0);
	is_u64(pic_ack(pic), 0x20, "0 again");
	pulse(0);
	is_u64(pic_ack(pic), 0x23, "with rotation, 3 before 0");
}

static void
test_special(void)
{
	program(1, 1);
	pulse(2 + 1);
	pic_ack(pic);
	out(0x21, 0x08); /* mask what is served */
	pulse(6);
	ok(!intr, "a masked service blocks what is below");
	out(0x20, 0x68);
	ok(intr, "not in special mask mode");
	is_u64(pic_ack(pic), 0x26, "it comes");
	out(0x20, 0x20);
	out(0x20, 0x0b);
	is_u64(in(0x20), 8, "non-specific EOI spares the masked");
	out(0x20, 0x48);
	pulse(6);
	ok(!intr, "the mode ends");

	program(1, 1);
	pulse(12);
	pic_ack(pic);
	pulse(8);
	ok(!intr, "fully nested: the slave does not interrupt itself");
	program(0x11, 1);
	pulse(12);
	pic_ack(pic);
	pulse(8);
	is_u64(pic_ack(pic), 0x28, "special fully nested: it does");
	pulse(3);
	ok(!intr, "and lower ones still wait");
}

static void
test_poll(void)
{
	program(1, 1);
	out(0x20, 0x0c);
	is_u64(in(0x20), 0, "polled: nothing");
	pulse(4);
	out(0x20, 0x0c);
	is_u64(in(0x20), 0x84, "polled: input 4");
	ok(!intr, "which acknowledges it");
	out(0x20, 0x0b);
	is_u64(in(0x20), 0x10, "it is in service");
}

int
main(void)
{
	deadline(10);
	if (bus_new(&bus, "ports", 0x10000))
		return 1;
	pic = pic_new((struct irq){set_intr, NULL, 0});
	bus_add(bus, 0x20, 2, pic, 0);
	bus_add(bus, 0xa0, 2, pic, 1);
	bus_add(bus, 0x4d0, 2, pic, 2);
	test_basic();
	test_cascade();
	test_spurious();
	test_level();
	test_rotation();
	test_special();
	test_poll();
	pic_set(pic, 16, true);
	pic_set(pic, 4000000000u, true);
	ok(true, "pins beyond the chip are harmless");
	bus_free(bus);
	dev_free(pic);
	return done();
}
