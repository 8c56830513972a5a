/* SPDX-License-Identifier: MIT */
/*
 * The soft engine behind the engine contract: machines of software CPUs. Its
 * time stamp counter runs at 1 GHz and is the machine's clock, so it needs no
 * calibration, agrees between CPUs and stops while the machine is paused.
 */
#include "vmm/soft/soft.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lib/err.h"
#include "vmm/soft/block.h"
#include "vmm/soft/jit.h"
#include "vmm/soft/run.h"
#include "vmm/soft/sync.h"

struct engine {
	struct soft s;
};

struct vcpu {
	struct cpu c;
};

static void
written(void *to, uint64_t gpa, uint64_t len)
{
	struct soft *s = to;

	atomic_thread_fence(memory_order_seq_cst); /* see code_written() */
	while (len) {
		uint64_t n = PAGE - (gpa & (PAGE - 1));

		if (n > len)
			n = len;
		if (code_page(s, gpa)) {
			code_clear(s, gpa);
			sync_invalidate(s, NULL, gpa & PAGE_MASK);
		}
		gpa += n;
		len -= n;
	}
}

static void
remapped(void *to, unsigned n, uint64_t gpa, uint64_t len)
{
	(void)n;
	sync_remap(to, gpa, len);
}

static int
make_bits(struct soft *s, unsigned n, uint64_t ram)
{
	size_t bytes = (ram >> 12) * sizeof(uint64_t);
	void *p;

	if (!ram)
		return 0;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return fail(-errno, "soft: map of code pages");
	s->code[n] = p;
	s->code_bytes[n] = bytes;
	return 0;
}

/* The address space is looked at anew at each miss. */
static int
soft_map(struct engine *e, const struct mem_slot *slot)
{
	(void)e, (void)slot;
	return 0;
}

static void soft_close(struct engine *e);

static int
soft_open(struct engine **out, const struct engine_config *cfg)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return fail(-ENOMEM, "soft: engine");
	pthread_mutex_init(&e->s.split, NULL);
	e->s.cfg = *cfg;
	e->s.cpus = cfg->cpus;
	e->s.tsc_hz = NS_PER_S;
	e->s.net = lapic_net_new();
	e->s.cpu = calloc(cfg->cpus, sizeof(*e->s.cpu));
	if (!e->s.net || !e->s.cpu)
		r = fail(-ENOMEM, "soft: engine");
	e->s.ram_low = mem_low(cfg->mem);
	e->s.ram_high = mem_high(cfg->mem);
	if (!r)
		r = make_bits(&e->s, 0, e->s.ram_low);
	if (!r)
		r = make_bits(&e->s, 1, e->s.ram_high);
	if (r) {
		soft_close(e);
		return r;
	}
	mem_on_write(cfg->mem, written, &e->s);
	mem_on_remap(cfg->mem, remapped, &e->s);
	*out = e;
	return 0;
}

static void
cpu_free(struct cpu *c)
{
	if (!c)
		return;
	lapic_free(c->lapic);
	jit_free(c);
	cache_free(c);
	sync_free(c);
	free(c->tlbs);
	free(c);
}

static void
soft_close(struct engine *e)
{
	struct soft *s = &e->s;

	mem_on_write(s->cfg.mem, NULL, NULL);
	mem_on_remap(s->cfg.mem, NULL, NULL);
	for (unsigned n = 0; s->cpu && n < s->cpus; n++)
		cpu_free(s->cpu[n]);
	for (unsigned n = 0; n < 2; n++)
		if (s->code[n])
			munmap(s->code[n], s->code_bytes[n]);
	free(s->cpu);
	if (s->net)
		lapic_net_free(s->net);
	pthread_mutex_destroy(&s->split);
	free(e);
}

static void
soft_flush(struct engine *e, uint64_t gpa)
{
	written(&e->s, gpa & PAGE_MASK, PAGE);
}

static void
soft_msi(struct engine *e, struct msi m)
{
	lapic_net_send(e->s.net, m);
}

static void
soft_extint(struct engine *e, bool level)
{
	lapic_net_extint(e->s.net, 0, level);
}

static void
soft_route(struct engine *e, unsigned pin, struct msi m, bool masked)
{
	(void)e, (void)pin, (void)m, (void)masked;
}

