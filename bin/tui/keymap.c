/* SPDX-License-Identifier: MIT */
/*
 * Curses' keys. Those with modifiers have no fixed codes but names, such as
 * kUP5 (terminfo's user-defined capabilities, as xterm has them: the digit less
 * one is Shift 1, Alt 2, Ctrl 4), or are further function keys: of 12 each,
 * with Shift, Ctrl, both, Alt.
 */
#include "bin/tui/keymap.h"

#include <curses.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *curses; /* with a digit behind it */
	wint_t code;
	const char *name; /* as lib/keys.h has it */
} special[] = {
	{"kUP", KEY_UP, "up"},
	{"kDN", KEY_DOWN, "down"},
	{"kLFT", KEY_LEFT, "left"},
	{"kRIT", KEY_RIGHT, "right"},
	{"kHOM", KEY_HOME, "home"},
	{"kEND", KEY_END, "end"},
	{"kIC", KEY_IC, "insert"},
	{"kDC", KEY_DC, "delete"},
	{"kPRV", KEY_PPAGE, "pgup"},
	{"kNXT", KEY_NPAGE, "pgdn"},
	{"", KEY_BACKSPACE, "backspace"},
	{"", KEY_ENTER, "kp_enter"},
	{"", KEY_B2, "kp_5"},
	{"", KEY_PRINT, "print"},
};

/* Those that have had codes of their own since long. */
static const struct {
	wint_t code, base;
} shifted[] = {
	{KEY_SLEFT, KEY_LEFT},
	{KEY_SRIGHT, KEY_RIGHT},
	{KEY_SF, KEY_DOWN},
	{KEY_SR, KEY_UP},
	{KEY_SHOME, KEY_HOME},
	{KEY_SEND, KEY_END},
	{KEY_SIC, KEY_IC},
	{KEY_SDC, KEY_DC},
	{KEY_SPREVIOUS, KEY_PPAGE},
	{KEY_SNEXT, KEY_NPAGE},
};

enum { F_KEYS = 12, F_MAX = 63 };

static unsigned
from_digit(unsigned digit)
{
	unsigned bits = digit - 1;

	return (bits & 1 ? KEYS_SHIFT : 0) | (bits & 2 ? KEYS_ALT : 0) |
	       (bits & 4 ? KEYS_CTRL : 0);
}

wint_t
keymap_base(wint_t code, unsigned *mods)
{
	static const unsigned char bank[] = {0, KEYS_SHIFT, KEYS_CTRL,
		KEYS_CTRL | KEYS_SHIFT, KEYS_ALT, KEYS_ALT | KEYS_SHIFT};
	const char *name;
	size_t n;

	*mods = 0;
	if (code > (wint_t)KEY_F0 && code <= (wint_t)KEY_F(F_MAX)) {
		unsigned f = (unsigned)code - KEY_F0 - 1;

		*mods = bank[f / F_KEYS];
		return KEY_F0 + 1 + f % F_KEYS;
	}
	for (size_t i = 0; i < sizeof(shifted) / sizeof(shifted[0]); i++)
		if (shifted[i].code == code) {
			*mods = KEYS_SHIFT;
			return shifted[i].base;
		}
	name = code > KEY_MAX ? keyname((int)code) : NULL;
	n = name ? strlen(name) : 0;
	if (n < 3 || name[n - 1] < '2' || name[n - 1] > '8')
		return code;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (strlen(special[i].curses) == n - 1 &&
			strncmp(special[i].curses, name, n - 1) == 0) {
			*mods = from_digit((unsigned)(name[n - 1] - '0'));
			return special[i].code;
		}
	return code;
}

static bool
add_key(struct chord *c, const char *name)
{
	const struct key *key = key_find(name, strlen(name));

	if (!key || c->n == CHORD_KEYS)
		return false;
	c->key[c->n++] = key;
	return true;
}

static bool
add_mods(struct chord *c, unsigned mods)
{
	return (!(mods & KEYS_CTRL) || add_key(c, "ctrl")) &&
	       (!(mods & KEYS_ALT) || add_key(c, "alt")) &&
	       (!(mods & KEYS_SHIFT) || add_key(c, "shift"));
}

static bool
add_code(struct chord *c, wint_t code)
{
	char f[8];

	if (code > (wint_t)KEY_F0 && code <= (wint_t)KEY_F(F_KEYS)) {
		snprintf(f, sizeof(f), "f%u", (unsigned)code - KEY_F0);
		return add_key(c, f);
	}
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i].code == code)
			return add_key(c, special[i].name);
	return false;
}

unsigned
keymap_chords(const struct layout *layout, wint_t ch, bool is_char, bool alt,
	struct chord out[LAYOUT_CHORDS])
{
	struct chord typed[LAYOUT_CHORDS];
	unsigned n, mods = 0;

	memset(out, 0, LAYOUT_CHORDS * sizeof(*out));
	if (!is_char) {
		if (ch == KEY_BTAB)
			return add_key(out, "shift") && add_key(out, "tab");
		ch = keymap_base(ch, &mods);
		mods |= alt ? KEYS_ALT : 0;
		return add_mods(out, mods) && add_code(out, ch);
	}
	/* Nobody but us sends NUL: Ctrl-Space, or Ctrl-@. */
	if (!ch)
		return add_key(out, "ctrl") && add_key(out, "spc");
	n = layout_type(layout, ch, typed);
	for (unsigned i = 0; i < n; i++) {
		if (alt && !add_key(&out[i], "alt"))
			return 0;
		for (unsigned k = 0; k < typed[i].n; k++) {
			if (out[i].n == CHORD_KEYS)
				return 0;
			out[i].key[out[i].n++] = typed[i].key[k];
		}
	}
	return n;
}
