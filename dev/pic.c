/* SPDX-License-Identifier: MIT */
/*
 * The 8259A pair of a PC. Intel 8259A data sheet (231468), with the ELCR of the
 * PIIX3 (290550, section 2.5.3) in the place of ICW1's LTIM bit. The cascade is
 * wired (slave on input 2), so ICW3 is accepted and not looked at; MCS-80 mode
 * and buffered mode are left out.
 */
#include "dev/pic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

enum { MASTER, SLAVE };
#define CASCADE 2u /* the master's input that the slave drives */

enum {
	ICW1_IC4 = 0x01,
	ICW1_SNGL = 0x02,
	ICW1 = 0x10,
	ICW4_AEOI = 0x02,
	ICW4_SFNM = 0x10,
	OCW3 = 0x08,
	OCW3_RIS = 0x01,
	OCW3_RR = 0x02,
	OCW3_POLL = 0x04,
	OCW3_SMM = 0x20,
	OCW3_ESMM = 0x40,
};

static const uint8_t elcr_mask[2] = {0xf8, 0xde};

struct pic {
	struct dev dev;
	struct irq intr;
	bool level; /* of intr, as last driven */
	struct pic_regs {
		uint8_t lines[2]; /* the input pins */
		uint8_t irr[2]; /* requests; edge ones are latched */
		uint8_t isr[2], imr[2], elcr[2];
		uint8_t base[2]; /* ICW2 */
		uint8_t lowest[2]; /* the input of lowest priority */
		uint8_t icw1[2], icw4[2];
		uint8_t expect[2]; /* the ICW to come: 2..4, 0 for none */
		uint8_t smm[2]; /* special mask mode */
		uint8_t rotate[2]; /* in automatic EOI mode */
		uint8_t isr_next[2], poll[2]; /* what a read gives */
	} r;
};

static const struct field fields[] = {
	FIELDS(struct pic, r, lines),
	FIELDS(struct pic, r, irr),
	FIELDS(struct pic, r, isr),
	FIELDS(struct pic, r, imr),
	FIELDS(struct pic, r, elcr),
	FIELDS(struct pic, r, base),
	FIELDS(struct pic, r, lowest),
	FIELDS(struct pic, r, icw1),
	FIELDS(struct pic, r, icw4),
	FIELDS(struct pic, r, expect),
	FIELDS(struct pic, r, smm),
	FIELDS(struct pic, r, rotate),
	FIELDS(struct pic, r, isr_next),
	FIELDS(struct pic, r, poll),
	FIELD_END,
};

/* The highest priority among bits: 0 is highest, 8 none. */
static unsigned
rank(const struct pic *p, unsigned c, unsigned bits)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		if (bits >> ((p->r.lowest[c] + 1 + i) & 7) & 1)
			break;
	return i;
}

static unsigned
input(const struct pic *p, unsigned c, unsigned ranked)
{
	return (p->r.lowest[c] + 1 + ranked) & 7;
}

/* The input whose request chip c passes on, or -1. */
static int
pending(const struct pic *p, unsigned c)
{
	unsigned want, busy, serving = p->r.isr[c];

	if (p->r.expect[c])
		return -1;
	if (p->r.smm[c])
		serving &= ~(unsigned)p->r.imr[c];
	want = rank(p, c, p->r.irr[c] & ~(unsigned)p->r.imr[c]);
	busy = rank(p, c, serving);
	if (want < busy)
		return (int)input(p, c, want);
	/* Fully nested over both chips: the slave may interrupt itself. */
	if (want < 8 && want == busy && c == MASTER &&
		(p->r.icw4[c] & ICW4_SFNM) && input(p, c, want) == CASCADE)
		return CASCADE;
	return -1;
}

/* Requests of level inputs are their lines; the slave's output is one. */
static void
follow_lines(struct pic *p, unsigned c)
{
	p->r.irr[c] = (uint8_t)((p->r.irr[c] & ~p->r.elcr[c]) |
				(p->r.lines[c] & p->r.elcr[c]));
}

static void
drive(struct pic *p, bool level)
{
	p->level = level;
	irq_set(p->intr, level);
}

