/* SPDX-License-Identifier: MIT */
/*
 * 82093AA IOAPIC, version 0x20 (EOI register), 24 pins. One bar of 4 KiB.
 */
#ifndef DEV_IOAPIC_H
#define DEV_IOAPIC_H

#include "dev/dev.h"

#define IOAPIC_PINS 24

struct msi {
	uint64_t addr; /* 0xfee..... */
	uint32_t data;
};

struct ioapic_out {
	void (*send)(void *to, struct msi); /* deliver; with our lock held */
	/* Pin's redirection entry changed (a masked one too); may be NULL. */
	void (*route)(void *to, unsigned pin, struct msi, bool masked);
	void *to;
};

struct dev *ioapic_new(struct ioapic_out);
/* An input pin; locks itself. This is a struct irq's set function. */
void ioapic_set(void *ioapic, unsigned pin, bool level);
/* A CPU broadcast the end of a level-triggered interrupt; locks itself. */
void ioapic_eoi(struct dev *ioapic, uint8_t vector);
/* What the redirection entry of pin says now. */
struct msi ioapic_msi(struct dev *ioapic, unsigned pin, bool *masked);

#endif
