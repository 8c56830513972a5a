/* SPDX-License-Identifier: MIT */
/*
 * Keys: their names, in the spelling of QMP's QKeyCode ("ctrl", "ret", "kp_5"),
 * with the codes that Linux's evdev and the PS/2 scan code sets 1 and 2 have
 * for them; and layouts, which say what keys a character is typed with.
 */
#ifndef LIB_KEYS_H
#define LIB_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key {
	const char *name;
	uint16_t code; /* Linux's KEY_... (input-event-codes.h) */
	uint16_t set1, set2; /* when pressed, 0xe0.. with its prefix */
};

/* A name, of n bytes, or one that people write instead ("enter", "del", "win"),
 * in any case; NULL: there is none. */
const struct key *key_find(const char *name, size_t n);
/* The key with that evdev code; QMP's number, which is the code of set 1 with
 * bit 7 in place of a prefix; NULL. */
const struct key *key_by_code(unsigned code);
const struct key *key_by_number(unsigned number);
/* Key number n, for lists; NULL behind the last. Some have two names. */
const struct key *key_at(size_t n);

/* Modifiers that are held: a few keys say something else then. */
enum { KEYS_SHIFT = 1, KEYS_CTRL = 2, KEYS_ALT = 4, KEYS_ALTGR = 8 };
unsigned key_modifier(unsigned code); /* of that evdev code; 0: it is none */

/* What a keyboard sends: bytes written, 0 if there is nothing to send. */
enum { KEY_BYTES = 8 };
size_t key_set1(
	const struct key *, bool down, unsigned held, uint8_t out[KEY_BYTES]);
size_t key_set2(
	const struct key *, bool down, unsigned held, uint8_t out[KEY_BYTES]);

/* ---- several keys ---- */

/* Pressed in this order, released in the reverse. */
enum { CHORD_KEYS = 16 };
struct chord {
	const struct key *key[CHORD_KEYS];
	unsigned n;
};

/* "ctrl-alt-del", also with +. -EINVAL with a sentence "key: ...". */
int chord_parse(struct chord *, const char *text);

/*
 * The QMP command that presses and releases them: one line with its newline,
 * NUL-terminated. Returns the length; 0: no room, CHORD_QMP is always enough.
 * The answer, {"return": {}}, comes when the guest's keyboard has them.
 */
enum { CHORD_QMP = 6144 };
size_t chord_qmp(const struct chord *, char *buf, size_t size);

/* ---- layouts ---- */

struct layout;

const struct layout *layout_find(const char *name); /* NULL: no such one */
const struct layout *layout_at(size_t n); /* NULL behind the last */
const char *layout_name(const struct layout *);

/*
 * What to type for a Unicode character: how many chords, one after the other; 2
 * with a dead key, 0 if the layout has it not. Newline (or carriage return),
 * tab, backspace (or 0x7f) and escape are keys on all of them; other control
 * characters are typed with ctrl.
 */
enum { LAYOUT_CHORDS = 2 };
unsigned layout_type(
	const struct layout *, uint32_t ch, struct chord out[LAYOUT_CHORDS]);
/* The same, where 0 is -EINVAL with a sentence such as "U+20AC '€': not on
 * layout us". */
int layout_chords(
	const struct layout *, uint32_t ch, struct chord out[LAYOUT_CHORDS]);

#endif
