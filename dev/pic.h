/* SPDX-License-Identifier: MIT */
/*
 * The 8259A pair, master and slave with cascade, and ELCR.
 * Bars: 0 master (2 bytes), 1 slave (2 bytes), 2 ELCR (2 bytes).
 */
#ifndef DEV_PIC_H
#define DEV_PIC_H

#include "dev/dev.h"

struct dev *pic_new(struct irq intr);
/* An input, 0..15; locks itself. This is a struct irq's set function. */
void pic_set(void *pic, unsigned pin, bool level);
/* INTA: the vector, 0..255 (spurious IRQ 7 or 15 where nothing is pending). */
unsigned pic_ack(struct dev *pic);

#endif
