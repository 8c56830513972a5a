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
#include <unistd.h>

#include "lib/err.h"
#include "vmm/machine-int.h"

/* Have the loop look. */
static void
post(struct machine *m)
{
	loop_call(m->loop, &m->decide);
}

void
machine_tell(struct machine *m, enum machine_event what)
{
	if (m->on_event)
		m->on_event(m->on_event_to, what);
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

	if (match_feed(&m->panic, p, n) && !atomic_exchange(&m->panicked, true))
		post(m);
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

/* A thread that could not be confined enters nothing. */
static void
thread_begins(struct thread *t)
{
	struct machine *m = t->m;
	int r = m->on_thread ? m->on_thread(m->on_thread_to) : 0;

	atomic_store(&t->tid, gettid());
	pthread_mutex_lock(&m->lock);
	if (r) {
		m->broken = true;
		snprintf(m->why, sizeof(m->why), "%s", fail_text());
		post(m);
	}
}

static void *
vcpu_thread(void *arg)
{
	struct thread *t = arg;
	struct machine *m = t->m;

	thread_begins(t);
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
void
machine_park(struct machine *m)
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

/* Let them go, unless they were told something while parking: then they stay
 * where they are, and decide() comes. */
void
machine_unpark(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	if (!m->noticed && !m->tripled && !m->broken) {
		m->park = false;
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
}

void
machine_ask_in(struct machine *m, int64_t ns)
{
	m->ask_every = ns;
	timer_arm(&m->ask, clock_now(m->clock) + ns);
}

/* ---- loading and resetting ---- */

static int
make_screen(struct machine *m, struct boot_params *p)
{
	struct config_mode wish;
	bool any = p->kernel.p &&
		   boot_wish(p, &wish.width, &wish.height, &wish.bits);

	return board_screen(m->board, &m->host, any ? &wish : NULL, &p->screen);
}

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
	input_reset(&m->input);
	r = board_reset(m->board, &m->host);
	p.rsdp = m->board->rsdp;
	if (!r)
		r = make_screen(m, &p);
	for (unsigned n = 0; n < m->cpus && !r; n++) {
		cpu_reset(st, n == 0);
		if (m->firmware)
			r = 0; /* it begins where a CPU does */
		else if (n == 0)
			r = boot_load(m->mem, &p, st);
		else if (!m->cfg->flat)
			boot_firmware_msrs(st);
		if (!r)
			r = m->ops->set(m->thread[n].vcpu, st);
	}
	free(st);
	return r;
}

void
machine_reset(struct machine *m)
{
	int r;

	if (m->has_ended)
		return;
	machine_park(m);
	log_say(m->log, LEVEL_INFO, "reset");
	doorbells_flush(m->doorbells);
	if (!machine_drain(m)) { /* it would end up in the next run's memory */
		machine_stop(m, END_FAILED,
			"reset: the host does not answer what a disk asked");
		return;
	}
	drives_reset(m->drives);
	m->io_waits = false;
	machine_start_time(m);
	atomic_store(&m->panicked, false);
	m->panic_told = false;
	pthread_mutex_lock(&m->lock);
	m->noticed = m->tripled = m->io_failed = false;
	m->io_reported = false;
	pthread_mutex_unlock(&m->lock);
	machine_forget_round(m);
	r = machine_load(m);
	if (r) {
		machine_stop(m, END_FAILED, fail_text());
		return;
	}
	if (!m->paused)
		machine_ask_in(m, m->up ? ASK_FIRST : ASK_EARLY);
	machine_tell(m, MACHINE_RESET);
	machine_go_on(m);
}

/* ---- deciding ---- */

/* Nothing that the guest was told is done is in what the host still owes. */
static void
give_up_hung(struct machine *m)
{
	m->hung = !machine_drain(m);
	if (m->hung)
		drives_abandon(m->drives);
}

static void
stop(struct machine *m, enum end_how how, int code, const char *cause)
{
	if (m->has_ended)
		return;
	m->has_ended = true;
	m->end.how = how;
	m->end.code = code;
	snprintf(m->end.cause, sizeof(m->end.cause), "%s", cause);
	timer_disarm(&m->ask);
	timer_disarm(&m->timeout);
	machine_park(m);
	give_up_hung(m);
	machine_tell(m, MACHINE_SHUTDOWN);
	if (m->ended)
		m->ended(m->ended_to);
}

void
machine_stop(struct machine *m, int code, const char *cause)
{
	enum end_how how = END_WELL;

	if (code == END_FAILED)
		how = END_BADLY;
	else if (code >= END_PANIC && code <= END_HALTED)
		how = END_GUEST_FAILED;
	stop(m, how, code, cause);
}

static void
tell_panic(struct machine *m)
{
	if (!m->panic_told) {
		m->panic_told = true;
		machine_tell(m, MACHINE_PANICKED);
	}
}

static void
restart_or_stop(
	struct machine *m, enum on_reset policy, int code, const char *cause)
{
	if (policy == ON_RESET_RESTART)
		machine_reset(m);
	else
		machine_stop(m, code, cause);
}

static void
guest_reset(struct machine *m, int code, const char *cause)
{
	enum on_reset policy = m->cfg->on_reset;

	if (code == END_TRIPLE && m->cfg->on_crash == ON_RESET_RESTART)
		policy = ON_RESET_RESTART;
	if (atomic_load(&m->panicked)) {
		code = END_PANIC;
		cause = "guest panicked (Kernel panic on the console)";
		policy = m->cfg->on_crash;
	}
	restart_or_stop(m, policy, code, cause);
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
		tell_panic(m);
		restart_or_stop(m, m->cfg->on_crash, END_PANIC,
			"guest panicked (pvpanic)");
		break;
	case NOTICE_EXIT:
		snprintf(text, sizeof(text), "debug exit with %u",
			(unsigned)arg);
		stop(m, END_WELL, (int)(arg & 255), text);
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

	machine_park(m);
	for (unsigned n = 0; n < m->cpus && all; n++)
		all = m->ops->halted(m->thread[n].vcpu);
	if (all) {
		restart_or_stop(m, m->cfg->on_crash, END_HALTED,
			"all CPUs halted with interrupts off");
		return;
	}
	m->doubt = true;
	machine_ask_in(m, ASK_FIRST);
	machine_unpark(m);
}

/* The loop runs, so its thread is as confined as it will be, and once they are
 * parked so are the others: into the guest. */
static void
begin(struct machine *m)
{
	machine_park(m);
	m->begun = true;
	if (!m->paused)
		machine_ask_in(m, ASK_EARLY);
	machine_go_on(m);
}

/* A round is over: every vCPU has come out of the engine. The others wait for
 * the first one's word; that one must have run something. */
static void
see_if_up(struct machine *m)
{
	bool kvm = m->ops != &engine_soft; /* the kick itself is an exit */

	if (m->ops->count(m->thread[0].vcpu) < (kvm ? 2 : 1))
		return;
	m->up = true;
	machine_ask_in(m, ASK_FIRST);
	machine_tell(m, MACHINE_UP);
}

/* In the loop: what the vCPUs and devices left to decide. */
void
machine_decide(void *to)
{
	struct machine *m = to;
	bool noticed, tripled, broken, over, seen, all;
	enum notice what;
	uint64_t arg;

	if (!m->begun && !m->has_ended)
		begin(m);
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
	if (over && !m->up && !broken)
		see_if_up(m);
	if (atomic_load(&m->panicked))
		tell_panic(m);
	machine_decide_io(m);
	if (broken)
		machine_stop(m, END_FAILED, m->why);
	else if (noticed)
		act_on_notice(m, what, arg);
	else if (tripled)
		guest_reset(m, END_TRIPLE, "triple fault");
	else if (all && !m->paused && (over || (seen && !m->doubt)))
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
	int r = drives_start(m->drives, m->on_worker, m->on_worker_to);

	if (!r)
		r = board_show(m->board);
	if (r)
		return r;
	m->ended = ended;
	m->ended_to = to;
	m->park = true; /* until begin() */
	for (unsigned n = 0; n < m->cpus; n++) {
		struct thread *t = &m->thread[n];
		int e;

		t->m = m;
		e = pthread_create(&t->id, NULL, vcpu_thread, t);
		if (e)
			return fail(-e, "vCPU %u: thread", n);
		t->started = true;
	}
	if (m->cfg->timeout)
		timer_arm(&m->timeout, clock_now(m->clock) + m->cfg->timeout);
	post(m); /* begin() */
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
