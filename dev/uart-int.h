/* SPDX-License-Identifier: MIT */
/* What the files of the UART share: its registers and its receiver. */
#ifndef DEV_UART_INT_H
#define DEV_UART_INT_H

#include "dev/uart.h"

#define FIFO 16u
#define CLOCK_HZ 1843200

#define POLLING 8 /* LSR reads in a row that make a guest one that receives */

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR }; /* offsets */

enum { /* bits */
	IER_RDA = 0x01,
	IER_THRE = 0x02,
	IER_RLS = 0x04,
	IER_MSI = 0x08,
	IER_ALL = 0x0f,

	IIR_NONE = 0x01,
	IIR_MSI = 0x00,
	IIR_THRE = 0x02,
	IIR_RDA = 0x04,
	IIR_RLS = 0x06,
	IIR_TIMEOUT = 0x0c,
	IIR_FIFO = 0xc0,

	FCR_ENABLE = 0x01,
	FCR_CLEAR_RX = 0x02,
	FCR_CLEAR_TX = 0x04,
	FCR_KEEP = 0xc9,

	LCR_DLAB = 0x80,
	LCR_BREAK = 0x40,

	MCR_DTR = 0x01,
	MCR_RTS = 0x02,
	MCR_OUT1 = 0x04,
	MCR_OUT2 = 0x08,
	MCR_LOOP = 0x10,
	MCR_ALL = 0x1f,

	LSR_DR = 0x01,
	LSR_OE = 0x02,
	LSR_BI = 0x10,
	LSR_ERRORS = 0x1e,
	LSR_THRE = 0x20,
	LSR_TEMT = 0x40,
	LSR_FIFO_ERROR = 0x80,

	MSR_DCTS = 0x01,
	MSR_TERI = 0x04,
	MSR_DELTAS = 0x0f,
	MSR_CTS = 0x10,
	MSR_DSR = 0x20,
	MSR_RI = 0x40,
	MSR_DCD = 0x80,
};

struct uart {
	struct dev dev;
	struct clock *clock;
	struct irq out;
	struct chr *chr;
	struct timer timeout; /* input lies in the FIFO, unread */
	bool level; /* of out, as last driven */
	bool up; /* somebody is at the other end */
	struct uart_regs {
		int64_t timeout_in; /* ns until it, at a save; -1: never */
		uint16_t errors; /* LSR's, until it is read */
		uint8_t held_breaks; /* that found the FIFO full: 0 or 1 */
		uint8_t polls; /* LSR read in a row for nothing: 0..POLLING */
		uint8_t rx[FIFO], rx_bad[FIFO]; /* and LSR bits of each */
		uint8_t tx[FIFO];
		uint8_t rx_n, tx_n;
		uint8_t ier, fcr, lcr, mcr, msr, scr, dll, dlm;
		uint8_t timed_out; /* the character timeout interrupt */
		uint8_t thre; /* the transmitter's interrupt */
	} r;
};

static inline unsigned
uart_capacity(const struct uart *u)
{
	return u->r.fcr & FCR_ENABLE ? FIFO : 1;
}

/* The interrupt line follows the registers. */
void uart_update(struct uart *);

/* A character arrives, with LSR's bits of what is wrong with it. */
void uart_receive(struct uart *, uint8_t byte, uint8_t bad);
/* The guest takes the oldest one. */
uint8_t uart_take(struct uart *);
void uart_clear_rx(struct uart *);
/* The guest looked for input, and there is none. */
void uart_note_poll(struct uart *);
/* There is room, or the guest listens now, maybe: what waits may come. */
void uart_made_room(struct uart *);
/* How many characters the back end may send: struct chr_user. */
size_t uart_host_room(void *to);
/* The timer of the character timeout. */
void uart_timeout(void *to);

#endif
