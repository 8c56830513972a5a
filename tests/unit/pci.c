/* SPDX-License-Identifier: MIT */
/*
 * PCI functions and their bus: what a guest finds in configuration space, where
 * BARs appear and vanish, INTx and MSI-X.
 */
#include "dev/pci.h"

#include <errno.h>
#include <string.h>

#include "dev/state.h"
#include "lib/err.h"
#include "tests/tap.h"

struct toy_regs {
	struct pci_regs pci;
};

struct toy { /* a function whose BARs answer n << 16 | offset */
	struct dev dev;
	struct pci_fn fn;
	struct toy_regs r;
	unsigned writes, last_bar;
	uint64_t last_off;
};

static struct bus *ports, *mmio;
static struct pci_bus *pci;
static bool line[32][4];
static struct msi sent[64];
static unsigned sends, moves;
static uint64_t moved_to;

static const struct pci_id id = {
	.vendor = 0x1234,
	.device = 0x5678,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class = 0x010203,
	.revision = 7,
	.pin = 1,
};

/* ---- the rig ---- */

static uint64_t
toy_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct toy *t = (struct toy *)d;
	uint64_t v;

	if (pci_msix_read(&t->fn, bar, off, size, &v))
		return v;
	return bar << 16 | off;
}

static void
toy_write(struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t v)
{
	struct toy *t = (struct toy *)d;

	if (pci_msix_write(&t->fn, bar, off, size, v))
		return;
	t->writes++;
	t->last_bar = bar;
	t->last_off = off;
}

static void
toy_reset(struct dev *d)
{
	pci_reset(&((struct toy *)d)->fn);
}

static int
toy_loaded(struct dev *d)
{
	return pci_loaded(&((struct toy *)d)->fn);
}

static const struct field fields[] = {
	PCI_FIELDS(struct toy, r),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "toy",
	.fields = fields,
	DEV_REGS(struct toy, r),
	.read = toy_read,
	.write = toy_write,
	.reset = toy_reset,
	.loaded = toy_loaded,
};

static struct toy *
toy_new(void)
{
	struct toy *t = calloc(1, sizeof(*t));

	dev_init(&t->dev, &ops);
	pci_init(&t->fn, &t->dev, &t->r.pci, &id);
	return t;
}

static void
on_intx(void *to, unsigned slot, unsigned pin, bool level)
{
	(void)to;
	line[slot][pin] = level;
}

static void
on_msi(void *to, struct msi m)
{
	(void)to;
	if (sends < 64)
		sent[sends++] = m;
}

static void
on_moved(void *to, struct pci_fn *f, unsigned n, uint64_t at, bool on)
{
	(void)to, (void)f, (void)n;
	moves++;
	moved_to = on ? at : 0;
}

static void
up(void)
{
	struct pci_host host = {NULL, NULL, on_intx, on_msi, on_moved, NULL};

	bus_new(&ports, "ports", 0x10000);
	bus_new(&mmio, "memory", 1ull << 52);
	host.ports = ports;
	host.mmio = mmio;
	pci_bus_new(&pci, &host);
	sends = moves = 0;
}

static void
down(void)
{
	pci_bus_free(pci);
	bus_free(ports);
	bus_free(mmio);
}

static uint32_t
get(unsigned slot, unsigned at, unsigned size)
{
	return pci_bus_read(pci, 0, slot << 3, at, size);
}

static void
put(unsigned slot, unsigned at, unsigned size, uint32_t v)
{
	pci_bus_write(pci, 0, slot << 3, at, size, v);
}

static uint64_t
mem(uint64_t at)
{
	return bus_read(mmio, at, 4);
}

/* ---- configuration space ---- */

