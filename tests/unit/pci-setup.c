/* SPDX-License-Identifier: MIT */
/*
 * PCI as a kernel finds it that no firmware started, on the whole board; and
 * devices that come and go there.
 */
#include "vmm/pci-setup.h"

#include <errno.h>
#include <string.h>

#include "dev/acpipm.h"
#include "dev/state.h"
#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/acpi.h"
#include "vmm/board.h"

enum { HOTPLUG = 0xae00, GPE = 0x60c };

struct card {
	struct dev dev;
	struct pci_fn fn;
	struct {
		struct pci_regs pci;
	} r;
};

static struct config cfg;
static struct board_host host;
static struct board *board;
static struct dev *ejected;

static void
card_reset(struct dev *d)
{
	pci_reset(&((struct card *)d)->fn);
}

static const struct dev_ops ops = {.name = "card", .reset = card_reset};
static const struct pci_id id = {.vendor = 0x1234, .device = 1, .pin = 1};

static struct card *
card_new(struct pci_bar a, struct pci_bar b)
{
	struct card *c = calloc(1, sizeof(*c));

	dev_init(&c->dev, &ops);
	pci_init(&c->fn, &c->dev, &c->r.pci, &id);
	if (a.size)
		pci_add_bar(&c->fn, 0, a);
	if (b.size)
		pci_add_bar(&c->fn, 2, b);
	return c;
}

static void
on_ejected(void *to, struct dev *d)
{
	(void)to;
	ejected = d;
}

static void
up(void)
{
	static char none[] = "kernel";

	config_init(&cfg);
	cfg.serials = 0;
	cfg.cpus = 1;
	cfg.rng = cfg.balloon = true;
	cfg.kernel = none;
	memset(&host, 0, sizeof(host));
	host.config = &cfg;
	host.clock = clock_new_manual(0);
	host.pci.ejected = on_ejected;
	if (mem_new(&host.mem, 2 << 20) || bus_new(&host.ports, "p", 0x10000) ||
		bus_new(&host.mmio, "m", 1ull << 52) ||
		board_pc_new(&board, &host))
		exit(1);
}

static void
down(void)
{
	board_free(board);
	bus_free(host.ports);
	bus_free(host.mmio);
	mem_free(host.mem);
	clock_free(host.clock);
	cfg.kernel = NULL;
	config_free(&cfg);
}

static uint32_t
get(unsigned slot, unsigned function, unsigned at, unsigned size)
{
	return pci_bus_read(board->pci, 0, slot << 3 | function, at, size);
}

static void
test_board(void)
{
	up();
	board_reset(board, &host);
	is_u64(get(0, 0, PCI_VENDOR, 4), 0x12378086, "slot 0: i440FX");
	is_u64(get(1, 0, PCI_VENDOR, 4), 0x70008086, "slot 1: PIIX3");
	is_u64(get(1, 0, PCI_HEADER, 1), 0x80, "which has functions");
	is_u64(get(1, 3, PCI_VENDOR, 4), 0x71138086, "one is PIIX4's");
	is_u64(get(1, 3, PCI_LINE, 1), 9, "with the SCI");
	is_u64(get(1, 0, 0x60, 4), 0x0b0b0a0a, "PIRQs are routed");
	is_u64(bus_read(host.ports, 0x4d0, 2), 0x0c00, "and level-triggered");
	is_u64(get(0, 0, 0x59, 4), 0x33333330, "all of the BIOS area is RAM");
	is_u64(bus_read(host.ports, 0x604, 2), 1, "PM1_CNT is at 0x604");
	bus_write(host.ports, 0xcf8, 4, 0x80000840);
	is_u64(bus_read(host.ports, 0xcfc, 4), 0xffffffff & get(1, 0, 0x40, 4),
		"the ports see the same");
	down();
}

static bool
inside(const struct card *c, unsigned n, uint64_t from, uint64_t to)
{
	const struct mapped *m = &c->fn.mapped[n];

	return m->there && m->at >= from && m->at + m->size <= to &&
	       m->at % m->size == 0;
}

static void
test_bars(void)
{
	struct pci_bar io = {.size = 64, .io = true}, none = {0};
	struct pci_bar small = {.size = 4096};
	struct pci_bar big = {.size = 64 << 20, .wide = true};
	struct pci_bar huge = {.size = 1ull << 32, .wide = true};
	struct card *a, *b, *c;

	up();
	a = card_new(io, small);
	b = card_new(small, big);
	c = card_new(io, huge);
	pci_bus_add(board->pci, &a->fn, 3, 0);
	pci_bus_add(board->pci, &b->fn, 4, 0);
	pci_bus_add(board->pci, &c->fn, 5, 0);
	board_reset(board, &host);
	ok(inside(b, 2, 0xc0000000, 0xfec00000), "a big BAR is in the hole");
	ok(inside(a, 2, 0xc0000000, 0xfec00000) &&
			inside(b, 0, 0xc0000000, 0xfec00000),
		"small ones too");
	ok(inside(a, 0, 0xc000, 0x10000) && inside(c, 0, 0xc000, 0x10000),
		"ports are above 0xc000");
	ok(!c->fn.mapped[2].there, "what has no room stays off");
	is_u64(get(3, 0, PCI_LINE, 1), 11, "slot 3's interrupt");
	is_u64(get(4, 0, PCI_LINE, 1), 11, "slot 4's");
	is_u64(get(5, 0, PCI_LINE, 1), 10, "slot 5's");
	(void)none;
	pci_intx(&a->fn, true);
	is_u64(bus_read(host.ports, 0x4d0, 2), 0x0c00, "one that interrupts");
	bus_write(host.ports, 0xa0, 1, 0x0a); /* read IRR */
	is_u64(bus_read(host.ports, 0xa0, 1) & 8, 8, "is seen by the PIC");
	pci_intx(&a->fn, false);
	is_u64(bus_read(host.ports, 0xa0, 1) & 8, 0, "as long as it does");
	down();
	dev_free(&a->dev);
	dev_free(&b->dev);
	dev_free(&c->dev);
}

