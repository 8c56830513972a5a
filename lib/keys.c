/* SPDX-License-Identifier: MIT */
/*
 * The table of keys, and what a PS/2 keyboard sends for each: IBM PS/2 Hardware
 * Interface Technical Reference, "Keyboard (101- and 102-Key)", scan code sets
 * 1 and 2; keys of later keyboards as in Microsoft's "Keyboard Scan Code
 * Specification", 1.3a. Names are QKeyCode's. Left out: the shifts that a
 * keyboard sends around the grey keys while Num Lock is on, and Sun's keys.
 */
#include "lib/keys.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/err.h"

/* clang-format off */
static const struct key keys[] = {
	{"esc", KEY_ESC, 0x01, 0x76},
	{"1", KEY_1, 0x02, 0x16}, {"2", KEY_2, 0x03, 0x1e},
	{"3", KEY_3, 0x04, 0x26}, {"4", KEY_4, 0x05, 0x25},
	{"5", KEY_5, 0x06, 0x2e}, {"6", KEY_6, 0x07, 0x36},
	{"7", KEY_7, 0x08, 0x3d}, {"8", KEY_8, 0x09, 0x3e},
	{"9", KEY_9, 0x0a, 0x46}, {"0", KEY_0, 0x0b, 0x45},
	{"minus", KEY_MINUS, 0x0c, 0x4e},
	{"equal", KEY_EQUAL, 0x0d, 0x55},
	{"backspace", KEY_BACKSPACE, 0x0e, 0x66},
	{"tab", KEY_TAB, 0x0f, 0x0d},
	{"q", KEY_Q, 0x10, 0x15}, {"w", KEY_W, 0x11, 0x1d},
	{"e", KEY_E, 0x12, 0x24}, {"r", KEY_R, 0x13, 0x2d},
	{"t", KEY_T, 0x14, 0x2c}, {"y", KEY_Y, 0x15, 0x35},
	{"u", KEY_U, 0x16, 0x3c}, {"i", KEY_I, 0x17, 0x43},
	{"o", KEY_O, 0x18, 0x44}, {"p", KEY_P, 0x19, 0x4d},
	{"bracket_left", KEY_LEFTBRACE, 0x1a, 0x54},
	{"bracket_right", KEY_RIGHTBRACE, 0x1b, 0x5b},
	{"ret", KEY_ENTER, 0x1c, 0x5a},
	{"ctrl", KEY_LEFTCTRL, 0x1d, 0x14},
	{"a", KEY_A, 0x1e, 0x1c}, {"s", KEY_S, 0x1f, 0x1b},
	{"d", KEY_D, 0x20, 0x23}, {"f", KEY_F, 0x21, 0x2b},
	{"g", KEY_G, 0x22, 0x34}, {"h", KEY_H, 0x23, 0x33},
	{"j", KEY_J, 0x24, 0x3b}, {"k", KEY_K, 0x25, 0x42},
	{"l", KEY_L, 0x26, 0x4b},
	{"semicolon", KEY_SEMICOLON, 0x27, 0x4c},
	{"apostrophe", KEY_APOSTROPHE, 0x28, 0x52},
	{"grave_accent", KEY_GRAVE, 0x29, 0x0e},
	{"shift", KEY_LEFTSHIFT, 0x2a, 0x12},
	{"backslash", KEY_BACKSLASH, 0x2b, 0x5d},
	{"z", KEY_Z, 0x2c, 0x1a}, {"x", KEY_X, 0x2d, 0x22},
	{"c", KEY_C, 0x2e, 0x21}, {"v", KEY_V, 0x2f, 0x2a},
	{"b", KEY_B, 0x30, 0x32}, {"n", KEY_N, 0x31, 0x31},
	{"m", KEY_M, 0x32, 0x3a},
	{"comma", KEY_COMMA, 0x33, 0x41},
	{"dot", KEY_DOT, 0x34, 0x49},
	{"slash", KEY_SLASH, 0x35, 0x4a},
	{"shift_r", KEY_RIGHTSHIFT, 0x36, 0x59},
	{"kp_multiply", KEY_KPASTERISK, 0x37, 0x7c},
	{"asterisk", KEY_KPASTERISK, 0x37, 0x7c},
	{"alt", KEY_LEFTALT, 0x38, 0x11},
	{"spc", KEY_SPACE, 0x39, 0x29},
	{"caps_lock", KEY_CAPSLOCK, 0x3a, 0x58},
	{"f1", KEY_F1, 0x3b, 0x05}, {"f2", KEY_F2, 0x3c, 0x06},
	{"f3", KEY_F3, 0x3d, 0x04}, {"f4", KEY_F4, 0x3e, 0x0c},
	{"f5", KEY_F5, 0x3f, 0x03}, {"f6", KEY_F6, 0x40, 0x0b},
	{"f7", KEY_F7, 0x41, 0x83}, {"f8", KEY_F8, 0x42, 0x0a},
	{"f9", KEY_F9, 0x43, 0x01}, {"f10", KEY_F10, 0x44, 0x09},
	{"num_lock", KEY_NUMLOCK, 0x45, 0x77},
	{"scroll_lock", KEY_SCROLLLOCK, 0x46, 0x7e},
	{"kp_7", KEY_KP7, 0x47, 0x6c}, {"kp_8", KEY_KP8, 0x48, 0x75},
	{"kp_9", KEY_KP9, 0x49, 0x7d},
	{"kp_subtract", KEY_KPMINUS, 0x4a, 0x7b},
	{"kp_4", KEY_KP4, 0x4b, 0x6b}, {"kp_5", KEY_KP5, 0x4c, 0x73},
	{"kp_6", KEY_KP6, 0x4d, 0x74},
	{"kp_add", KEY_KPPLUS, 0x4e, 0x79},
	{"kp_1", KEY_KP1, 0x4f, 0x69}, {"kp_2", KEY_KP2, 0x50, 0x72},
	{"kp_3", KEY_KP3, 0x51, 0x7a}, {"kp_0", KEY_KP0, 0x52, 0x70},
	{"kp_decimal", KEY_KPDOT, 0x53, 0x71},
	{"less", KEY_102ND, 0x56, 0x61},
	{"f11", KEY_F11, 0x57, 0x78}, {"f12", KEY_F12, 0x58, 0x07},
	{"kp_equals", KEY_KPEQUAL, 0x59, 0x0f},
	{"f13", KEY_F13, 0x64, 0x08}, {"f14", KEY_F14, 0x65, 0x10},
	{"f15", KEY_F15, 0x66, 0x18}, {"f16", KEY_F16, 0x67, 0x20},
	{"f17", KEY_F17, 0x68, 0x28}, {"f18", KEY_F18, 0x69, 0x30},
	{"f19", KEY_F19, 0x6a, 0x38}, {"f20", KEY_F20, 0x6b, 0x40},
	{"f21", KEY_F21, 0x6c, 0x48}, {"f22", KEY_F22, 0x6d, 0x50},
	{"f23", KEY_F23, 0x6e, 0x57}, {"f24", KEY_F24, 0x76, 0x5f},
	{"katakanahiragana", KEY_KATAKANAHIRAGANA, 0x70, 0x13},
	{"ro", KEY_RO, 0x73, 0x51},
	{"hiragana", KEY_HIRAGANA, 0x77, 0x62},
	{"henkan", KEY_HENKAN, 0x79, 0x64},
	{"muhenkan", KEY_MUHENKAN, 0x7b, 0x67},
	{"yen", KEY_YEN, 0x7d, 0x6a},
	{"kp_comma", KEY_KPCOMMA, 0x7e, 0x6d},

	{"kp_enter", KEY_KPENTER, 0xe01c, 0xe05a},
	{"ctrl_r", KEY_RIGHTCTRL, 0xe01d, 0xe014},
	{"kp_divide", KEY_KPSLASH, 0xe035, 0xe04a},
	{"print", KEY_SYSRQ, 0xe037, 0xe07c},
	{"sysrq", KEY_SYSRQ, 0x54, 0x84},
	{"alt_r", KEY_RIGHTALT, 0xe038, 0xe011},
	{"pause", KEY_PAUSE, 0xe046, 0xe07e},
	{"home", KEY_HOME, 0xe047, 0xe06c},
	{"up", KEY_UP, 0xe048, 0xe075},
	{"pgup", KEY_PAGEUP, 0xe049, 0xe07d},
	{"left", KEY_LEFT, 0xe04b, 0xe06b},
	{"right", KEY_RIGHT, 0xe04d, 0xe074},
	{"end", KEY_END, 0xe04f, 0xe069},
	{"down", KEY_DOWN, 0xe050, 0xe072},
	{"pgdn", KEY_PAGEDOWN, 0xe051, 0xe07a},
	{"insert", KEY_INSERT, 0xe052, 0xe070},
	{"delete", KEY_DELETE, 0xe053, 0xe071},
	{"meta_l", KEY_LEFTMETA, 0xe05b, 0xe01f},
	{"meta_r", KEY_RIGHTMETA, 0xe05c, 0xe027},
	{"menu", KEY_COMPOSE, 0xe05d, 0xe02f},
	{"compose", KEY_COMPOSE, 0xe05d, 0xe02f},
	{"power", KEY_POWER, 0xe05e, 0xe037},
	{"sleep", KEY_SLEEP, 0xe05f, 0xe03f},
	{"wake", KEY_WAKEUP, 0xe063, 0xe05e},
	{"audioprev", KEY_PREVIOUSSONG, 0xe010, 0xe015},
	{"audionext", KEY_NEXTSONG, 0xe019, 0xe04d},
	{"audiomute", KEY_MUTE, 0xe020, 0xe023},
	{"calculator", KEY_CALC, 0xe021, 0xe02b},
	{"audioplay", KEY_PLAYPAUSE, 0xe022, 0xe034},
	{"audiostop", KEY_STOPCD, 0xe024, 0xe03b},
	{"volumedown", KEY_VOLUMEDOWN, 0xe02e, 0xe021},
	{"volumeup", KEY_VOLUMEUP, 0xe030, 0xe032},
	{"ac_home", KEY_HOMEPAGE, 0xe032, 0xe03a},
	{"ac_bookmarks", KEY_BOOKMARKS, 0xe066, 0xe018},
	{"ac_refresh", KEY_REFRESH, 0xe067, 0xe020},
	{"ac_forward", KEY_FORWARD, 0xe069, 0xe030},
	{"ac_back", KEY_BACK, 0xe06a, 0xe038},
	{"computer", KEY_COMPUTER, 0xe06b, 0xe040},
	{"mail", KEY_MAIL, 0xe06c, 0xe048},
	{"mediaselect", KEY_MEDIA, 0xe06d, 0xe050},
};

