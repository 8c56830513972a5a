/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART. One bar of 8 byte registers.
 */
#ifndef DEV_UART_H
#define DEV_UART_H

#include "dev/dev.h"
#include "lib/chr.h"

/* chr is not owned and may be NULL (nobody at the other end). */
struct dev *uart_new(struct clock *, struct irq out, struct chr *);

#endif
