/* SPDX-License-Identifier: MIT */
/*
 * Saved state: text, one register a line, "id.field value" in hexadecimal
 * ("uart0.ier 1"; arrays "pic0.irr[1] 20" or, for bytes, one hex string).
 * A missing field keeps its reset value; an unknown one is refused.
 */
#ifndef DEV_STATE_H
#define DEV_STATE_H

#include <stdio.h>

#include "dev/dev.h"

/* Append the device's registers to f. Takes the device's lock. */
int state_save(struct dev *, FILE *f);

/*
 * Load devices from text of len bytes: reset each, set the fields named, then
 * call loaded(). Lines of other ids are refused (-EINVAL, a sentence naming
 * the line). On failure every device is back in its reset state.
 */
int state_load(struct dev *const *devs, size_t n, const char *text, size_t len);

#endif
