/* SPDX-License-Identifier: MIT */
/*
 * The PS/2 mouse: IBM PS/2 Hardware Interface Technical Reference, "Mouse",
 * with Microsoft's IntelliMouse (wheel) and IntelliMouse Explorer (five
 * buttons) extensions. Resolution and rate are accepted; the host's pace is
 * kept.
 */
#include "dev/i8042-int.h"

#include <string.h>

enum {
	SCALE_1 = 0xe6,
	SCALE_2,
	RESOLUTION,
	STATUS,
	STREAM,
	READ,
	UNWRAP,
	WRAP = 0xee,
	REMOTE = 0xf0,
	MOUSE_ID = 0xf2,
	RATE,
	REPORT,
	QUIET,
	DEFAULTS,
	MOUSE_RESEND = 0xfe,
	MOUSE_RESET
};

#define WHEEL 3
#define EXPLORER 4
#define MAX_MOVE 255 /* in a packet */

static void
reply(struct i8042_regs *r, int v)
{
	push(r->aux_reply, &r->aux_reply_n, REPLIES, v);
}

static void
forget(struct i8042_regs *r)
{
	memset(r->aux_q, 0, sizeof(r->aux_q));
	r->aux_n = 0;
	r->dx = r->dy = r->dz = 0;
}

static void
defaults(struct i8042_regs *r)
{
	forget(r);
	r->reporting = r->remote = r->wrap = r->scaling = 0;
	r->resolution = 2;
	r->rate = 100;
	r->rate1 = r->rate2 = 0;
}

void
ps2_mouse_reset(struct i8042_regs *r)
{
	defaults(r);
	r->aux_command = 0;
	r->id = 0;
}

static unsigned
packet_size(const struct i8042_regs *r)
{
	return r->id ? 4 : 3;
}

static int
clamp(int v, int least, int most)
{
	return v < least ? least : v > most ? most : v;
}

/* Scaling 2:1, for reports in stream mode. */
static int
scaled(int v)
{
	static const int8_t small[] = {0, 1, 1, 3, 6, 9};
	int n = v < 0 ? -v : v;

	n = n < 6 ? small[n] : 2 * n;
	n = n > MAX_MOVE ? MAX_MOVE : n;
	return v < 0 ? -n : n;
}

/* One packet of what has not been reported yet, to queue q. */
static void
report(struct i8042_regs *r, uint8_t *q, uint8_t *n, unsigned cap, bool scale)
{
	int x = clamp(r->dx, -MAX_MOVE, MAX_MOVE);
	int y = clamp(r->dy, -MAX_MOVE, MAX_MOVE);
	int z = r->id == EXPLORER ? clamp(r->dz, -8, 7)
				  : clamp(r->dz, -127, 127);

	r->dx = (int16_t)(r->dx - x);
	r->dy = (int16_t)(r->dy - y);
	r->dz = (int16_t)(r->dz - z);
	if (scale && r->scaling) {
		x = scaled(x);
		y = scaled(y);
	}
	push(q, n, cap,
		(y < 0 ? 0x20 : 0) | (x < 0 ? 0x10 : 0) | 8 | (r->buttons & 7));
	push(q, n, cap, x & 255);
	push(q, n, cap, y & 255);
	if (r->id == WHEEL)
		push(q, n, cap, z & 255);
	else if (r->id == EXPLORER)
		push(q, n, cap, (z & 15) | (r->buttons & 0x18) << 1);
}

static void
status(struct i8042_regs *r)
{
	int b = r->buttons;

	reply(r, r->remote << 6 | r->reporting << 5 | r->scaling << 4 |
			 (b & 1) << 2 | (b & 4) >> 1 | (b & 2) >> 1);
	reply(r, r->resolution);
	reply(r, r->rate);
}

/* Three rates in a row are a knock at the door. */
static void
set_rate(struct i8042_regs *r, uint8_t v)
{
	if (r->rate2 == 200 && r->rate1 == 100 && v == 80)
		r->id = WHEEL;
	else if (r->rate2 == 200 && r->rate1 == 200 && v == 80)
		r->id = EXPLORER;
	r->rate2 = r->rate1;
	r->rate1 = v;
	r->rate = v;
}