static const struct { const char *name, *means; } also[] = {
	{"enter", "ret"}, {"return", "ret"}, {"escape", "esc"},
	{"space", "spc"}, {"del", "delete"}, {"ins", "insert"},
	{"pageup", "pgup"}, {"pagedown", "pgdn"}, {"page_up", "pgup"},
	{"page_down", "pgdn"}, {"bs", "backspace"},
	{"control", "ctrl"}, {"ctrl_l", "ctrl"}, {"shift_l", "shift"},
	{"alt_l", "alt"}, {"altgr", "alt_r"}, {"alt_gr", "alt_r"},
	{"super", "meta_l"}, {"win", "meta_l"}, {"meta", "meta_l"},
	{"super_l", "meta_l"}, {"super_r", "meta_r"}, {"win_l", "meta_l"},
	{"win_r", "meta_r"}, {"caps", "caps_lock"}, {"capslock", "caps_lock"},
	{"numlock", "num_lock"}, {"scrolllock", "scroll_lock"},
	{"prtsc", "print"}, {"printscreen", "print"}, {"break", "pause"},
	{"kp_plus", "kp_add"}, {"kp_minus", "kp_subtract"},
	{"kp_dot", "kp_decimal"}, {"period", "dot"}, {"grave", "grave_accent"},
	{"quote", "apostrophe"}, {"equals", "equal"}, {"arrow_up", "up"},
	{"arrow_down", "down"}, {"arrow_left", "left"},
	{"arrow_right", "right"},
	{"=", "equal"}, {",", "comma"}, {".", "dot"}, {"/", "slash"},
	{";", "semicolon"}, {"'", "apostrophe"}, {"`", "grave_accent"},
	{"[", "bracket_left"}, {"]", "bracket_right"}, {"\\", "backslash"},
};
/* clang-format on */

