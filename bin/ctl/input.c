/* SPDX-License-Identifier: MIT */
/*
 * vm-ctl's key and type. What is typed waits here: the machine is given it in
 * pieces, each when the guest has read the one before.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bin/ctl/ctl.h"
#include "bin/tool.h"
#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/keys.h"
#include "lib/utf8.h"
#include "vmm/api-int.h"
#include "vmm/config.h"

enum {
	PATIENCE_MS = 5000, /* with a guest that reads nothing */
	MORE_MS = 5000, /* with the machine's process */
	STEP_MS = 1000,
	DELAY_MS = 10,
	HOLD_MS = 100,
	PIECE = 240, /* events in a command */
	CHAR = 12, /* a character has at most */
	PIECES = 4096 /* bytes of text looked at */
};

/* ---- events ---- */

struct typist {
	const struct ctl *c;
	struct qmp *q;
	json_t *events;
	int64_t delay, next; /* ms; the next key not before */
	uint64_t typed; /* characters */
};

static int
misused(const char *sentence)
{
	failx(-EINVAL, "%s", sentence);
	return tool_misused();
}

static int
patience(const struct ctl *c)
{
	return ctl_patience(c, PATIENCE_MS);
}

static bool
is_paused(const struct ctl *c)
{
	struct home_look look;
	struct home_vm *vm;
	bool yes;

	if (home_find(c->home->home, c->name, &vm))
		return false;
	yes = home_vm_look(vm, &look) == 0 && look.state == HOME_PAUSED;
	home_vm_close(vm);
	return yes;
}

/* A command that takes so long by itself, the time not counted for which the
 * machine is paused. */
static int
call(const struct ctl *c, struct qmp *q, const char *command, json_t *args,
	int64_t takes_ms)
{
	int64_t ms = patience(c), left = ms + takes_ms + MORE_MS;
	int r;

	json_object_set_new(args, "x-wait", json_integer(ms));
	r = qmp_call(q, command, args, NULL, STEP_MS);
	while (r == -ETIMEDOUT && left > STEP_MS) {
		if (!is_paused(c))
			left -= STEP_MS;
		r = qmp_again(q, NULL, STEP_MS);
	}
	return r ? tool_fail() : 0;
}

int
ctl_send_events(const struct ctl *c, struct qmp *q, json_t *events)
{
	return call(c, q, "input-send-event",
		json_pack("{s:o}", "events", events), 0);
}

void
ctl_pause_until(int64_t ms)
{
	int64_t left = ms - now_ms();
	struct timespec t = {left / 1000, left % 1000 * 1000000};

	if (left > 0)
		while (nanosleep(&t, &t) && errno == EINTR)
			;
}

static json_t *
key_event(const struct key *k, bool down)
{
	return json_pack("{s:s, s:{s:b, s:{s:s, s:s}}}", "type", "key", "data",
		"down", down, "key", "type", "qcode", "data", k->name);
}

/* A paused machine at the beginning is somebody's mistake. */
int
ctl_open_awake(const struct ctl *c, struct qmp **q)
{
	json_t *ret;
	bool paused;
	int r = ctl_open(c, q);

	if (r)
		return r;
	r = qmp_call(*q, "query-status", NULL, &ret, patience(c));
	if (!r) {
		paused = json_is_string(json_object_get(ret, "status")) &&
			 strcmp(json_string_value(
					json_object_get(ret, "status")),
				 "paused") == 0;
		json_decref(ret);
		if (paused)
			r = failx(-EBUSY, "%s: paused: it reads no keys",
				c->name);
	}
	if (r)
		qmp_close(*q);
	return r ? tool_fail() : 0;
}

/* ---- key ---- */

static int
press(const struct ctl *c, struct qmp *q, const struct chord *chord)
{
	int64_t hold = c->hold_ms < 0 ? HOLD_MS : c->hold_ms;
	json_t *keys = json_array();

	for (unsigned n = 0; n < chord->n; n++)
		json_array_append_new(
			keys, json_pack("{s:s, s:s}", "type", "qcode", "data",
				      chord->key[n]->name));
	return call(c, q, "send-key",
		json_pack("{s:o, s:I}", "keys", keys, "hold-time",
			(json_int_t)hold),
		hold);
}

int
ctl_key(const struct ctl *c)
{
	struct chord chord;
	struct qmp *q;
	int r;

	if (!c->n_args)
		return misused("key: KEY... is missing");
	for (unsigned n = 0; n < c->n_args; n++)
		if (chord_parse(&chord, c->args[n]))
			return tool_misused();
	r = ctl_open_awake(c, &q);
	if (r)
		return r;
	for (unsigned n = 0; n < c->n_args && !r; n++) {
		if (n)
			ctl_pause_until(
				now_ms() +
				(c->delay_ms < 0 ? DELAY_MS : c->delay_ms));
		chord_parse(&chord, c->args[n]);
		r = press(c, q, &chord);
	}
	qmp_close(q);
	return r;
}

/* ---- type ---- */