static void
argument(struct i8042_regs *r, uint8_t v)
{
	reply(r, ACK);
	if (r->aux_command == RATE)
		set_rate(r, v);
	else
		r->resolution = v & 3;
	r->aux_command = 0;
}

/* Commands that were acknowledged and take no argument. */
static void
command(struct i8042_regs *r, uint8_t v)
{
	switch (v) {
	case SCALE_1:
	case SCALE_2:
		r->scaling = v == SCALE_2;
		break;
	case STATUS:
		status(r);
		break;
	case STREAM:
	case REMOTE:
		r->remote = v == REMOTE;
		break;
	case WRAP:
		r->wrap = 1;
		break;
	case READ:
		report(r, r->aux_reply, &r->aux_reply_n, REPLIES, false);
		break;
	case MOUSE_ID:
		reply(r, r->id);
		break;
	case REPORT:
	case QUIET:
		r->reporting = v == REPORT;
		break;
	case DEFAULTS:
		defaults(r);
		break;
	case MOUSE_RESET:
		ps2_mouse_reset(r);
		reply(r, 0xaa);
		reply(r, r->id);
		break;
	}
}

static bool
known(uint8_t v)
{
	return (v >= SCALE_1 && v <= UNWRAP) || v == WRAP || v == REMOTE ||
	       (v >= MOUSE_ID && v <= DEFAULTS) || v == MOUSE_RESET;
}

void
ps2_mouse_command(struct i8042_regs *r, uint8_t v)
{
	if (r->wrap && v != UNWRAP && v != MOUSE_RESET) {
		reply(r, v);
		return;
	}
	r->wrap = 0;
	if (v != READ && v != MOUSE_RESEND)
		forget(r); /* no stale packet behind the answer */
	if (v == MOUSE_RESET)
		r->aux_command = 0;
	if (r->aux_command) {
		argument(r, v);
	} else if (v == MOUSE_RESEND) {
		reply(r, r->aux_last);
	} else if (!known(v)) {
		reply(r, RESEND);
	} else {
		reply(r, ACK);
		if (v == RATE || v == RESOLUTION)
			r->aux_command = v;
		else
			command(r, v);
	}
}

int
ps2_mouse_next(struct i8042_regs *r)
{
	if (r->aux_reply_n)
		r->aux_last = pop(r->aux_reply, &r->aux_reply_n);
	else if (r->aux_n)
		r->aux_last = pop(r->aux_q, &r->aux_n);
	else
		return -1;
	return r->aux_last;
}

static int
packets(const struct i8042_regs *r)
{
	int n = 1, z = r->id == EXPLORER ? 7 : 127;

	while (n * MAX_MOVE < r->dx || -n * MAX_MOVE > r->dx ||
		n * MAX_MOVE < r->dy || -n * MAX_MOVE > r->dy ||
		(r->id && (n * z < r->dz || -n * z > r->dz)))
		n++;
	return n;
}

bool
ps2_mouse_move(struct i8042_regs *r, int dx, int dy, int dz, unsigned buttons)
{
	const int far = MOVE_MAX, spin = WHEEL_MAX; /* four packets */
	struct i8042_regs old = *r;
	int n;

	buttons &= r->id == EXPLORER ? 31 : 7;
	dx = clamp(dx, -far, far);
	dy = clamp(dy, -far, far);
	dz = clamp(dz, -spin, spin);
	if (!r->reporting && !r->remote)
		return false;
	r->dx = (int16_t)clamp(r->dx + dx, -far, far);
	r->dy = (int16_t)clamp(r->dy - dy, -far, far);
	r->dz = (int16_t)(r->id ? clamp(r->dz + dz, -spin, spin) : 0);
	if (!r->remote && !(r->dx | r->dy | r->dz) && buttons == r->buttons)
		return true;
	r->buttons = (uint8_t)buttons;
	if (r->remote || r->wrap)
		return true;
	n = packets(r);
	if (r->aux_n + (unsigned)n * packet_size(r) > PACKETS) {
		*r = old;
		return false;
	}
	while (n--)
		report(r, r->aux_q, &r->aux_n, PACKETS, true);
	return true;
}
