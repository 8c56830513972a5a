/* SPDX-License-Identifier: MIT */
/*
 * A key as curses tells it, as keys of a guest's keyboard.
 */
#ifndef BIN_TUI_KEYMAP_H
#define BIN_TUI_KEYMAP_H

#include <stdbool.h>
#include <wchar.h>

#include "lib/keys.h"

/* How many chords, one after the other; 0: there is no such key, or the layout
 * lacks the character. alt: with Alt. */
unsigned keymap_chords(const struct layout *, wint_t ch, bool is_char, bool alt,
	struct chord out[LAYOUT_CHORDS]);

/* Curses' name for a key with modifiers, kUP5 say, taken apart: its base, as
 * KEY_UP; *mods has KEYS_SHIFT, KEYS_CTRL and KEYS_ALT. Others stay as they
 * are. */
wint_t keymap_base(wint_t code, unsigned *mods);

#endif
