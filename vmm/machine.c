/* SPDX-License-Identifier: MIT */
/*
 * The machine: see machine.h. vCPU threads return from the engine for one of
 * few reasons, note it, and go on or park; everything that changes the machine
 * as a whole happens in the loop's thread while all vCPUs are parked.
 *
 * Halted for good: every vCPU is halted with interrupts off. The engine tells
 * when that happens, or (kvm) when it is asked: a timer asks all of them in
 * rounds. What they say one by one is then looked at with all of them parked.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/err.h"
#include "vmm/machine-int.h"

#define ASK_FIRST (NS_PER_S / 10)
#define ASK_LAST (5 * NS_PER_S)

/* Have the loop look. */
static void
post(struct machine *m)
{
	loop_call(m->loop, &m->decide);
}

static void
kick_all(struct machine *m)
{
	for (unsigned n = 0; n < m->cpus; n++)
		if (m->thread[n].vcpu)
			m->ops->kick(m->thread[n].vcpu);
}

/* ---- what devices tell ---- */

void
machine_told(void *to, enum notice what, uint64_t arg)
{
	struct machine *m = to;

	if (what == NOTICE_FLUSH) {
		m->ops->flush(m->engine, arg);
		return;
	}
	pthread_mutex_lock(&m->lock);
	if (!m->noticed) {
		m->noticed = true;
		m->notice = what;
		m->notice_arg = arg;
	}
	m->park = true;
	post(m);
	pthread_mutex_unlock(&m->lock);
	kick_all(m);
}

void
machine_said(void *to, const uint8_t *p, size_t n)
{
	struct machine *m = to;

	if (match_feed(&m->panic, p, n))
		atomic_store(&m->panicked, true);
}

/* ---- vCPU threads ---- */

static void
note_stop(struct machine *m, struct thread *t, enum stop s)
{
	bool halted = s == STOP_HALT;

	switch (s) {
	case STOP_TRIPLE:
		m->tripled = true;
		break;
	case STOP_ERROR:
		m->broken = true;
		snprintf(m->why, sizeof(m->why), "%s", fail_text());
		break;
	case STOP_HALT:
	case STOP_KICK:
		break;
	}
	if (s == STOP_TRIPLE || s == STOP_ERROR) {
		m->park = true;
		post(m);
	}
	t->halted = halted;
	if (t->answered != m->round) {
		t->answered = m->round;
		if (--m->waiting == 0) {
			m->round_done = true;
			post(m);
		}
	} else if (halted && m->waiting == 0 && !m->halt_seen) {
		m->halt_seen = true;
		post(m);
	}
}

