/* SPDX-License-Identifier: MIT */
/*
 * I/O APIC. Intel 82093AA data sheet (290566), with the EOI register and the
 * version of later chips (ICH). Interrupts leave as messages (Intel SDM vol.
 * 3A, "Message Signalled Interrupts"), at once, so that the delivery status is
 * always idle. A pin's level means asserted, whatever its polarity bit says. An
 * edge on a masked pin is lost, as section 3.2.4 (bit 16) has it.
 */
#include "dev/ioapic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define VERSION_REG (0x20u | (IOAPIC_PINS - 1) << 16)

enum { REG_SELECT = 0x00, REG_WINDOW = 0x10, REG_EOI = 0x40 }; /* offsets */
enum { SEL_ID, SEL_VERSION, SEL_ARB, SEL_REDIR = 0x10 };

/* A redirection entry. */
#define VECTOR(e) ((uint8_t)(e))
#define DELIVERY(e) ((unsigned)((e) >> 8 & 7))
#define LOGICAL (1ull << 11)
#define REMOTE_IRR (1ull << 14)
#define LEVEL (1ull << 15)
#define MASKED (1ull << 16)
#define DEST(e) ((e) >> 56)
#define WRITABLE 0xff0000000001afffull
#define LOWEST 1u /* the highest delivery mode that may be level-triggered */

#define MSI_BASE 0xfee00000ull
#define MSI_ASSERT 0x4000u
#define MSI_LEVEL 0x8000u

struct ioapic {
	struct dev dev;
	struct ioapic_out out;
	struct ioapic_regs {
		uint64_t redir[IOAPIC_PINS];
		uint32_t lines; /* the input pins */
		uint16_t id;
		uint16_t select;
	} r;
};

static const struct field fields[] = {
	FIELDS(struct ioapic, r, redir),
	FIELD(struct ioapic, r, lines),
	FIELD(struct ioapic, r, id),
	FIELD(struct ioapic, r, select),
	FIELD_END,
};

static bool
is_level(uint64_t e)
{
	return (e & LEVEL) && DELIVERY(e) <= LOWEST;
}

static struct msi
message(uint64_t e)
{
	struct msi m;

	m.addr = MSI_BASE | DEST(e) << 12 | (e & LOGICAL ? 4 : 0);
	m.data = VECTOR(e) | DELIVERY(e) << 8 | MSI_ASSERT;
	if (is_level(e))
		m.data |= MSI_LEVEL;
	return m;
}

static void
send(struct ioapic *io, uint64_t e)
{
	if (io->out.send)
		io->out.send(io->out.to, message(e));
}

static void
route(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->r.redir[pin];

	if (io->out.route)
		io->out.route(io->out.to, pin, message(e), e & MASKED);
}

/* Send what a level-triggered pin has to say, unless it did. */
static void
update(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->r.redir[pin];

	if (!is_level(e) || (e & (MASKED | REMOTE_IRR)) ||
		!(io->r.lines >> pin & 1))
		return;
	io->r.redir[pin] |= REMOTE_IRR;
	send(io, e);
}

void
ioapic_set(void *ioapic, unsigned pin, bool level)
{
	struct ioapic *io = ioapic;
	uint32_t was;

	if (pin >= IOAPIC_PINS)
		return;
	dev_lock(&io->dev);
	was = io->r.lines >> pin & 1;
	io->r.lines &= ~(1u << pin);
	io->r.lines |= (uint32_t)level << pin;
	if (is_level(io->r.redir[pin]))
		update(io, pin);
	else if (level && !was && !(io->r.redir[pin] & MASKED))
		send(io, io->r.redir[pin]);
	dev_unlock(&io->dev);
}

static void
end(struct ioapic *io, uint8_t vector)
{
	unsigned pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (VECTOR(io->r.redir[pin]) != vector ||
			!(io->r.redir[pin] & REMOTE_IRR))
			continue;
		io->r.redir[pin] &= ~REMOTE_IRR;
		update(io, pin);
	}
}

void
ioapic_eoi(struct dev *d, uint8_t vector)
{
	dev_lock(d);
	end((struct ioapic *)d, vector);
	dev_unlock(d);
}

