/* SPDX-License-Identifier: MIT */
/*
 * Select graphic rendition (ECMA-48 8.3.117): attributes, 8 and 16 colours,
 * and those of ISO 8613-6, 256 and direct, with colons or, as xterm began it,
 * semicolons between their parts.
 */
#include <limits.h>

#include "bin/tui/tui.h"
#include "bin/tui/vt-int.h"

static uint32_t
indexed(unsigned n)
{
	static const uint32_t vga[16] = {0x000000, 0xaa0000, 0x00aa00, 0xaa5500,
		0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555,
		0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff};
	static const uint8_t level[6] = {0, 95, 135, 175, 215, 255};

	if (n < 16)
		return vga[n];
	if (n >= 232)
		return (8 + 10 * ((n & 255) - 232)) * 0x010101;
	n -= 16;
	return (uint32_t)level[n / 36] << 16 | (uint32_t)level[n / 6 % 6] << 8 |
	       level[n % 6];
}

static unsigned
arg(const struct vt *v, unsigned i)
{
	return i < v->args && v->arg[i] != UINT_MAX ? v->arg[i] : 0;
}

/* 38 or 48 is at i; returns the last argument that belongs to it. */
static unsigned
extended(const struct vt *v, unsigned i, uint32_t *color)
{
	unsigned from = i + 2, end = i + 1;

	if (arg(v, i + 1) == 5) {
		if (i + 2 < v->args && arg(v, i + 2) < 256)
			*color = indexed(arg(v, i + 2));
		return i + 2;
	}
	if (arg(v, i + 1) != 2)
		return i + 1;
	/* With colons there is a colour space before red. */
	while (end + 1 < v->args && v->sub >> (end + 1) & 1)
		end++;
	if (end - i >= 5)
		from++;
	else
		end = i + 4;
	if (from + 2 < v->args)
		*color = (arg(v, from) & 255) << 16 |
			 (arg(v, from + 1) & 255) << 8 |
			 (arg(v, from + 2) & 255);
	return end;
}

static void
attribute(struct vt_pen *p, unsigned n)
{
	static const attr_t on[10] = {0, A_BOLD, A_DIM, A_ITALIC, A_UNDERLINE,
		A_BLINK, A_BLINK, A_REVERSE, A_INVIS, 0};

	if (n == 0) {
		p->fg = p->bg = TUI_DEFAULT;
		p->attrs = 0;
	} else if (n < 10) {
		p->attrs |= on[n];
	} else if (n == 21) { /* doubly underlined; Linux: so too */
		p->attrs |= A_UNDERLINE;
	} else if (n == 22) {
		p->attrs &= ~(A_BOLD | A_DIM);
	} else if (n > 22 && n < 30) {
		p->attrs &= ~on[n - 20];
	}
}

void
vt_sgr(struct vt *v)
{
	struct vt_pen *p = &v->pen;

	for (unsigned i = 0; i < v->args; i++) {
		unsigned n = arg(v, i);

		if (v->sub >> i & 1)
			continue; /* 4:3, a curly line, is a line */
		if (n < 30)
			attribute(p, n);
		else if (n == 38)
			i = extended(v, i, &p->fg);
		else if (n == 48)
			i = extended(v, i, &p->bg);
		else if (n < 38)
			p->fg = indexed(n - 30);
		else if (n == 39)
			p->fg = TUI_DEFAULT;
		else if (n >= 40 && n < 48)
			p->bg = indexed(n - 40);
		else if (n == 49)
			p->bg = TUI_DEFAULT;
		else if (n >= 90 && n < 98)
			p->fg = indexed(n - 90 + 8);
		else if (n >= 100 && n < 108)
			p->bg = indexed(n - 100 + 8);
	}
}
