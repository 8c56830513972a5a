/* SPDX-License-Identifier: MIT */
/* The small chips: reset ports, host bridge, fw_cfg, test and debug devices. */
#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/fwcfg.h"
#include "dev/pcihost.h"
#include "dev/pvpanic.h"
#include "dev/resetctl.h"
#include "dev/testdev.h"
#include "tests/tap.h"

static struct {
	unsigned n;
	enum notice what;
	uint64_t arg;
} told;

static unsigned line_calls, line_pin;
static bool line_level;

static void
tell(void *to, enum notice what, uint64_t arg)
{
	(void)to;
	told.n++;
	told.what = what;
	told.arg = arg;
}

static void
set_line(void *to, unsigned pin, bool level)
{
	(void)to;
	line_calls++;
	line_pin = pin;
	line_level = level;
}

static const struct notify teller = {tell, NULL};
static const struct irq wire = {set_line, NULL, 100};

static uint64_t
rd(struct dev *d, unsigned bar, unsigned off, unsigned size)
{
	return d->ops->read(d, bar, off, size) &
	       (UINT64_MAX >> (64 - 8 * size));
}

static void
wr(struct dev *d, unsigned bar, unsigned off, unsigned size, uint64_t v)
{
	d->ops->write(d, bar, off, size, v);
}

static void
test_debug(void)
{
	struct dev *d = debugexit_new(teller);
	struct chr *chr = chr_new_mem();
	const uint8_t *p;

	wr(d, 0, 0, 4, 3);
	ok(told.n == 1 && told.what == NOTICE_EXIT && told.arg == 7,
		"debug exit: v << 1 | 1");
	wr(d, 0, 0, 1, 0xff);
	is_u64(told.arg, 0xff, "debug exit: eight bits");
	dev_free(d);
	d = pvpanic_new(teller);
	is_u64(rd(d, 0, 0, 1), 1, "pvpanic knows one event");
	told.n = 0;
	wr(d, 0, 0, 1, 4);
	ok(told.n == 0 && d->odd == 1, "others are ignored");
	wr(d, 0, 0, 1, 1);
	ok(told.n == 1 && told.what == NOTICE_PANIC, "that one is a panic");
	dev_free(d);
	d = debugcon_new(chr);
	is_u64(rd(d, 0, 0, 1), 0xe9, "debug console says that it is there");
	wr(d, 0, 0, 1, 'h');
	wr(d, 0, 0, 1, 'i');
	ok(chr_mem_taken(chr, &p) == 2 && !memcmp(p, "hi", 2),
		"and passes bytes on");
	dev_free(d);
	chr_free(chr);
	d = debugcon_new(NULL);
	wr(d, 0, 0, 1, 'x');
	ok(true, "or swallows them");
	dev_free(d);
}

static void
test_resetctl(void)
{
	struct dev *d = resetctl_new(teller, wire);

	told.n = 0;
	wr(d, 0, 0, 1, 2);
	is_u64(told.n, 0, "0xcf9: choosing hard resets nothing");
	wr(d, 0, 0, 1, 6);
	ok(told.n == 1 && told.what == NOTICE_RESET && told.arg == 1,
		"bit 2 rising is a hard reset");
	wr(d, 0, 0, 1, 6);
	is_u64(told.n, 1, "bit 2 staying is none");
	wr(d, 0, 0, 1, 0);
	wr(d, 0, 0, 1, 4);
	ok(told.n == 2 && told.arg == 0, "without bit 1 it is a soft one");
	wr(d, 0, 0, 1, 0xf2);
	is_u64(rd(d, 0, 0, 1), 2, "the rest is not stored");
	is_u64(rd(d, 1, 0, 1), 2, "0x92: A20 is open after reset");
	wr(d, 1, 0, 1, 0);
	ok(!line_level && told.n == 2, "bit 1 closes it");
	wr(d, 1, 0, 1, 3);
	ok(line_level && told.n == 3, "bit 0 resets");
	dev_reset(d);
	ok(rd(d, 0, 0, 1) == 0 && line_level, "power-on state");
	dev_free(d);
}

static uint32_t
config(struct dev *d, uint32_t addr)
{
	wr(d, 0, 0, 4, addr);
	return (uint32_t)rd(d, 1, 0, 4);
}

