/* SPDX-License-Identifier: MIT */
/*
 * Keys and pointers of a machine: what is typed and moved goes to the devices
 * that it has. Keys go to the virtio keyboard while the guest drives it, else
 * to the PS/2 keyboard, so firmware hears them too; absolute positions to the
 * tablet; relative movement to the PS/2 mouse; buttons and the wheel to the
 * tablet while the guest drives it, else to the mouse.
 *
 * Nothing is dropped: what the guest has not read keeps the next out. The
 * loop's thread.
 */
#ifndef VMM_INPUT_H
#define VMM_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dev;

enum input_kind { INPUT_KEY, INPUT_BUTTON, INPUT_REL, INPUT_ABS };
enum input_button { /* as QMP's InputButton has them */
	INPUT_LEFT,
	INPUT_MIDDLE,
	INPUT_RIGHT,
	INPUT_WHEEL_UP,
	INPUT_WHEEL_DOWN,
	INPUT_SIDE,
	INPUT_EXTRA,
	INPUT_BUTTONS
};
enum { INPUT_X, INPUT_Y, INPUT_ABS_MAX = 0x7fff };

struct input_event {
	uint8_t kind;
	bool down; /* key, button */
	uint16_t code; /* Linux's KEY_..., of lib/keys.h; a button; an axis */
	int32_t value; /* of an axis; -INT16_MAX to INT16_MAX if relative */
};

enum { INPUT_CODES = 256, INPUT_WORDS = INPUT_CODES / 64 };

struct input {
	struct dev *i8042, *keyboard, *tablet; /* the last two may be NULL */
	uint64_t ps2[INPUT_WORDS]; /* keys that are down there */
	uint64_t virtio[INPUT_WORDS];
	uint64_t going[INPUT_WORDS]; /* of those, to be released */
	unsigned buttons, sent; /* a bit for each; what the mouse was told */
	int dx, dy, dz; /* not told yet */
	int x, y; /* of the tablet */
};

/* Is there a pointer that knows where it is? */
bool input_absolute(const struct input *);
int input_no_tablet(void); /* -ENOTSUP, with the sentence for that */
/*
 * The first of n > 0 events, and those that happen at the same time, that is
 * movement before and with a button. *taken: so many. -EAGAIN: none, the guest
 * has not read what was before; the devices tell when it has.
 */
int input_send(struct input *, const struct input_event *, unsigned n,
	unsigned *taken);
/* 0: the guest has read all that was taken; else -EAGAIN, likewise. */
int input_was_read(struct input *);
/* Events that were taken, of somebody who has gone: keys and buttons that they
 * left down are released as soon as there is room, by input_settle(). */
void input_let_go(struct input *, const struct input_event *, unsigned n);
/* There may be room. */
void input_settle(struct input *);
/* The machine begins anew: all keys are up. */
void input_reset(struct input *);
unsigned input_lights(const struct input *); /* INPUT_NUM..., dev/input.h */

#endif
