/* SPDX-License-Identifier: MIT */
/*
 * The VGA's ports: four index and data pairs, the attribute controller's one
 * port for both, the DAC, and a few registers alone. Vertical retrace follows
 * the clock; the bit of display enable changes at each read, so that who waits
 * for a line does not miss it on a slow CPU.
 */
#include <string.h>

#include "dev/vga-int.h"

#define FRAME (NS_PER_S / 70)
#define RETRACE (FRAME / 12)

enum { /* ports, from 3B0h */
	P_MONO = 0x00,
	P_CRTC_INDEX = 0x04, /* of 3Bxh and 3Dxh */
	P_CRTC = 0x05,
	P_STATUS = 0x0a,
	P_ATTR = 0x10,
	P_ATTR_READ,
	P_MISC,
	P_ENABLE,
	P_SEQ_INDEX,
	P_SEQ,
	P_DAC_MASK,
	P_DAC_READ,
	P_DAC_WRITE,
	P_DAC,
	P_FEATURE,
	P_MISC_READ = 0x1c,
	P_GR_INDEX = 0x1e,
	P_GR,
	P_COLOUR = 0x20
};

enum {
	STATUS_BLANK = 0x01,
	STATUS_RETRACE = 0x08,
	STATUS0_SENSE = 0x10,
	DAC_STATE_READ = 3,
	CR7_COMPARE = 0x10 /* what protection leaves out */
};

static const uint8_t seq_bits[SEQ_REGS] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const uint8_t gr_bits[GR_REGS] = {
	0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
static const uint8_t cr_bits[CR_REGS] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0x7f, 0xff, 0x3f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0x7f, 0xff, 0xff, 0xef, 0xff};

static uint8_t
ar_bits(unsigned n)
{
	static const uint8_t bits[] = {0xef, 0xff, 0x3f, 0x0f, 0x0f};

	return n < AR_MODE ? 0x3f : bits[n - AR_MODE];
}

static bool
within(const uint8_t *v, const uint8_t *bits, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (v[i] & ~bits[i])
			return false;
	return true;
}

bool
vga_ports_sane(const struct vga_regs *r)
{
	for (unsigned i = 0; i < AR_REGS; i++)
		if (r->ar[i] & ~ar_bits(i))
			return false;
	return within(r->seq, seq_bits, SEQ_REGS) &&
	       within(r->gr, gr_bits, GR_REGS) &&
	       within(r->cr, cr_bits, CR_REGS) && r->dac_sub < 3 &&
	       r->ar_data < 2 && r->reads < 2 && r->dac_reading < 2;
}

/* ---- the DAC ---- */

static uint8_t
dac_get(struct vga_regs *r)
{
	uint8_t v = r->palette[3u * r->dac_read + r->dac_sub];

	if (++r->dac_sub == 3) {
		r->dac_sub = 0;
		r->dac_read++;
	}
	return v;
}

static void
dac_put(struct vga *v, uint8_t val)
{
	struct vga_regs *r = &v->r;

	if (!(vga_vbe(r) && (r->vbe[VBE_ENABLE] & VBE_DAC8)))
		val &= 0x3f;
	r->dac_new[r->dac_sub] = val;
	if (++r->dac_sub < 3)
		return;
	r->dac_sub = 0;
	memcpy(&r->palette[3u * r->dac_write++], r->dac_new, 3);
	vga_recolour(v);
}

static void
dac_select(struct vga_regs *r, bool reading, uint8_t n)
{
	r->dac_reading = reading;
	r->dac_sub = 0;
	if (reading)
		r->dac_read = n;
	else
		r->dac_write = n;
}

/* ---- status ---- */

static uint8_t
status(struct vga *v)
{
	struct vga_regs *r = &v->r;
	uint8_t s = 0;

	r->ar_data = 0;
	r->reads ^= 1;
	if (clock_now(v->h.clock) % FRAME < RETRACE)
		s |= STATUS_RETRACE | STATUS_BLANK;
	return s | (r->reads ? STATUS_BLANK : 0);
}

/* ---- reading ---- */

/* Is it the CRT controller's half that this monitor does not have? */
static bool
elsewhere(const struct vga_regs *r, unsigned off)
{
	bool colour = r->misc & MISC_COLOUR;

	if (off >= P_ATTR && off < P_COLOUR)
		return false;
	return colour ? off < P_ATTR : off >= P_COLOUR;
}

static uint8_t
crtc_in(struct vga *v, unsigned off)
{
	const struct vga_regs *r = &v->r;

	switch (off & 0x0f) {
	case P_CRTC_INDEX:
		return r->cr_index;
	case P_CRTC:
		return r->cr_index < CR_REGS ? r->cr[r->cr_index] : 0;
	case P_STATUS:
		return status(v);
	default:
		return 0xff;
	}
}

