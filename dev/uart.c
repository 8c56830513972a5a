/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART. National Semiconductor PC16550D data sheet (TL/C/8652), wired as
 * on a PC: OUT2 gates the interrupt, the clock is 1.8432 MHz. What is sent
 * leaves at once, as fast as the back end takes it; the baud rate only times
 * the character timeout. The modem lines are up while somebody is at the other
 * end. Left out: DMA mode, parity and framing errors, sending breaks to the
 * back end.
 */
#include "dev/uart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/uart-int.h"
#include "lib/err.h"

static const struct field fields[] = {
	FIELD(struct uart, r, timeout_in),
	FIELD(struct uart, r, errors),
	FIELD(struct uart, r, held_breaks),
	FIELD(struct uart, r, polls),
	FIELDS(struct uart, r, rx),
	FIELDS(struct uart, r, rx_bad),
	FIELDS(struct uart, r, tx),
	FIELD(struct uart, r, rx_n),
	FIELD(struct uart, r, tx_n),
	FIELD(struct uart, r, ier),
	FIELD(struct uart, r, fcr),
	FIELD(struct uart, r, lcr),
	FIELD(struct uart, r, mcr),
	FIELD(struct uart, r, msr),
	FIELD(struct uart, r, scr),
	FIELD(struct uart, r, dll),
	FIELD(struct uart, r, dlm),
	FIELD(struct uart, r, timed_out),
	FIELD(struct uart, r, thre),
	FIELD_END,
};

static unsigned
trigger(const struct uart *u)
{
	static const uint8_t level[4] = {1, 4, 8, 14};

	return u->r.fcr & FCR_ENABLE ? level[u->r.fcr >> 6] : 1;
}

/* The interrupt identification: a pure function of the registers. */
static uint8_t
reason(const struct uart *u)
{
	if ((u->r.ier & IER_RLS) && u->r.errors)
		return IIR_RLS;
	if ((u->r.ier & IER_RDA) && u->r.rx_n >= trigger(u))
		return IIR_RDA;
	if ((u->r.ier & IER_RDA) && u->r.timed_out)
		return IIR_TIMEOUT;
	if ((u->r.ier & IER_THRE) && u->r.thre)
		return IIR_THRE;
	if ((u->r.ier & IER_MSI) && (u->r.msr & MSR_DELTAS))
		return IIR_MSI;
	return IIR_NONE;
}

static bool
wants_interrupt(const struct uart *u)
{
	return reason(u) != IIR_NONE && (u->r.mcr & MCR_OUT2);
}

static void
drive(struct uart *u)
{
	u->level = wants_interrupt(u);
	irq_set(u->out, u->level);
}

/* The line follows the registers; it is driven only when it moves, for each
 * chip at its other end takes a lock. */
void
uart_update(struct uart *u)
{
	if (u->level != wants_interrupt(u))
		drive(u);
}

/* --- transmitter --- */

static void
transmit(struct uart *u)
{
	size_t n = u->r.tx_n;

	if (!n)
		return;
	if (u->chr)
		n = chr_write(u->chr, u->r.tx, n);
	u->r.tx_n = (uint8_t)(u->r.tx_n - n);
	memmove(u->r.tx, u->r.tx + n, u->r.tx_n);
	if (!u->r.tx_n)
		u->r.thre = 1;
}

static void
thr_write(struct uart *u, uint8_t byte)
{
	if (u->r.mcr & MCR_LOOP) {
		uart_receive(u, byte, 0);
		u->r.thre = !u->r.tx_n;
		return;
	}
	if (u->r.tx_n == uart_capacity(u)) {
		dev_odd(&u->dev, "wrote to a full transmitter");
		return;
	}
	u->r.thre = 0;
	u->r.tx[u->r.tx_n++] = byte;
	transmit(u);
}

/* --- modem lines --- */

