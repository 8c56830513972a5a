/* SPDX-License-Identifier: MIT */
/* vm-ctl's mouse: where the pointer goes, and what it does there. */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/ctl/ctl.h"
#include "bin/tool.h"
#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/fb.h"
#include "vmm/api-int.h"
#include "vmm/input.h"

static int
misused(const char *sentence)
{
	failx(-EINVAL, "%s", sentence);
	return tool_misused();
}

static json_t *
button_event(const char *button, bool down)
{
	return json_pack("{s:s, s:{s:b, s:s}}", "type", "btn", "data", "down",
		down, "button", button);
}

static json_t *
axis_event(const char *type, const char *axis, int64_t value)
{
	return json_pack("{s:s, s:{s:s, s:I}}", "type", type, "data", "axis",
		axis, "value", (json_int_t)value);
}

/* An integer in -most to most. */
static bool
whole(const char *text, long most, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return *text && !*end && !errno && *out >= -most && *out <= most;
}

/* The size of what the screen shows, in pixels. */
static int
screen_size(const struct ctl *c, unsigned size[2])
{
	struct home_vm *vm;
	struct fb_head head;
	struct fb *fb = NULL;
	int r = home_find(c->home->home, c->name, &vm);

	if (r)
		return r;
	r = fb_open(home_vm_fd(vm), &fb);
	home_vm_close(vm);
	if (r == -ENOENT)
		return failx(r, "%s: no screen, so positions are 0%% to 100%%",
			c->name);
	if (!r)
		r = fb_look(fb, &head);
	if (r == -EAGAIN)
		failx(r, "%s: the screen's size is not to be had", c->name);
	if (!r) {
		size[0] = head.width;
		size[1] = head.height;
	}
	fb_close(fb);
	return r;
}

/* "50%" or "12.5%" of the way, or a pixel. */
static int
position(const struct ctl *c, const char *text, unsigned axis, int64_t *out)
{
	unsigned size[2];
	char *end;
	double v = strtod(text, &end);
	bool percent = strcmp(end, "%") == 0;
	long pixel;

	if (percent ? !(v >= 0 && v <= 100)
		    : !whole(text, 65535, &pixel) || pixel < 0) {
		failx(-EINVAL,
			"mouse: '%.40s' is neither a pixel nor 0%% to "
			"100%%",
			text);
		return tool_misused();
	}
	if (percent) {
		*out = (int64_t)(v * INPUT_ABS_MAX / 100 + 0.5);
		return 0;
	}
	if (screen_size(c, size))
		return tool_fail();
	if (pixel >= (long)size[axis]) {
		failx(-ERANGE, "mouse: %ld: the screen is %ux%u", pixel,
			size[0], size[1]);
		return tool_fail();
	}
	/* The pixel's middle, which no rounding leads out of. */
	*out = (2 * pixel + 1) * INPUT_ABS_MAX / (2 * (long)size[axis]);
	return 0;
}

static int
with_events(const struct ctl *c, json_t *events)
{
	struct qmp *q;
	int r = ctl_open_awake(c, &q);

	if (r) {
		json_decref(events);
		return r;
	}
	r = ctl_send_events(c, q, events);
	qmp_close(q);
	return r;
}

static int
move(const struct ctl *c)
{
	int64_t x, y;
	int r;

	if (c->n_args != 3)
		return misused("mouse: move X Y");
	r = position(c, c->args[1], 0, &x);
	if (!r)
		r = position(c, c->args[2], 1, &y);
	return r ? r
		 : with_events(c, json_pack("[o, o]", axis_event("abs", "x", x),
					  axis_event("abs", "y", y)));
}

static int
rel(const struct ctl *c)
{
	long x, y;

	if (c->n_args != 3 || !whole(c->args[1], INPUT_ABS_MAX, &x) ||
		!whole(c->args[2], INPUT_ABS_MAX, &y))
		return misused("mouse: rel DX DY, in -32767..32767");
	return with_events(c, json_pack("[o, o]", axis_event("rel", "x", x),
				      axis_event("rel", "y", y)));
}

static const char *
button(const struct ctl *c)
{
	static const char *const names[] = {
		"left", "middle", "right", "side", "extra"};
	const char *name = c->n_args > 1 ? c->args[1] : names[0];

	for (unsigned n = 0; n < sizeof(names) / sizeof(*names); n++)
		if (c->n_args < 3 && strcmp(names[n], name) == 0)
			return name;
	misused("mouse: a button is left, middle, right, side or extra");
	return NULL;
}

static int
click(const struct ctl *c)
{
	const char *name = button(c);
	struct qmp *q;
	int r;

	if (!name)
		return TOOL_USAGE;
	if (c->hold_ms < 0)
		return with_events(
			c, json_pack("[o, o]", button_event(name, true),
				   button_event(name, false)));
	r = ctl_open_awake(c, &q);
	if (r)
		return r;
	r = ctl_send_events(c, q, json_pack("[o]", button_event(name, true)));
	ctl_pause_until(now_ms() + c->hold_ms);
	if (!r)
		r = ctl_send_events(
			c, q, json_pack("[o]", button_event(name, false)));
	qmp_close(q);
	return r;
}

static int
hold(const struct ctl *c)
{
	const char *name = button(c);

	if (!name)
		return TOOL_USAGE;
	return with_events(c,
		json_pack("[o]", button_event(name, !strcmp(c->arg, "down"))));
}

static int
wheel(const struct ctl *c)
{
	json_t *events;
	const char *name;
	long n;

	if (c->n_args != 2 || !whole(c->args[1], 100, &n) || !n)
		return misused("mouse: wheel N, in -100..100, not 0");
	name = n < 0 ? "wheel-up" : "wheel-down";
	events = json_array();
	for (n = labs(n); n; n--) {
		json_array_append_new(events, button_event(name, true));
		json_array_append_new(events, button_event(name, false));
	}
	return with_events(c, events);
}

int
ctl_mouse(const struct ctl *c)
{
	static const struct {
		const char *name;
		int (*run)(const struct ctl *);
	} verbs[] = {
		{"move", move},
		{"rel", rel},
		{"click", click},
		{"down", hold},
		{"up", hold},
		{"wheel", wheel},
	};

	for (unsigned n = 0; c->arg && n < sizeof(verbs) / sizeof(*verbs); n++)
		if (strcmp(c->arg, verbs[n].name) == 0)
			return verbs[n].run(c);
	return misused("mouse: " CTL_MOUSE);
}