static int
flush(struct typist *t)
{
	json_t *events = t->events;

	if (!json_array_size(events))
		return 0;
	ctl_pause_until(t->next);
	t->events = json_array();
	if (ctl_send_events(t->c, t->q, events))
		return TOOL_FAILED;
	t->next = now_ms() + t->delay;
	return 0;
}

static int
type_char(struct typist *t, const struct layout *l, uint32_t ch)
{
	struct chord chord[LAYOUT_CHORDS];
	unsigned n = layout_type(l, ch, chord), i;

	for (unsigned k = 0; k < n; k++) {
		for (i = 0; i < chord[k].n; i++)
			json_array_append_new(
				t->events, key_event(chord[k].key[i], true));
		while (i--)
			json_array_append_new(
				t->events, key_event(chord[k].key[i], false));
	}
	t->typed++;
	return t->delay || json_array_size(t->events) > PIECE - CHAR ? flush(t)
								     : 0;
}

/* The character at p; 0 bytes: it is none. */
static size_t
decode(const char *text, size_t n, uint32_t *ch)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t len = utf8_length(p, n);

	*ch = len == 1   ? p[0]
	      : len == 2 ? p[0] & 0x1f
	      : len == 3 ? p[0] & 0x0f
			 : p[0] & 0x07;
	for (size_t k = 1; k < len; k++)
		*ch = *ch << 6 | (p[k] & 0x3f);
	return len;
}

/* So much of it is characters that are on the layout; the rest, shorter than
 * one, may go on. */
static int
check(const struct layout *l, const char *text, size_t n, bool last,
	size_t *good)
{
	struct chord chord[LAYOUT_CHORDS];
	size_t len;
	uint32_t ch;

	for (*good = 0; *good < n; *good += len) {
		len = decode(text + *good, n - *good, &ch);
		if (!len && !last && n - *good < 4)
			return 0;
		if (!len)
			return failx(-EILSEQ, "type: not UTF-8");
		if (layout_chords(l, ch, chord) < 0)
			return failx(-EINVAL, "type: %s", fail_text());
	}
	return 0;
}

static int
type_text(struct typist *t, const struct layout *l, const char *text, size_t n)
{
	uint32_t ch;
	int r = 0;

	for (size_t at = 0; at < n && !r;) {
		at += decode(text + at, n - at, &ch);
		r = type_char(t, l, ch);
	}
	return r;
}

/* Pieces of stdin to one or the other: t NULL, all of it is just checked. */
static int
each_piece(struct typist *t, const struct layout *l)
{
	size_t kept = 0, good;
	char buf[PIECES];
	ssize_t got;
	int r = 0;

	do {
		got = read(0, buf + kept, sizeof(buf) - kept);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fail(-errno, "stdin");
			return tool_fail();
		}
		kept += (size_t)got;
		r = check(l, buf, kept, !got, &good);
		if (r && t && t->typed)
			r = failx(r,
				"%s, behind %llu characters that were "
				"typed",
				fail_text(), (unsigned long long)t->typed);
		if (r)
			return tool_fail();
		if (t)
			r = type_text(t, l, buf, good);
		if (t && !r)
			r = flush(t); /* before waiting for more */
		kept -= good;
		memmove(buf, buf + good, kept);
	} while (!r && got);
	return r;
}

static int
type_stdin(struct typist *t, const struct layout *l)
{
	off_t at = lseek(0, 0, SEEK_CUR);
	int r = at < 0 ? 0 : each_piece(NULL, l);

	if (at >= 0 && lseek(0, at, SEEK_SET) < 0 && !r) {
		fail(-errno, "stdin");
		return tool_fail();
	}
	return r ? r : each_piece(t, l);
}

/* As the command line says, or the machine's config. */
static const struct layout *
layout(const struct ctl *c)
{
	const struct layout *l;
	struct config cfg;
	char *text = NULL;

	if (c->layout) {
		l = layout_find(c->layout);
		if (!l)
			failx(-EINVAL, "type: there is no layout '%s'",
				c->layout);
		return l;
	}
	config_init(&cfg);
	if (!vmm_config(c->home, c->name, &text))
		config_parse(&cfg, c->name, text, strlen(text));
	l = layout_at(cfg.layout);
	config_free(&cfg);
	free(text);
	return l;
}

int
ctl_type(const struct ctl *c)
{
	struct typist t = {
		.c = c, .delay = c->delay_ms < 0 ? DELAY_MS : c->delay_ms};
	const struct layout *l = layout(c);
	bool in = strcmp(c->arg, "-") == 0;
	size_t n = strlen(c->arg), good;
	int r;

	if (!l)
		return tool_misused();
	if (!in && check(l, c->arg, n, true, &good))
		return tool_fail();
	r = ctl_open_awake(c, &t.q);
	if (r)
		return r;
	t.events = json_array();
	r = in ? type_stdin(&t, l) : type_text(&t, l, c->arg, n);
	if (!r)
		r = flush(&t);
	json_decref(t.events);
	qmp_close(t.q);
	return r;
}

int
ctl_list_keys(void)
{
	const struct key *k;

	for (size_t n = 0; (k = key_at(n)); n++)
		puts(k->name);
	return 0;
}
