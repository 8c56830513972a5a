/* SPDX-License-Identifier: MIT */
/*
 * Which device hears of an event, in what form; and what is down.
 */
#include "vmm/input.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>

#include "dev/i8042.h"
#include "dev/virtio-input.h"
#include "lib/err.h"
#include "lib/keys.h"

static bool
has(const uint64_t *set, unsigned code)
{
	return set[code / 64] >> code % 64 & 1;
}

static void
put(uint64_t *set, unsigned code, bool on)
{
	if (on)
		set[code / 64] |= 1ull << code % 64;
	else
		set[code / 64] &= ~(1ull << code % 64);
}

/* ---- keys ---- */

/* Modifiers that are down on the PS/2 keyboard. */
static unsigned
held(const struct input *in)
{
	static const uint8_t modifiers[] = {KEY_LEFTSHIFT, KEY_RIGHTSHIFT,
		KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTALT, KEY_RIGHTALT};
	unsigned mods = 0;

	for (unsigned n = 0; n < sizeof(modifiers); n++)
		if (has(in->ps2, modifiers[n]))
			mods |= key_modifier(modifiers[n]);
	return mods;
}

static int
key_ps2(struct input *in, const struct key *k, bool down)
{
	uint8_t bytes[KEY_BYTES];
	size_t n = key_set2(k, down, held(in), bytes);

	if (n && !i8042_key(in->i8042, bytes, n))
		return -EAGAIN;
	put(in->ps2, k->code, down);
	return 0;
}

static int
key_virtio(struct input *in, const struct key *k, bool down)
{
	struct virtio_input_event e = {EV_KEY, k->code, down};

	if (!virtio_input_send(in->keyboard, &e, 1))
		return -EAGAIN;
	put(in->virtio, k->code, down);
	return 0;
}

static bool
driven(struct dev *d)
{
	return d && virtio_input_driven(d);
}

/* Released where it was pressed, even if the other one is in charge by now. */
static int
key(struct input *in, unsigned code, bool down)
{
	const struct key *k = code < INPUT_CODES ? key_by_code(code) : NULL;
	bool virtio = driven(in->keyboard);
	int r;

	if (!k)
		return failx(-EINVAL, "no key has the code %u", code);
	if (!virtio)
		memset(in->virtio, 0, sizeof(in->virtio));
	if (!down && (has(in->ps2, code) || has(in->virtio, code)))
		virtio = !has(in->ps2, code);
	r = virtio ? key_virtio(in, k, down) : key_ps2(in, k, down);
	if (!r)
		put(in->going, code, false);
	return r;
}

/* ---- pointers ---- */

static int
clamp(int v, int most)
{
	return v < -most ? -most : v > most ? most : v;
}

/* As the PS/2 mouse has them. */
static unsigned
mouse_buttons(unsigned b)
{
	return (b >> INPUT_LEFT & 1) | (b >> INPUT_RIGHT & 1) << 1 |
	       (b >> INPUT_MIDDLE & 1) << 2 | (b >> INPUT_SIDE & 1) << 3 |
	       (b >> INPUT_EXTRA & 1) << 4;
}

/* What the mouse has not been told: long ways in pieces, the buttons with the
 * last of them. */
static int
flush(struct input *in)
{
	while (in->dx || in->dy || in->dz || in->sent != in->buttons) {
		int x = clamp(in->dx, I8042_FAR), y = clamp(in->dy, I8042_FAR);
		int z = clamp(in->dz, I8042_SPIN);
		bool last = x == in->dx && y == in->dy && z == in->dz;
		unsigned b = last ? in->buttons : in->sent;

		if (!i8042_mouse(in->i8042, x, y, z, mouse_buttons(b)))
			return -EAGAIN;
		in->dx -= x;
		in->dy -= y;
		in->dz -= z;
		in->sent = b;
	}
	return 0;
}

static int
tablet(struct input *in, bool moved, const struct input_event *button)
{
	static const uint16_t code[INPUT_BUTTONS] = {
		[INPUT_LEFT] = BTN_LEFT,
		[INPUT_MIDDLE] = BTN_MIDDLE,
		[INPUT_RIGHT] = BTN_RIGHT,
		[INPUT_SIDE] = BTN_SIDE,
		[INPUT_EXTRA] = BTN_EXTRA,
	};
	struct virtio_input_event e[4];
	unsigned n = 0;

	if (moved) {
		e[n++] = (struct virtio_input_event){EV_ABS, ABS_X, in->x};
		e[n++] = (struct virtio_input_event){EV_ABS, ABS_Y, in->y};
	}
	if (button && code[button->code])
		e[n++] = (struct virtio_input_event){
			EV_KEY, code[button->code], button->down};
	else if (button && button->down)
		e[n++] = (struct virtio_input_event){EV_REL, REL_WHEEL,
			button->code == INPUT_WHEEL_UP ? 1 : -1};
	return !n || virtio_input_send(in->tablet, e, n) ? 0 : -EAGAIN;
}

