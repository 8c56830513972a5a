/* SPDX-License-Identifier: MIT */
/*
 * The run loop: events between blocks (SDM vol. 3A, section 6.9: priorities
 * among simultaneous exceptions and interrupts), stepping where breakpoints,
 * TF or an interrupt shadow ask for it, halting.
 */
#include "vmm/soft/run.h"

#include "vmm/soft/block.h"
#include "vmm/soft/jit.h"
#include "vmm/soft/sync.h"

/* raise_*() and leave() call this before they jump: what was counted for the
 * whole block shrinks to what was run, and a split lock is let go. */
void
run_abort(struct cpu *c, const struct insn *i)
{
	const struct block *b = c->block;
	unsigned at;

	if (c->rmw.locked) {
		c->rmw.locked = false;
		pthread_mutex_unlock(&c->soft->split);
	}
	if (!i || !b)
		return;
	if (i >= b->insn && i < b->insn + b->n)
		count_insns(c, -(uint64_t)(b->n - (i - b->insn)));
	else if (jit_running(c, i, &at))
		count_insns(c, -(uint64_t)(b->n - at));
}

static void
exec(struct cpu *c, struct block *b)
{
	const struct insn *i = b->insn;

	c->block = b;
	count_insns(c, b->n);
#if SOFT_THREADED
	i->fn(c, i);
#else
	while (i->fn(c, i), !(i->flags & I_END))
		i++;
#endif
}

static bool
must_step(const struct cpu *c)
{
	return (c->sysflags & (FL_TF | FL_RF)) || c->shadow || c->bp_code ||
	       c->bp_data;
}

/*
 * STI's shadow needs no single step while nothing waits to be let in: what
 * comes during the next block comes after the instruction that the shadow is
 * over. True: there is none any more.
 */
static bool
shadow_passes(struct cpu *c)
{
	if (!c->shadow || c->shadow_ss || lapic_wants(c->lapic))
		return false;
	c->shadow = false;
	return true;
}

static void
check_code_breakpoints(struct cpu *c)
{
	uint64_t lin = c->RIP, hit;

	if (!c->bp_code || c->shadow_ss || (c->sysflags & FL_RF))
		return;
	if (c->code != CODE64)
		lin = (uint32_t)(lin + c->seg[SEG_CS].base);
	hit = bp_exec(c, lin);
	if (hit)
		raise_db(c, NULL, hit);
}

/* One instruction; what it owes is settled by the loop. */
static void
step(struct cpu *c)
{
	struct block *b;

	check_code_breakpoints(c);
	c->link_from = NULL;
	b = block_one(c);
	c->shadow = c->shadow_ss = false;
	c->sysflags &= ~(uint32_t)FL_RF;
	atomic_fetch_or(&c->pending, PEND_STEP); /* no chaining */
	c->stepping = c->sysflags & FL_TF;
	exec(c, b);
	c->block = NULL;
	c->owes = true;
}

static void
settle(struct cpu *c)
{
	c->owes = false;
	if (c->stepping)
		c->dr6_pend |= DR6_BS;
	c->stepping = false;
	if (c->dr6_pend && !c->shadow_ss) {
		c->link_from = NULL;
		debug_trap(c);
	}
}

/* ---- events ---- */

static void
take_init(struct cpu *c)
{
	lapic_take(c->lapic, LAPIC_INIT);
	lapic_reset(c->lapic, true);
	cpu_power_on(c, true);
	c->waiting_sipi = !(lapic_base(c->lapic) & 0x100);
}

static void
interrupt(struct cpu *c, int vector)
{
	c->halted = false;
	if (vector >= 0)
		deliver(c, (unsigned)vector, INT_HW, false, 0);
}

/* Deliver at most one event; true if RIP moved. */
static bool
events(struct cpu *c)
{
	unsigned wants = lapic_wants(c->lapic);

	if (!wants)
		return false;
	if (wants & LAPIC_INIT) {
		take_init(c);
		return true;
	}
	if (wants & LAPIC_SIPI) {
		uint8_t vector = lapic_sipi(c->lapic);

		if (c->waiting_sipi) {
			cpu_sipi(c, vector);
			return true;
		}
	}
	if (c->waiting_sipi || c->shadow)
		return false;
	if ((wants & LAPIC_NMI) && !c->nmi_masked) {
		lapic_take(c->lapic, LAPIC_NMI);
		c->nmi_masked = true;
		interrupt(c, EXC_NMI);
		return true;
	}
	if (!(c->sysflags & FL_IF))
		return false;
	if (wants & LAPIC_INTR) {
		interrupt(c, lapic_ack(c->lapic));
		return true;
	}
	if ((wants & LAPIC_EXTINT) && c->index == 0 && c->soft->cfg.pic_ack) {
		lapic_take(c->lapic, LAPIC_EXTINT);
		interrupt(c, (int)c->soft->cfg.pic_ack(c->soft->cfg.to));
		return true;
	}
	return false;
}