static int
soft_doorbell(struct engine *e, int fd, bool port, uint64_t addr, unsigned size,
	uint64_t val, bool add)
{
	(void)e, (void)fd, (void)port, (void)addr, (void)size, (void)val;
	(void)add;
	return -ENOTSUP;
}

static uint64_t
soft_tsc_hz(struct engine *e)
{
	return e->s.tsc_hz;
}

/* ---- the lapic's view of its CPU ---- */

static void
lapic_wake(void *to)
{
	sync_wake(to, PEND_LAPIC);
}

static void
lapic_ended(void *to, uint8_t vector)
{
	struct cpu *c = to;

	if (c->soft->cfg.eoi)
		c->soft->cfg.eoi(c->soft->cfg.to, vector);
}

static uint64_t
lapic_tsc(void *to)
{
	return soft_tsc(to);
}

/*
 * Zeros, which most of the table stays until it is used, are the tag of linear
 * page 0: a lie only where that is looked for, in the first entry, and, by
 * accesses that wrap around to it, in the last.
 */
static void
tlb_empty(struct tlbe *tlb)
{
	tlb[0].rd = tlb[0].wr = 1;
	tlb[TLB_SIZE - 1].rd = tlb[TLB_SIZE - 1].wr = 1;
}

static int
soft_vcpu_open(struct engine *e, unsigned index, struct vcpu **out)
{
	struct soft *s = &e->s;
	struct cpu *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);
	struct lapic_out lo = {.wake = lapic_wake,
		.eoi = lapic_ended,
		.tsc = lapic_tsc,
		.tsc_hz = s->tsc_hz,
		.phys_bits = PHYS_BITS,
		.to = c};
	int r;

	if (!c)
		return fail(-ENOMEM, "soft: vCPU %u", index);
	memset(c, 0, sizeof(*c));
	c->soft = s;
	c->index = index;
	c->exc = -1;
	c->delivering = -1;
	c->tlbs = calloc(VIEWS * TLB_SIZE, sizeof(*c->tlbs));
	r = c->tlbs ? 0 : fail(-ENOMEM, "soft: TLB");
	for (unsigned n = 0; !r && n < VIEWS; n++)
		tlb_empty(c->tlbs + n * TLB_SIZE);
	if (!r)
		r = sync_new(c);
	if (!r)
		r = cache_new(c);
	if (!r)
		r = lapic_new(
			&c->lapic, s->net, s->cfg.clock, index, index == 0, lo);
	if (r) {
		cpu_free(c);
		return r;
	}
	jit_new(c);
	cpu_power_on(c, false);
	c->waiting_sipi = index != 0;
	s->cpu[index] = c;
	*out = (struct vcpu *)c;
	return 0;
}

static enum stop
soft_run(struct vcpu *v)
{
	return cpu_run(&v->c);
}

static void
soft_kick(struct vcpu *v)
{
	sync_wake(&v->c, PEND_KICK);
}

static void
soft_nmi(struct vcpu *v)
{
	lapic_nmi(v->c.lapic);
}

static bool
soft_halted(struct vcpu *v)
{
	return cpu_dead(&v->c) &&
	       !(lapic_wants(v->c.lapic) &
		       (LAPIC_NMI | LAPIC_INIT | LAPIC_SIPI | LAPIC_SMI));
}

static int
soft_get(struct vcpu *v, struct cpu_state *st)
{
	cpu_to_state(&v->c, st);
	return 0;
}

static int
soft_set(struct vcpu *v, const struct cpu_state *st)
{
	v->c.shutdown = false;
	v->c.halt_told = false;
	v->c.exc = -1;
	v->c.delivering = -1;
	return cpu_from_state(&v->c, st);
}

static uint64_t
soft_count(const struct vcpu *v)
{
	return __atomic_load_n(&v->c.icount, __ATOMIC_RELAXED);
}

const struct engine_ops engine_soft = {
	.name = "soft",
	.open = soft_open,
	.close = soft_close,
	.map = soft_map,
	.flush = soft_flush,
	.msi = soft_msi,
	.extint = soft_extint,
	.route = soft_route,
	.doorbell = soft_doorbell,
	.tsc_hz = soft_tsc_hz,
	.vcpu_open = soft_vcpu_open,
	.run = soft_run,
	.kick = soft_kick,
	.nmi = soft_nmi,
	.halted = soft_halted,
	.get = soft_get,
	.set = soft_set,
	.count = soft_count,
};