/* -EAGAIN: nothing of it was told. Else the rest is the next one's to wait for.
 */
static int
mouse(struct input *in, int dx, int dy, const struct input_event *button)
{
	unsigned before = in->buttons;
	int dz = 0;

	if (button && (button->code == INPUT_WHEEL_UP ||
			      button->code == INPUT_WHEEL_DOWN)) {
		if (button->down)
			dz = button->code == INPUT_WHEEL_UP ? -1 : 1;
	} else if (button && button->down) {
		in->buttons |= 1u << button->code;
	} else if (button) {
		in->buttons &= ~(1u << button->code);
	}
	in->dx = dx;
	in->dy = dy;
	in->dz = dz;
	if (!flush(in) || in->dx != dx || in->dy != dy || in->dz != dz)
		return 0;
	in->dx = in->dy = in->dz = 0;
	in->buttons = before;
	return -EAGAIN;
}

struct motion { /* at the same time */
	int dx, dy;
	bool rel, abs;
	int x, y; /* -1: not that */
	const struct input_event *button;
};

static unsigned
collect(const struct input_event *e, unsigned n, struct motion *m)
{
	unsigned k;

	*m = (struct motion){.x = -1, .y = -1};
	for (k = 0; k < n && e[k].kind != INPUT_KEY && !m->button; k++) {
		if (e[k].kind == INPUT_BUTTON) {
			m->button = &e[k];
			continue;
		}
		if (e[k].kind == INPUT_ABS ? m->rel : m->abs)
			break;
		m->rel |= e[k].kind == INPUT_REL;
		m->abs |= e[k].kind == INPUT_ABS;
		if (m->rel && e[k].code == INPUT_X)
			m->dx += e[k].value;
		else if (m->rel)
			m->dy += e[k].value;
		else if (e[k].code == INPUT_X)
			m->x = e[k].value;
		else
			m->y = e[k].value;
	}
	return k;
}

static int
point(struct input *in, const struct motion *m)
{
	int x = in->x, y = in->y, r;

	if (!m->abs && (m->rel || !driven(in->tablet)))
		return mouse(in, m->dx, m->dy, m->button);
	if (!in->tablet)
		return input_no_tablet();
	in->x = m->x < 0 ? x : m->x;
	in->y = m->y < 0 ? y : m->y;
	r = tablet(in, m->abs, m->button);
	if (r) {
		in->x = x;
		in->y = y;
	}
	return r;
}

/* ---- all of them ---- */

int
input_no_tablet(void)
{
	return failx(-ENOTSUP, "no pointer can be told where to be "
			       "(pointer = tablet gives one)");
}

bool
input_absolute(const struct input *in)
{
	return in->tablet;
}

int
input_send(struct input *in, const struct input_event *e, unsigned n,
	unsigned *taken)
{
	struct motion m;
	int r;

	*taken = 0;
	if (e->kind == INPUT_KEY) {
		r = key(in, e->code, e->down);
		*taken = !r;
		return r;
	}
	r = flush(in);
	n = collect(e, n, &m);
	if (!r)
		r = point(in, &m);
	if (!r)
		*taken = n;
	return r;
}

int
input_was_read(struct input *in)
{
	bool keys = i8042_keys_read(in->i8042);
	bool moves = !flush(in) && i8042_mouse_read(in->i8042);

	if (driven(in->keyboard))
		keys &= virtio_input_given(in->keyboard);
	if (driven(in->tablet))
		moves &= virtio_input_given(in->tablet);
	return keys && moves ? 0 : -EAGAIN;
}

void
input_let_go(struct input *in, const struct input_event *e, unsigned n)
{
	unsigned buttons = 0;

	for (unsigned k = 0; k < n; k++) {
		if (e[k].kind == INPUT_KEY && e[k].code < INPUT_CODES)
			put(in->going, e[k].code, e[k].down);
		if (e[k].kind == INPUT_BUTTON)
			buttons |= 1u << e[k].code;
	}
	in->dx = in->dy = in->dz = 0;
	in->buttons &= ~buttons;
	for (unsigned b = 0; b < INPUT_BUTTONS; b++) {
		struct input_event up = {INPUT_BUTTON, false, (uint16_t)b, 0};

		if (buttons >> b & 1 && driven(in->tablet))
			tablet(in, false, &up);
	}
	input_settle(in);
}

void
input_settle(struct input *in)
{
	for (unsigned code = 0; code < INPUT_CODES; code++)
		if (has(in->going, code) && key(in, code, false))
			break;
	flush(in);
}

void
input_reset(struct input *in)
{
	memset(in->ps2, 0, sizeof(in->ps2));
	memset(in->virtio, 0, sizeof(in->virtio));
	memset(in->going, 0, sizeof(in->going));
	in->dx = in->dy = in->dz = 0;
	in->buttons = in->sent = 0;
	in->x = in->y = 0;
}

unsigned
input_lights(const struct input *in)
{
	return driven(in->keyboard) ? virtio_input_lights(in->keyboard)
				    : i8042_lights(in->i8042);
}