static void
test_pcihost(void)
{
	struct dev *d = pcihost_new((struct pcihost_out){NULL, NULL});

	wr(d, 0, 0, 4, 0x80000000);
	is_u64(rd(d, 0, 0, 4), 0x80000000, "the address register reads back");
	wr(d, 0, 0, 2, 0x1234);
	wr(d, 0, 3, 1, 0);
	is_u64(rd(d, 0, 0, 4), 0x80000000, "narrow accesses do not count");
	is_u64(config(d, 0x80000000), 0x12378086, "00:00.0 is an i440FX");
	is_u64(config(d, 0x80000008), 0x06000002, "a host bridge");
	is_u64(config(d, 0x8000000c), 0, "of header type 0");
	is_u64(config(d, 0x00000000), 0xffffffff, "not enabled: ones");
	is_u64(config(d, 0x80000800), 0xffffffff, "no other device");
	is_u64(config(d, 0x80000100), 0xffffffff, "no other function");
	is_u64(config(d, 0x80010000), 0xffffffff, "no other bus");
	config(d, 0x80000004);
	wr(d, 1, 0, 2, 0xffff);
	is_u64(rd(d, 1, 0, 2), 0x0146, "command: what can be set");
	wr(d, 0, 0, 4, 0x80000058);
	wr(d, 1, 0, 4, 0x33223000);
	is_u64(rd(d, 1, 0, 4), 0x33223000, "PAM registers are stored");
	is_u64(rd(d, 1, 1, 1), 0x30, "and read as bytes");
	config(d, 0x80000000);
	wr(d, 1, 0, 4, 0);
	is_u64(rd(d, 1, 2, 2), 0x1237, "ids are not");
	dev_free(d);
}

static void
test_testdev(void)
{
	struct dev *d = testdev_new(wire, teller);

	wr(d, 0, 0, 4, 0x11223344);
	wr(d, 0, 1, 1, 0xaa);
	is_u64(rd(d, 0, 0, 4), 0x1122aa44, "port storage, by bytes");
	is_u64(rd(d, 0, 2, 2), 0x1122, "and words");
	told.n = 0;
	wr(d, 1, 0, 4, 0x123456);
	ok(told.n == 1 && told.what == NOTICE_FLUSH && told.arg == 0x123000,
		"flush names the page");
	line_calls = 0;
	wr(d, 2, 5, 1, 1);
	ok(line_pin == 105 && line_level, "a write raises its line");
	wr(d, 2, 5, 1, 1);
	is_u64(line_calls, 1, "once");
	dev_reset(d);
	ok(line_pin == 105 && !line_level && line_calls == 2,
		"reset lowers what was raised, and nothing else");
	wr(d, 3, 0xfff8, 8, 0x1122334455667788);
	is_u64(rd(d, 3, 0xfff8, 8), 0x1122334455667788, "memory storage");
	is_u64(rd(d, 3, 0xffff, 1), 0x11, "to its last byte");
	dev_free(d);
}

static uint32_t
item(struct dev *d, unsigned key)
{
	uint32_t v = 0;

	wr(d, 0, 0, 2, key);
	for (unsigned i = 0; i < 4; i++)
		v |= (uint32_t)rd(d, 0, 1, 1) << 8 * i;
	return v;
}

static void
test_fwcfg(void)
{
	struct dev *d = fwcfg_new(NULL);
	uint8_t cpus[2] = {3, 0};

	ok(fwcfg_add(d, FWCFG_NB_CPUS, cpus, 2) == 0, "an item is added");
	ok(fwcfg_add(d, FWCFG_NB_CPUS, cpus, 2) < 0, "but not twice");
	ok(fwcfg_add(d, 0x100, cpus, 2) < 0, "nor beyond the keys");
	cpus[0] = 9;
	is_u64(item(d, FWCFG_SIGNATURE), 0x554d4551, "signature");
	is_u64(item(d, FWCFG_ID), 1, "id: no DMA");
	is_u64(item(d, FWCFG_NB_CPUS), 3, "a copy; behind its end, zeros");
	is_u64(item(d, FWCFG_RAM_SIZE), 0, "an absent item reads 0");
	is_u64(item(d, 0xffff), 0, "and so does no key");
	item(d, FWCFG_SIGNATURE);
	wr(d, 0, 0, 2, FWCFG_SIGNATURE);
	is_u64(rd(d, 0, 1, 1), 'Q', "selecting begins anew");
	dev_free(d);
}

int
main(void)
{
	deadline(10);
	test_debug();
	test_resetctl();
	test_pcihost();
	test_testdev();
	test_fwcfg();
	return done();
}