static bool
idle(const struct cpu *c)
{
	return c->halted || c->waiting_sipi;
}

bool
cpu_dead(const struct cpu *c)
{
	return c->waiting_sipi || (c->halted && !(c->sysflags & FL_IF));
}

/* What others asked. True: return *why to the machine. */
static bool
requests(struct cpu *c, enum stop *why)
{
	/* A kick stays until it is answered: the event may raise. */
	uint32_t p = atomic_fetch_and(&c->pending, PEND_KICK);

	if (p & PEND_INVAL)
		sync_serve(c);
	if (unlikely(jit_full(c)))
		block_drop_all(c);
	if (!(p & PEND_KICK))
		return false;
	if (events(c))
		c->halt_told = false;
	atomic_fetch_and(&c->pending, ~(uint32_t)PEND_KICK);
	*why = cpu_dead(c) ? STOP_HALT : STOP_KICK;
	return true;
}

/*
 * Before an exception is delivered, as delivery may raise for ever: #AC on a
 * stack that cannot take #AC. True: return to the machine, the exception waits.
 */
static bool
kicked(struct cpu *c)
{
	const uint32_t bits = PEND_KICK | PEND_INVAL;
	uint32_t p = atomic_load_explicit(&c->pending, memory_order_relaxed);

	if (likely(!(p & bits)))
		return false;
	p = atomic_fetch_and(&c->pending, ~bits);
	if (p & PEND_INVAL)
		sync_serve(c);
	return p & PEND_KICK;
}

/*
 * icount mode: one instruction takes a nanosecond, and halting takes until the
 * next timer. The clock is moved between blocks, in this thread, so that every
 * run is the same.
 */
static void
pass_time(struct cpu *c)
{
	struct clock *clock = c->soft->cfg.clock;
	int64_t now = (int64_t)(c->icount + c->warp);

	if (now > clock_now(clock))
		clock_advance(clock, now - clock_now(clock));
}

static void
skip_time(struct cpu *c)
{
	struct clock *clock = c->soft->cfg.clock;
	int64_t next = clock_next(clock);

	if (next == CLOCK_NEVER) {
		sync_sleep(c);
		return;
	}
	/* One that is due already: time must move for it to fire. */
	c->warp += next > clock_now(clock) ? (uint64_t)(next - clock_now(clock))
					   : 1;
	pass_time(c);
}

/* Halted: tell the machine once if for good, else sleep. */
static bool
rest(struct cpu *c)
{
	if (cpu_dead(c) && !c->halt_told) {
		c->halt_told = true;
		return true;
	}
	if (c->soft->cfg.icount)
		skip_time(c);
	else
		sync_sleep(c);
	return false;
}

static enum stop
loop(struct cpu *c)
{
	enum stop why = STOP_KICK;

	for (;;) {
		if (c->exc >= 0) {
			c->stepping = false;
			if (kicked(c))
				return STOP_KICK;
			exc_dispatch(c);
		}
		if (c->owes)
			settle(c);
		if (unlikely(c->soft->cfg.icount))
			pass_time(c);
		if (c->shutdown)
			return STOP_TRIPLE;
		if (atomic_load_explicit(&c->pending, memory_order_relaxed) &&
			requests(c, &why))
			return why;
		if (events(c)) {
			c->halt_told = false;
			c->link_from = NULL; /* RIP is not where it led */
			continue;
		}
		if (unlikely(idle(c))) {
			if (rest(c))
				return STOP_HALT;
		} else if (unlikely(must_step(c)) &&
			   !(shadow_passes(c) && !must_step(c))) {
			step(c);
		} else {
			if (unlikely(c->soft->cfg.icount)) /* no chaining */
				atomic_fetch_or(&c->pending, PEND_STEP);
			exec(c, block_find(c));
			c->block = NULL;
		}
	}
}

enum stop
cpu_run(struct cpu *c)
{
	sigjmp_buf catch;
	enum stop why;

	sync_enter(c);
	fpu_enter(c);
	c->catch = &catch;
	if (sigsetjmp(catch, 0) == LEFT)
		c->owes = c->stepping;
	c->block = NULL;
	c->link_from = NULL;
	why = loop(c);
	c->catch = NULL;
	fpu_leave(c);
	sync_leave(c);
	return why;
}