static uint8_t
modem_lines(const struct uart *u)
{
	uint8_t mcr = u->r.mcr;

	if (!(mcr & MCR_LOOP))
		return u->up ? MSR_CTS | MSR_DSR | MSR_DCD : 0;
	return (uint8_t)((mcr & MCR_RTS ? MSR_CTS : 0) |
			 (mcr & MCR_DTR ? MSR_DSR : 0) |
			 (mcr & MCR_OUT1 ? MSR_RI : 0) |
			 (mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void
follow_lines(struct uart *u)
{
	uint8_t now = modem_lines(u), changed = (now ^ u->r.msr) & 0xf0;

	/* The ring indicator tells of its end only. */
	if (now & MSR_RI)
		changed &= (uint8_t)~MSR_RI;
	u->r.msr = (uint8_t)(now | (u->r.msr & MSR_DELTAS) | changed >> 4);
}

/* --- registers --- */

static uint8_t
lsr_read(struct uart *u)
{
	unsigned lsr = u->r.errors, i, bad = lsr & ~(unsigned)LSR_OE;

	if (u->r.rx_n)
		lsr |= LSR_DR;
	else
		uart_note_poll(u);
	if (!u->r.tx_n)
		lsr |= LSR_THRE | LSR_TEMT;
	for (i = 0; i < FIFO; i++)
		bad |= u->r.rx_bad[i];
	if (bad && (u->r.fcr & FCR_ENABLE))
		lsr |= LSR_FIFO_ERROR;
	u->r.errors = 0;
	return (uint8_t)lsr;
}

static uint8_t
iir_read(struct uart *u)
{
	uint8_t iir = reason(u);

	if (iir == IIR_THRE)
		u->r.thre = 0;
	return u->r.fcr & FCR_ENABLE ? iir | IIR_FIFO : iir;
}

static uint8_t
msr_read(struct uart *u)
{
	uint8_t msr = u->r.msr;

	u->r.msr &= (uint8_t)~MSR_DELTAS;
	return msr;
}

static void
fcr_write(struct uart *u, uint8_t val)
{
	uint8_t was = u->r.fcr;

	/* The other bits count only while the FIFOs are on. */
	u->r.fcr = val & FCR_ENABLE ? val & FCR_KEEP : 0;
	/* Switching clears both; but not what came just before the FIFO was
	 * turned on: Linux has the interrupt on by then. */
	if (was & ~val & FCR_ENABLE)
		val |= FCR_CLEAR_RX;
	if ((was ^ val) & FCR_ENABLE)
		val |= FCR_CLEAR_TX;
	if (val & FCR_CLEAR_RX)
		uart_clear_rx(u);
	if ((val & FCR_CLEAR_TX) && u->r.tx_n) {
		u->r.tx_n = 0;
		u->r.thre = 1;
	}
}

static void
ier_write(struct uart *u, uint8_t val)
{
	/* Asking for the transmitter's interrupt while it is empty has one. */
	if ((val & ~u->r.ier & IER_THRE) && !u->r.tx_n)
		u->r.thre = 1;
	if (val & ~u->r.ier & IER_RDA) {
		u->r.ier = val & IER_ALL;
		uart_made_room(u);
	}
	u->r.ier = val & IER_ALL;
}

static void
lcr_write(struct uart *u, uint8_t val)
{
	if ((val & ~u->r.lcr & LCR_BREAK) && (u->r.mcr & MCR_LOOP))
		uart_receive(u, 0, LSR_BI);
	u->r.lcr = val;
}

static void
mcr_write(struct uart *u, uint8_t val)
{
	bool looped = u->r.mcr & MCR_LOOP;

	u->r.mcr = val & MCR_ALL;
	follow_lines(u);
	if (looped || (val & MCR_OUT2))
		uart_made_room(u);
}

static uint64_t
uart_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct uart *u = (struct uart *)d;
	bool dlab = u->r.lcr & LCR_DLAB;
	uint8_t val = 0xff;

	(void)bar;
	(void)size;
	/* EDK2 looks at the modem's lines, too, each time. */
	if (off != LSR && off != MSR && off != MCR && u->r.polls < POLLING)
		u->r.polls = 0;
	if (off == RBR_THR)
		val = dlab ? u->r.dll : uart_take(u);
	else if (off == IER)
		val = dlab ? u->r.dlm : u->r.ier;
	else if (off == IIR_FCR)
		val = iir_read(u);
	else if (off == LCR)
		val = u->r.lcr;
	else if (off == MCR)
		val = u->r.mcr;
	else if (off == LSR)
		val = lsr_read(u);
	else if (off == MSR)
		val = msr_read(u);
	else if (off == SCR)
		val = u->r.scr;
	uart_update(u);
	return val;
}

static void
uart_write(struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t v)
{
	struct uart *u = (struct uart *)d;
	bool dlab = u->r.lcr & LCR_DLAB;
	uint8_t val = (uint8_t)v;

	(void)bar;
	(void)size;
	u->r.polls = 0;
	if (off == RBR_THR && dlab)
		u->r.dll = val;
	else if (off == RBR_THR)
		thr_write(u, val);
	else if (off == IER && dlab)
		u->r.dlm = val;
	else if (off == IER)
		ier_write(u, val);
	else if (off == IIR_FCR)
		fcr_write(u, val);
	else if (off == LCR)
		lcr_write(u, val);
	else if (off == MCR)
		mcr_write(u, val);
	else if (off == SCR)
		u->r.scr = val;
	uart_update(u);
}

/* --- the back end --- */

static void
host_input(void *to, const uint8_t *p, size_t n)
{
	struct uart *u = to;
	size_t i;

	for (i = 0; i < n; i++)
		uart_receive(u, p[i], 0);
	uart_update(u);
}

static void
host_writable(void *to)
{
	struct uart *u = to;

	transmit(u);
	uart_update(u);
}

static void
host_event(void *to, enum chr_event event)
{
	struct uart *u = to;

	if (event != CHR_BREAK)
		u->up = event == CHR_OPENED;
	else if (uart_host_room(u))
		uart_receive(u, 0, LSR_BI);
	else
		u->r.held_breaks = 1;
	follow_lines(u);
	uart_update(u);
}

/* --- life --- */

static void
uart_reset(struct dev *d)
{
	struct uart *u = (struct uart *)d;

	memset(&u->r, 0, sizeof(u->r));
	u->r.timeout_in = -1;
	u->r.dll = CLOCK_HZ / 16 / 9600;
	u->r.thre = 1;
	u->r.msr = modem_lines(u);
	timer_disarm(&u->timeout);
	uart_made_room(u);
	drive(u);
}

static void
uart_saving(struct dev *d)
{
	struct uart *u = (struct uart *)d;
	int64_t left = u->timeout.at - clock_now(u->clock);

	if (u->timeout.at == CLOCK_NEVER)
		u->r.timeout_in = -1;
	else
		u->r.timeout_in = left > 0 ? left : 0;
}

static int
uart_loaded(struct dev *d)
{
	struct uart *u = (struct uart *)d;
	int64_t in = u->r.timeout_in;
	unsigned i, bad = u->r.errors;

	for (i = 0; i < FIFO; i++)
		bad |= u->r.rx_bad[i];
	if (u->r.rx_n > uart_capacity(u) || u->r.tx_n > uart_capacity(u) ||
		bad & ~(unsigned)LSR_ERRORS || u->r.held_breaks > 1 ||
		u->r.polls > POLLING || u->r.ier & ~IER_ALL ||
		u->r.mcr & ~MCR_ALL || u->r.fcr & ~FCR_KEEP ||
		u->r.timed_out > 1 || u->r.thre > 1 || in < -1 ||
		in > 60 * NS_PER_S)
		return failx(-EINVAL, "%s: impossible state", d->id);
	if (in >= 0)
		timer_arm(&u->timeout, clock_now(u->clock) + in);
	follow_lines(u);
	transmit(u);
	uart_made_room(u);
	drive(u);
	return 0;
}

static void
uart_free(struct dev *d)
{
	struct uart *u = (struct uart *)d;

	if (u->chr)
		chr_attach(u->chr, NULL);
	timer_disarm(&u->timeout);
	free(u);
}

static const struct dev_ops ops = {
	.name = "uart",
	.fields = fields,
	DEV_REGS(struct uart, r),
	.widest = 1,
	.read = uart_read,
	.write = uart_write,
	.reset = uart_reset,
	.loaded = uart_loaded,
	.saving = uart_saving,
	.free = uart_free,
};

struct dev *
uart_new(struct clock *clock, struct irq out, struct chr *chr)
{
	struct uart *u = calloc(1, sizeof(*u));
	struct chr_user user = {
		.room = uart_host_room,
		.input = host_input,
		.writable = host_writable,
		.event = host_event,
	};

	if (!u)
		return NULL;
	dev_init(&u->dev, &ops);
	u->clock = clock;
	u->out = out;
	u->chr = chr;
	u->up = chr != NULL;
	timer_init(&u->timeout, clock, &u->dev.lock, uart_timeout, u);
	uart_reset(&u->dev);
	user.to = u;
	user.lock = &u->dev.lock;
	if (chr)
		chr_attach(chr, &user);
	return &u->dev;
}
