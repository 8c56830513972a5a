/* SPDX-License-Identifier: MIT */
/* virtio keyboards and tablets: what they say they are, events, lights. */
#include "dev/virtio-input.h"

#include <linux/input-event-codes.h>

#include "lib/keys.h"
#include "tests/tap.h"
#include "tests/virtio-rig.h"

enum { NAME = 1, SERIAL, IDS, PROPS = 0x10, BITS, ABS_INFO };

static struct vrig g;
static unsigned looks;

static void
look(void *to)
{
	(void)to;
	looks++;
}

static void
setup(bool tablet)
{
	struct input_tell tell = {look, NULL};

	looks = 0;
	vrig_init(&g);
	vrig_add(&g, tablet ? virtio_tablet_new(g.m, tell)
			    : virtio_keyboard_new(g.m, tell));
}

/* ---- configuration ---- */

static uint8_t data[128];

/* As a driver does it: the size, and data. */
static unsigned
config(unsigned select, unsigned subsel)
{
	vrig_write(&g, VIRTIO_CONFIG, 1, select);
	vrig_write(&g, VIRTIO_CONFIG + 1, 1, subsel);
	for (unsigned n = 0; n < sizeof(data); n++)
		data[n] = (uint8_t)vrig_read(&g, VIRTIO_CONFIG + 8 + n, 1);
	return vrig_read(&g, VIRTIO_CONFIG + 2, 1);
}

static bool
has_bit(unsigned n)
{
	return data[n / 8] >> n % 8 & 1;
}

static bool
silent(void)
{
	unsigned all = 0;

	for (unsigned n = 0; n < sizeof(data); n++)
		all |= data[n];
	return !all;
}

static void
test_keyboard_config(void)
{
	const struct key *k;
	unsigned lost = 0;

	setup(false);
	is_u64(vrig_pci_read(&g, 0, 4), 0x10521af4, "1af4:1052");
	ok(config(NAME, 0) == 17 && !memcmp(data, "vm-utils keyboard", 17),
		"its name");
	ok(config(SERIAL, 0) && config(IDS, 0) == 8 && data[0] == 6 &&
			data[2] == 0xf4 && data[3] == 0x1a,
		"serial and ids");
	ok(config(BITS, EV_KEY) == 29, "keys up to byte 28");
	for (size_t n = 0; (k = key_at(n)); n++)
		lost += !has_bit(k->code);
	ok(!lost && !has_bit(0) && !has_bit(BTN_LEFT), "all that have a name");
	ok(config(BITS, EV_LED) == 1 && data[0] == 7, "three lights");
	ok(config(BITS, EV_REP) == 1, "it repeats");
	ok(!config(BITS, EV_REL) && !config(BITS, EV_ABS) && silent(),
		"it does not move");
	ok(!config(PROPS, 0) && !config(ABS_INFO, ABS_X) && !config(0, 0) &&
			!config(0xff, 0xff) && !config(NAME, 1) && silent(),
		"nothing more");
	vrig_write(&g, VIRTIO_CONFIG, 2, EV_LED << 8 | BITS);
	is_u64(vrig_read(&g, VIRTIO_CONFIG, 4), EV_LED << 8 | BITS | 1 << 16,
		"selected and read in one go");
	vrig_write(&g, VIRTIO_CONFIG + 8, 4, ~0u);
	is_u64(vrig_read(&g, VIRTIO_CONFIG + 8, 4), 7, "the rest is fixed");
	vrig_free(&g);
}

static void
test_tablet_config(void)
{
	setup(true);
	ok(config(NAME, 0) == 15 && !memcmp(data, "vm-utils tablet", 15),
		"its name");
	ok(config(BITS, EV_KEY) && has_bit(BTN_LEFT) && has_bit(BTN_RIGHT) &&
			has_bit(BTN_MIDDLE) && !has_bit(KEY_A),
		"buttons, no keys");
	ok(config(BITS, EV_ABS) == 1 && data[0] == 3, "two axes");
	ok(config(BITS, EV_REL) == 2 && has_bit(REL_WHEEL) && !has_bit(REL_X),
		"a wheel");
	ok(config(ABS_INFO, ABS_X) == 20 && data[4] == 0xff &&
			data[5] == 0x7f && !data[0] && !data[6],
		"from 0 to 0x7fff");
	ok(config(ABS_INFO, ABS_Y) == 20 && !config(ABS_INFO, ABS_Z),
		"for both of them");
	ok(!config(BITS, EV_LED) && !config(BITS, EV_REP), "no lights");
	vrig_free(&g);
}

/* ---- events ---- */

static bool
key(unsigned code, int value)
{
	struct virtio_input_event e = {EV_KEY, (uint16_t)code, value};

	return virtio_input_send(&g.v->dev, &e, 1);
}

/* Buffers of so many bytes, from..to. */
static void
give(unsigned from, unsigned to, uint32_t len)
{
	for (unsigned n = from; n < to; n++)
		vrig_give(&g, 0, n % 64, RIG_BUFS + 16 * (n % 64), len, true);
}

/* What the nth used buffer holds. */
static uint64_t
event(unsigned n)
{
	uint64_t v = 0;
	uint32_t len;
	unsigned head = ring_used(&g.ring[0], n, &len);

	mem_read(g.m, RIG_BUFS + 16 * head, &v, 8);
	return v;
}