static void
test_hotplug(void)
{
	struct pci_bar none = {0}, bar = {.size = 4096};
	struct card *c[30];
	unsigned n = 0, devs;

	up();
	board_reset(board, &host);
	bus_write(host.ports, GPE + 2, 2, 2);
	devs = board->devs;
	for (; n < 30; n++) {
		c[n] = card_new(bar, none);
		if (board_plug(board, &c[n]->dev, &c[n]->fn))
			break;
	}
	ok(n && n < 30 && c[0]->fn.slot == 3, "devices come, from slot 3 on");
	is_u64(board->devs, devs + n, "and belong to the board");
	dev_free(&c[n]->dev);
	is_u64(bus_read(host.ports, GPE, 2), 2, "the guest gets an event");
	is_u64(bus_read(host.ports, HOTPLUG, 4) & 0x18, 0x18,
		"and sees the slots");
	is_u64(get(3, 0, PCI_VENDOR, 4), 0x11234, "where they are");
	ok(board_unplug_request(board, board->pm) == -ENOENT,
		"what is soldered stays");
	ok(board_unplug_request(board, &c[0]->dev) == 0,
		"it can be asked to let go");
	is_u64(bus_read(host.ports, HOTPLUG + 4, 4), 8, "and sees of what");
	bus_write(host.ports, HOTPLUG + 8, 4, 8);
	ok(ejected == &c[0]->dev, "it does");
	board_remove(board, &c[0]->dev);
	is_u64(get(3, 0, PCI_VENDOR, 4), 0xffffffff, "the slot is empty");
	is_u64(board->devs, devs + n - 1, "the board has one less");
	ok(board_plug(board, &c[0]->dev, &c[0]->fn) == 0 && c[0]->fn.slot == 3,
		"and takes it again");
	board_unplug_request(board, &c[1]->dev);
	board_reset(board, &host);
	ok(ejected == &c[1]->dev, "a reset makes an end of requests");
	while (n--) {
		board_remove(board, &c[n]->dev);
		dev_free(&c[n]->dev);
	}
	down();
}

/* ---- a guest that writes anywhere ---- */

static uint64_t
rnd(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717u;
}

static char *
save_all(char *text, size_t size)
{
	FILE *f = fmemopen(text, size, "w");

	for (unsigned n = 0; n < board->devs; n++)
		state_save(board->dev[n], f);
	fclose(f);
	return text;
}

/* One configuration register, of slots that have something, or what lies where
 * BARs do. */
static void
scribble(uint64_t *seed)
{
	uint64_t what = rnd(seed), val = rnd(seed);
	unsigned size = 1u << (what & 3) % 3;
	uint32_t addr = (uint32_t)(what >> 8) & 0x3ffc;

	if (what >> 32 & 1)
		val &= 0xffff;
	if (what >> 33 & 1)
		addr = (addr & ~0xfcu) | (addr & 0x1c) |
		       (what >> 34 & 1 ? PCI_BAR0 : PCI_COMMAND);
	if (what >> 35 & 7) {
		bus_write(host.ports, 0xcf8, 4, 0x80000000 | addr);
		if (what >> 38 & 1)
			bus_write(host.ports, 0xcfc + (what >> 40 & 3), size,
				val);
		else
			bus_read(host.ports, 0xcfc + (what >> 40 & 3), size);
	} else if (what >> 38 & 1) {
		bus_write(host.ports, what >> 40 & 0xffff, size, val);
	} else {
		bus_write(host.mmio, what >> 24 & 0xffffffff, size, val);
	}
}

static void
test_scribble(void)
{
	static char fresh[1 << 20], used[1 << 20], again[1 << 20];
	uint64_t seed = 20;

	up();
	board_reset(board, &host);
	save_all(fresh, sizeof(fresh));
	for (unsigned n = 0; n < 60000; n++)
		scribble(&seed);
	save_all(used, sizeof(used));
	ok(strcmp(fresh, used) != 0, "a guest scribbles on all of PCI");
	ok(state_load(board->dev, board->devs, used, strlen(used)) == 0,
		"what comes of it can be saved and loaded");
	ok(strcmp(used, save_all(again, sizeof(again))) == 0,
		"without a difference");
	board_reset(board, &host);
	ok(strcmp(fresh, save_all(again, sizeof(again))) == 0,
		"after a reset all is as it was");
	down();
}

int
main(void)
{
	deadline(30);
	test_board();
	test_bars();
	test_hotplug();
	test_scribble();
	return done();
}
