/* SPDX-License-Identifier: MIT */
/*
 * One CPU of the soft engine for tests that execute single instructions: in
 * 64-bit mode at CPL 3 with four pages at WINDOW (two writable, one read-only,
 * one absent), or in any mode that the test sets up from there. The code need
 * not be in guest memory: RIP is where the test says it is.
 */
#ifndef TESTS_SOFTRIG_H
#define TESTS_SOFTRIG_H

#include "lib/clock.h"
#include "tests/tap.h"
#include "vmm/soft/decode.h"

#define WINDOW 0x10000000ull /* linear */
#define WINDOW_PAGES 4
#define RIG_CODE 0x20000200ull

struct rig {
	struct mem *mem;
	struct bus *ports, *mmio;
	struct clock *clock;
	struct engine *engine;
	struct cpu *c;
	uint8_t *page; /* the window's pages 0 to 2, in guest memory */
};

enum {
	RIG_PML4 = 0x1000,
	RIG_PDPT = 0x2000,
	RIG_PD = 0x3000,
	RIG_PT = 0x4000,
	RIG_RAM = 0x8000
};

static inline void
rig_poke(struct rig *r, uint64_t gpa, uint64_t v)
{
	mem_write(r->mem, gpa, &v, 8);
}

static inline void
rig_tables(struct rig *r)
{
	rig_poke(r, RIG_PML4, RIG_PDPT | 7);
	rig_poke(r, RIG_PDPT, RIG_PD | 7);
	rig_poke(r, RIG_PD + (WINDOW >> 21) * 8, RIG_PT | 7);
	rig_poke(r, RIG_PT, RIG_RAM | 7);
	rig_poke(r, RIG_PT + 8, (RIG_RAM + 4096) | 7);
	rig_poke(r, RIG_PT + 16, (RIG_RAM + 8192) | 5);
}

/* Flat segments, long mode with everything on that user code can want. */
static inline void
rig_mode64(struct rig *r)
{
	struct cpu *c = r->c;

	for (int n = 0; n < 6; n++) {
		c->seg[n] = (struct cpu_seg){.limit = 0xffffffff,
			.sel = 0x33,
			.type = 3,
			.s = true,
			.present = true,
			.db = true,
			.g = true,
			.dpl = 3};
		c->segbase[n] = 0;
	}
	c->seg[SEG_CS].type = 11;
	c->seg[SEG_CS].l = true;
	c->seg[SEG_CS].db = false;
	c->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_MP | CR0_WP | CR0_ET;
	c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	c->efer = EFER_LME | EFER_LMA | EFER_NXE;
	c->cr3 = RIG_PML4;
	c->sysflags = 2 | FL_IF;
	c->cpl = 3;
	c->gpr[GPR_ZERO] = 0;
	mode_changed(c);
	tlb_flush(c, true);
}

static inline void
rig_new(struct rig *r)
{
	struct engine_config cfg = {.cpus = 1};
	struct vcpu *v = NULL;

	memset(r, 0, sizeof(*r));
	r->clock = clock_new_manual(0);
	if (mem_new(&r->mem, 1 << 20) || bus_new(&r->ports, "ports", 1 << 16) ||
		bus_new(&r->mmio, "mmio", 1ull << 40))
		skip_all("no memory");
	cfg.mem = r->mem;
	cfg.ports = r->ports;
	cfg.mmio = r->mmio;
	cfg.clock = r->clock;
	if (engine_soft.open(&r->engine, &cfg) ||
		engine_soft.vcpu_open(r->engine, 0, &v))
		skip_all("no engine");
	r->c = (struct cpu *)(void *)v;
	r->page = mem_span(r->mem, RIG_RAM, 3 * 4096);
	rig_tables(r);
	rig_mode64(r);
}

static inline void
rig_free(struct rig *r)
{
	engine_soft.close(r->engine);
	bus_free(r->ports);
	bus_free(r->mmio);
	mem_free(r->mem);
	clock_free(r->clock);
}

static inline void
rig_stop(struct cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;
}

static __attribute__((noinline)) int
rig_exec(struct cpu *c, const struct insn *i)
{
	sigjmp_buf catch;
	int vector = -1;

	c->catch = &catch;
	if (sigsetjmp(catch, 0)) {
		vector = c->exc;
		c->exc = -1;
	} else {
		i->fn(c, i);
	}
	c->catch = NULL;
	return vector;
}

/*
 * Execute one instruction of up to n bytes, which RIP is taken to point to.
 * Returns the exception's vector (c->exc_error and c->cr2 tell more) or -1;
 * RIP has then moved on.
 */
static inline int
rig_step(struct rig *r, const uint8_t *code, unsigned n)
{
	struct cpu *c = r->c;
	struct insn i[2];
	int vector, len;

	len = decode(i, code, n, c->code, 0);
	if (len <= 0)
		return EXC_GP;
	i[1] = (struct insn){.fn = rig_stop, .flags = I_END};
	c->exc_error = 0;
	c->exc_has_error = false;
	fpu_enter(c);
	vector = rig_exec(c, i);
	fpu_leave(c);
	if (vector < 0 && !(i->flags & I_END))
		c->RIP += (unsigned)len;
	return vector;
}

#define RIG_STEP(r, ...)                                                       \
	rig_step(r, (const uint8_t[16]){__VA_ARGS__},                          \
		sizeof((const uint8_t[]){__VA_ARGS__}))

#endif
