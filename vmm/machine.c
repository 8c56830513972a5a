/* SPDX-License-Identifier: MIT */
/*
 * The machine: see machine.h. vCPU threads return from the engine for one of
 * few reasons, note it, and go on or park; everything that changes the machine
 * as a whole happens in the loop's thread while all vCPUs are parked.
 *
 * Halted for good: every vCPU is halted with interrupts off. A vCPU that says
 * so may be woken by another that says so later, so the loop asks all of them
 * in rounds, and believes two rounds in a row.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/acpipm.h"
#include "lib/err.h"
#include "vmm/board.h"
#include "vmm/boot.h"
#include "vmm/match.h"
#include "vmm/probe.h"

#define ASK_FIRST (NS_PER_S / 10)
#define ASK_LAST (5 * NS_PER_S)

struct thread {
	struct machine *m;
	struct vcpu *vcpu;
	pthread_t id;
	bool started;
	/* under m->lock */
	bool parked;
	bool halted; /* as of its last answer */
	unsigned answered; /* the last round it answered */
};

struct machine {
	const struct config *cfg;
	struct loop *loop;
	struct clock *clock; /* the host's, for what we decide */
	struct clock *guest; /* the devices'; icount: moved by the engine */
	const struct log *log;
	struct mem *mem;
	struct bus *ports, *mmio;
	struct board *board;
	struct board_host host;
	bool own_serial[CONFIG_UARTS], own_debugcon;
	const struct engine_ops *ops;
	struct engine *engine;
	struct blob kernel, initrd;
	struct thread *thread;
	unsigned cpus;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool park, quit; /* vCPUs: park; leave */
	unsigned round; /* of asking who is halted */
	unsigned waiting; /* answers still to come */
	bool posted; /* decide() is on its way */
	enum notice notice;
	uint64_t notice_arg;
	bool noticed, tripled, broken, round_done, halt_seen;
	char why[160]; /* of broken */

	unsigned all_halted; /* rounds in a row */
	int64_t ask_every;
	struct timer ask, timeout;
	struct match panic;
	_Atomic bool panicked;
	bool has_ended;
	struct end end;
	void (*ended)(void *to);
	void *ended_to;
};

static void decide(void *to);

/* With m->lock held: have the loop look. */
static void
post(struct machine *m)
{
	if (!m->posted)
		m->posted = loop_post(m->loop, decide, m) == 0;
}

static void
kick_all(struct machine *m)
{
	for (unsigned n = 0; n < m->cpus; n++)
		if (m->thread[n].vcpu)
			m->ops->kick(m->thread[n].vcpu);
}

/* ---- what devices tell ---- */

static void
told(void *to, enum notice what, uint64_t arg)
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

static void
console_said(void *to, const uint8_t *p, size_t n)
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

static int
load(struct machine *m)
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
	m->all_halted = 0;
	pthread_mutex_unlock(&m->lock);
	m->ask_every = ASK_FIRST;
	timer_arm(&m->ask, clock_now(m->clock) + m->ask_every);
}

