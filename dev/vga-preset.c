/* SPDX-License-Identifier: MIT */
/*
 * The card as a BIOS would leave it, for machines that have none: mode 3 with
 * the values of IBM's "VGA Technical Reference", or a linear mode of VBE's.
 */
#include <errno.h>
#include <string.h>

#include "dev/vga-int.h"
#include "lib/err.h"

#define CELLS 0x4000u /* all that B8000h shows */
#define BLANK 0x0720u
#define FONT_CHARS 256u
#define FONT_ROWS 16u
#define FONT_STRIDE 32u
#define FONT_PLANE 2u

static const uint8_t seq3[SEQ_REGS] = {0x03, 0x00, 0x03, 0x00, 0x02};
static const uint8_t gr3[GR_REGS] = {0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff};
static const uint8_t cr3[CR_REGS] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf,
	0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f,
	0x96, 0xb9, 0xa3, 0xff};
static const uint8_t ar3[AR_REGS] = {0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39,
	0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 0x08, 0};

/* Two thirds of a colour from bits 0 to 2 (blue first), one from 3 to 5. */
static void
ega_palette(struct vga_regs *r)
{
	for (unsigned n = 0; n < 64; n++)
		for (unsigned k = 0; k < 3; k++)
			r->palette[3 * n + 2 - k] =
				(uint8_t)(42 * (n >> k & 1) +
					  21 * (n >> k >> 3 & 1));
}

void
vga_text_mode(struct dev *d, const uint8_t *font)
{
	struct vga *v = (struct vga *)d;
	struct vga_regs *r = &v->r;
	const uint16_t blank = BLANK;

	r->misc = 0x67;
	memcpy(r->seq, seq3, sizeof(seq3));
	memcpy(r->gr, gr3, sizeof(gr3));
	memcpy(r->cr, cr3, sizeof(cr3));
	memcpy(r->ar, ar3, sizeof(ar3));
	r->ar_index = AR_INDEX_ON;
	ega_palette(r);
	for (unsigned n = 0; n < CELLS; n++)
		memcpy(v->h.ram + 4 * n, &blank, sizeof(blank));
	for (unsigned c = 0; c < FONT_CHARS; c++)
		for (unsigned y = 0; y < FONT_ROWS; y++)
			v->h.ram[4 * (c * FONT_STRIDE + y) + FONT_PLANE] =
				font[c * FONT_ROWS + y];
	vga_window(v);
	vga_recolour(v);
}

static void
grey_palette(struct vga_regs *r)
{
	for (unsigned n = 0; n < sizeof(r->palette); n++)
		r->palette[n] = (uint8_t)(n / 3 >> 2);
}

int
vga_linear_mode(struct dev *d, unsigned w, unsigned h, unsigned bpp)
{
	struct vga *v = (struct vga *)d;
	struct vga_regs *r = &v->r;
	struct vga_line l;

	r->vbe[VBE_XRES] = (uint16_t)w;
	r->vbe[VBE_YRES] = (uint16_t)h;
	r->vbe[VBE_BPP] = (uint16_t)bpp;
	vga_vbe_line(r, v->h.ram_size, &l);
	if (bpp == 4 || l.width != w || l.height != h || l.bpp != bpp)
		return failx(-EINVAL,
			"%s: %ux%ux%u: no mode of this card, which has %u KiB "
			"of video RAM",
			d->id, w, h, bpp, v->h.ram_size >> 10);
	r->vbe[VBE_ENABLE] = VBE_ENABLED | VBE_LFB;
	r->ar_index = AR_INDEX_ON;
	if (bpp == 8)
		grey_palette(r);
	vga_window(v); /* text is no more where it was */
	memset(v->h.ram, 0, (size_t)l.pitch * l.height);
	vga_recolour(v);
	return 0;
}
