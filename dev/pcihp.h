/* SPDX-License-Identifier: MIT */
/*
 * PCI hotplug by ACPI, the registers of QEMU's docs/specs/acpi_pci_hotplug: one
 * bar of 20 bytes, at port 0xae00. A bit is a slot: 0 those that a device came
 * to (reading clears), 4 those that are to be ejected, 8 (written) those that
 * the guest ejects, 0x0c those that it may eject, 0x10 the bus, 0.
 */
#ifndef DEV_PCIHP_H
#define DEV_PCIHP_H

#include "dev/dev.h"

enum {
	PCIHP_UP = 0,
	PCIHP_DOWN = 4,
	PCIHP_EJECT = 8,
	PCIHP_REMOVABLE = 0x0c,
	PCIHP_BUS = 0x10,
	PCIHP_LENGTH = 0x14
};

struct pcihp_out {
	void (*event)(void *to); /* look at the registers: an ACPI event */
	/* The guest is done with these; with the lock held, on a vCPU. */
	void (*eject)(void *to, uint32_t slots);
	void *to;
};

/* removable: the slots that can change. */
struct dev *pcihp_new(uint32_t removable, struct pcihp_out);
/* A device came to a slot, or is to go from it; they lock themselves. */
void pcihp_plug(struct dev *, unsigned slot);
void pcihp_unplug(struct dev *, unsigned slot);
/* The slots that the guest was asked to let go. */
uint32_t pcihp_going(struct dev *);
/* Nothing is wanted of that slot any more. */
void pcihp_forget(struct dev *, unsigned slot);

#endif
