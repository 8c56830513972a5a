/* SPDX-License-Identifier: MIT */
/* The 16550A: dev/uart.h. */
#include "dev/uart.h"

#include "dev/bus.h"
#include "tests/tap.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };

static struct bus *bus;
static struct clock *clk;
static struct chr *chr;
static struct dev *uart;
static bool irq;

static void
set_irq(void *to, unsigned pin, bool level)
{
	(void)to;
	(void)pin;
	irq = level;
}

static void
out(unsigned reg, unsigned val)
{
	bus_write(bus, 0x3f8 + reg, 1, val);
}

static unsigned
in(unsigned reg)
{
	return (unsigned)bus_read(bus, 0x3f8 + reg, 1);
}

/* A new one with its back end, programmed for 115200 8n1, OUT2 on. */
static void
fresh(void)
{
	bus_remove(bus, uart, 0);
	dev_free(uart);
	chr_free(chr);
	chr = chr_new_mem();
	uart = uart_new(clk, (struct irq){set_irq, NULL, 0}, chr);
	bus_add(bus, 0x3f8, 8, uart, 0);
	out(LCR, 0x83);
	out(DATA, 1);
	out(IER, 0);
	out(LCR, 3);
	out(MCR, 0x0b);
	in(MSR);
}

static bool
sent(const char *text)
{
	const uint8_t *p;
	size_t n = chr_mem_taken(chr, &p);

	return n == strlen(text) && (!n || memcmp(p, text, n) == 0);
}

static size_t
say(const char *text)
{
	return chr_mem_say(chr, text, strlen(text));
}

/* What Linux's 8250 driver looks at to tell the chip, in its order. */
static void
test_probe(void)
{
	fresh();
	out(IER, 0);
	is_u64(in(IER), 0, "IER holds 0");
	out(IER, 0x0f);
	is_u64(in(IER), 0x0f, "and 0xf");
	out(IER, 0xff);
	is_u64(in(IER), 0x0f, "and no more than that");
	out(IER, 0);
	out(MCR, 0x1a);
	is_u64(in(MSR)&0xf0, 0x90, "loopback: RTS and OUT2 come back");
	out(MCR, 0);
	out(LCR, 0xbf);
	out(LCR, 0);
	out(FCR, 1);
	is_u64(in(IIR) >> 6, 3, "the FIFOs work: a 16550A");
	out(LCR, 0x80);
	out(FCR, 0xa8);
	ok(in(IIR) != 0, "there is no enhanced feature register");
	out(LCR, 0);
	out(FCR, 1);
	out(LCR, 0xbf);
	out(LCR, 0);
	out(FCR, 0x21);
	is_u64(in(IIR) >> 5, 6, "nor a 64-byte FIFO");
	out(SCR, 0x5a);
	is_u64(in(SCR), 0x5a, "the scratch register scratches");
	out(LCR, 0x9f);
	out(DATA, 0x34);
	out(IER, 0x12);
	ok(in(DATA) == 0x34 && in(IER) == 0x12, "the divisor reads back");
	is_u64(in(LCR), 0x9f, "and the line control");
	out(LCR, 3);
	is_u64(bus_read(bus, 0x3fa, 4) & 0xffff, 0x03c1,
		"wide accesses reach the registers one by one");
	dev_reset(uart);
	ok(in(IER) == 0 && in(LCR) == 0 && in(MCR) == 0 && in(IIR) == 1 &&
			in(LSR) == 0x60,
		"reset clears what the data sheet says");
}

static void
test_transmit(void)
{
	fresh();
	is_u64(in(LSR), 0x60, "the transmitter is empty");
	out(DATA, 'h');
	out(DATA, 'i');
	ok(sent("hi"), "what is written goes out");
	ok(!irq, "without interrupt");
	out(IER, 2);
	ok(irq && in(IIR) == 2, "asking for its interrupt has one at once");
	ok(!irq && in(IIR) == 1, "which reading IIR ends");
	out(DATA, '!');
	ok(irq, "the next byte has the next");
	out(IER, 0);
	ok(!irq, "not asked for, none");
	out(IER, 2);
	ok(irq, "asked for again, again");
	out(MCR, 0x03);
	ok(!irq, "OUT2 gates the line");
}

