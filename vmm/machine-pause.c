/* SPDX-License-Identifier: MIT */
/*
 * A machine's time: stopped while it is paused or looked at, and what has to be
 * so before its vCPUs go on.
 */
#include "vmm/machine-int.h"

/* Parked, both. */
static void
stop_time(struct machine *m)
{
	if (m->stands)
		return;
	m->stands = true;
	clock_pause(m->guest);
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
	m->paused = false;
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
