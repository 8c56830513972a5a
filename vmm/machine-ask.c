/* SPDX-License-Identifier: MIT */
/* What a machine is asked for, and asked, from outside. */
#include "vmm/machine.h"

#include <errno.h>

#include "lib/err.h"
#include "vmm/machine-int.h"

void
machine_on_event(
	struct machine *m, void (*fn)(void *to, enum machine_event), void *to)
{
	m->on_event = fn;
	m->on_event_to = to;
}

void
machine_on_thread(struct machine *m, int (*fn)(void *to), void *to)
{
	m->on_thread = fn;
	m->on_thread_to = to;
}

void
machine_on_worker(struct machine *m, int (*fn)(void *to), void *to)
{
	m->on_worker = fn;
	m->on_worker_to = to;
}

struct drives *
machine_drives(const struct machine *m)
{
	return m->drives;
}

int
machine_balloon(struct machine *m, uint64_t bytes)
{
	return board_balloon(m->board, &bytes, NULL);
}

int
machine_balloon_now(const struct machine *m, uint64_t *bytes)
{
	return board_balloon(m->board, NULL, bytes);
}

struct input *
machine_input(struct machine *m)
{
	return &m->input;
}

void
machine_on_input(struct machine *m, void (*fn)(void *to), void *to)
{
	m->on_input = fn;
	m->on_input_to = to;
}

struct chr *
machine_port(const struct machine *m, unsigned n)
{
	return m->host.port[n];
}

void
machine_console_size(struct machine *m, unsigned cols, unsigned rows)
{
	board_console_size(m->board, cols, rows);
}

const struct end *
machine_end(const struct machine *m)
{
	return m->has_ended ? &m->end : NULL;
}

void
machine_button(struct machine *m)
{
	log_say(m->log, LEVEL_INFO, "power button");
	board_button(m->board);
	machine_tell(m, MACHINE_POWERDOWN);
}

void
machine_nmi(struct machine *m)
{
	for (unsigned n = 0; n < m->cpus; n++)
		m->ops->nmi(m->thread[n].vcpu);
}