static void
test_throttle(void)
{
	unsigned i;

	fresh();
	out(FCR, 1);
	out(IER, 2);
	chr_mem_limit(chr, 3);
	for (i = 0; i < 16; i++)
		out(DATA, 'a' + i);
	in(IIR);
	ok(sent("abc"), "the back end takes three bytes");
	is_u64(in(LSR), 0, "the transmitter is not empty");
	ok(!irq, "and has no interrupt");
	for (i = 0; i < 100; i++)
		out(DATA, '-'); /* 3 are free, the rest is the guest's fault */
	chr_mem_limit(chr, 5);
	ok(sent("abcdefgh"), "then five more");
	ok(!irq, "still none");
	chr_mem_limit(chr, SIZE_MAX);
	ok(sent("abcdefghijklmnop---"), "then all: nothing is lost");
	ok(irq && in(LSR) == 0x60, "empty, it interrupts");
	ok(uart->odd > 0, "what overran was counted");

	fresh();
	chr_mem_limit(chr, 0);
	out(FCR, 1);
	out(DATA, 'x');
	out(FCR, 5);
	chr_mem_limit(chr, 9);
	ok(sent("") && in(LSR) == 0x60, "FCR clears the transmitter");
}

static void
test_receive(void)
{
	fresh();
	is_u64(say("abc"), 0, "a guest that does not receive gets nothing");
	for (int n = 0; n < 10; n++) {
		in(LSR);
		out(DATA, 'x');
	}
	in(DATA);
	is_u64(say("abc"), 0, "reading LSR to transmit is not receiving");
	for (int n = 0; n < 8; n++)
		in(LSR);
	is_u64(say("abc"), 1, "without FIFOs there is room for one");
	is_u64(in(LSR), 0x61, "LSR shows data");
	ok(!irq, "unasked, no interrupt");
	out(IER, 1);
	ok(irq && in(IIR) == 4, "asked, an interrupt");
	is_u64(in(DATA), 'a', "the byte");
	ok(!irq && in(LSR) == 0x60, "read, both are gone");

	fresh();
	for (int n = 0; n < 8; n++) {
		in(MSR);
		in(MCR);
		in(LSR);
	}
	is_u64(say("abc"), 1, "the way EDK2 polls is receiving, too");

	fresh();
	out(FCR, 0x41); /* trigger at 4 */
	out(IER, 1);
	is_u64(say("abc"), 3, "with FIFOs, three");
	ok(!irq && in(IIR) == 0xc1, "are below the trigger");
	is_u64(say("d"), 1, "a fourth");
	ok(irq && in(IIR) == 0xc4, "is not");
	in(DATA);
	ok(!irq, "read one, below again");
	is_u64(say("0123456789ABCDEF"), 13, "room for what fits");
	is_u64(say("!"), 0, "and no more: nothing overruns");
	is_u64(in(DATA), 'b', "the oldest comes first");
	is_u64(say("!"), 1, "which makes room for one");
	is_u64(in(LSR)&2, 0, "no overrun");
	out(FCR, 0x43);
	ok(in(LSR) == 0x60 && !irq, "FCR clears the receiver");
	say("xyz");
	out(FCR, 0);
	is_u64(in(LSR), 0x60, "turning the FIFOs off does, too");
}

static void
test_timeout(void)
{
	/* 10 bits at 115200 baud are 86,806 ns. */
	fresh();
	out(FCR, 0x81);
	out(IER, 1);
	say("a");
	clock_advance(clk, 340000);
	ok(!irq, "one byte waits");
	clock_advance(clk, 10000);
	ok(irq && in(IIR) == 0xcc, "four character times: timeout");
	ok(irq, "which IIR does not end");
	is_u64(in(DATA), 'a', "the byte does");
	ok(!irq && in(IIR) == 0xc1, "and with it the interrupt");
	clock_advance(clk, NS_PER_S);
	ok(!irq, "an empty FIFO has no timeout");
	say("ab");
	clock_advance(clk, 300000);
	say("c");
	clock_advance(clk, 300000);
	in(DATA);
	clock_advance(clk, 300000);
	ok(!irq, "each byte that comes or goes begins it anew");
	clock_advance(clk, 50000);
	ok(irq, "until none does");
	say("defghijk");
	is_u64(in(IIR), 0xc4, "the trigger goes before it");
	out(LCR, 0x9f);
	out(DATA, 12);
	out(LCR, 0x1f); /* 9600 baud, 8e2: 12 bits are 1.25 ms */
	out(FCR, 0x83);
	say("a");
	clock_advance(clk, 4990000);
	ok(!irq, "it follows the rate");
	clock_advance(clk, 10001);
	ok(irq, "and the format");
	out(LCR, 0x80);
	out(DATA, 0);
	out(IER, 0);
	out(LCR, 0);
	in(DATA);
	say("a");
	clock_advance(clk, 1000000);
	ok(irq, "a divisor of 0 is survived");
}

