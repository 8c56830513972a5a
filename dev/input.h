/* SPDX-License-Identifier: MIT */
/*
 * What keyboards and pointers say to whoever types: that there is room again,
 * that all was read, after they had said otherwise; and that the guest has
 * switched a light. Called with the device's lock held, from any thread: look
 * later.
 */
#ifndef DEV_INPUT_H
#define DEV_INPUT_H

struct input_tell {
	void (*look)(void *to);
	void *to;
};

static inline void
input_tell(struct input_tell t)
{
	if (t.look)
		t.look(t.to);
}

enum { INPUT_NUM = 1, INPUT_CAPS = 2, INPUT_SCROLL = 4 }; /* lights */

#endif
