/* SPDX-License-Identifier: MIT */
/*
 * A board: the devices of a machine and the wires between them. It hangs them
 * on the buses, tells the guest of them in ACPI tables, and connects their
 * interrupts to the engine.
 */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H

#include "dev/bus.h"
#include "dev/mem.h"
#include "lib/chr.h"
#include "vmm/config.h"
#include "vmm/engine.h"

#define BOARD_DEVS 24

struct board {
	struct dev *dev[BOARD_DEVS]; /* all of them, for reset and state */
	unsigned devs;
	struct dev *pic, *ioapic, *pm, *i8042;
	const struct engine_ops *ops; /* set before the devices run */
	struct engine *engine;
	struct mem *mem;
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
	struct chr *serial[CONFIG_UARTS];
	struct chr *debugcon;
	struct notify notify;
};

/* The pc board. On failure nothing is left on the buses. */
int board_pc_new(struct board **, const struct board_host *);
void board_free(struct board *);
/* Power-on state of all devices; the tables are written to memory again. */
int board_reset(struct board *, const struct board_host *);
/* Press the power button. */
void board_button(struct board *);
/* For struct engine_config; to is the board. */
unsigned board_pic_ack(void *to);
void board_eoi(void *to, uint8_t vector);

#endif