static void
test_header(void)
{
	struct toy *t = toy_new(), *late = toy_new();

	up();
	ok(pci_bus_add(pci, &late->fn, 4, 1) == -EINVAL,
		"function 0 comes first");
	is_u64((uint64_t)pci_bus_add(pci, &t->fn, 4, 0), 0, "a slot is taken");
	ok(pci_bus_add(pci, &late->fn, 4, 0) == -EEXIST, "but not twice");
	ok(pci_bus_add(pci, &late->fn, 32, 0) == -ERANGE,
		"and there are 32 of them");
	is_u64(get(4, PCI_VENDOR, 4), 0x56781234, "vendor and device");
	is_u64(get(4, PCI_REVISION, 4), 0x01020307, "class and revision");
	is_u64(get(4, PCI_SUBVENDOR, 4), 0x11001af4, "subsystem");
	is_u64(get(4, PCI_PIN, 1), 1, "interrupt pin");
	is_u64(get(4, PCI_HEADER, 1), 0, "one function");
	is_u64(get(5, PCI_VENDOR, 4), 0xffffffff, "no device: ones");
	is_u64(pci_bus_read(pci, 1, 4 << 3, 0, 2), 0xffff, "no bus: ones");
	put(5, PCI_COMMAND, 2, 0xffff);
	put(4, PCI_VENDOR, 4, 0);
	put(4, PCI_PIN, 1, 2);
	is_u64(get(4, PCI_VENDOR, 4), 0x56781234, "identity is read-only");
	put(4, PCI_LINE, 4, 0xffffff0b);
	is_u64(get(4, PCI_LINE, 4), 0x010b, "the interrupt line is not");
	put(4, PCI_COMMAND, 2, 0xffff);
	is_u64(get(4, PCI_COMMAND, 2), 0x547, "command: what can be set");
	is_u64((uint64_t)pci_bus_add(pci, &late->fn, 4, 1), 0,
		"a second function");
	is_u64(get(4, PCI_HEADER, 1), 0x80, "makes the first multi-function");
	dev_reset(&t->dev);
	is_u64(get(4, PCI_HEADER, 1), 0x80, "for good");
	is_u64(get(4, PCI_COMMAND, 2), 0, "a reset clears the command");
	down();
	dev_free(&t->dev);
	dev_free(&late->dev);
}

static void
test_caps(void)
{
	struct toy *t = toy_new();
	unsigned a = pci_add_cap(&t->fn, 9, 20), b = pci_add_cap(&t->fn, 9, 5);
	unsigned c = pci_add_cap(&t->fn, 0x11, 12), seen = 0, at;

	up();
	pci_put32(&t->fn, a + 4, 0x11223344);
	pci_writable(&t->fn, a + 8, 0x00ff);
	pci_bus_add(pci, &t->fn, 3, 0);
	is_u64(get(3, PCI_STATUS, 2), 0x10, "status says: capabilities");
	for (at = get(3, PCI_CAPS, 1); at && seen < 9; at = get(3, at + 1, 1))
		seen++;
	ok(seen == 3 && a == get(3, PCI_CAPS, 1) && b == get(3, a + 1, 1) &&
			c == get(3, b + 1, 1),
		"they are a list");
	ok(a % 4 == 0 && b % 4 == 0 && c % 4 == 0, "of aligned ones");
	put(3, a + 4, 4, 0);
	put(3, a + 8, 4, 0xffffffff);
	is_u64(get(3, a + 4, 4), 0x11223344, "what is put there is read-only");
	is_u64(get(3, a + 8, 4), 0xff, "but for what is not");
	dev_reset(&t->dev);
	is_u64(get(3, a + 4, 4), 0x11223344, "a reset keeps the one");
	is_u64(get(3, a + 8, 4), 0, "and clears the other");
	ok(pci_add_cap(&t->fn, 9, 200) == 0, "there is an end to them");
	down();
	dev_free(&t->dev);
}

/* ---- BARs ---- */

static void
test_sizing(void)
{
	struct toy *t = toy_new();

	pci_add_bar(&t->fn, 0, (struct pci_bar){.size = 32, .io = true});
	pci_add_bar(&t->fn, 1, (struct pci_bar){.size = 4096});
	pci_add_bar(&t->fn, 2,
		(struct pci_bar){
			.size = 1ull << 33, .wide = true, .prefetch = true});
	up();
	pci_bus_add(pci, &t->fn, 3, 0);
	for (unsigned n = 0; n < 6; n++)
		put(3, PCI_BAR0 + 4 * n, 4, 0xffffffff);
	is_u64(get(3, 0x10, 4), 0xffffffe1, "32 ports");
	is_u64(get(3, 0x14, 4), 0xfffff000, "4 KiB of memory");
	is_u64(get(3, 0x18, 4), 0x0000000c, "8 GiB, 64-bit, prefetchable");
	is_u64(get(3, 0x1c, 4), 0xfffffffe, "its upper half");
	is_u64(get(3, 0x20, 4), 0, "no more BARs");
	put(3, PCI_ROM, 4, 0xffffffff);
	is_u64(get(3, PCI_ROM, 4), 0, "no ROM");
	down();
	dev_free(&t->dev);
}