enum {
	KEYS = sizeof(keys) / sizeof(*keys),
	ALSO = sizeof(also) / sizeof(*also)
};

static bool
same(const char *a, const char *b, size_t n)
{
	return strncasecmp(a, b, n) == 0 && !a[n];
}

const struct key *
key_find(const char *name, size_t n)
{
	for (size_t k = 0; k < KEYS; k++)
		if (same(keys[k].name, name, n))
			return &keys[k];
	for (size_t k = 0; k < ALSO; k++)
		if (same(also[k].name, name, n))
			return key_find(also[k].means, strlen(also[k].means));
	return NULL;
}

const struct key *
key_by_code(unsigned code)
{
	for (size_t k = 0; k < KEYS; k++)
		if (keys[k].code == code)
			return &keys[k];
	return NULL;
}

const struct key *
key_by_number(unsigned number)
{
	unsigned set1 = number & 0x80 ? 0xe000 | (number & 0x7f) : number;

	for (size_t k = 0; number < 0x100 && k < KEYS; k++)
		if (keys[k].set1 == set1)
			return &keys[k];
	return NULL;
}

const struct key *
key_at(size_t n)
{
	return n < KEYS ? &keys[n] : NULL;
}

unsigned
key_modifier(unsigned code)
{
	switch (code) {
	case KEY_LEFTSHIFT:
	case KEY_RIGHTSHIFT:
		return KEYS_SHIFT;
	case KEY_LEFTCTRL:
	case KEY_RIGHTCTRL:
		return KEYS_CTRL;
	case KEY_LEFTALT:
		return KEYS_ALT;
	case KEY_RIGHTALT:
		return KEYS_ALTGR;
	default:
		return 0;
	}
}

