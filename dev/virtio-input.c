/* SPDX-License-Identifier: MIT */
/*
 * virtio input devices. Events that the driver has no buffers for wait in a
 * queue of our own, and when that is full, with whoever makes them. Left out:
 * key maps and what else a driver may write; it can switch lights.
 */
#include "dev/virtio-input.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/keys.h"

enum { EVENTQ, STATUSQ, QUEUES };
enum { ENTRIES = 64, QUEUE = 64, EVENT = 8, LIGHTS = 3 };

enum { /* the configuration, 5.8.4: what it selects, and where it lies */
	CFG_NAME = 0x01,
	CFG_SERIAL,
	CFG_IDS,
	CFG_PROPS = 0x10,
	CFG_BITS,
	CFG_ABS,
	AT_SELECT = 0,
	AT_SUBSEL,
	AT_SIZE,
	AT_DATA = 8,
	DATA = 128,
	CONFIG = AT_DATA + DATA
};

enum { BUS_VIRTUALLY = 6, VENDOR = 0x1af4, KEYBOARD = 1, TABLET = 3 };

struct input {
	struct virtio v;
	struct input_tell host;
	bool tablet;
	bool waits; /* host does */
	struct input_regs {
		struct virtio_regs v;
		uint64_t queue[QUEUE]; /* type, code, value, little-endian */
		uint8_t queued, select, subsel, leds;
		uint32_t spare; /* always 0 */
	} r;
	struct iovec iov[ENTRIES];
	uint64_t gpa[ENTRIES];
};

static const struct field fields[] = {
	VIRTIO_FIELDS(struct input, r),
	FIELDS(struct input, r, queue),
	FIELD(struct input, r, queued),
	FIELD(struct input, r, select),
	FIELD(struct input, r, subsel),
	FIELD(struct input, r, leds),
	FIELD(struct input, r, spare),
	FIELD_END,
};

static struct input *
of(struct dev *d)
{
	return (struct input *)d;
}

static struct virtq_chain
chain_of(struct input *in)
{
	return (struct virtq_chain){
		.iov = in->iov, .gpa = in->gpa, .room = ENTRIES};
}

/* ---- events to the driver ---- */

static void
deliver(struct input *in)
{
	struct virtq_chain c = chain_of(in);
	unsigned done = 0;

	while (done < in->r.queued && virtio_pop(&in->v, EVENTQ, &c)) {
		size_t n = virtq_copy_in(
			in->v.mem, &c, 0, &in->r.queue[done], EVENT);

		if (n == EVENT)
			done++;
		else
			dev_odd(&in->v.dev, "no room for an event");
		virtio_push(&in->v, EVENTQ, c.head, (uint32_t)n);
	}
	virtio_signal(&in->v, EVENTQ);
	in->r.queued = (uint8_t)(in->r.queued - done);
	memmove(in->r.queue, in->r.queue + done,
		in->r.queued * sizeof(*in->r.queue));
	memset(in->r.queue + in->r.queued, 0, done * sizeof(*in->r.queue));
	if (in->waits && !in->r.queued && virtio_running(&in->v)) {
		in->waits = false;
		input_tell(in->host);
	}
}

static uint64_t
packed(const struct virtio_input_event *e)
{
	return e->type | (uint64_t)e->code << 16 |
	       (uint64_t)(uint32_t)e->value << 32;
}

bool
virtio_input_send(struct dev *d, const struct virtio_input_event *e, unsigned n)
{
	struct input *in = of(d);
	bool taken;

	dev_lock(d);
	taken = virtio_running(&in->v) && n <= VIRTIO_INPUT_EVENTS &&
		n + 1 <= QUEUE - (unsigned)in->r.queued;
	in->waits |= !taken;
	for (unsigned k = 0; taken && k < n; k++)
		in->r.queue[in->r.queued++] = packed(&e[k]);
	if (taken) {
		in->r.queue[in->r.queued++] = EV_SYN; /* SYN_REPORT */
		deliver(in);
	}
	dev_unlock(d);
	return taken;
}

