/* SPDX-License-Identifier: MIT */
/*
 * A guest's bytes taken apart: characters, control characters, the sequences of
 * ECMA-48. Left out: C1 controls as single bytes (they are UTF-8 here), and all
 * that strings (OSC, DCS) can say.
 */
#include <limits.h>
#include <string.h>

#include "bin/tui/vt-int.h"

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static uint32_t
special_graphic(uint32_t ch)
{
	static const uint16_t at[] = {0x25c6, 0x2592, 0x2409, 0x240c, 0x240d,
		0x240a, 0xb0, 0xb1, 0x2424, 0x240b, 0x2518, 0x2510, 0x250c,
		0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c,
		0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x3c0, 0x2260,
		0xa3, 0xb7};

	return ch >= '`' && ch <= '~' ? at[ch - '`'] : ch;
}

static void
character(struct vt *v, uint32_t ch)
{
	if (v->pen.graphic[v->pen.shift])
		ch = special_graphic(ch);
	v->last = ch;
	grid_put(v, ch);
}

/* C0: they act in the middle of sequences too. */
static void
control_byte(struct vt *v, unsigned char c)
{
	switch (c) {
	case '\b':
		grid_move(v, v->y, v->x ? v->x - 1 : 0);
		break;
	case '\t':
		vt_move_tabs(v, 1, false);
		break;
	case '\n':
	case '\v':
	case '\f':
		grid_line_feed(v);
		break;
	case '\r':
		grid_move(v, v->y, 0);
		break;
	case 0x0e:
	case 0x0f:
		v->pen.shift = c == 0x0e;
		break;
	case 0x18:
	case 0x1a:
		v->state = VT_GROUND;
		break;
	case 0x1b:
		v->state = VT_ESCAPE;
		v->between = v->prefix = 0;
		break;
	}
}

/* RFC 3629; what is no UTF-8 is U+FFFD once. */
static void
text_byte(struct vt *v, unsigned char c)
{
	if (v->utf8_more && (c & 0xc0) == 0x80) {
		v->utf8 = v->utf8 << 6 | (c & 0x3f);
		if (--v->utf8_more)
			return;
		if (v->utf8 < v->utf8_least || v->utf8 > 0x10ffff ||
			(v->utf8 >= 0xd800 && v->utf8 < 0xe000))
			v->utf8 = 0xfffd;
		character(v, v->utf8);
		return;
	}
	if (v->utf8_more)
		character(v, 0xfffd);
	v->utf8_more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	v->utf8 = c & (0x3fu >> v->utf8_more);
	v->utf8_least = v->utf8_more == 3   ? 0x10000
			: v->utf8_more == 2 ? 0x800
					    : 0x80;
	if (c < 0x80)
		character(v, c);
	else if (!v->utf8_more || c > 0xf4) {
		v->utf8_more = 0;
		character(v, 0xfffd);
	}
}

static void
next_arg(struct vt *v, bool sub)
{
	if (v->args < VT_ARGS) {
		v->arg[v->args] = UINT_MAX;
		if (sub)
			v->sub |= 1u << v->args;
	}
	if (v->args <= VT_ARGS)
		v->args++;
}

static void
begin_control(struct vt *v)
{
	v->state = VT_CONTROL;
	v->between = v->prefix = 0;
	v->args = 0;
	v->sub = 0;
	next_arg(v, false);
}

static void
control_sequence(struct vt *v, unsigned char c)
{
	unsigned *n = v->args <= VT_ARGS ? &v->arg[v->args - 1] : NULL;

	if (c >= '0' && c <= '9') {
		if (n && *n == UINT_MAX)
			*n = 0;
		if (n)
			*n = least(*n * 10 + c - '0', VT_NUMBER_MAX);
	} else if (c == ';' || c == ':') {
		next_arg(v, c == ':');
	} else if (c >= '<' && c <= '?') {
		v->prefix = (char)c;
	} else if (c < '0') {
		v->between = (char)c;
	} else {
		v->state = VT_GROUND;
		v->args = least(v->args, VT_ARGS);
		if (c < 0x7f)
			vt_control(v, (char)c);
	}
}

static void
after_escape(struct vt *v, unsigned char c)
{
	if (c == '[') {
		begin_control(v);
	} else if (strchr("]PX^_", c)) {
		v->state = VT_STRING;
	} else if (c < '0') {
		v->between = (char)c;
		v->state = VT_BETWEEN;
	} else {
		v->state = VT_GROUND;
		if (v->between)
			vt_escape_between(v, (char)c);
		else
			vt_escape(v, (char)c);
	}
}

static void
in_string(struct vt *v, unsigned char c)
{
	if (c == 0x1b)
		v->state = VT_STRING_ESCAPE;
	else if (c == 7 || c == 0x18 || c == 0x1a || c == '\n')
		v->state = VT_GROUND; /* no honest one has a newline */
}

static void
byte(struct vt *v, unsigned char c)
{
	if (v->state == VT_STRING) {
		in_string(v, c);
		return;
	}
	if (v->state == VT_STRING_ESCAPE) { /* its end; a new sequence else */
		v->state = VT_ESCAPE;
		v->between = v->prefix = 0;
		if (c == '\\') {
			v->state = VT_GROUND;
			return;
		}
	}
	if (v->utf8_more && (c & 0xc0) != 0x80) {
		v->utf8_more = 0;
		character(v, 0xfffd);
	}
	if (c < ' ')
		control_byte(v, c);
	else if (v->state == VT_GROUND && c != 0x7f)
		text_byte(v, c);
	else if (c == 0x7f)
		return;
	else if (c > 0x7f)
		v->state = VT_GROUND; /* no sequence has such */
	else if (v->state == VT_CONTROL)
		control_sequence(v, c);
	else
		after_escape(v, c);
}

void
vt_parse(struct vt *v, const unsigned char *p, size_t n)
{
	while (n--)
		byte(v, *p++);
}
