/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller: Intel 8042 as in the IBM PS/2 (Hardware Interface
 * Technical Reference, "Keyboard and Auxiliary Device Controller"). Its output
 * buffer holds one byte; interrupts are up while it is full. It comes up as
 * firmware leaves it: translating, A20 open. Left out: password, test pins, the
 * lock.
 */
#include "dev/i8042.h"
#include "dev/i8042-int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define ST_FULL 0x01
#define ST_SYS 0x04
#define ST_CMD 0x08
#define ST_UNLOCKED 0x10
#define ST_AUX 0x20

#define MODE_KBD_INT 0x01
#define MODE_AUX_INT 0x02
#define MODE_SYS 0x04
#define MODE_KBD_OFF 0x10
#define MODE_AUX_OFF 0x20
#define MODE_TRANSLATE 0x40

#define PORT_RUN 0x01 /* 0 holds the CPU in reset */
#define PORT_A20 0x02
#define PORT_ONES 0xcc

#define CTL_AUX 0x100

static struct i8042 *
of(struct dev *d)
{
	return (struct i8042 *)d;
}

static void
answer(struct i8042 *k, unsigned v)
{
	if (k->r.ctl_n < CTL)
		k->r.ctl_q[k->r.ctl_n++] = (uint16_t)v;
}

/* The keyboard's next byte as it appears at the port, -1 for none. */
static int
kbd_byte(struct i8042_regs *r)
{
	int v = ps2_kbd_next(r);

	if (!(r->mode & MODE_TRANSLATE) || v < 0)
		return v;
	if (v == 0xf0) {
		r->escape = 0x80;
		v = ps2_kbd_next(r);
		if (v < 0)
			return v;
	}
	v = ps2_translate((uint8_t)v) | r->escape;
	r->escape = 0;
	return v;
}

static void
fill(struct i8042_regs *r)
{
	int v = -1;

	if (r->full)
		return;
	if (r->ctl_n) {
		v = r->ctl_q[0];
		r->ctl_n--;
		memmove(r->ctl_q, r->ctl_q + 1, sizeof(r->ctl_q) - 2);
		r->ctl_q[CTL - 1] = 0;
	}
	if (v < 0 && !(r->mode & MODE_KBD_OFF))
		v = kbd_byte(r);
	if (v < 0 && !(r->mode & MODE_AUX_OFF)) {
		v = ps2_mouse_next(r);
		v |= v < 0 ? 0 : CTL_AUX;
	}
	if (v < 0)
		return;
	r->out = (uint8_t)v;
	r->aux = (v & CTL_AUX) != 0;
	r->full = 1;
}

static void
drive(struct i8042 *k)
{
	const struct i8042_regs *r = &k->r;

	irq_set(k->wire.kbd, r->full && !r->aux && (r->mode & MODE_KBD_INT));
	irq_set(k->wire.mouse, r->full && r->aux && (r->mode & MODE_AUX_INT));
	irq_set(k->wire.a20, r->outport & PORT_A20);
}

/* What would not have to be waited for. */
static unsigned
ready(const struct i8042_regs *r)
{
	bool mouse = (r->reporting || r->remote) && !r->wrap;

	return (r->scanning && !r->kbd_n ? WAIT_KEYS : 0) |
	       (mouse && !r->aux_n ? WAIT_MOUSE : 0) |
	       (!r->kbd_n && !(r->full && !r->aux) ? WAIT_KEYS_READ : 0) |
	       (!r->aux_n && !(r->full && r->aux) ? WAIT_MOUSE_READ : 0);
}

static void
update(struct i8042 *k)
{
	fill(&k->r);
	drive(k);
	if (k->waits & ready(&k->r)) {
		k->waits = 0;
		input_tell(k->wire.host);
	}
}

static void
set_outport(struct i8042 *k, uint8_t v)
{
	k->r.outport = v & PORT_A20;
	if (!(v & PORT_RUN))
		notify(k->wire.reset, NOTICE_RESET, 0);
}

static uint8_t
outport(const struct i8042_regs *r)
{
	return r->outport | PORT_RUN | PORT_ONES |
	       (r->full ? (r->aux ? 0x20 : 0x10) : 0);
}

