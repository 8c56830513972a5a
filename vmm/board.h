/* SPDX-License-Identifier: MIT */
/*
 * A board: the devices of a machine and the wires between them. It hangs them
 * on the buses, tells the guest of them in ACPI tables, and connects their
 * interrupts to the engine.
 */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H

#include "dev/bus.h"
#include "dev/ide.h"
#include "dev/input.h"
#include "dev/mem.h"
#include "dev/pci.h"
#include "lib/chr.h"
#include "vmm/config.h"
#include "vmm/drives.h"
#include "vmm/engine.h"

struct blob; /* vmm/boot.h */
struct boot_screen;
struct firmware; /* vmm/firmware.h */

#define BOARD_DEVS 64
#define BOARD_HOTPLUG                                                          \
	0xfffffff8u /* PCI slots that devices come to and go from */

struct board_pci { /* what happens on PCI; any may be NULL */
	/* Doorbells: BAR n of a function is at `at`, or is no more. From a
	 * vCPU, or while none runs; the PCI bus's lock is held. */
	void (*moved)(
		void *to, struct pci_fn *, unsigned n, uint64_t at, bool on);
	/* The guest let go of a device: board_remove() it, later, with vCPUs
	 * parked. From a vCPU, with locks held. It may say so twice. */
	void (*ejected)(void *to, struct dev *);
	void *to;
};

struct board {
	struct dev *dev[BOARD_DEVS]; /* all of them, for reset and state */
	unsigned devs;
	struct dev *pic, *ioapic, *pm, *i8042, *pcihost, *piix3, *hotplug;
	struct dev *balloon; /* NULL: there is none */
	struct dev *console; /* virtio, likewise */
	struct board_vga { /* board-vga.c's */
		struct dev *dev; /* NULL: there is no card */
		struct fb_head *fb; /* and the video RAM */
		size_t ram;
		unsigned area, text; /* where the guest sees that */
		struct blob *rom;
		int dir; /* where the file waits for board_show(); -1: none */
	} vga;
	struct dev *keyboard, *tablet; /* likewise */
	struct pci_bus *pci;
	struct board_pci host; /* as it was given */
	const struct engine_ops *ops; /* set before the devices run */
	struct engine *engine;
	struct mem *mem;
	bool firmware; /* it finds what there is; windows: */
	unsigned pam[13], vars;
	uint64_t rsdp;
	unsigned uarts;
	bool pvpanic;
};

struct board_host { /* what the board gets from the machine; nothing is owned */
	const struct config *config;
	struct mem *mem;
	struct bus *ports, *mmio;
	struct clock *clock;
	const struct log *log;
	struct drives *drives;
	struct chr *serial[CONFIG_UARTS];
	struct chr *debugcon;
	struct chr *port[CONFIG_PORTS]; /* of the virtio console */
	struct notify notify;
	struct input_tell input;
	struct board_pci pci;
	const struct firmware *firmware; /* NULL: the machine loads a kernel */
	const struct blob *kernel, *initrd; /* p NULL: none */
	int dir; /* of the machine, where the screen's file lies; -1: none */
};

/* The pc board. On failure nothing is left on the buses. */
int board_pc_new(struct board **, const struct board_host *);
void board_free(struct board *);
/* Power-on state of all devices; the tables are written to memory again. */
int board_reset(struct board *, const struct board_host *);
/* The drives that belong on IDE, each in its place; all zeros before. */
int board_ide_drives(
	const struct board_host *, struct ide_drive drive[IDE_DRIVES]);
/* The screen, if any, as the kernel that is loaded next shall find it: after
 * board_reset(). What the kernel wishes (NULL: nothing) is heard if the config
 * says nothing. *s is zeroed where there is none. */
int board_screen(struct board *, const struct board_host *,
	const struct config_mode *wish, struct boot_screen *s);
/* The machine starts: its screen's file takes the last run's place. */
int board_show(struct board *);
/* The virtio devices that are no drives; board_pc_new()'s. */
int board_add_virtio(struct board *, const struct board_host *);
/* How many bytes of memory the guest shall have (NULL: as before); *now (may be
 * NULL): it has, as far as it says. -ENOTSUP. */
int board_balloon(struct board *, const uint64_t *set, uint64_t *now);
/* The terminal behind the virtio console has this size; none: nothing. */
void board_console_size(struct board *, unsigned cols, unsigned rows);
/* Press the power button. */
void board_button(struct board *);

/* The device of a drive on virtio; NULL: no memory. */
struct dev *board_new_disk(
	struct board *, const struct board_host *, const struct drive *);
/* A PCI device comes while the machine runs (or before); its id is set. It is
 * the board's until it is removed. -ENOSPC. */
int board_plug(struct board *, struct dev *, struct pci_fn *);
/* Ask the guest to let go of it; host.pci.ejected says when. -ENOENT. */
int board_unplug_request(struct board *, struct dev *);
/* It is out: the caller frees it. While no vCPU runs. */
void board_remove(struct board *, struct dev *);
void board_ejected(void *board, uint32_t slots); /* pcihp's */
/* For struct engine_config; to is the board. */
unsigned board_pic_ack(void *to);
void board_eoi(void *to, uint8_t vector);

#endif
