/* SPDX-License-Identifier: MIT */
/*
 * PCI Local Bus 3.0: a function's configuration space, its BARs, INTx and
 * MSI-X (section 6, and the MSI-X ECN), and the bus that finds functions and
 * puts their BARs on the machine's buses.
 *
 * A device that is a PCI function has a struct pci_fn and, first in its
 * register struct, a struct pci_regs, which PCI_FIELDS() covers. It sees
 * accesses to BAR n as accesses to its bar n. It knows neither slot nor bus.
 * The bus calls everything here with the device's lock held, which it takes for
 * configuration cycles as for others. Left out: bridges, MSI without X, power
 * management.
 *
 * Order of locks, first to last: the host bridge's (its address register is
 * held during a configuration cycle), the function's, the PCI bus's own (where
 * BARs lie, which lines are up), and then one of: the table of a struct bus,
 * the interrupt router's with the interrupt chips' behind it. None of those
 * behind takes one before, so there is no cycle: a router that is a PCI
 * function itself (PIIX3) has no interrupt and no BARs; the host bridge's own
 * configuration is reached without the bus, as its lock is held already.
 */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include "dev/bus.h"
#include "dev/dev.h"
#include "dev/ioapic.h" /* struct msi */

enum {
	PCI_BARS = 6,
	PCI_ROM_BAR = 6, /* its expansion ROM, to the device */
	PCI_WINDOWS = 8, /* BARs, and what else a function decodes */
	PCI_SLOTS = 32,
	PCI_FUNCTIONS = 8,
	PCI_VECTORS = 32
};

/* Offsets of the header. */
enum {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x09,
	PCI_CACHE_LINE = 0x0c,
	PCI_LATENCY = 0x0d,
	PCI_HEADER = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBVENDOR = 0x2c,
	PCI_SUBDEVICE = 0x2e,
	PCI_ROM = 0x30,
	PCI_CAPS = 0x34,
	PCI_LINE = 0x3c,
	PCI_PIN = 0x3d
};
enum { /* command */
	PCI_IO = 1,
	PCI_MEM = 2,
	PCI_MASTER = 4,
	PCI_PARITY = 0x40,
	PCI_SERR = 0x100,
	PCI_INTX_OFF = 0x400
};
enum { /* status */
	PCI_STATUS_INTX = 0x08,
	PCI_STATUS_CAPS = 0x10
};
enum { PCI_CAP_VENDOR = 0x09, PCI_CAP_MSIX = 0x11 };

struct pci_regs { /* saved */
	uint8_t config[256];
	uint8_t table[PCI_VECTORS * 16]; /* MSI-X, as the guest sees it */
	uint32_t pending;
	uint8_t intx; /* what the device wants of its line */
	uint8_t spare[3]; /* always 0 */
};

/* The rows of a field table, regs.pci being the struct pci_regs: pci_config and
 * so on (a name has no dots). */
#define PCI_FIELD(type, regs, member, count)                                   \
	{                                                                      \
		"pci_" #member, offsetof(type, regs.pci.member),               \
			sizeof(((type *)0)->regs.pci.member) / (count), count  \
	}
#define PCI_FIELDS(type, regs)                                                 \
	PCI_FIELD(type, regs, config, 256),                                    \
		PCI_FIELD(type, regs, table, PCI_VECTORS * 16),                \
		PCI_FIELD(type, regs, pending, 1),                             \
		PCI_FIELD(type, regs, intx, 1),                                \
		PCI_FIELD(type, regs, spare, 3)

struct pci_bar {
	uint64_t size; /* a power of two; 0: there is none */
	bool io, wide, prefetch; /* wide: 64-bit, the next one is its half */
};

struct pci_id {
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class; /* 24 bits */
	uint8_t revision;
	uint8_t pin; /* 0: no interrupt; 1: INTA# */
};

struct pci_bus;

struct pci_fn {
	struct dev *dev;
	struct pci_regs *r;
	const struct pci_id *id;
	struct pci_bar bar[PCI_BARS];
	uint32_t rom; /* bytes; 0: there is none */
	uint8_t writable[256]; /* bits of config that the guest may change */
	uint8_t initial[256]; /* config at reset; its other bits stay so */
	uint8_t caps_end; /* where the next capability goes */
	uint8_t last_cap;
	unsigned vectors; /* of MSI-X; 0: none */
	uint8_t msix_at; /* the capability */
	uint8_t msix_bar;
	uint32_t msix_off; /* table there, PBA 0x800 behind it */
	/* After a write to bytes [at, at+n) of config; may be NULL. */
	void (*written)(struct dev *, unsigned at, unsigned n);
	/* Before a read of them; may be NULL. */
	void (*reading)(struct dev *, unsigned at, unsigned n);
	/* What the bus gives. */
	struct pci_bus *bus;
	unsigned slot, function;
	struct irq wire; /* INTx */
	bool driven; /* its level now */
	struct mapped { /* of the bus, under its lock */
		uint64_t at, size;
		bool io, on; /* on: the guest wants it there */
		bool there; /* and nothing else is */
	} mapped[PCI_WINDOWS];
};