static void
test_errors(void)
{
	fresh();
	out(FCR, 0xc1);
	out(IER, 5);
	say("ab");
	chr_mem_event(chr, CHR_BREAK);
	is_u64(in(LSR), 0xe1, "a break in the FIFO: bit 7 alone");
	ok(!irq, "no interrupt yet");
	in(DATA);
	in(DATA);
	ok(irq && in(IIR) == 0xc6, "on top, it is a line status");
	is_u64(in(LSR), 0xf1, "LSR tells of it");
	is_u64(in(LSR), 0x61, "once");
	ok(!irq, "which ends the interrupt");
	is_u64(in(DATA), 0, "its byte is 0");
	say("0123456789abcdef");
	chr_mem_event(chr, CHR_BREAK);
	is_u64(in(LSR)&2, 0, "a break on a full FIFO overruns nothing");
	is_u64(say("x"), 0, "it holds what comes after");
	in(DATA);
	is_u64(in(LSR)&0x80, 0x80, "and enters when there is room");

	fresh();
	out(MCR, 0x1b);
	out(IER, 4);
	out(DATA, 1);
	out(DATA, 2);
	is_u64(in(IIR), 6, "looped back without FIFO: an overrun");
	is_u64(in(LSR), 0x63, "LSR tells of it");
	is_u64(in(DATA), 2, "the last one stays");
	out(FCR, 1);
	bus_write_string(bus, 0x3f8, 1, "0123456789abcdefX", 17);
	is_u64(in(LSR), 0x63, "with FIFO: an overrun");
	is_u64(in(DATA), '0', "the first ones stay");
	out(FCR, 7);
	out(LCR, 0x43);
	is_u64(in(LSR), 0xf1, "a break is looped back");
}

static void
test_modem(void)
{
	fresh();
	is_u64(in(MSR), 0xb0, "CTS, DSR and DCD are up");
	out(IER, 8);
	ok(!irq, "nothing changed");
	chr_mem_event(chr, CHR_HANGUP);
	ok(irq && in(IIR) == 0, "a hang-up interrupts");
	is_u64(in(MSR), 0x0b, "the lines fell");
	ok(!irq && in(MSR) == 0, "read, the deltas are gone");
	chr_mem_event(chr, CHR_OPENED);
	is_u64(in(MSR), 0xbb, "somebody came: up again");
	out(MCR, 0x1f);
	is_u64(in(MSR), 0xf0, "looped back: all up; a ring's start is no news");
	out(MCR, 0x1b);
	is_u64(in(MSR), 0xb4, "its end is");
	out(DATA, 'l');
	ok(sent("") && in(DATA) == 'l', "looped back, nothing goes out");
	is_u64(say("x"), 0, "or comes in");
	out(MCR, 0x0b);
	out(IER, 1);
	is_u64(say("x"), 1, "until the loop ends");
	out(MSR, 0);
	out(LSR, 0);
	ok(in(MSR) == 0xb0 && in(LSR) == 0x61, "LSR and MSR are read-only");

	dev_free(uart_new(clk, (struct irq){0}, NULL));
	bus_remove(bus, uart, 0);
	dev_free(uart);
	uart = uart_new(clk, (struct irq){set_irq, NULL, 0}, NULL);
	bus_add(bus, 0x3f8, 8, uart, 0);
	is_u64(in(MSR), 0, "nobody there: the lines are down");
	out(DATA, 'x');
	is_u64(in(LSR), 0x60, "and output vanishes");
}

static void
test_priority(void)
{
	fresh();
	out(FCR, 1);
	out(IER, 0x0f);
	chr_mem_event(chr, CHR_HANGUP);
	say("a");
	chr_mem_event(chr, CHR_BREAK);
	in(DATA);
	is_u64(in(IIR), 0xc6, "line status first");
	in(LSR);
	is_u64(in(IIR), 0xc4, "data second");
	in(DATA);
	is_u64(in(IIR), 0xc2, "transmitter third");
	is_u64(in(IIR), 0xc0, "modem last");
	in(MSR);
	ok(in(IIR) == 0xc1 && !irq, "then none");
}

int
main(void)
{
	deadline(10);
	clk = clock_new_manual(0);
	if (!clk || bus_new(&bus, "ports", 0x10000))
		return 1;
	test_probe();
	test_transmit();
	test_throttle();
	test_receive();
	test_timeout();
	test_errors();
	test_modem();
	test_priority();
	bus_free(bus);
	dev_free(uart);
	chr_free(chr);
	ok(clock_next(clk) == CLOCK_NEVER, "freed, its timer is gone");
	clock_free(clk);
	return done();
}