bool
virtio_input_driven(struct dev *d)
{
	bool driven;

	dev_lock(d);
	driven = virtio_running(&of(d)->v);
	dev_unlock(d);
	return driven;
}

bool
virtio_input_given(struct dev *d)
{
	bool given;

	dev_lock(d);
	given = !of(d)->r.queued;
	of(d)->waits |= !given;
	dev_unlock(d);
	return given;
}

/* ---- lights from it ---- */

unsigned
virtio_input_lights(struct dev *d)
{
	unsigned leds;

	dev_lock(d);
	leds = of(d)->r.leds; /* in the same order */
	dev_unlock(d);
	return leds;
}

static void
set_light(struct input *in, const uint8_t e[EVENT])
{
	unsigned type = e[0] | e[1] << 8, code = e[2] | e[3] << 8;
	uint8_t was = in->r.leds;

	if (type != EV_LED || code >= LIGHTS || in->tablet)
		return;
	in->r.leds &= (uint8_t) ~(1u << code);
	if (e[4] | e[5] | e[6] | e[7])
		in->r.leds |= (uint8_t)(1u << code);
	if (in->r.leds != was)
		input_tell(in->host);
}

static void
listen(struct input *in)
{
	struct virtq_chain c = chain_of(in);
	uint8_t e[EVENT];

	while (virtio_pop(&in->v, STATUSQ, &c)) {
		if (virtq_copy_out(&c, 0, e, EVENT) == EVENT)
			set_light(in, e);
		else
			dev_odd(&in->v.dev, "a short event");
		virtio_push(&in->v, STATUSQ, c.head, 0);
	}
	virtio_signal(&in->v, STATUSQ);
}

static void
kick(struct virtio *v, unsigned n)
{
	if (n == STATUSQ)
		listen((struct input *)v);
	else
		deliver((struct input *)v);
}

/* ---- what it is ---- */

static uint8_t
put16(uint8_t *to, unsigned v)
{
	to[0] = (uint8_t)v;
	to[1] = (uint8_t)(v >> 8);
	return 2;
}

static uint8_t
put_text(uint8_t *to, const char *text)
{
	size_t n = strlen(text);

	n = n > DATA ? DATA : n;
	memcpy(to, text, n);
	return (uint8_t)n;
}

static uint8_t
put_ids(const struct input *in, uint8_t *to)
{
	put16(to, BUS_VIRTUALLY);
	put16(to + 2, VENDOR);
	put16(to + 4, in->tablet ? TABLET : KEYBOARD);
	put16(to + 6, 1);
	return 8;
}

static void
set_bit(uint8_t *to, unsigned bit, uint8_t *size)
{
	to[bit / 8] |= (uint8_t)(1 << bit % 8);
	if (*size <= bit / 8)
		*size = (uint8_t)(bit / 8 + 1);
}

static uint8_t
keyboard_bits(unsigned type, uint8_t *to)
{
	const struct key *k;
	uint8_t size = 0;

	switch (type) {
	case EV_KEY:
		for (size_t n = 0; (k = key_at(n)); n++)
			set_bit(to, k->code, &size);
		break;
	case EV_LED:
		for (unsigned n = 0; n < LIGHTS; n++)
			set_bit(to, n, &size);
		break;
	case EV_REP: /* the driver repeats keys that are held */
		set_bit(to, REP_DELAY, &size);
		set_bit(to, REP_PERIOD, &size);
		break;
	}
	return size;
}

static uint8_t
tablet_bits(unsigned type, uint8_t *to)
{
	uint8_t size = 0;

	switch (type) {
	case EV_KEY:
		for (unsigned n = BTN_LEFT; n <= BTN_EXTRA; n++)
			set_bit(to, n, &size);
		break;
	case EV_REL:
		set_bit(to, REL_WHEEL, &size);
		break;
	case EV_ABS:
		set_bit(to, ABS_X, &size);
		set_bit(to, ABS_Y, &size);
		break;
	}
	return size;
}

