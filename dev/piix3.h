/* SPDX-License-Identifier: MIT */
/*
 * PIIX3, the PCI-to-ISA bridge (8086:7000, slot 1): it routes the PCI slots'
 * interrupts. Each of the four lines PIRQA..D goes to the ISA interrupt that a
 * register names; and all go, eight lines for want of more, to inputs of the
 * IOAPIC that no register changes. Levels of slots are ORed.
 *
 * It is an interrupt chip: piix3_intx() locks it, and what it calls never calls
 * it back.
 */
#ifndef DEV_PIIX3_H
#define DEV_PIIX3_H

#include "dev/pci.h"

enum { PIIX3_PIRQS = 4, PIIX3_LINES = 8 };

struct piix3_out {
	void (*isa)(void *to, unsigned irq, bool level);
	/* Line n, 0..7, is that of slots and pins with (slot + pin) % 8 == n */
	void (*line)(void *to, unsigned n, bool level);
	void *to;
};

struct dev *piix3_new(struct piix3_out);
struct pci_fn *piix3_fn(struct dev *piix3);
/* Pin 0..3 (INTA# is 0) of a slot; locks itself. */
void piix3_intx(struct dev *piix3, unsigned slot, unsigned pin, bool level);
/* The PIRQ of a slot's pin, as the board's traces run. */
static inline unsigned
piix3_pirq(unsigned slot, unsigned pin)
{
	return (slot + pin + 3) % PIIX3_PIRQS;
}

#endif
