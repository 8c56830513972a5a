/* SPDX-License-Identifier: MIT */
/* Which device hears of keys and pointers, and that none gets lost. */
#include "vmm/input.h"

#include <errno.h>
#include <linux/input-event-codes.h>

#include "dev/i8042.h"
#include "dev/virtio-input.h"
#include "tests/tap.h"
#include "tests/virtio-rig.h"

static struct input in;
static struct vrig kbd, tab;
static unsigned at; /* events of theirs that were looked at */

static void
setup(bool keyboard, bool tablet)
{
	memset(&in, 0, sizeof(in));
	at = 0;
	in.i8042 = i8042_new((struct i8042_out){0});
	if (keyboard) {
		vrig_init(&kbd);
		vrig_add(&kbd,
			virtio_keyboard_new(kbd.m, (struct input_tell){0}));
		in.keyboard = &kbd.v->dev;
	}
	if (tablet) {
		vrig_init(&tab);
		vrig_add(
			&tab, virtio_tablet_new(tab.m, (struct input_tell){0}));
		in.tablet = &tab.v->dev;
	}
}

static void
teardown(void)
{
	dev_free(in.i8042);
	if (in.keyboard)
		vrig_free(&kbd);
	if (in.tablet)
		vrig_free(&tab);
}

static struct input_event
key(unsigned code, bool down)
{
	return (struct input_event){INPUT_KEY, down, (uint16_t)code, 0};
}

static struct input_event
button(unsigned code, bool down)
{
	return (struct input_event){INPUT_BUTTON, down, (uint16_t)code, 0};
}

static struct input_event
axis(enum input_kind kind, unsigned code, int value)
{
	return (struct input_event){
		(uint8_t)kind, false, (uint16_t)code, value};
}

/* How many of them go. */
static unsigned
sends(const struct input_event *e, unsigned n)
{
	unsigned done = 0, taken;

	while (done < n && !input_send(&in, e + done, n - done, &taken))
		done += taken;
	return done;
}
#define SENDS(...)                                                             \
	sends((struct input_event[]){__VA_ARGS__},                             \
		sizeof((struct input_event[]){__VA_ARGS__}) /                  \
			sizeof(struct input_event))

/* What the PS/2 devices say: "1e 9e", the mouse's with a star. */
static const char *
ps2(void)
{
	static char s[512];
	size_t n = 0;
	unsigned st;

	s[0] = 0;
	while (((st = (unsigned)in.i8042->ops->read(in.i8042, 1, 0, 1)) & 1) &&
		n < sizeof(s) - 8)
		n += (size_t)sprintf(s + n, "%s%02x%s", n ? " " : "",
			(unsigned)in.i8042->ops->read(in.i8042, 0, 0, 1),
			st & 0x20 ? "*" : "");
	return s;
}

static void
mouse_on(void)
{
	in.i8042->ops->write(in.i8042, 1, 0, 1, 0xd4);
	in.i8042->ops->write(in.i8042, 0, 0, 1, 0xf4);
	ps2();
}

static void
give(struct vrig *g)
{
	vrig_start(g, 0, 64);
	for (unsigned n = 0; n < 64; n++)
		vrig_give(g, 0, n, RIG_BUFS + 8 * n, 8, true);
}

/* The events that a driver has got, but for reports' ends, since. */
static const char *
virtio(struct vrig *g)
{
	static char s[512];
	size_t n = 0;
	uint16_t e[4];

	s[0] = 0;
	at = at > ring_done(&g->ring[0]) ? 0 : at;
	for (; at < ring_done(&g->ring[0]) && n < sizeof(s) - 20; at++) {
		mem_read(g->m, RIG_BUFS + 8 * at, e, 8);
		if (e[0])
			n += (size_t)sprintf(s + n, "%s%u.%x=%d", n ? " " : "",
				e[0], e[1], (int16_t)e[2]);
	}
	return s;
}

static void
test_ps2_keys(void)
{
	struct input_event all[40];

	setup(false, false);
	ok(SENDS(key(KEY_LEFTSHIFT, true), key(KEY_A, true), key(KEY_A, false),
		   key(KEY_LEFTSHIFT, false)) == 4,
		"Shift and a");
	ok(input_was_read(&in) == -EAGAIN, "are not read yet");
	is_str(ps2(), "2a 1e 9e aa", "in this order");
	ok(!input_was_read(&in), "and now they are");
	SENDS(key(KEY_LEFTALT, true), key(KEY_SYSRQ, true));
	is_str(ps2(), "38 54", "with Alt, Print is SysRq");
	input_reset(&in);
	SENDS(key(KEY_SYSRQ, true));
	is_str(ps2(), "e0 2a e0 37", "after a reset nothing is held");
	for (unsigned n = 0; n < 40; n++)
		all[n] = key(KEY_B, n % 2 == 0);
	is_u64(sends(all, 40), 11, "what is not read keeps the rest out");
	ok(SENDS(key(700, true)) == 0 && SENDS(key(0, true)) == 0,
		"no such keys");
	teardown();
}

