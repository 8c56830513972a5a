/* SPDX-License-Identifier: MIT */
/* What the controller, the keyboard and the mouse behind it share. */
#ifndef DEV_I8042_INT_H
#define DEV_I8042_INT_H

#include "dev/i8042.h"

/* Linux gives the controller up when it flushes more than 16 bytes. */
#define KEYS 16
#define PACKETS 16
#define REPLIES 16
#define CTL 4
#define MOVE_MAX 1020 /* held by the mouse at most */
#define WHEEL_MAX 28

#define ACK 0xfa
#define RESEND 0xfe

struct i8042_regs {
	/* the controller; a reply's bit 8 says that it counts as the mouse's */
	uint16_t ctl_q[CTL];
	int16_t dx, dy, dz; /* of the mouse, not reported yet */
	uint8_t ctl_n;
	uint8_t mode, command, status; /* status: bits SYS and CMD alone */
	uint8_t out, full, aux; /* output buffer; whose byte it is */
	uint8_t outport, escape; /* escape: 0xf0 awaits translation */
	uint8_t ram[31]; /* 0x01..0x1f */
	/* the keyboard */
	uint8_t kbd_reply_n, kbd_n, kbd_command, kbd_last;
	uint8_t scanning, scan_set, leds, typematic;
	uint8_t kbd_reply[REPLIES], kbd_q[KEYS];
	/* the mouse */
	uint8_t aux_reply_n, aux_n, aux_command, aux_last;
	uint8_t reporting, remote, wrap, scaling;
	uint8_t resolution, rate, rate1, rate2; /* the rates set before */
	uint8_t id, buttons;
	uint8_t aux_reply[REPLIES], aux_q[PACKETS];
};

enum { /* what host waits for */
	WAIT_KEYS = 1, /* room */
	WAIT_KEYS_READ = 2,
	WAIT_MOUSE = 4,
	WAIT_MOUSE_READ = 8
};

struct i8042 {
	struct dev dev;
	struct i8042_regs r;
	struct i8042_out wire;
	unsigned waits;
};

/* Append, unless it is full. */
static inline void
push(uint8_t *q, uint8_t *n, unsigned cap, int byte)
{
	if (*n < cap)
		q[(*n)++] = (uint8_t)byte;
}

static inline uint8_t
pop(uint8_t *q, uint8_t *n)
{
	uint8_t first = q[0];

	--*n;
	for (unsigned i = 0; i < *n; i++)
		q[i] = q[i + 1];
	q[*n] = 0;
	return first;
}

void ps2_kbd_reset(struct i8042_regs *);
void ps2_kbd_command(struct i8042_regs *, uint8_t v);
/* The keyboard's next byte, -1 if there is none. */
int ps2_kbd_next(struct i8042_regs *);
bool ps2_kbd_keys(struct i8042_regs *, const uint8_t *set2, size_t n);
/* Set 2 to set 1, as the controller does it; a byte without meaning stays. */
uint8_t ps2_translate(uint8_t);

void ps2_mouse_reset(struct i8042_regs *);
void ps2_mouse_command(struct i8042_regs *, uint8_t v);
int ps2_mouse_next(struct i8042_regs *);
bool ps2_mouse_move(
	struct i8042_regs *, int dx, int dy, int dz, unsigned buttons);

#endif