/* ---- what a keyboard sends ---- */

static size_t
put(uint8_t *to, const char *bytes, size_t n)
{
	memcpy(to, bytes, n);
	return n;
}
#define PUT(to, bytes) put(to, bytes, sizeof(bytes) - 1)

/* Pause says all when it is pressed; with Ctrl it is Break. */
static bool
is_pause(const struct key *k, unsigned held)
{
	return k->code == KEY_PAUSE && !(held & KEYS_CTRL);
}

/* PrintScreen comes with a shift of its own, unless one is held; with Alt it is
 * SysRq. */
static bool
is_print(const struct key *k, unsigned held)
{
	return k->set2 == 0xe07c && !(held & (KEYS_SHIFT | KEYS_CTRL));
}

static const struct key *
in_fact(const struct key *k, unsigned held)
{
	return k->set2 == 0xe07c && held & (KEYS_ALT | KEYS_ALTGR)
		       ? key_find("sysrq", 5)
		       : k;
}

size_t
key_set1(const struct key *k, bool down, unsigned held, uint8_t out[KEY_BYTES])
{
	size_t n = 0;

	k = in_fact(k, held);
	if (is_pause(k, held))
		return down ? PUT(out, "\xe1\x1d\x45\xe1\x9d\xc5") : 0;
	if (k->code == KEY_PAUSE)
		return down ? PUT(out, "\xe0\x46\xe0\xc6") : 0;
	if (is_print(k, held))
		return down ? PUT(out, "\xe0\x2a\xe0\x37")
			    : PUT(out, "\xe0\xb7\xe0\xaa");
	if (k->set1 >> 8)
		out[n++] = 0xe0;
	out[n++] = (uint8_t)(k->set1 | (down ? 0 : 0x80));
	return n;
}

size_t
key_set2(const struct key *k, bool down, unsigned held, uint8_t out[KEY_BYTES])
{
	size_t n = 0;

	k = in_fact(k, held);
	if (is_pause(k, held))
		return down ? PUT(out, "\xe1\x14\x77\xe1\xf0\x14\xf0\x77") : 0;
	if (k->code == KEY_PAUSE)
		return down ? PUT(out, "\xe0\x7e\xe0\xf0\x7e") : 0;
	if (is_print(k, held))
		return down ? PUT(out, "\xe0\x12\xe0\x7c")
			    : PUT(out, "\xe0\xf0\x7c\xe0\xf0\x12");
	if (k->set2 >> 8)
		out[n++] = 0xe0;
	if (!down)
		out[n++] = 0xf0;
	out[n++] = (uint8_t)k->set2;
	return n;
}

/* ---- several keys ---- */

static int
add(struct chord *c, const char *name, size_t n)
{
	const struct key *k = key_find(name, n);

	if (!k)
		return failx(-EINVAL, "key: '%.*s' is no key",
			n > 40 ? 40 : (int)n, name);
	if (c->n == CHORD_KEYS)
		return failx(
			-EINVAL, "key: more than %d at a time", CHORD_KEYS);
	for (unsigned i = 0; i < c->n; i++)
		if (c->key[i]->code == k->code)
			return failx(
				-EINVAL, "key: %s is there twice", k->name);
	c->key[c->n++] = k;
	return 0;
}

int
chord_parse(struct chord *c, const char *text)
{
	size_t n;
	int r;

	c->n = 0;
	do {
		n = strcspn(text, "-+");
		r = add(c, text, n);
		if (r)
			return r;
		text += n;
	} while (*text++);
	return 0;
}

static size_t
put_key(char *to, size_t size, const struct key *k, bool down, bool first)
{
	int n = snprintf(to, size,
		"%s{\"type\":\"key\",\"data\":{\"down\":%s,\"key\":"
		"{\"type\":\"qcode\",\"data\":\"%s\"}}}",
		first ? "" : ",", down ? "true" : "false", k->name);

	return n < 0 ? size : (size_t)n;
}

size_t
chord_qmp(const struct chord *c, char *buf, size_t size)
{
	static const char head[] = "{\"execute\":\"input-send-event\","
				   "\"arguments\":{\"events\":[";
	static const char tail[] = "]}}\n";
	size_t n = sizeof(head) - 1;
	unsigned i;

	if (size <= n)
		return 0;
	memcpy(buf, head, n);
	for (i = 0; i < c->n && n < size; i++)
		n += put_key(buf + n, size - n, c->key[i], true, !i);
	while (i-- && n < size)
		n += put_key(buf + n, size - n, c->key[i], false, false);
	if (n >= size || size - n < sizeof(tail))
		return 0;
	memcpy(buf + n, tail, sizeof(tail));
	return n + sizeof(tail) - 1;
}