static void
test_events(void)
{
	uint32_t len;
	unsigned n = 0;

	setup(false);
	ok(!virtio_input_driven(&g.v->dev) && !key(KEY_A, 1),
		"no driver, no events");
	vrig_start(&g, 0, 64);
	ok(looks == 1 && virtio_input_driven(&g.v->dev), "told of the driver");
	give(0, 3, 8);
	ok(key(KEY_A, 1), "a key");
	is_u64(ring_done(&g.ring[0]), 2, "it, and the report's end");
	ok(event(0) == (EV_KEY | KEY_A << 16 | 1ull << 32) && event(1) == 0,
		"as evdev has them");
	ring_used(&g.ring[0], 0, &len);
	ok(len == 8 && g.line, "of 8 bytes, with an interrupt");
	ok(key(KEY_A, 0) && !virtio_input_given(&g.v->dev),
		"one more than there are buffers waits");
	is_u64(ring_done(&g.ring[0]), 3, "what has one goes");
	looks = 0;
	give(3, 4, 8);
	ok(ring_done(&g.ring[0]) == 4 && looks == 1 &&
			virtio_input_given(&g.v->dev),
		"and the rest with the next");
	while (n < 100 && key(KEY_B, 1))
		n++;
	ok(n == 32, "32 keys wait, no more");
	looks = 0;
	give(4, 60, 8);
	ok(!looks && !virtio_input_given(&g.v->dev), "not told too early");
	give(60, 68, 8);
	ok(looks == 1 && virtio_input_given(&g.v->dev) && key(KEY_B, 1),
		"told when there is room");
	vrig_free(&g);
}

static void
test_bad_buffers(void)
{
	setup(false);
	vrig_start(&g, 0, 64);
	vrig_give(&g, 0, 0, RIG_BUFS, 7, true);
	vrig_give(&g, 0, 1, RIG_BUFS, 0, true);
	vrig_give(&g, 0, 2, RIG_BUFS, 8, false);
	give(3, 5, 8);
	ok(key(KEY_A, 1), "a key");
	is_u64(ring_done(&g.ring[0]), 5, "too short ones come back");
	ok(event(3) == (EV_KEY | KEY_A << 16 | 1ull << 32) && event(4) == 0,
		"and nothing is lost");
	ok(g.v->dev.odd == 3 && virtio_input_driven(&g.v->dev), "but noted");
	key(KEY_A, 0);
	vrig_write(&g, C_STATUS, 1, 0);
	vrig_start(&g, 0, 64);
	give(0, 2, 8);
	ok(ring_done(&g.ring[0]) == 0 && virtio_input_given(&g.v->dev),
		"a reset forgets what waited");
	vrig_free(&g);
}

static void
test_tablet_events(void)
{
	struct virtio_input_event e[] = {{EV_ABS, ABS_X, 0x7fff},
		{EV_ABS, ABS_Y, 0}, {EV_REL, REL_WHEEL, -1}};

	setup(true);
	vrig_start(&g, 0, 64);
	give(0, 8, 8);
	ok(virtio_input_send(&g.v->dev, e, 3), "a move and a turn");
	ok(ring_done(&g.ring[0]) == 4 &&
			event(0) == (EV_ABS | 0x7fffull << 32) &&
			event(2) == (EV_REL | REL_WHEEL << 16 |
					    0xffffffffull << 32) &&
			event(3) == 0,
		"in one report");
	vrig_free(&g);
}

/* ---- lights ---- */

static void
led(uint16_t type, uint16_t code, uint32_t value, uint32_t len)
{
	uint64_t v = type | (uint32_t)code << 16 | (uint64_t)value << 32;
	static unsigned n;

	mem_write(g.m, RIG_BUFS + 0x1000, &v, 8);
	vrig_give(&g, 1, n++ % 64, RIG_BUFS + 0x1000, len, false);
}

static void
test_lights(void)
{
	setup(false);
	vrig_start(&g, 0, 64);
	looks = 0;
	led(EV_LED, LED_CAPSL, 1, 8);
	led(EV_SYN, 0, 0, 8);
	ok(looks == 1 && virtio_input_lights(&g.v->dev) == INPUT_CAPS,
		"Caps Lock");
	led(EV_LED, LED_NUML, 1, 8);
	led(EV_LED, LED_CAPSL, 0, 8);
	ok(looks == 3 && virtio_input_lights(&g.v->dev) == INPUT_NUM,
		"Num Lock instead");
	led(EV_LED, 3, 1, 8);
	led(EV_LED, 40, 1, 8);
	led(EV_KEY, LED_SCROLLL, 1, 8);
	led(EV_LED, LED_SCROLLL, 1, 7);
	led(EV_LED, LED_SCROLLL, 1, 0);
	ok(looks == 3 && virtio_input_lights(&g.v->dev) == INPUT_NUM,
		"what is none switches none");
	is_u64(ring_done(&g.ring[1]), 9, "all of it comes back");
	vrig_write(&g, C_STATUS, 1, 0);
	ok(looks == 4 && !virtio_input_lights(&g.v->dev),
		"a reset puts them out");
	vrig_free(&g);
}

int
main(void)
{
	deadline(30);
	test_keyboard_config();
	test_tablet_config();
	test_events();
	test_bad_buffers();
	test_tablet_events();
	test_lights();
	return done();
}