void
machine_reset(struct machine *m)
{
	int r;

	park(m);
	log_say(m->log, LEVEL_INFO, "reset");
	atomic_store(&m->panicked, false);
	forget(m);
	r = load(m);
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

static void
ask_timer(void *to)
{
	struct machine *m = to;

	ask_all(m);
	m->ask_every =
		m->ask_every * 2 < ASK_LAST ? m->ask_every * 2 : ASK_LAST;
	timer_arm(&m->ask, clock_now(m->clock) + m->ask_every);
}

static void
round_over(struct machine *m, bool all)
{
	m->all_halted = all ? m->all_halted + 1 : 0;
	if (m->all_halted >= 2)
		machine_stop(
			m, END_HALTED, "all CPUs halted with interrupts off");
	else if (all)
		ask_all(m);
}

/* In the loop: what the vCPUs and devices left to decide. */
static void
decide(void *to)
{
	struct machine *m = to;
	bool noticed, tripled, broken, over, seen, all;
	enum notice what;
	uint64_t arg;

	pthread_mutex_lock(&m->lock);
	m->posted = false;
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
	else if (over)
		round_over(m, all);
	else if (seen && all)
		ask_all(m);
}

static void
timed_out(void *to)
{
	machine_stop(to, END_TIMEOUT, "timeout");
}

/* ---- making ---- */

static int
open_serials(struct machine *m, struct chr *const given[])
{
	int r = 0;

	for (unsigned n = 0; n < m->cfg->serials && !r; n++) {
		if (given && given[n]) {
			m->host.serial[n] = given[n];
		} else {
			r = chr_open(
				&m->host.serial[n], m->cfg->serial[n], m->loop);
			m->own_serial[n] = !r;
		}
		if (!r)
			chr_on_output(m->host.serial[n],
				n == 0 ? console_said : NULL, m);
	}
	if (!r && m->cfg->debugcon) {
		r = chr_open(&m->host.debugcon, m->cfg->debugcon, m->loop);
		m->own_debugcon = !r;
	}
	return r;
}

/* Files first: what is wrong with them is said before anything is made. */
static int
open_files(struct machine *m)
{
	struct boot_params p = {.flat = m->cfg->flat};
	enum boot_kind kind;
	int r;

	if (!m->cfg->kernel)
		return failx(-EINVAL, "no kernel given");
	r = blob_open(&m->kernel, m->cfg->kernel, m->cfg->memory);
	if (r)
		return r;
	p.kernel = m->kernel;
	r = boot_probe(&p, &kind);
	if (!r && m->cfg->initrd)
		r = blob_open(&m->initrd, m->cfg->initrd, m->cfg->memory);
	return r;
}

/* The kvm engine does not open: the probe knows the reason better. */
static int
explain(const struct engine_ops *ops, int err)
{
	struct probe p;

	if (ops == &engine_kvm && probe_kvm(&p) && p.why != PROBE_SLOW)
		return failx(err, "kvm: %s", p.reason);
	return err;
}

static int
open_engine(struct machine *m)
{
	struct engine_config ec = {
		.mem = m->mem,
		.ports = m->ports,
		.mmio = m->mmio,
		.clock = m->guest,
		.log = m->log,
		.cpus = m->cpus,
		.icount = m->cfg->icount,
		.pic_ack = board_pic_ack,
		.eoi = board_eoi,
		.to = m->board,
	};
	int r = probe_choose(m->cfg->accel, NULL, &m->ops);

	if (!r && m->cfg->icount && m->ops != &engine_soft)
		r = failx(-EINVAL, "icount: only the soft engine counts");
	if (!r)
		r = m->ops->open(&m->engine, &ec);
	if (r)
		return explain(m->ops, r);
	log_say(m->log, LEVEL_INFO, "engine %s", m->ops->name);
	m->board->ops = m->ops;
	m->board->engine = m->engine;
	for (unsigned n = 0; n < m->cpus && !r; n++)
		r = m->ops->vcpu_open(m->engine, n, &m->thread[n].vcpu);
	return r;
}

/* icount: a clock that starts at the same time in every run, 2000-01-01. */
static int
make_clock(struct machine *m)
{
	m->guest = m->clock;
	if (!m->cfg->icount)
		return 0;
	if (m->cpus != 1)
		return failx(-EINVAL, "icount: one CPU only");
	m->guest = clock_new_manual(946684800 * NS_PER_S);
	return m->guest ? 0 : fail(-ENOMEM, "clock");
}

static int
build(struct machine *m, struct chr *const serial[])
{
	int r = open_files(m);

	if (!r)
		r = make_clock(m);
	if (!r)
		r = mem_new(&m->mem, m->cfg->memory);
	if (!r)
		r = bus_new(&m->ports, "ports", 0x10000);
	if (!r)
		r = bus_new(&m->mmio, "memory", 1ull << 52);
	if (!r)
		r = open_serials(m, serial);
	if (r)
		return r;
	m->host.config = m->cfg;
	m->host.mem = m->mem;
	m->host.ports = m->ports;
	m->host.mmio = m->mmio;
	m->host.clock = m->guest;
	m->host.log = m->log;
	m->host.notify = (struct notify){told, m};
	r = board_pc_new(&m->board, &m->host);
	if (!r)
		r = open_engine(m);
	return r ? r : load(m);
}

int
machine_new(struct machine **out, const struct config *cfg, struct loop *loop,
	struct clock *clock, const struct log *log, struct chr *const serial[])
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return fail(-ENOMEM, "machine");
	m->cfg = cfg;
	m->loop = loop;
	m->clock = clock;
	m->log = log;
	m->cpus = (unsigned)cfg->cpus;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	timer_init(&m->ask, clock, NULL, ask_timer, m);
	timer_init(&m->timeout, clock, NULL, timed_out, m);
	match_init(&m->panic, "Kernel panic - not syncing");
	m->thread = calloc(m->cpus, sizeof(*m->thread));
	r = m->thread ? build(m, serial) : fail(-ENOMEM, "machine");
	if (r) {
		machine_free(m);
		return r;
	}
	*out = m;
	return 0;
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

static void
join(struct machine *m)
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

void
machine_free(struct machine *m)
{
	if (!m)
		return;
	timer_disarm(&m->ask);
	timer_disarm(&m->timeout);
	if (m->thread)
		join(m);
	if (m->engine)
		m->ops->close(m->engine);
	if (m->board) {
		m->board->engine = NULL;
		board_free(m->board);
	}
	for (unsigned n = 0; n < CONFIG_UARTS; n++)
		if (m->own_serial[n])
			chr_free(m->host.serial[n]);
	if (m->own_debugcon)
		chr_free(m->host.debugcon);
	if (m->guest != m->clock)
		clock_free(m->guest);
	bus_free(m->ports);
	bus_free(m->mmio);
	mem_free(m->mem);
	blob_close(&m->kernel);
	blob_close(&m->initrd);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->changed);
	free(m->thread);
	free(m);
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
	acpipm_button(m->board->pm);
}