static void
test_mapping(void)
{
	struct toy *t = toy_new();

	pci_add_bar(&t->fn, 0, (struct pci_bar){.size = 32, .io = true});
	pci_add_bar(&t->fn, 1, (struct pci_bar){.size = 4096});
	pci_add_bar(&t->fn, 2, (struct pci_bar){.size = 4096, .wide = true});
	up();
	pci_bus_add(pci, &t->fn, 3, 0);
	put(3, 0x10, 4, 0xc000);
	put(3, 0x14, 4, 0xe0000000);
	is_u64(mem(0xe0000010), 0xffffffff, "not decoded: a hole");
	put(3, PCI_COMMAND, 2, PCI_MEM);
	is_u64(mem(0xe0000010), 0x10010, "BAR 1 is decoded");
	is_u64(bus_read(ports, 0xc004, 4), 0xffffffff, "ports are not yet");
	put(3, PCI_COMMAND, 2, PCI_MEM | PCI_IO);
	is_u64(bus_read(ports, 0xc004, 4), 4, "now they are");
	put(3, 0x14, 4, 0xe0005000);
	ok(mem(0xe0000010) == 0xffffffff && mem(0xe0005010) == 0x10010,
		"it moves while it is decoded");
	is_u64(moved_to, 0xe0005000, "and says so");
	put(3, 0x1c, 4, 0x80);
	put(3, 0x18, 4, 0x1000);
	is_u64(mem(0x8000001008), 0x20008, "beyond 4 GiB, too");
	bus_write(mmio, 0x8000001004, 4, 1);
	ok(t->writes == 1 && t->last_bar == 2 && t->last_off == 4,
		"writes come to it");
	put(3, 0x1c, 4, 0xffffffff);
	is_u64(mem(0x8000001008), 0xffffffff, "not beyond the bus");
	put(3, 0x10, 4, 0x1c000);
	is_u64(bus_read(ports, 0xc004, 4), 0xffffffff, "nor for ports");
	put(3, 0x14, 4, 0);
	is_u64(mem(0x10), 0xffffffff, "0 is no address");
	put(3, 0x14, 4, 0xe0005000);
	dev_reset(&t->dev);
	is_u64(mem(0xe0005010), 0xffffffff, "a reset takes it away");
	is_u64(moved_to, 0, "and says so");
	down();
	dev_free(&t->dev);
}

static void
test_overlap(void)
{
	struct toy *a = toy_new(), *b = toy_new();

	pci_add_bar(&a->fn, 1, (struct pci_bar){.size = 4096});
	pci_add_bar(&b->fn, 2, (struct pci_bar){.size = 8192});
	up();
	pci_bus_add(pci, &a->fn, 3, 0);
	pci_bus_add(pci, &b->fn, 4, 0);
	put(3, 0x14, 4, 0xe0001000);
	put(4, 0x18, 4, 0xe0000000);
	put(3, PCI_COMMAND, 2, PCI_MEM);
	put(4, PCI_COMMAND, 2, PCI_MEM);
	is_u64(mem(0xe0001000), 0x10000, "the first has it");
	is_u64(mem(0xe0000000), 0xffffffff, "the second has nothing");
	put(3, 0x14, 4, 0xe0004000);
	is_u64(mem(0xe0001000), 0x21000, "until the first goes away");
	put(3, 0x14, 4, 0xe0000000);
	put(4, PCI_COMMAND, 2, 0);
	is_u64(mem(0xe0000000), 0x10000, "and the other way round");
	put(4, PCI_COMMAND, 2, PCI_MEM);
	pci_remove(&a->fn);
	is_u64(mem(0xe0000000), 0x20000, "removal frees it as well");
	is_u64(get(3, 0, 4), 0xffffffff, "who is removed is gone");
	down();
	dev_free(&a->dev);
	dev_free(&b->dev);
}

static void
test_window(void)
{
	struct toy *t = toy_new();

	up();
	pci_window(&t->fn, 7, true, 0x600, 64, true);
	is_u64(bus_read(ports, 0x604, 4), 0xffffffff, "a window, on no bus");
	pci_bus_add(pci, &t->fn, 3, 0);
	is_u64(bus_read(ports, 0x604, 4), 0x70004, "appears on one");
	pci_window(&t->fn, 7, true, 0x700, 64, true);
	ok(bus_read(ports, 0x604, 4) == 0xffffffff &&
			bus_read(ports, 0x704, 4) == 0x70004,
		"and moves");
	pci_window(&t->fn, 7, true, 0x700, 64, false);
	is_u64(bus_read(ports, 0x704, 4), 0xffffffff, "and vanishes");
	down();
	dev_free(&t->dev);
}