static uint8_t
attr_in(const struct vga_regs *r)
{
	unsigned n = r->ar_index & 0x1f;

	return n < AR_REGS ? r->ar[n] : 0;
}

uint8_t
vga_in(struct vga *v, unsigned off)
{
	struct vga_regs *r = &v->r;

	if (elsewhere(r, off))
		return 0xff;
	switch (off) {
	case P_ATTR:
		return r->ar_index;
	case P_ATTR_READ:
		return attr_in(r);
	case P_MISC:
		return STATUS0_SENSE;
	case P_ENABLE:
		return r->enable;
	case P_SEQ_INDEX:
		return r->seq_index;
	case P_SEQ:
		return r->seq_index < SEQ_REGS ? r->seq[r->seq_index] : 0;
	case P_DAC_MASK:
		return r->dac_mask;
	case P_DAC_READ:
		return r->dac_reading ? DAC_STATE_READ : 0;
	case P_DAC_WRITE:
		return r->dac_write;
	case P_DAC:
		return dac_get(r);
	case P_FEATURE:
		return r->feature;
	case P_MISC_READ:
		return r->misc;
	case P_GR_INDEX:
		return r->gr_index;
	case P_GR:
		return r->gr_index < GR_REGS ? r->gr[r->gr_index] : 0;
	default:
		return off < P_ATTR || off >= P_COLOUR ? crtc_in(v, off) : 0xff;
	}
}

/* ---- writing ---- */

static void
crtc_put(struct vga *v, uint8_t val)
{
	struct vga_regs *r = &v->r;
	unsigned n = r->cr_index;
	uint8_t bits;

	if (n >= CR_REGS)
		return;
	bits = cr_bits[n];
	if (n <= CR_OVERFLOW && (r->cr[CR_VSYNC_END] & CR_PROTECT))
		bits = n == CR_OVERFLOW ? CR7_COMPARE : 0;
	r->cr[n] = (uint8_t)((r->cr[n] & (cr_bits[n] & ~bits)) | (val & bits));
	vga_changed(v);
}

static void
crtc_out(struct vga *v, unsigned off, uint8_t val)
{
	switch (off & 0x0f) {
	case P_CRTC_INDEX:
		v->r.cr_index = val;
		break;
	case P_CRTC:
		crtc_put(v, val);
		break;
	case P_STATUS:
		v->r.feature = val & 0x10;
		break;
	}
}

static void
attr_out(struct vga *v, uint8_t val)
{
	struct vga_regs *r = &v->r;
	unsigned n = r->ar_index & 0x1f;

	if (!r->ar_data)
		r->ar_index = val & 0x3f;
	else if (n < AR_REGS)
		r->ar[n] = val & ar_bits(n);
	r->ar_data ^= 1;
	vga_recolour(v);
}

static void
seq_out(struct vga *v, uint8_t val)
{
	unsigned n = v->r.seq_index;

	if (n >= SEQ_REGS)
		return;
	v->r.seq[n] = val & seq_bits[n];
	vga_changed(v);
}

static void
gr_out(struct vga *v, uint8_t val)
{
	struct vga_regs *r = &v->r;
	unsigned n = r->gr_index;

	if (n >= GR_REGS)
		return;
	r->gr[n] = val & gr_bits[n];
	vga_window(v);
	if (n == GR_MODE || n == GR_MISC) /* the picture's; no other is */
		vga_recolour(v);
}

void
vga_out(struct vga *v, unsigned off, uint8_t val)
{
	struct vga_regs *r = &v->r;

	if (elsewhere(r, off))
		return;
	switch (off) {
	case P_ATTR:
		attr_out(v, val);
		break;
	case P_MISC:
		r->misc = val & 0xef;
		break;
	case P_ENABLE:
		r->enable = val & 1;
		break;
	case P_SEQ_INDEX:
		r->seq_index = val;
		break;
	case P_SEQ:
		seq_out(v, val);
		break;
	case P_DAC_MASK:
		r->dac_mask = val;
		vga_recolour(v);
		break;
	case P_DAC_READ:
		dac_select(r, true, val);
		break;
	case P_DAC_WRITE:
		dac_select(r, false, val);
		break;
	case P_DAC:
		dac_put(v, val);
		break;
	case P_GR_INDEX:
		r->gr_index = val;
		break;
	case P_GR:
		gr_out(v, val);
		break;
	default:
		if (off < P_ATTR || off >= P_COLOUR)
			crtc_out(v, off, val);
	}
}

uint64_t
vga_ports_in(struct vga *v, unsigned off, unsigned size)
{
	uint64_t val = 0;

	for (unsigned n = 0; n < size; n++)
		val |= (uint64_t)vga_in(v, off + n) << 8 * n;
	return val;
}

void
vga_ports_out(struct vga *v, unsigned off, unsigned size, uint64_t val)
{
	for (unsigned n = 0; n < size; n++)
		vga_out(v, off + n, (uint8_t)(val >> 8 * n));
}