static void
set_mode(struct i8042_regs *r, uint8_t v)
{
	r->mode = v;
	r->status = (r->status & ST_CMD) | (v & MODE_SYS ? ST_SYS : 0);
	if (!(v & MODE_TRANSLATE))
		r->escape = 0;
}

static bool
takes_data(uint8_t v)
{
	return (v >= 0x60 && v < 0x80) || (v >= 0xd1 && v <= 0xd4);
}

static void
command(struct i8042 *k, uint8_t v)
{
	struct i8042_regs *r = &k->r;

	r->status |= ST_CMD;
	r->command = takes_data(v) ? v : 0;
	if (v >= 0x20 && v < 0x40) {
		answer(k, v == 0x20 ? r->mode : r->ram[v - 0x21]);
		return;
	}
	if (v >= 0xf0) { /* pulse what is 0 in the low bits */
		if (!(v & PORT_RUN))
			notify(k->wire.reset, NOTICE_RESET, 0);
		return;
	}
	switch (v) {
	case 0xa7:
		r->mode |= MODE_AUX_OFF;
		break;
	case 0xa8:
		r->mode &= (uint8_t)~MODE_AUX_OFF;
		break;
	case 0xa9: /* test the mouse's wires: fine */
	case 0xab:
	case 0xe0: /* test inputs */
		answer(k, 0);
		break;
	case 0xaa: /* self-test: passed */
		r->status |= ST_SYS;
		r->mode |= MODE_SYS;
		answer(k, 0x55);
		break;
	case 0xad:
		r->mode |= MODE_KBD_OFF;
		break;
	case 0xae:
		r->mode &= (uint8_t)~MODE_KBD_OFF;
		break;
	case 0xc0: /* input port: not locked */
		answer(k, 0x80);
		break;
	case 0xd0:
		answer(k, outport(r));
		break;
	case 0xdd:
	case 0xdf:
		r->outport = v == 0xdf ? PORT_A20 : 0;
		break;
	default:
		if (!takes_data(v))
			dev_odd(&k->dev, "unknown command %#x", v);
	}
}

static void
data(struct i8042 *k, uint8_t v)
{
	struct i8042_regs *r = &k->r;
	uint8_t c = r->command, lights = r->leds;

	r->status &= (uint8_t)~ST_CMD;
	r->command = 0;
	if (c == 0x60) {
		set_mode(r, v);
	} else if (c > 0x60 && c < 0x80) {
		r->ram[c - 0x61] = v;
	} else if (c == 0xd1) {
		set_outport(k, v);
	} else if (c == 0xd2 || c == 0xd3) {
		answer(k, v | (c == 0xd3 ? CTL_AUX : 0));
	} else if (c == 0xd4) {
		r->mode &= (uint8_t)~MODE_AUX_OFF;
		ps2_mouse_command(r, v);
	} else {
		r->mode &= (uint8_t)~MODE_KBD_OFF;
		ps2_kbd_command(r, v);
	}
	if (r->leds != lights)
		input_tell(k->wire.host);
}

static uint64_t
i8042_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct i8042 *k = of(d);
	struct i8042_regs *r = &k->r;
	uint8_t v = r->out;

	(void)off, (void)size;
	if (bar)
		return r->status | ST_UNLOCKED | (r->full ? ST_FULL : 0) |
		       (r->full && r->aux ? ST_AUX : 0);
	r->full = 0;
	drive(k); /* the wire falls before the next byte lifts it */
	update(k);
	return v;
}

static void
i8042_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)off, (void)size;
	if (bar)
		command(of(d), (uint8_t)val);
	else
		data(of(d), (uint8_t)val);
	update(of(d));
}

bool
i8042_key(struct dev *d, const uint8_t *set2, size_t n)
{
	bool taken;

	dev_lock(d);
	taken = ps2_kbd_keys(&of(d)->r, set2, n);
	if (!taken)
		of(d)->waits |= WAIT_KEYS;
	update(of(d));
	dev_unlock(d);
	return taken;
}