/* ---- interrupts ---- */

static void
test_intx(void)
{
	struct toy *a = toy_new(), *b = toy_new();

	up();
	pci_bus_add(pci, &a->fn, 3, 0);
	pci_bus_add(pci, &b->fn, 3, 1);
	pci_intx(&a->fn, true);
	ok(line[3][0], "INTA# is up");
	is_u64(get(3, PCI_STATUS, 2), 8, "status says so");
	pci_intx(&b->fn, true);
	pci_intx(&a->fn, false);
	ok(line[3][0], "the slot's other function holds it");
	pci_bus_write(pci, 0, 3 << 3 | 1, PCI_COMMAND, 2, PCI_INTX_OFF);
	ok(!line[3][0], "until its interrupt is disabled");
	is_u64(pci_bus_read(pci, 0, 3 << 3 | 1, PCI_STATUS, 2), 8,
		"though it still wants one");
	pci_bus_write(pci, 0, 3 << 3 | 1, PCI_COMMAND, 2, 0);
	ok(line[3][0], "and enabled again");
	pci_remove(&b->fn);
	ok(!line[3][0], "who leaves takes it along");
	pci_intx(&a->fn, true);
	dev_reset(&a->dev);
	ok(!line[3][0], "a reset lowers it");
	down();
	dev_free(&a->dev);
	dev_free(&b->dev);
}

enum { TABLE = 0xe0000000, PBA = 0xe0000800, CTL = 0x42 };