/* INTR is driven only when it moves: its other end may kick a vCPU. */
static void
update(struct pic *p)
{
	const uint8_t bit = 1 << CASCADE;
	bool level;

	if (pending(p, SLAVE) >= 0)
		p->r.irr[MASTER] |= bit;
	else
		p->r.irr[MASTER] &= (uint8_t)~bit;
	level = pending(p, MASTER) >= 0;
	if (level != p->level)
		drive(p, level);
}

void
pic_set(void *pic, unsigned pin, bool level)
{
	struct pic *p = pic;
	unsigned c = pin >> 3 & 1;
	uint8_t bit = (uint8_t)(1 << (pin & 7)), was;

	if (pin >= 16 || pin == CASCADE)
		return;
	dev_lock(&p->dev);
	was = p->r.lines[c];
	if (level) {
		p->r.lines[c] |= bit;
		if (!(was & bit))
			p->r.irr[c] |= bit;
	} else {
		/* A request must stay up until it is acknowledged. */
		p->r.lines[c] &= (uint8_t)~bit;
		p->r.irr[c] &= (uint8_t)~bit;
	}
	if (was != p->r.lines[c])
		update(p);
	dev_unlock(&p->dev);
}

static void
end(struct pic *p, unsigned c, unsigned pin, bool rotate)
{
	p->r.isr[c] &= (uint8_t) ~(1 << pin);
	if (rotate)
		p->r.lowest[c] = (uint8_t)pin;
}

/* Chip c's part of an acknowledge cycle: the input that is now served. */
static void
serve(struct pic *p, unsigned c, unsigned pin)
{
	if (!(p->r.elcr[c] >> pin & 1))
		p->r.irr[c] &= (uint8_t) ~(1 << pin);
	p->r.isr[c] |= (uint8_t)(1 << pin);
	if (p->r.icw4[c] & ICW4_AEOI)
		end(p, c, pin, p->r.rotate[c]);
}

static unsigned
ack(struct pic *p, unsigned c)
{
	int pin = pending(p, c);

	if (pin < 0)
		return p->r.base[c] | 7u;
	serve(p, c, (unsigned)pin);
	if (c == MASTER && pin == CASCADE)
		return ack(p, SLAVE);
	return p->r.base[c] | (unsigned)pin;
}

unsigned
pic_ack(struct dev *d)
{
	struct pic *p = (struct pic *)d;
	unsigned vector;

	dev_lock(d);
	vector = ack(p, MASTER);
	update(p);
	dev_unlock(d);
	return vector;
}

static void
icw1(struct pic *p, unsigned c, uint8_t val)
{
	p->r.icw1[c] = val;
	p->r.icw4[c] = 0;
	p->r.irr[c] = 0;
	follow_lines(p, c);
	p->r.isr[c] = p->r.imr[c] = 0;
	p->r.lowest[c] = 7;
	p->r.smm[c] = p->r.rotate[c] = 0;
	p->r.isr_next[c] = p->r.poll[c] = 0;
	p->r.expect[c] = 2;
}

static void
icw(struct pic *p, unsigned c, uint8_t val)
{
	uint8_t *next = &p->r.expect[c];
	uint8_t last = p->r.icw1[c] & ICW1_IC4 ? 4 : 0;

	if (*next == 2) {
		p->r.base[c] = val & 0xf8;
		*next = p->r.icw1[c] & ICW1_SNGL ? last : 3;
	} else if (*next == 3) {
		*next = last;
	} else {
		p->r.icw4[c] = val;
		*next = 0;
	}
}

/* The input that a non-specific end of interrupt ends, or -1. */
static int
served(const struct pic *p, unsigned c)
{
	unsigned isr = p->r.isr[c], i;

	if (p->r.smm[c])
		isr &= ~(unsigned)p->r.imr[c];
	i = rank(p, c, isr);
	return i < 8 ? (int)input(p, c, i) : -1;
}