/* What is selected, into 128 zeroed bytes: how many it is. */
static uint8_t
selected(const struct input *in, uint8_t *to)
{
	unsigned sub = in->r.subsel;

	switch (in->r.select) {
	case CFG_BITS:
		return in->tablet ? tablet_bits(sub, to)
				  : keyboard_bits(sub, to);
	case CFG_ABS:
		if (!in->tablet || (sub != ABS_X && sub != ABS_Y))
			return 0;
		put16(to + 4, VIRTIO_TABLET_MAX); /* min max fuzz flat res */
		return 20;
	default:
		break;
	}
	if (sub)
		return 0;
	switch (in->r.select) {
	case CFG_NAME:
		return put_text(to,
			in->tablet ? "vm-utils tablet" : "vm-utils keyboard");
	case CFG_SERIAL:
		return put_text(to, in->v.dev.id);
	case CFG_IDS:
		return put_ids(in, to);
	default: /* CFG_PROPS: none */
		return 0;
	}
}

static uint32_t
config_read(struct virtio *v, unsigned at, unsigned size)
{
	const struct input *in = (struct input *)v;
	uint8_t c[CONFIG] = {in->r.select, in->r.subsel};
	uint32_t val = 0;

	c[AT_SIZE] = selected(in, c + AT_DATA);
	for (unsigned n = 0; n < size; n++)
		val |= (uint32_t)c[at + n] << 8 * n;
	return val;
}

static void
config_write(struct virtio *v, unsigned at, unsigned size, uint32_t val)
{
	struct input *in = (struct input *)v;

	for (unsigned n = 0; n < size; n++, val >>= 8) {
		if (at + n == AT_SELECT)
			in->r.select = (uint8_t)val;
		else if (at + n == AT_SUBSEL)
			in->r.subsel = (uint8_t)val;
	}
}

/* ---- the device ---- */

static bool
reset(struct virtio *v)
{
	struct input *in = (struct input *)v;
	uint8_t leds = in->r.leds;

	memset(in->r.queue, 0, sizeof(in->r.queue));
	in->r.queued = in->r.select = in->r.subsel = in->r.leds = 0;
	if (leds)
		input_tell(in->host);
	return true;
}

static void
ready(struct virtio *v)
{
	struct input *in = (struct input *)v;

	if (in->waits)
		input_tell(in->host);
	in->waits = false;
}

static int
loaded(struct virtio *v)
{
	struct input *in = (struct input *)v;

	in->r.spare = 0;
	if (in->r.queued > QUEUE || in->r.leds >> LIGHTS)
		return failx(
			-EINVAL, "%s: no state of an input device", v->dev.id);
	return 0;
}

#define OPS(title, class)                                                      \
	{                                                                      \
		.dev = {.name = title,                                         \
			.fields = fields,                                      \
			DEV_REGS(struct input, r),                             \
			VIRTIO_DEV_OPS},                                       \
		.id = VIRTIO_ID_INPUT, .pci_class = class,                     \
		.config_size = CONFIG, .kick = kick, .ready = ready,           \
		.config_read = config_read, .config_write = config_write,      \
		.reset = reset, .loaded = loaded,                              \
	}

static const struct virtio_ops keyboard = OPS("virtio-keyboard", 0x090000);
static const struct virtio_ops tablet = OPS("virtio-tablet", 0x098000);

static struct dev *new (
	const struct virtio_ops *ops, struct mem *m, struct input_tell host)
{
	static const uint16_t max[QUEUES] = {ENTRIES, ENTRIES};
	struct input *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->host = host;
	in->tablet = ops == &tablet;
	virtio_init(&in->v, ops, &in->r.v, m, 0, QUEUES, max);
	return &in->v.dev;
}

struct dev *
virtio_keyboard_new(struct mem *m, struct input_tell host)
{
	return new (&keyboard, m, host);
}

struct dev *
virtio_tablet_new(struct mem *m, struct input_tell host)
{
	return new (&tablet, m, host);
}