bool
i8042_mouse(struct dev *d, int dx, int dy, int dz, unsigned buttons)
{
	bool taken;

	dev_lock(d);
	taken = ps2_mouse_move(&of(d)->r, dx, dy, dz, buttons);
	if (!taken)
		of(d)->waits |= WAIT_MOUSE;
	update(of(d));
	dev_unlock(d);
	return taken;
}

static bool
was_read(struct dev *d, unsigned what)
{
	bool done;

	dev_lock(d);
	done = ready(&of(d)->r) & what;
	if (!done)
		of(d)->waits |= what;
	dev_unlock(d);
	return done;
}

bool
i8042_keys_read(struct dev *d)
{
	return was_read(d, WAIT_KEYS_READ);
}

bool
i8042_mouse_read(struct dev *d)
{
	return was_read(d, WAIT_MOUSE_READ);
}

unsigned
i8042_lights(struct dev *d)
{
	unsigned leds;

	dev_lock(d);
	leds = of(d)->r.leds;
	dev_unlock(d);
	return (leds & 2 ? INPUT_NUM : 0) | (leds & 4 ? INPUT_CAPS : 0) |
	       (leds & 1 ? INPUT_SCROLL : 0);
}

static void
reset(struct dev *d)
{
	struct i8042_regs *r = &of(d)->r;

	memset(r, 0, sizeof(*r));
	set_mode(r, MODE_KBD_INT | MODE_SYS | MODE_AUX_OFF | MODE_TRANSLATE);
	r->outport = PORT_A20;
	ps2_kbd_reset(r);
	ps2_mouse_reset(r);
	update(of(d));
}

static bool
sound(const struct i8042_regs *r)
{
	unsigned flags = r->full | r->aux | r->scanning | r->reporting |
			 r->remote | r->wrap | r->scaling;

	return flags <= 1 && r->ctl_n <= CTL && r->kbd_n <= KEYS &&
	       r->kbd_reply_n <= REPLIES && r->aux_n <= PACKETS &&
	       r->aux_reply_n <= REPLIES && !(r->status & ~(ST_SYS | ST_CMD)) &&
	       !(r->outport & ~PORT_A20) && !(r->escape & 0x7f) &&
	       r->scan_set >= 1 && r->scan_set <= 3 &&
	       (r->id == 0 || r->id == 3 || r->id == 4) &&
	       abs(r->dx) <= MOVE_MAX && abs(r->dy) <= MOVE_MAX &&
	       abs(r->dz) <= WHEEL_MAX;
}

static int
loaded(struct dev *d)
{
	if (!sound(&of(d)->r))
		return failx(-EINVAL, "%s: no state of a keyboard controller",
			d->id);
	update(of(d));
	return 0;
}

#define F(m) FIELD(struct i8042, r, m)
#define FS(m) FIELDS(struct i8042, r, m)
static const struct field fields[] = {
	FS(ctl_q),
	F(dx),
	F(dy),
	F(dz),
	F(ctl_n),
	F(mode),
	F(command),
	F(status),
	F(out),
	F(full),
	F(aux),
	F(outport),
	F(escape),
	FS(ram),
	F(kbd_reply_n),
	F(kbd_n),
	F(kbd_command),
	F(kbd_last),
	F(scanning),
	F(scan_set),
	F(leds),
	F(typematic),
	FS(kbd_reply),
	FS(kbd_q),
	F(aux_reply_n),
	F(aux_n),
	F(aux_command),
	F(aux_last),
	F(reporting),
	F(remote),
	F(wrap),
	F(scaling),
	F(resolution),
	F(rate),
	F(rate1),
	F(rate2),
	F(id),
	F(buttons),
	FS(aux_reply),
	FS(aux_q),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "i8042",
	.fields = fields,
	DEV_REGS(struct i8042, r),
	.widest = 1,
	.read = i8042_read,
	.write = i8042_write,
	.reset = reset,
	.loaded = loaded,
};

struct dev *
i8042_new(struct i8042_out wire)
{
	struct i8042 *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	dev_init(&k->dev, &ops);
	k->wire = wire;
	reset(&k->dev);
	return &k->dev;
}
