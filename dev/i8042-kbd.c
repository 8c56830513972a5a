/* SPDX-License-Identifier: MIT */
/*
 * The PS/2 keyboard: IBM PS/2 Hardware Interface Technical Reference, "Keyboard
 * (101- and 102-Key)". Keys come in scan code set 2 and leave in the set that
 * the guest chose. Left out: typematic repeat, which the host's keys have, and
 * the key types of set 3, which are accepted.
 */
#include "dev/i8042-int.h"

#include <string.h>

enum {
	LEDS = 0xed,
	ECHO,
	SCAN_SET = 0xf0,
	IDENTIFY = 0xf2,
	TYPEMATIC,
	ENABLE,
	DISABLE,
	DEFAULTS,
	ALL_FIRST = 0xf7,
	ALL_LAST = 0xfa,
	KEY_FIRST,
	KEY_LAST = 0xfd,
	KBD_RESEND,
	KBD_RESET
};

/* clang-format off */
static const uint8_t set1[0x80] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58,
	0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
	0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a,
	0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
	0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c,
	0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
	0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e,
	0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
	0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60,
	0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
	0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e,
	0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
	0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b,
	0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
	0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
	0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* Set 2 to set 3 where they differ; 0 is the same code. */
static const uint8_t set3_plain[0x84] = {
	[0x76] = 0x08, [0x05] = 0x07, [0x06] = 0x0f, [0x04] = 0x17,
	[0x0c] = 0x1f, [0x03] = 0x27, [0x0b] = 0x2f, [0x83] = 0x37,
	[0x0a] = 0x3f, [0x01] = 0x47, [0x09] = 0x4f, [0x78] = 0x56,
	[0x07] = 0x5e, [0x7e] = 0x5f, [0x5d] = 0x5c, [0x58] = 0x14,
	[0x14] = 0x11, [0x11] = 0x19, [0x77] = 0x76, [0x7c] = 0x7e,
	[0x7b] = 0x84, [0x79] = 0x7c, [0x61] = 0x13,
};

/* After 0xe0; 0 is no key (the shifts that are sent along with some). */
static const uint8_t set3_extended[0x7e] = {
	[0x7c] = 0x57, [0x11] = 0x39, [0x14] = 0x58, [0x1f] = 0x8b,
	[0x27] = 0x8c, [0x2f] = 0x8d, [0x70] = 0x67, [0x6c] = 0x6e,
	[0x7d] = 0x6f, [0x71] = 0x64, [0x69] = 0x65, [0x7a] = 0x6d,
	[0x75] = 0x63, [0x6b] = 0x61, [0x72] = 0x60, [0x74] = 0x6a,
	[0x4a] = 0x77, [0x5a] = 0x79,
};
/* clang-format on */

uint8_t
ps2_translate(uint8_t v)
{
	if (v < sizeof(set1))
		return set1[v];
	return v == 0x83 ? 0x41 : v == 0x84 ? 0x54 : v;
}

static void
reply(struct i8042_regs *r, uint8_t v)
{
	push(r->kbd_reply, &r->kbd_reply_n, REPLIES, v);
}

static void
defaults(struct i8042_regs *r)
{
	memset(r->kbd_q, 0, sizeof(r->kbd_q));
	r->kbd_n = 0;
	r->scan_set = 2;
	r->typematic = 0x2b;
}

void
ps2_kbd_reset(struct i8042_regs *r)
{
	defaults(r);
	r->kbd_command = 0;
	r->leds = 0;
	r->scanning = 1;
}

static void
argument(struct i8042_regs *r, uint8_t v)
{
	uint8_t command = r->kbd_command;

	if (command < KEY_FIRST) /* those take any number of keys */
		r->kbd_command = 0;
	if (command == SCAN_SET && v > 3) {
		reply(r, RESEND);
		return;
	}
	reply(r, ACK);
	if (command == LEDS)
		r->leds = v & 7;
	else if (command == TYPEMATIC)
		r->typematic = v & 0x7f;
	else if (command == SCAN_SET && v)
		r->scan_set = v;
	else if (command == SCAN_SET)
		reply(r, r->scan_set);
}

void
ps2_kbd_command(struct i8042_regs *r, uint8_t v)
{
	if (r->kbd_command && v < LEDS) {
		argument(r, v);
		return;
	}
	r->kbd_command = 0;
	if (v == KBD_RESEND || v == ECHO) {
		reply(r, v == ECHO ? ECHO : r->kbd_last);
		return;
	}
	if (v < LEDS || v == 0xef || v == 0xf1) {
		reply(r, RESEND);
		return;
	}
	reply(r, ACK);
	if (v == LEDS || v == SCAN_SET || v == TYPEMATIC ||
		(v >= KEY_FIRST && v <= KEY_LAST)) {
		r->kbd_command = v;
	} else if (v == IDENTIFY) {
		reply(r, 0xab);
		reply(r, 0x83);
	} else if (v == ENABLE || v == DISABLE || v == DEFAULTS) {
		if (v != ENABLE)
			defaults(r);
		r->kbd_n = 0;
		r->scanning = v == DEFAULTS ? r->scanning : v == ENABLE;
	} else if (v == KBD_RESET) {
		ps2_kbd_reset(r);
		reply(r, 0xaa);
	}
}

int
ps2_kbd_next(struct i8042_regs *r)
{
	if (r->kbd_reply_n)
		r->kbd_last = pop(r->kbd_reply, &r->kbd_reply_n);
	else if (r->kbd_n)
		r->kbd_last = pop(r->kbd_q, &r->kbd_n);
	else
		return -1;
	return r->kbd_last;
}

/* Set 2 to 1: prefixes stay, 0xf0 becomes bit 7. */
static size_t
to_set1(uint8_t *to, const uint8_t *p, size_t n)
{
	size_t k = 0;
	uint8_t up = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == 0xf0) {
			up = 0x80;
		} else {
			to[k++] = ps2_translate(p[i]) | up;
			up = 0;
		}
	}
	return k;
}

/* Set 2 to 3: no prefixes but 0xf0. */
static size_t
to_set3(uint8_t *to, const uint8_t *p, size_t n)
{
	size_t k = 0;
	bool extended = false, up = false;
	uint8_t v;

	if (n && p[0] == 0xe1) { /* Pause has no release */
		to[0] = 0x62;
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		v = p[i];
		if (v == 0xe0 || v == 0xf0) {
			extended |= v == 0xe0;
			up |= v == 0xf0;
			continue;
		}
		if (extended)
			v = v < sizeof(set3_extended) ? set3_extended[v] : 0;
		else if (v < sizeof(set3_plain) && set3_plain[v])
			v = set3_plain[v];
		if (v && up)
			to[k++] = 0xf0;
		if (v)
			to[k++] = v;
		extended = up = false;
	}
	return k;
}

bool
ps2_kbd_keys(struct i8042_regs *r, const uint8_t *set2, size_t n)
{
	uint8_t buf[KEYS];

	if (!r->scanning || n > KEYS)
		return false;
	if (r->scan_set == 1)
		n = to_set1(buf, set2, n);
	else if (r->scan_set == 3)
		n = to_set3(buf, set2, n);
	else
		memcpy(buf, set2, n);
	if (n > (size_t)(KEYS - r->kbd_n))
		return false;
	for (size_t i = 0; i < n; i++)
		push(r->kbd_q, &r->kbd_n, KEYS, buf[i]);
	return true;
}
