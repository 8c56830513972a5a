/* SPDX-License-Identifier: MIT */
/*
 * Who types: the events of one command after the other, as fast as the guest
 * reads them. A client's command is answered when all of it was taken, and the
 * client not read before; so what a client can make us hold is a command, and
 * TYPISTS of them wait at most. A guest that reads nothing for a while is given
 * up.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vmm/control-int.h"
#include "vmm/input.h"

enum { TYPISTS = 32, HOLDING = 1 };

static int64_t
now(const struct control *c)
{
	return clock_now(c->typist.clock);
}

/* ---- typing ---- */

/* 0: done; HOLDING; -EAGAIN: the guest has not read what there is; or worse. */
static int
advance(struct control *c, struct typing *t)
{
	struct input *in = machine_input(c->host.machine);
	unsigned taken;
	int r;

	while (t->at < t->n) {
		if (t->hold_at && t->at == t->hold_at) {
			if (!t->until)
				t->until = now(c) + t->hold;
			t->patience = t->until + t->wait;
			if (now(c) < t->until)
				return HOLDING;
		}
		r = input_send(in, t->ev + t->at, t->n - t->at, &taken);
		if (r)
			return r;
		t->at += taken;
		t->patience = now(c) + t->wait;
	}
	return t->read ? input_was_read(in) : 0;
}

/* What is down stays so only if its owner said all that there was to say. */
static void
let_go(struct control *c, const struct typing *t)
{
	if (t->at < t->n)
		input_let_go(machine_input(c->host.machine), t->ev, t->at);
}

static int
gave_up(const struct typing *t)
{
	bool keys = t->ev[t->at < t->n ? t->at : t->n - 1].kind == INPUT_KEY;
	const char *what = keys ? "keyboard" : "pointer";

	if (t->at == t->n)
		return failx(-ETIMEDOUT,
			"the guest has not read its %s to the end", what);
	return failx(-ETIMEDOUT,
		"the guest does not read its %s: %u of %u events went", what,
		t->at, t->n);
}

/* Its client may go on, and type more. */
static void
finish(struct control *c, struct typing *t, int err)
{
	struct client *cl = t->cl;
	char why[200];

	snprintf(why, sizeof(why), "%s", fail_text());
	c->typing = t->next;
	c->typists--;
	cl->typing = NULL;
	cl->waiting = false;
	let_go(c, t);
	client_answer(cl, t->id, err ? failx(err, "%s", why) : 0);
	free(t);
	client_turn(cl);
}

/* The first one's turn; again when devices or the clock say so. Clients that
 * have more to type at once do not keep the loop. */
void
control_type(void *to)
{
	struct control *c = to;
	struct typing *t;
	int64_t at;
	int r;

	for (unsigned n = 0; (t = c->typing) && n < TYPISTS;) {
		r = advance(c, t);
		if (r == -EAGAIN && machine_paused(c->host.machine))
			t->patience = now(c) + t->wait;
		at = r == HOLDING ? t->until : t->patience;
		if ((r == HOLDING || r == -EAGAIN) && now(c) < at) {
			timer_arm(&c->typist, at);
			return;
		}
		if (r == HOLDING)
			continue;
		finish(c, t, r == -EAGAIN ? gave_up(t) : r);
		n++;
	}
	if (c->typing)
		timer_arm(&c->typist, now(c));
}

void
typing_cancel(struct client *cl)
{
	struct control *c = cl->c;
	struct typing **p = &c->typing, *t = cl->typing;

	if (!t)
		return;
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	c->typists--;
	cl->typing = NULL;
	cl->waiting = false;
	let_go(c, t);
	json_decref(t->id);
	free(t);
	if (c->typing)
		timer_arm(&c->typist, now(c));
}

static int
queue(struct request *q, const struct typing *t)
{
	struct control *c = q->c;
	struct typing *copy, **p = &c->typing;

	if (c->typists == TYPISTS)
		return failx(-EBUSY, "%d others are typing", TYPISTS);
	copy = malloc(sizeof(*copy));
	if (!copy)
		return fail(-ENOMEM, "input");
	*copy = *t;
	copy->cl = q->cl;
	copy->id = json_incref(q->id);
	while (*p)
		p = &(*p)->next;
	*p = copy;
	c->typists++;
	q->cl->typing = copy;
	q->cl->waiting = true;
	if (c->typing == copy)
		timer_arm(
			&c->typist, copy->until ? copy->until : copy->patience);
	return DEFERRED;
}

/* At once where that goes. Who waits for a guest waits for a paused one too. */
int
typing_begin(struct request *q, struct typing *t)
{
	struct control *c = q->c;
	int r;

	if (machine_end(c->host.machine))
		return failx(-ESRCH, "the machine has ended");
	if (machine_paused(c->host.machine) && !t->read)
		return failx(-EBUSY, "the machine is paused: it reads no keys");
	t->patience = now(c) + t->wait;
	r = c->typing ? -EAGAIN : advance(c, t);
	if (r == HOLDING || r == -EAGAIN)
		return queue(q, t);
	if (r)
		let_go(c, t);
	return r;
}
