/* SPDX-License-Identifier: MIT */
/*
 * Text that lies packed: see vga.h. All of planes 0 and 1 is there, since the
 * picture may begin anywhere; the guest writes what the window shows.
 */
#include <string.h>

#include "dev/vga-int.h"

#define CELLS (FB_PACKED / 2)
#define WRITTEN (VGA_TEXT_SIZE / 2)

/* Only characters, and only as pairs: what is at B8000h is what is packed. */
static bool
may_pack(const struct vga *v)
{
	return v->h.packed && !vga_vbe(&v->r) && v->rd == VGA_TEXT &&
	       v->wr == VGA_TEXT && v->at == VGA_TEXT_AT - VGA_WINDOW_AT &&
	       !(v->r.gr[GR_MISC] & GR_MISC_GRAPHICS);
}

void
vga_unpack(struct vga *v)
{
	for (unsigned n = 0; n < WRITTEN; n++)
		memcpy(v->h.ram + 4 * n, v->h.packed + 2 * n, 2);
}

void
vga_forget(struct vga *v)
{
	if (!v->packed)
		return;
	v->packed = false;
	v->h.show_text(v->h.to, false);
}

void
vga_pack(struct vga *v)
{
	bool on = may_pack(v);

	if (on == v->packed)
		return;
	if (on)
		for (unsigned n = 0; n < CELLS; n++)
			memcpy(v->h.packed + 2 * n, v->h.ram + 4 * n, 2);
	v->packed = on;
	v->h.show_text(v->h.to, on);
	if (!on)
		vga_unpack(v);
}
