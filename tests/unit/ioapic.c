/* SPDX-License-Identifier: MIT */
/* The I/O APIC: dev/ioapic.h. */
#include "dev/ioapic.h"

#include "dev/bus.h"
#include "tests/tap.h"

static struct bus *bus;
static struct dev *io;

static struct {
	unsigned sent, routes, pin;
	struct msi msi, route;
	bool masked;
} seen;

static void
send(void *to, struct msi m)
{
	(void)to;
	seen.sent++;
	seen.msi = m;
}

static void
route(void *to, unsigned pin, struct msi m, bool masked)
{
	(void)to;
	seen.routes++;
	seen.pin = pin;
	seen.route = m;
	seen.masked = masked;
}

static uint32_t
get(unsigned reg)
{
	bus_write(bus, 0, 4, reg);
	return (uint32_t)bus_read(bus, 0x10, 4);
}

static void
put(unsigned reg, uint32_t val)
{
	bus_write(bus, 0, 4, reg);
	bus_write(bus, 0x10, 4, val);
}

static void
entry(unsigned pin, uint32_t high, uint32_t low)
{
	put(0x11 + 2 * pin, high);
	put(0x10 + 2 * pin, low);
}

static void
fresh(void)
{
	dev_reset(io);
	memset(&seen, 0, sizeof(seen));
}

static void
test_registers(void)
{
	fresh();
	is_u64(get(1), 0x170020, "version 0x20, 24 entries");
	put(0, 0xff000000);
	is_u64(get(0), 0x0f000000, "the ID has 4 bits");
	is_u64(get(2), 0x0f000000, "the arbitration ID follows");
	is_u64(get(0x10), 0x10000, "entries start masked");
	entry(0, 0xffffffff, 0xffffffff);
	is_u64(get(0x10), 0x1afff, "read-only and reserved bits stay 0");
	is_u64(get(0x11), 0xff000000, "in the high half, too");
	put(1, 0);
	is_u64(get(1), 0x170020, "the version is read-only");
	is_u64(get(0x40), 0, "there is nothing after entry 23");
	put(0x40, 5);
	put(0xff, 5);
	is_u64(bus_read(bus, 0, 4), 0xff, "the selector reads back");
	is_u64(bus_read(bus, 0x20, 4), 0, "elsewhere: 0");
}

static void
test_edge(void)
{
	fresh();
	entry(4, 0x03000000, 0x0831);
	seen.routes = 0;
	ioapic_set(io, 4, true);
	is_u64(seen.sent, 1, "an edge sends");
	is_u64(seen.msi.addr, 0xfee03004, "to its logical destination");
	is_u64(seen.msi.data, 0x4031, "its vector, asserted");
	ioapic_set(io, 4, true);
	is_u64(seen.sent, 1, "a line that stays up sends no more");
	ioapic_set(io, 4, false);
	is_u64(seen.sent, 1, "nor does its fall");
	ioapic_set(io, 4, true);
	is_u64(seen.sent, 2, "the next edge does");
	ioapic_set(io, 4, false);
	is_u64(get(0x18), 0x0831, "no remote IRR");
	put(0x18, 0x10831);
	ioapic_set(io, 4, true);
	put(0x18, 0x0831);
	is_u64(seen.sent, 2, "an edge on a masked pin is lost");
	is_u64(seen.routes, 2, "each change of an entry is told");
	put(0x18, 0x0831);
	is_u64(seen.routes, 2, "but not what changes nothing");
}

static void
test_level(void)
{
	fresh();
	entry(10, 0x01000000, 0x8042);
	ioapic_set(io, 10, true);
	is_u64(seen.sent, 1, "a level sends");
	is_u64(seen.msi.addr, 0xfee01000, "to its physical destination");
	is_u64(seen.msi.data, 0xc042, "level-triggered");
	is_u64(get(0x24), 0xc042, "remote IRR is set");
	ioapic_set(io, 10, false);
	ioapic_set(io, 10, true);
	is_u64(seen.sent, 1, "and holds it back");
	ioapic_eoi(io, 0x41);
	is_u64(seen.sent, 1, "another vector's EOI is not its own");
	ioapic_eoi(io, 0x42);
	is_u64(seen.sent, 2, "EOI sends again while the line is up");
	ioapic_set(io, 10, false);
	ioapic_eoi(io, 0x42);
	is_u64(seen.sent, 2, "and not when it is down");
	is_u64(get(0x24), 0x8042, "remote IRR is clear");
	put(0x24, 0x18042);
	ioapic_set(io, 10, true);
	is_u64(seen.sent, 2, "a masked level does not send");
	put(0x24, 0x8042);
	is_u64(seen.sent, 3, "unmasked, it does");
	bus_write(bus, 0x40, 4, 0x42);
	is_u64(seen.sent, 4, "the EOI register ends, too");
	put(0x24, 0x10042);
	put(0x24, 0x18042);
	is_u64(get(0x24), 0x18042, "edge mode clears remote IRR");
	put(0x24, 0x18042);
	ioapic_set(io, 10, false);
	put(0x24, 0x8042);
	is_u64(seen.sent, 4, "a level that fell while masked is gone");
}

static void
test_modes(void)
{
	bool masked = false;
	struct msi m;

	fresh();
	entry(0, 0, 0x8400); /* NMI, "level" */
	ioapic_set(io, 0, true);
	is_u64(seen.msi.data, 0x4400, "NMI is passed on, as an edge");
	is_u64(get(0x10), 0x8400, "without remote IRR");
	entry(1, 0xff000000, 0x8951);
	ioapic_set(io, 1, true);
	is_u64(seen.msi.data, 0xc151, "lowest priority is passed on");
	is_u64(seen.msi.addr, 0xfeeff004, "as is its destination");
	ok(seen.pin == 1 && seen.route.data == 0xc151 && !seen.masked,
		"the route was told");
	put(0x12, 0x18951);
	ok(seen.masked, "and that it is masked now");
	m = ioapic_msi(io, 1, &masked);
	ok(m.data == 0xc151 && masked, "an entry can be asked for");
	m = ioapic_msi(io, 99, &masked);
	ok(masked && m.addr == 0xfee00000, "one that is not is masked");
	seen.sent = 0;
	ioapic_set(io, 24, true);
	ioapic_set(io, 4000000000u, true);
	is_u64(seen.sent, 0, "pins beyond the chip are harmless");
	seen.routes = 0;
	dev_reset(io);
	is_u64(seen.routes, 24, "reset tells all routes");
}

int
main(void)
{
	struct ioapic_out out = {send, route, NULL};

	deadline(10);
	if (bus_new(&bus, "mmio", 0x1000))
		return 1;
	io = ioapic_new(out);
	bus_add(bus, 0, 0x1000, io, 0);
	test_registers();
	test_edge();
	test_level();
	test_modes();
	bus_free(bus);
	dev_free(io);
	return done();
}
