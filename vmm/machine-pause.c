/* SPDX-License-Identifier: MIT */
/*
 * A machine's time: stopped while it is paused or looked at, and what has to be
 * so before its vCPUs go on.
 */
#include "vmm/machine-int.h"

#include <stdio.h>

bool
machine_drain(struct machine *m)
{
	const char *hangs = drives_drain(m->drives, m->patience);

	if (hangs)
		log_say(m->log, LEVEL_WARN,
			"%s: the host does not answer what it was asked",
			hangs);
	return !hangs;
}

/* Parked, both. What the host does not answer, it may still do, and tell,
 * while the machine stands. */
static void
stop_time(struct machine *m)
{
	if (m->stands)
		return;
	m->stands = true;
	clock_pause(m->guest);
	doorbells_flush(m->doorbells);
	machine_drain(m);
	if (m->ops->pause)
		m->ops->pause(m->engine);
}

void
machine_start_time(struct machine *m)
{
	if (!m->stands)
		return;
	m->stands = false;
	if (m->ops->resume)
		m->ops->resume(m->engine);
	clock_resume(m->guest);
}

/* Who is halted is asked anew. */
void
machine_forget_round(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->halt_seen = m->round_done = false;
	m->waiting = 0;
	for (unsigned n = 0; n < m->cpus; n++)
		m->thread[n].answered = m->round;
	m->doubt = false;
	pthread_mutex_unlock(&m->lock);
}

/* Parked: as it was before, paused or running. */
void
machine_go_on(struct machine *m)
{
	if (m->has_ended || !m->begun)
		return;
	if (m->paused) {
		stop_time(m);
		return;
	}
	machine_start_time(m);
	machine_unpark(m);
}

/* ---- from outside ---- */

void
machine_pause(struct machine *m)
{
	if (m->paused || m->has_ended)
		return;
	machine_park(m);
	stop_time(m);
	m->paused = true;
	timer_disarm(&m->ask);
	machine_tell(m, MACHINE_STOP);
}

/* A round that was under way would take being parked for an answer. */
void
machine_resume(struct machine *m)
{
	if (!m->paused || m->has_ended)
		return;
	m->paused = m->io_waits = false;
	drives_retry(m->drives);
	machine_forget_round(m);
	if (m->begun)
		machine_ask_in(m, m->up ? ASK_FIRST : ASK_EARLY);
	machine_tell(m, MACHINE_RESUME);
	machine_go_on(m);
}

bool
machine_paused(const struct machine *m)
{
	return m->paused;
}

void
machine_frozen(
	struct machine *m, void (*fn)(struct machine *, void *to), void *to)
{
	machine_park(m);
	stop_time(m);
	fn(m, to);
	machine_go_on(m);
}

/* ---- what the host refuses ---- */

/* Any thread; the first one of each kind is told. */
void
machine_io_failed(void *to, const char *id, enum disk_op op, int err, bool kept)
{
	struct machine *m = to;
	struct machine_io_error *e = kept ? &m->io_new : &m->io_rep;
	bool *noted = kept ? &m->io_failed : &m->io_reported;

	pthread_mutex_lock(&m->lock);
	if (!*noted) {
		snprintf(e->id, sizeof(e->id), "%s", id);
		e->op = op;
		e->err = err;
		e->kept = kept;
	}
	*noted = true;
	loop_call(m->loop, &m->decide);
	pthread_mutex_unlock(&m->lock);
}

static void
tell_io(struct machine *m, const struct machine_io_error *e)
{
	m->io_told = e;
	machine_tell(m, MACHINE_IO_ERROR);
	m->io_told = NULL;
}

/* A guest that tries again and again fills no log. */
static void
decide_reported(struct machine *m)
{
	int64_t now = clock_now(m->clock);
	struct machine_io_error e;
	bool reported;

	pthread_mutex_lock(&m->lock);
	reported = m->io_reported;
	m->io_reported = false;
	e = m->io_rep;
	pthread_mutex_unlock(&m->lock);
	if (!reported || now < m->io_again)
		return;
	m->io_again = now + NS_PER_S;
	tell_io(m, &e);
}

void
machine_decide_io(struct machine *m)
{
	bool failed;

	decide_reported(m);
	pthread_mutex_lock(&m->lock);
	failed = m->io_failed;
	m->io_failed = false;
	if (failed && !m->io_waits)
		m->io = m->io_new;
	pthread_mutex_unlock(&m->lock);
	if (!failed || m->io_waits)
		return;
	m->io_waits = true;
	tell_io(m, &m->io);
	machine_pause(m);
}

const struct machine_io_error *
machine_io_told(const struct machine *m)
{
	return m->io_told;
}

const struct machine_io_error *
machine_io_error(const struct machine *m)
{
	return m->io_waits ? &m->io : NULL;
}