struct msi
ioapic_msi(struct dev *d, unsigned pin, bool *masked)
{
	struct ioapic *io = (struct ioapic *)d;
	uint64_t e;

	dev_lock(d);
	e = pin < IOAPIC_PINS ? io->r.redir[pin] : MASKED;
	dev_unlock(d);
	if (masked)
		*masked = e & MASKED;
	return message(e);
}

static uint32_t
window_read(const struct ioapic *io)
{
	unsigned sel = io->r.select;

	if (sel == SEL_ID || sel == SEL_ARB)
		return (uint32_t)io->r.id << 24;
	if (sel == SEL_VERSION)
		return VERSION_REG;
	sel -= SEL_REDIR;
	if (sel < 2 * IOAPIC_PINS)
		return (uint32_t)(io->r.redir[sel / 2] >> (sel & 1) * 32);
	return 0;
}

static void
redir_write(struct ioapic *io, unsigned sel, uint32_t val)
{
	unsigned pin = sel / 2, shift = (sel & 1) * 32;
	uint64_t was = io->r.redir[pin], e;
	const uint64_t mask = WRITABLE & 0xffffffffull << shift;

	e = (was & ~mask) | ((uint64_t)val << shift & mask);
	/* Software clears a stuck remote IRR by way of edge mode. */
	if (!is_level(e))
		e &= ~REMOTE_IRR;
	io->r.redir[pin] = e;
	if ((e ^ was) & WRITABLE)
		route(io, pin);
	update(io, pin);
}

static void
window_write(struct ioapic *io, uint32_t val)
{
	unsigned sel = io->r.select;

	if (sel == SEL_ID)
		io->r.id = val >> 24 & 0xf;
	else if (sel - SEL_REDIR < 2 * IOAPIC_PINS)
		redir_write(io, sel - SEL_REDIR, val);
	else
		dev_odd(&io->dev, "write to IOAPIC register %#x", sel);
}

static uint64_t
ioapic_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct ioapic *io = (struct ioapic *)d;

	(void)bar;
	(void)size;
	if (off == REG_SELECT)
		return io->r.select;
	if (off == REG_WINDOW)
		return window_read(io);
	return 0;
}

static void
ioapic_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct ioapic *io = (struct ioapic *)d;

	(void)bar;
	(void)size;
	if (off == REG_SELECT)
		io->r.select = (uint8_t)val;
	else if (off == REG_WINDOW)
		window_write(io, (uint32_t)val);
	else if (off == REG_EOI)
		end(io, (uint8_t)val);
}

static void
ioapic_reset(struct dev *d)
{
	struct ioapic *io = (struct ioapic *)d;
	unsigned pin;

	memset(&io->r, 0, sizeof(io->r));
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		io->r.redir[pin] = MASKED;
		route(io, pin);
	}
}

static int
ioapic_loaded(struct dev *d)
{
	struct ioapic *io = (struct ioapic *)d;
	unsigned pin;

	if (io->r.lines >> IOAPIC_PINS || io->r.id > 0xf || io->r.select > 0xff)
		return failx(-EINVAL, "%s: impossible state", d->id);
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if (io->r.redir[pin] & ~(WRITABLE | REMOTE_IRR))
			return failx(-EINVAL, "%s: redir[%u]: reserved bits",
				d->id, pin);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (!is_level(io->r.redir[pin]))
			io->r.redir[pin] &= ~REMOTE_IRR;
		route(io, pin);
		update(io, pin);
	}
	return 0;
}

static const struct dev_ops ops = {
	.name = "ioapic",
	.fields = fields,
	DEV_REGS(struct ioapic, r),
	.widest = 4,
	.read = ioapic_read,
	.write = ioapic_write,
	.reset = ioapic_reset,
	.loaded = ioapic_loaded,
};

struct dev *
ioapic_new(struct ioapic_out out)
{
	struct ioapic *io = calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	dev_init(&io->dev, &ops);
	io->out = out;
	ioapic_reset(&io->dev);
	return &io->dev;
}