/* ---- a device's half ---- */

/* In _new(): id is static. BARs and capabilities are added after it. */
void pci_init(struct pci_fn *, struct dev *, struct pci_regs *,
	const struct pci_id *id);
void pci_add_bar(struct pci_fn *, unsigned n, struct pci_bar);
/* An expansion ROM (section 6.2.5.2): size bytes, a power of two from 2 KiB to
 * 16 MiB, which the device shows as its bar PCI_ROM_BAR. */
void pci_add_rom(struct pci_fn *, uint32_t size);
/* A capability of len bytes with its ID and next pointer; returns its offset.
 * Bytes behind the first two are the caller's, in the reset state below. */
unsigned pci_add_cap(struct pci_fn *, uint8_t id, unsigned len);
/* The guest may change these bits of the two bytes at `at`. */
void pci_writable(struct pci_fn *, unsigned at, uint16_t bits);
/* MSI-X with its table at off of a memory bar (4 KiB of it are used). */
void pci_add_msix(
	struct pci_fn *, unsigned vectors, unsigned bar, uint32_t off);
/* In the device's reset(): all of config but what the device puts there after,
 * with pci_put16() and pci_put32(). Unmaps the BARs, lowers the line. */
void pci_reset(struct pci_fn *);
/* In its loaded(): check, map BARs, drive the line. What the guest cannot
 * change has to be as it was put last: -EINVAL. */
int pci_loaded(struct pci_fn *);
/* Before free(): off the buses. While no vCPU runs. */
void pci_remove(struct pci_fn *);
/* What the function decodes besides its BARs: bytes [at, at+size) of ports or
 * memory are bar n of the device while `on`. n < PCI_WINDOWS, not a BAR's. In
 * written(), reset() after pci_reset(), and loaded(). */
void pci_window(struct pci_fn *, unsigned n, bool io, uint64_t at,
	uint64_t size, bool on);

/* The device changes config; bits that the guest cannot change keep this
 * through a reset. */
void pci_put16(struct pci_fn *, unsigned at, uint16_t);
void pci_put32(struct pci_fn *, unsigned at, uint32_t);
uint16_t pci_get16(const struct pci_fn *, unsigned at);
uint32_t pci_get32(const struct pci_fn *, unsigned at);

/* May it read and write memory? */
bool pci_master(const struct pci_fn *);
/* The level that it wants; the line follows where MSI-X is off and the command
 * register allows it. */
void pci_intx(struct pci_fn *, bool level);
bool pci_msix_on(const struct pci_fn *);
/* Send a vector's message, or keep it pending while it is masked. Vectors that
 * are not there are ignored. */
void pci_msix(struct pci_fn *, unsigned vector);
/* The device's BAR accesses that fall to MSI-X: true if this one did. */
bool pci_msix_read(struct pci_fn *, unsigned bar, uint64_t off, unsigned size,
	uint64_t *val);
bool pci_msix_write(struct pci_fn *, unsigned bar, uint64_t off, unsigned size,
	uint64_t val);
/* Reset state and accesses of config by the device itself, or by tests. */
uint32_t pci_config_read(struct pci_fn *, unsigned at, unsigned size);
void pci_config_write(
	struct pci_fn *, unsigned at, unsigned size, uint32_t val);

/* ---- the board's half ---- */

struct pci_host { /* what a bus is wired to; copied */
	struct bus *ports, *mmio;
	/* INTx of slot, pin 0..3 (INTA# is 0). Shared lines are ORed by who
	 * takes it; called with the device's lock held. */
	void (*intx)(void *to, unsigned slot, unsigned pin, bool level);
	void (*msi)(void *to, struct msi);
	/* Bar n of the function now is at `at`, or is no more; for doorbells.
	 * May be NULL. Called with the PCI bus's lock held. */
	void (*moved)(
		void *to, struct pci_fn *, unsigned n, uint64_t at, bool on);
	void *to;
};

int pci_bus_new(struct pci_bus **, const struct pci_host *);
/* Takes the functions off the buses; they may be freed before or after. */
void pci_bus_free(struct pci_bus *);
/* -EEXIST, -ERANGE. A function other than 0 makes function 0 multi-function;
 * 0 comes first (-EINVAL). A function that is on no bus works, unseen. */
int pci_bus_add(
	struct pci_bus *, struct pci_fn *, unsigned slot, unsigned function);
struct pci_fn *pci_bus_find(struct pci_bus *, unsigned slot, unsigned function);
/* A configuration cycle of the host bridge: takes the function's lock; all ones
 * where there is none. at + size <= 256, size 1, 2, 4. */
uint32_t pci_bus_read(struct pci_bus *, unsigned bus, unsigned devfn,
	unsigned at, unsigned size);
void pci_bus_write(struct pci_bus *, unsigned bus, unsigned devfn, unsigned at,
	unsigned size, uint32_t val);

#endif
