/* SPDX-License-Identifier: MIT */
/*
 * The UART's receiver: FIFO, character timeout, errors, and when the guest is
 * offered what the back end has.
 */
#include <string.h>

#include "dev/uart-int.h"

/* Four characters of the line's format, in ns. */
static int64_t
timeout_ns(const struct uart *u)
{
	int64_t div = u->r.dlm << 8 | u->r.dll;
	int64_t bits =
		7 + (u->r.lcr & 3) + (u->r.lcr >> 2 & 1) + (u->r.lcr >> 3 & 1);

	return 4 * bits * 16 * (div ? div : 1) * NS_PER_S / CLOCK_HZ;
}

/* A character came or went: the timeout begins anew. */
static void
restart_timeout(struct uart *u)
{
	if ((u->r.fcr & FCR_ENABLE) && u->r.rx_n && !u->r.timed_out)
		timer_arm(&u->timeout, clock_now(u->clock) + timeout_ns(u));
	else
		timer_disarm(&u->timeout);
}

void
uart_timeout(void *to)
{
	struct uart *u = to;

	u->r.timed_out = 1;
	uart_update(u);
}

/* Errors show in LSR when their character is the next to be read. */
static void
reveal(struct uart *u)
{
	if (u->r.rx_n)
		u->r.errors |= u->r.rx_bad[0];
	u->r.rx_bad[0] = 0;
}

void
uart_receive(struct uart *u, uint8_t byte, uint8_t bad)
{
	if (u->r.rx_n == uart_capacity(u)) {
		u->r.errors |= LSR_OE;
		if (u->r.fcr & FCR_ENABLE)
			return;
		u->r.rx_n = 0;
	}
	u->r.rx[u->r.rx_n] = byte;
	u->r.rx_bad[u->r.rx_n] = bad;
	if (++u->r.rx_n == 1)
		reveal(u);
	restart_timeout(u);
}

/*
 * Does the guest receive? What a driver finds in the FIFO when it begins, it
 * clears: input that came before, from a pipe, would be lost. So it is offered
 * only to a guest that has the interrupt on, OUT2 too (a driver that looks for
 * the chip tries IER alone), or polls LSR and does nothing but look.
 */
static bool
listens(const struct uart *u)
{
	return ((u->r.ier & IER_RDA) && (u->r.mcr & MCR_OUT2)) ||
	       u->r.polls == POLLING;
}

void
uart_note_poll(struct uart *u)
{
	if (u->r.polls < POLLING && ++u->r.polls == POLLING)
		uart_made_room(u);
}

/* There is room, maybe: what waits may come. */
void
uart_made_room(struct uart *u)
{
	if (u->r.held_breaks && u->r.rx_n < uart_capacity(u) && listens(u)) {
		u->r.held_breaks = 0;
		uart_receive(u, 0, LSR_BI);
	}
	if (u->chr && !u->r.rx_n)
		chr_poke(u->chr);
}

uint8_t
uart_take(struct uart *u)
{
	uint8_t byte = u->r.rx[0];

	if (!u->r.rx_n)
		return byte;
	u->r.rx_n--;
	memmove(u->r.rx, u->r.rx + 1, u->r.rx_n);
	memmove(u->r.rx_bad, u->r.rx_bad + 1, FIFO - 1);
	u->r.rx_bad[FIFO - 1] = 0;
	u->r.timed_out = 0;
	reveal(u);
	restart_timeout(u);
	uart_made_room(u);
	return byte;
}

void
uart_clear_rx(struct uart *u)
{
	u->r.rx_n = 0;
	u->r.timed_out = 0;
	memset(u->r.rx_bad, 0, sizeof(u->r.rx_bad));
	u->r.errors &= LSR_OE;
	restart_timeout(u);
	uart_made_room(u);
}

size_t
uart_host_room(void *to)
{
	const struct uart *u = to;

	if ((u->r.mcr & MCR_LOOP) || u->r.held_breaks || !listens(u))
		return 0;
	return uart_capacity(u) - u->r.rx_n;
}
