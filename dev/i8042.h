/* SPDX-License-Identifier: MIT */
/*
 * 8042 keyboard controller, PS/2 keyboard (set 2, translated) and mouse.
 * Bars: 0 data port 0x60 (1 byte), 1 command and status port 0x64 (1 byte).
 */
#ifndef DEV_I8042_H
#define DEV_I8042_H

#include "dev/dev.h"
#include "dev/input.h"

struct i8042_out {
	struct irq kbd, mouse; /* IRQ 1 and 12 */
	struct irq a20; /* level: the gate is open */
	struct notify reset; /* NOTICE_RESET on a pulse of the reset line */
	struct input_tell host;
};

struct dev *i8042_new(struct i8042_out);
/*
 * Host input; these lock themselves. false: not taken, since the guest has not
 * read what there is, or has told the device to be silent: host is told when it
 * is worth trying again.
 */
/* Whole scan codes of set 2, at most 16 bytes: all or none. */
bool i8042_key(struct dev *, const uint8_t *set2, size_t n);
/* dx to the right, dy down, dz the wheel down (towards the user); buttons: 1
 * left, 2 right, 4 middle, 8 and 16 at the side. Very long ways are cut. */
bool i8042_mouse(struct dev *, int dx, int dy, int dz, unsigned buttons);
enum { I8042_FAR = 510, I8042_SPIN = 14 }; /* never cut, nor refused for good */

/* The guest has read all of it; if not, host is told when it has. */
bool i8042_keys_read(struct dev *);
bool i8042_mouse_read(struct dev *);
unsigned i8042_lights(struct dev *); /* INPUT_... */

#endif