static struct toy *
msix_up(unsigned vectors)
{
	struct toy *t = toy_new();

	pci_add_bar(&t->fn, 1, (struct pci_bar){.size = 4096});
	pci_add_msix(&t->fn, vectors, 1, 0);
	up();
	pci_bus_add(pci, &t->fn, 3, 0);
	put(3, 0x14, 4, TABLE);
	put(3, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	return t;
}

static void
entry(unsigned v, uint64_t addr, uint32_t data, uint32_t control)
{
	bus_write(mmio, TABLE + 16 * v, 8, addr);
	bus_write(mmio, TABLE + 16 * v + 8, 4, data);
	bus_write(mmio, TABLE + 16 * v + 12, 4, control);
}

static void
test_msix_table(void)
{
	struct toy *t = msix_up(3);

	is_u64(get(3, 0x40, 1), 0x11, "an MSI-X capability");
	is_u64(get(3, CTL, 2), 2, "of three vectors, off");
	is_u64(get(3, 0x44, 4), 1, "the table is in BAR 1");
	is_u64(get(3, 0x48, 4), 0x801, "and the pending bits behind it");
	is_u64(mem(TABLE + 0x2c), 1, "vectors are masked at first");
	is_u64(mem(TABLE + 0x3c), 0, "there are three");
	entry(1, 0x11223344fee00fff, 0xabcd, 0xffffffff);
	is_u64(mem(TABLE + 0x10), 0xfee00ffc, "an address is aligned");
	is_u64(bus_read(mmio, TABLE + 0x10, 8), 0x11223344fee00ffc,
		"has 64 bits");
	is_u64(bus_read(mmio, TABLE + 0x19, 1), 0xab, "is read in any size");
	is_u64(mem(TABLE + 0x1c), 1, "one bit of control");
	bus_write(mmio, PBA, 4, 7);
	is_u64(mem(PBA), 0, "pending bits are not written");
	entry(9, 0xfee00000, 1, 0);
	is_u64(mem(TABLE + 0x90), 0, "nor what is no vector");
	dev_reset(&t->dev);
	put(3, 0x14, 4, TABLE);
	put(3, PCI_COMMAND, 2, PCI_MEM);
	ok(mem(TABLE + 0x10) == 0 && mem(TABLE + 0x1c) == 1,
		"a reset clears and masks them");
	down();
	dev_free(&t->dev);
}

static void
test_msix_send(void)
{
	struct toy *t = msix_up(32);

	entry(0, 0xfee01000, 0x41, 0);
	entry(31, 0xfee02000, 0x42, 1);
	pci_msix(&t->fn, 0);
	ok(sends == 0 && !pci_msix_on(&t->fn), "off: no message");
	pci_intx(&t->fn, true);
	put(3, CTL, 2, 0x8000);
	ok(!line[3][0] && pci_msix_on(&t->fn), "on: no INTx");
	pci_msix(&t->fn, 0);
	ok(sends == 1 && sent[0].addr == 0xfee01000 && sent[0].data == 0x41,
		"a message");
	pci_msix(&t->fn, 31);
	pci_msix(&t->fn, 31);
	pci_msix(&t->fn, 32);
	is_u64(sends, 1, "a masked vector waits");
	is_u64(mem(PBA), 0x80000000, "as is seen");
	entry(31, 0xfee02000, 0x42, 0);
	ok(sends == 2 && sent[1].data == 0x42 && mem(PBA) == 0,
		"and goes once, when it is unmasked");
	put(3, CTL, 2, 0xc000);
	pci_msix(&t->fn, 0);
	ok(sends == 2 && mem(PBA) == 1, "all can be masked");
	put(3, CTL, 2, 0x8000);
	ok(sends == 3 && mem(PBA) == 0, "and unmasked");
	put(3, PCI_COMMAND, 2, PCI_MEM);
	pci_msix(&t->fn, 0);
	is_u64(sends, 3, "who is no bus master sends nothing");
	put(3, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	entry(0, 0x00001000, 0x41, 0);
	pci_msix(&t->fn, 0);
	ok(sends == 3 && t->dev.odd == 1, "nor anything to memory");
	put(3, CTL, 2, 0);
	ok(line[3][0], "off again: INTx");
	down();
	dev_free(&t->dev);
}

/* ---- state ---- */

static void
save(struct toy *t, char *text, size_t n)
{
	FILE *f = fmemopen(text, n, "w");

	state_save(&t->dev, f);
	fclose(f);
}

static int
load(struct toy *t, const char *text)
{
	struct dev *d = &t->dev;

	return state_load(&d, 1, text, strlen(text));
}

static void
test_state(void)
{
	struct toy *t = msix_up(4), *other;
	char text[8192], *at;

	put(3, CTL, 2, 0x8000);
	pci_msix(&t->fn, 2);
	save(t, text, sizeof(text));
	dev_reset(&t->dev);
	ok(load(t, text) == 0 && mem(PBA) == 4, "BARs are mapped by a load");
	entry(2, 0xfee00000, 5, 0);
	is_u64(sends, 1, "and what was pending is");
	at = strstr(text, "pci_config ") + 11;
	at[0] = '9'; /* the vendor */
	ok(load(t, text) == -EINVAL, "another identity is refused");
	at[0] = '3';
	ok(load(t, text) == 0, "the right one is not");
	down();
	other = msix_up(2);
	ok(load(other, text) == -EINVAL, "as is another number of vectors");
	down();
	dev_free(&t->dev);
	dev_free(&other->dev);
}

/* ---- threads ---- */

static void *
looker(void *arg)
{
	bool *bad = arg;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t v = mem(0xe0000000 + (i & 1) * 0x1000);

		*bad |= v != 0xffffffff && v != 0x10000;
		*bad |= get(3, PCI_VENDOR, 2) != 0x1234;
	}
	return NULL;
}

static void
test_threads(void)
{
	struct toy *t = toy_new(), *b = toy_new();
	bool bad = false;
	pthread_t other;

	pci_add_bar(&t->fn, 1, (struct pci_bar){.size = 4096});
	pci_add_bar(&b->fn, 1, (struct pci_bar){.size = 4096});
	up();
	pci_bus_add(pci, &t->fn, 3, 0);
	pci_bus_add(pci, &b->fn, 4, 0);
	put(3, PCI_COMMAND, 2, PCI_MEM);
	put(4, PCI_COMMAND, 2, PCI_MEM);
	pthread_create(&other, NULL, looker, &bad);
	for (unsigned i = 0; i < 20000; i++) {
		put(3, 0x14, 4, 0xe0000000 + (i & 1) * 0x1000);
		put(4, 0x14, 4, 0xe0000000 + (i >> 1 & 1) * 0x1000);
	}
	pthread_join(other, NULL);
	ok(!bad, "one looks while another moves BARs about");
	down();
	dev_free(&t->dev);
	dev_free(&b->dev);
}

int
main(void)
{
	deadline(60);
	test_header();
	test_caps();
	test_sizing();
	test_mapping();
	test_overlap();
	test_window();
	test_intx();
	test_msix_table();
	test_msix_send();
	test_state();
	test_threads();
	return done();
}