void
machine_nmi(struct machine *m)
{
	for (unsigned n = 0; n < m->cpus; n++)
		m->ops->nmi(m->thread[n].vcpu);
}

int
machine_registers(struct machine *m, unsigned n, char *buf, int size)
{
	struct cpu_state *st = malloc(sizeof(*st));
	int len = 0;

	buf[0] = '\0';
	if (st && n < m->cpus && !m->ops->get(m->thread[n].vcpu, st))
		len = cpu_print(st, buf, size);
	free(st);
	return len;
}

const char *
machine_engine(const struct machine *m)
{
	return m->ops ? m->ops->name : NULL;
}

uint64_t
machine_count(const struct machine *m)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < m->cpus; n++)
		sum += m->ops->count(m->thread[n].vcpu);
	return sum;
}

struct chr *
machine_serial(const struct machine *m, unsigned n)
{
	return n < m->cfg->serials ? m->host.serial[n] : NULL;
}

/* FNV-1a over 64-bit words. */
uint64_t
machine_hash(struct machine *m)
{
	unsigned n;
	const struct mem_slot *slot = mem_slots(m->mem, &n);
	uint64_t h = 0xcbf29ce484222325;
	char regs[4096];

	for (unsigned k = 0; k < n; k++) {
		const uint8_t *p = slot[k].host;

		for (uint64_t at = 0; at < slot[k].size; at += 8) {
			uint64_t v;

			memcpy(&v, p + at, 8);
			h = (h ^ v) * 0x100000001b3;
		}
	}
	for (unsigned k = 0; k < m->cpus; k++) {
		int len = machine_registers(m, k, regs, sizeof(regs));

		for (int at = 0; at < len; at++)
			h = (h ^ (uint8_t)regs[at]) * 0x100000001b3;
	}
	return h;
}
