/* SPDX-License-Identifier: MIT */
/*
 * The public interface of libvmm, lib/vmm.h, over the machine.
 */
#include "lib/vmm.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vmm/machine.h"

struct vmm {
	struct config cfg;
	struct clock *clock;
	struct loop *loop;
	struct machine *machine;
	_Atomic bool running;
};

struct vmm *
vmm_new(void)
{
	struct vmm *v = calloc(1, sizeof(*v));

	if (v)
		config_init(&v->cfg);
	return v;
}

void
vmm_free(struct vmm *v)
{
	bool hung;

	if (!v)
		return;
	hung = v->machine && machine_hung(v->machine);
	machine_free(v->machine);
	if (hung) /* a thread of it may still use the rest, for ever */
		return;
	loop_free(v->loop);
	clock_free(v->clock);
	config_free(&v->cfg);
	free(v);
}

int
vmm_set(struct vmm *v, const char *key, const char *value)
{
	return config_set(&v->cfg, key, value);
}

static void
ended(void *to)
{
	struct vmm *v = to;

	loop_stop(v->loop);
}

int
vmm_run(struct vmm *v, struct vmm_end *end)
{
	const struct end *e;
	int r = 0;

	if (v->machine)
		return failx(-EBUSY, "the machine has run");
	/* One that could not be built may be tried again. */
	if (!v->clock && !(v->clock = clock_new()))
		return fail(-ENOMEM, "clock");
	if (!v->loop)
		r = loop_new(&v->loop, v->clock);
	if (!r)
		r = machine_new(
			&v->machine, &v->cfg, v->loop, v->clock, NULL, NULL);
	if (!r)
		r = machine_start(v->machine, ended, v);
	if (r)
		return r;
	atomic_store(&v->running, true);
	r = loop_run(v->loop);
	atomic_store(&v->running, false);
	e = machine_end(v->machine);
	if (end && e) {
		end->code = e->code;
		memcpy(end->cause, e->cause, sizeof(end->cause));
	}
	return r;
}

static void
button(void *to)
{
	machine_button(((struct vmm *)to)->machine);
}

static void
quit(void *to)
{
	machine_stop(((struct vmm *)to)->machine, END_OUTSIDE,
		"stopped from outside");
}

void
vmm_button(struct vmm *v)
{
	if (atomic_load(&v->running))
		loop_post(v->loop, button, v);
}

void
vmm_quit(struct vmm *v)
{
	if (atomic_load(&v->running))
		loop_post(v->loop, quit, v);
}

int
vmm_registers(const struct vmm *v, char *buf, int size)
{
	if (!v->machine)
		return 0;
	return machine_registers(v->machine, 0, buf, size);
}

const char *
vmm_engine(const struct vmm *v)
{
	return v->machine ? machine_engine(v->machine) : NULL;
}

const char *
vmm_error(void)
{
	return fail_text();
}

const char *
vmm_version(void)
{
	return VERSION;
}