static void
ocw2(struct pic *p, unsigned c, uint8_t val)
{
	unsigned pin = val & 7;
	int top = served(p, c);

	switch (val >> 5) {
	case 0: /* clear, set: rotate in automatic EOI mode */
	case 4:
		p->r.rotate[c] = val >> 7;
		break;
	case 1: /* non-specific EOI, without and with rotation */
	case 5:
		if (top >= 0)
			end(p, c, (unsigned)top, val >> 7);
		break;
	case 3: /* specific EOI, without and with rotation */
	case 7:
		end(p, c, pin, val >> 7);
		break;
	case 6: /* set priority */
		p->r.lowest[c] = (uint8_t)pin;
		break;
	default:
		break;
	}
}

static void
ocw3(struct pic *p, unsigned c, uint8_t val)
{
	if (val & OCW3_ESMM)
		p->r.smm[c] = (val & OCW3_SMM) != 0;
	if (val & OCW3_POLL)
		p->r.poll[c] = 1;
	else if (val & OCW3_RR)
		p->r.isr_next[c] = val & OCW3_RIS;
}

static uint8_t
poll(struct pic *p, unsigned c)
{
	int pin = pending(p, c);

	p->r.poll[c] = 0;
	if (pin < 0)
		return 0;
	serve(p, c, (unsigned)pin);
	return (uint8_t)(0x80 | pin);
}

static uint8_t
chip_read(struct pic *p, unsigned c, uint64_t a0)
{
	if (p->r.poll[c])
		return poll(p, c);
	if (a0)
		return p->r.imr[c];
	return p->r.isr_next[c] ? p->r.isr[c] : p->r.irr[c];
}

static void
chip_write(struct pic *p, unsigned c, uint64_t a0, uint8_t val)
{
	if (a0 && p->r.expect[c])
		icw(p, c, val);
	else if (a0)
		p->r.imr[c] = val;
	else if (val & ICW1)
		icw1(p, c, val);
	else if (val & OCW3)
		ocw3(p, c, val);
	else
		ocw2(p, c, val);
}

static uint64_t
pic_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct pic *p = (struct pic *)d;
	uint8_t val;

	(void)size;
	if (bar == 2)
		return p->r.elcr[off];
	val = chip_read(p, bar, off);
	update(p);
	return val;
}

static void
pic_write(struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t v)
{
	struct pic *p = (struct pic *)d;

	(void)size;
	if (bar < 2) {
		chip_write(p, bar, off, (uint8_t)v);
	} else {
		/* An input that is no longer level waits for an edge. */
		p->r.irr[off] &= (uint8_t) ~(p->r.elcr[off] & ~v);
		p->r.elcr[off] = (uint8_t)v & elcr_mask[off];
		follow_lines(p, (unsigned)off);
	}
	update(p);
}

static void
pic_reset(struct dev *d)
{
	struct pic *p = (struct pic *)d;

	memset(&p->r, 0, sizeof(p->r));
	p->r.lowest[MASTER] = p->r.lowest[SLAVE] = 7;
	drive(p, false);
}

static int
pic_loaded(struct dev *d)
{
	struct pic *p = (struct pic *)d;
	unsigned c;

	for (c = 0; c < 2; c++) {
		if (p->r.lowest[c] > 7 || p->r.expect[c] > 4 ||
			p->r.expect[c] == 1 || p->r.base[c] & 7 ||
			p->r.elcr[c] & ~elcr_mask[c] || p->r.smm[c] > 1 ||
			p->r.rotate[c] > 1 || p->r.isr_next[c] > 1 ||
			p->r.poll[c] > 1)
			return failx(-EINVAL, "%s: impossible state", d->id);
		/* A request stands on a line that is up. */
		p->r.irr[c] &= p->r.lines[c];
		follow_lines(p, c);
	}
	update(p);
	drive(p, p->level);
	return 0;
}

static const struct dev_ops ops = {
	.name = "pic",
	.fields = fields,
	DEV_REGS(struct pic, r),
	.widest = 1,
	.read = pic_read,
	.write = pic_write,
	.reset = pic_reset,
	.loaded = pic_loaded,
};

struct dev *
pic_new(struct irq intr)
{
	struct pic *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	dev_init(&p->dev, &ops);
	p->intr = intr;
	pic_reset(&p->dev);
	return &p->dev;
}