static void
test_virtio_keys(void)
{
	setup(true, false);
	SENDS(key(KEY_A, true));
	is_str(ps2(), "1e", "without a driver, the PS/2 keyboard");
	give(&kbd);
	SENDS(key(KEY_A, false), key(KEY_B, true), key(KEY_B, false));
	is_str(ps2(), "9e", "a key is released where it was pressed");
	is_str(virtio(&kbd), "1.30=1 1.30=0", "others go to the driver");
	ok(!input_was_read(&in), "it has them");
	SENDS(key(KEY_C, true));
	vrig_write(&kbd, C_STATUS, 1, 0);
	SENDS(key(KEY_C, false), key(KEY_D, true));
	is_str(ps2(), "ae 20", "a driver that left is not waited for");
	teardown();
}

static void
test_mouse(void)
{
	struct input_event far[] = {
		axis(INPUT_REL, INPUT_X, 1200), axis(INPUT_REL, INPUT_Y, -1)};
	unsigned taken, n = 0, sum = 0, x;
	const char *p;

	setup(false, false);
	ok(SENDS(axis(INPUT_REL, INPUT_X, 5)) == 0 && !in.dx,
		"a mouse that nobody listens to takes nothing");
	mouse_on();
	ok(SENDS(axis(INPUT_REL, INPUT_X, 5), axis(INPUT_REL, INPUT_Y, 3),
		   button(INPUT_LEFT, true), button(INPUT_LEFT, false)) == 4,
		"a move and a click");
	is_str(ps2(), "29* 05* fd* 08* 00* 00*", "in two packets");
	SENDS(button(INPUT_RIGHT, true), button(INPUT_MIDDLE, true));
	is_str(ps2(), "0a* 00* 00* 0e* 00* 00*", "the other buttons");
	ok(SENDS(axis(INPUT_ABS, INPUT_X, 5)) == 0, "it has no position");
	ok(!input_send(&in, far, 2, &taken) && taken == 2, "a long way");
	while (in.dx || n++ < 2) {
		for (p = ps2(); *p; p += 12 - (p[11] != ' ')) {
			sscanf(p + 4, "%x", &x);
			sum += x;
			if (strlen(p) < 12)
				break;
		}
		input_settle(&in);
	}
	is_u64(sum, 1200, "is gone to its end");
	ok(SENDS(button(INPUT_WHEEL_UP, true), button(INPUT_WHEEL_UP, false)) ==
			2,
		"a wheel that it has not");
	teardown();
}

static void
test_tablet(void)
{
	setup(false, true);
	mouse_on();
	ok(input_absolute(&in) && SENDS(axis(INPUT_ABS, INPUT_X, 5)) == 0,
		"a tablet without a driver takes nothing");
	SENDS(button(INPUT_LEFT, true), button(INPUT_LEFT, false));
	is_str(ps2(), "09* 00* 00* 08* 00* 00*", "buttons are the mouse's");
	give(&tab);
	ok(SENDS(axis(INPUT_ABS, INPUT_X, 5), axis(INPUT_ABS, INPUT_Y, 0x7fff),
		   button(INPUT_LEFT, true), button(INPUT_LEFT, false)) == 4,
		"a place and a click");
	is_str(virtio(&tab), "3.0=5 3.1=32767 1.110=1 1.110=0", "there");
	SENDS(axis(INPUT_ABS, INPUT_Y, 7), button(INPUT_WHEEL_DOWN, true),
		button(INPUT_WHEEL_DOWN, false));
	is_str(virtio(&tab), "3.0=5 3.1=7 2.8=-1", "an axis stays; the wheel");
	SENDS(axis(INPUT_REL, INPUT_X, 1));
	is_str(ps2(), "08* 01* 00*", "relative movement is the mouse's");
	teardown();
}

static void
test_let_go(void)
{
	struct input_event e[] = {key(KEY_LEFTCTRL, true), key(KEY_C, true),
		key(KEY_C, false), button(INPUT_LEFT, true)};

	setup(false, false);
	mouse_on();
	sends(e, 4);
	ps2();
	while (SENDS(key(KEY_A, true)))
		continue;
	input_let_go(&in, e, 4);
	ok(strstr(ps2(), " 08* 00* 00*"), "a button left down is released");
	input_settle(&in);
	is_str(ps2(), "9d", "a key as well, once there is room");
	input_settle(&in);
	is_str(ps2(), "", "once");
	teardown();
}

int
main(void)
{
	deadline(30);
	test_ps2_keys();
	test_virtio_keys();
	test_mouse();
	test_tablet();
	test_let_go();
	return done();
}