static void *
vcpu_thread(void *arg)
{
	struct thread *t = arg;
	struct machine *m = t->m;

	pthread_mutex_lock(&m->lock);
	while (!m->quit) {
		enum stop s;

		if (m->park) {
			t->parked = true;
			pthread_cond_broadcast(&m->changed);
			while (m->park && !m->quit)
				pthread_cond_wait(&m->changed, &m->lock);
			t->parked = false;
			continue;
		}
		pthread_mutex_unlock(&m->lock);
		s = m->ops->run(t->vcpu);
		pthread_mutex_lock(&m->lock);
		note_stop(m, t, s);
	}
	t->parked = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* The loop's thread; returns with all vCPUs parked. */
static void
park(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->park = true;
	pthread_mutex_unlock(&m->lock);
	kick_all(m);
	pthread_mutex_lock(&m->lock);
	for (unsigned n = 0; n < m->cpus; n++)
		while (m->thread[n].started && !m->thread[n].parked)
			pthread_cond_wait(&m->changed, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

static void
unpark(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->park = false;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

/* ---- loading and resetting ---- */

int
machine_load(struct machine *m)
{
	struct boot_params p = {
		.kernel = m->kernel,
		.initrd = m->initrd,
		.cmdline = m->cfg->cmdline ? m->cfg->cmdline : "",
		.flat = m->cfg->flat,
		.flat_addr = m->cfg->flat_addr,
		.entry32 = m->cfg->entry == 32,
		.entry64 = m->cfg->entry == 64,
		.steady = m->cfg->icount,
	};
	struct cpu_state *st = malloc(sizeof(*st));
	int r;

	if (!st)
		return fail(-ENOMEM, "machine");
	r = board_reset(m->board, &m->host);
	p.rsdp = m->board->rsdp;
	for (unsigned n = 0; n < m->cpus && !r; n++) {
		cpu_reset(st, n == 0);
		if (n == 0)
			r = boot_load(m->mem, &p, st);
		else if (!m->cfg->flat)
			boot_firmware_msrs(st);
		if (!r)
			r = m->ops->set(m->thread[n].vcpu, st);
	}
	free(st);
	return r;
}

static void
forget(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->noticed = m->tripled = false;
	m->halt_seen = m->round_done = false;
	m->waiting = 0;
	for (unsigned n = 0; n < m->cpus; n++)
		m->thread[n].answered = m->round;
	m->doubt = false;
	pthread_mutex_unlock(&m->lock);
	m->ask_every = ASK_FIRST;
	timer_arm(&m->ask, clock_now(m->clock) + m->ask_every);
}

void
machine_reset(struct machine *m)
{
	int r;

	if (m->has_ended)
		return;
	park(m);
	log_say(m->log, LEVEL_INFO, "reset");
	atomic_store(&m->panicked, false);
	forget(m);
	r = machine_load(m);
	if (r) {
		machine_stop(m, END_FAILED, fail_text());
		return;
	}
	unpark(m);
}

/* ---- deciding ---- */

void
machine_stop(struct machine *m, int code, const char *cause)
{
	if (m->has_ended)
		return;
	m->has_ended = true;
	m->end.code = code;
	snprintf(m->end.cause, sizeof(m->end.cause), "%s", cause);
	timer_disarm(&m->ask);
	timer_disarm(&m->timeout);
	park(m);
	if (m->ended)
		m->ended(m->ended_to);
}

static void
guest_reset(struct machine *m, int code, const char *cause)
{
	if (atomic_load(&m->panicked)) {
		code = END_PANIC;
		cause = "guest panicked (Kernel panic on the console)";
	}
	if (m->cfg->on_reset == ON_RESET_RESTART)
		machine_reset(m);
	else
		machine_stop(m, code, cause);
}

static void
act_on_notice(struct machine *m, enum notice what, uint64_t arg)
{
	char text[64];

	switch (what) {
	case NOTICE_POWEROFF:
		machine_stop(m, END_POWEROFF, "");
		break;
	case NOTICE_RESET:
		guest_reset(m, END_RESET, "guest reset");
		break;
	case NOTICE_PANIC:
		machine_stop(m, END_PANIC, "guest panicked (pvpanic)");
		break;
	case NOTICE_EXIT:
		snprintf(text, sizeof(text), "debug exit with %u",
			(unsigned)arg);
		machine_stop(m, (int)(arg & 255), text);
		break;
	case NOTICE_FLUSH:
		break;
	}
}

/* Start a round: every vCPU comes out of the engine and says how it is. */
static void
ask_all(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	if (m->waiting || m->park) {
		pthread_mutex_unlock(&m->lock);
		return;
	}
	m->round++;
	m->waiting = m->cpus;
	m->round_done = false;
	pthread_mutex_unlock(&m->lock);
	kick_all(m);
}

static bool
everyone_halted(const struct machine *m)
{
	for (unsigned n = 0; n < m->cpus; n++)
		if (!m->thread[n].halted)
			return false;
	return true;
}

void
machine_ask(void *to)
{
	struct machine *m = to;

	m->doubt = false;
	ask_all(m);
	m->ask_every =
		m->ask_every * 2 < ASK_LAST ? m->ask_every * 2 : ASK_LAST;
	timer_arm(&m->ask, clock_now(m->clock) + m->ask_every);
}

/* Told while parking, the vCPUs stay where they are: decide() comes. */
static void
unpark_unless_told(struct machine *m)
{
	bool told;

	pthread_mutex_lock(&m->lock);
	told = m->noticed || m->tripled || m->broken;
	pthread_mutex_unlock(&m->lock);
	if (!told)
		unpark(m);
}

/*
 * Every vCPU said that it is halted, each at its own moment: one may have woken
 * another since. With all of them parked there is one picture. If it shows
 * another thing, the next look is the timer's: CPUs that wake each other by NMI
 * say so all the time.
 */
static void
look(struct machine *m)
{
	bool all = true;

	park(m);
	for (unsigned n = 0; n < m->cpus && all; n++)
		all = m->ops->halted(m->thread[n].vcpu);
	if (all) {
		machine_stop(
			m, END_HALTED, "all CPUs halted with interrupts off");
		return;
	}
	m->doubt = true;
	m->ask_every = ASK_FIRST;
	timer_arm(&m->ask, clock_now(m->clock) + m->ask_every);
	unpark_unless_told(m);
}

/* In the loop: what the vCPUs and devices left to decide. */
void
machine_decide(void *to)
{
	struct machine *m = to;
	bool noticed, tripled, broken, over, seen, all;
	enum notice what;
	uint64_t arg;

	pthread_mutex_lock(&m->lock);
	noticed = m->noticed;
	what = m->notice;
	arg = m->notice_arg;
	tripled = m->tripled;
	broken = m->broken;
	over = m->round_done;
	seen = m->halt_seen;
	m->round_done = m->halt_seen = false;
	all = everyone_halted(m);
	pthread_mutex_unlock(&m->lock);
	if (m->has_ended)
		return;
	if (broken)
		machine_stop(m, END_FAILED, m->why);
	else if (noticed)
		act_on_notice(m, what, arg);
	else if (tripled)
		guest_reset(m, END_TRIPLE, "triple fault");
	else if (all && (over || (seen && !m->doubt)))
		look(m);
}

void
machine_timed_out(void *to)
{
	machine_stop(to, END_TIMEOUT, "timeout");
}

int
machine_start(struct machine *m, void (*ended)(void *to), void *to)
{
	m->ended = ended;
	m->ended_to = to;
	for (unsigned n = 0; n < m->cpus; n++) {
		struct thread *t = &m->thread[n];
		int e;

		t->m = m;
		e = pthread_create(&t->id, NULL, vcpu_thread, t);
		if (e)
			return fail(-e, "vCPU %u: thread", n);
		t->started = true;
	}
	m->ask_every = ASK_FIRST;
	timer_arm(&m->ask, clock_now(m->clock) + m->ask_every);
	if (m->cfg->timeout)
		timer_arm(&m->timeout, clock_now(m->clock) + m->cfg->timeout);
	return 0;
}

void
machine_join(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->quit = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	kick_all(m);
	for (unsigned n = 0; n < m->cpus; n++)
		if (m->thread[n].started)
			pthread_join(m->thread[n].id, NULL);
}

/* ---- from outside ---- */

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
}

void
machine_nmi(struct machine *m)
{
	for (unsigned n = 0; n < m->cpus; n++)
		m->ops->nmi(m->thread[n].vcpu);
}
