/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs of the soft engine, alike but that one translates what it runs and
 * the other interprets: for tests that run one program on both and compare what
 * is left. Programs are 64-bit code at LOCK_CODE in CPL 0 or 3; they end in HLT
 * or in an exception, whose handler is a HLT of its own.
 */
#ifndef TESTS_JITRIG_H
#define TESTS_JITRIG_H

#include "lib/clock.h"
#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/soft/block.h"
#include "vmm/soft/decode.h"
#include "vmm/soft/handlers.h"

enum { /* physical; the lower half is mapped where it is */
	LOCK_PML4 = 0x1000,
	LOCK_PDPT = 0x2000,
	LOCK_PD = 0x3000,
	LOCK_PT = 0x4000, /* the window's */
	LOCK_PT0 = 0x5000,
	LOCK_IDT = 0x6000,
	LOCK_HANDLERS = 0x7000, /* 16 bytes each */
	LOCK_TSS = 0x8000,
	LOCK_GDT = 0x8800,
	LOCK_STACK = 0x9000, /* of handlers */
	LOCK_STACK_TOP = 0xa000,
	LOCK_CODE = 0x10000,
	LOCK_CODE_PAGES = 4,
	LOCK_COUNTER = 0x14000,
	LOCK_RAM = 0x20000,
	LOCK_SIZE = 0x200000,
};

/* The window: two pages to write, one to read, one that is absent, one that
 * leads nowhere, and the first page of code. */
#define LOCK_WINDOW 0x10000000ull
enum { LOCK_WINDOW_RAM = 3, LOCK_HOLE = 4, LOCK_ALIAS = 5 };

struct side {
	struct mem *mem;
	struct bus *ports, *mmio;
	struct clock *clock;
	struct engine *engine;
	struct vcpu *vcpu;
	struct cpu *c;
	uint8_t *ram;
};

static inline void
side_poke(struct side *s, uint64_t gpa, uint64_t v)
{
	memcpy(s->ram + gpa, &v, 8);
}

static inline void
side_tables(struct side *s)
{
	side_poke(s, LOCK_PML4, LOCK_PDPT | 7);
	side_poke(s, LOCK_PDPT, LOCK_PD | 7);
	side_poke(s, LOCK_PD, LOCK_PT0 | 7);
	side_poke(s, LOCK_PD + (LOCK_WINDOW >> 21) * 8, LOCK_PT | 7);
	for (uint64_t n = 0; n < 512; n++) {
		bool code = n << 12 >= LOCK_CODE && n << 12 <= LOCK_COUNTER;

		/* the tables: for supervisors, to read */
		side_poke(s, LOCK_PT0 + n * 8,
			n << 12 | (code                           ? 7
					  : n << 12 == LOCK_STACK ? 3
								  : 1));
	}
	for (uint64_t n = 0; n < LOCK_WINDOW_RAM; n++)
		side_poke(s, LOCK_PT + n * 8,
			(LOCK_RAM + n * 4096) | (n == 2 ? 5 : 7));
	side_poke(s, LOCK_PT + LOCK_HOLE * 8, 0xd0000000 | 7);
	side_poke(s, LOCK_PT + LOCK_ALIAS * 8, LOCK_CODE | 7);
	for (uint64_t n = 0; n < 32; n++) {
		uint64_t at = LOCK_HANDLERS + n * 16;

		s->ram[at] = 0xf4; /* HLT */
		/* an interrupt gate, DPL 3, the first interrupt stack */
		side_poke(s, LOCK_IDT + n * 16,
			(at & 0xffff) | 8 << 16 | 0xee01ull << 32);
	}
	side_poke(s, LOCK_TSS + 4, LOCK_STACK_TOP);
	side_poke(s, LOCK_TSS + 36, LOCK_STACK_TOP);
	side_poke(s, LOCK_GDT + 8, 0x00af9b000000ffff);
	side_poke(s, LOCK_GDT + 16, 0x00cf93000000ffff);
	side_poke(s, LOCK_GDT + 24, 0x00affb000000ffff);
	side_poke(s, LOCK_GDT + 32, 0x00cff3000000ffff);
}

/* Translates what ran so often; 0: interprets. */
static inline void
side_new(struct side *s, unsigned after)
{
	struct engine_config cfg = {
		.cpus = 1, .no_jit = !after, .jit_after = after};

	memset(s, 0, sizeof(*s));
	s->clock = clock_new_manual(0);
	if (mem_new(&s->mem, LOCK_SIZE) ||
		bus_new(&s->ports, "ports", 1 << 16) ||
		bus_new(&s->mmio, "mmio", 1ull << 40))
		skip_all("no memory");
	cfg.mem = s->mem;
	cfg.ports = s->ports;
	cfg.mmio = s->mmio;
	cfg.clock = s->clock;
	if (engine_soft.open(&s->engine, &cfg) ||
		engine_soft.vcpu_open(s->engine, 0, &s->vcpu))
		skip_all("no engine: %s", fail_text());
	s->c = (struct cpu *)(void *)s->vcpu;
	s->ram = mem_span(s->mem, 0, LOCK_SIZE);
	side_tables(s);
}

static inline void
side_free(struct side *s)
{
	engine_soft.close(s->engine);
	bus_free(s->ports);
	bus_free(s->mmio);
	mem_free(s->mem);
	clock_free(s->clock);
}

static inline void
side_segments(struct cpu *c, unsigned cpl)
{
	for (unsigned n = 0; n < 6; n++)
		c->seg[n] = (struct cpu_seg){.limit = 0xffffffff,
			.sel = (uint16_t)(cpl ? 0x23 : 0x10),
			.type = 3,
			.s = true,
			.present = true,
			.db = true,
			.g = true,
			.dpl = (uint8_t)cpl};
	c->seg[SEG_CS].sel = (uint16_t)(cpl ? 0x1b : 8);
	c->seg[SEG_CS].type = 11;
	c->seg[SEG_CS].l = true;
	c->seg[SEG_CS].db = false;
	c->seg[SEG_TR] = (struct cpu_seg){.base = LOCK_TSS,
		.limit = 0x67,
		.sel = 0x28,
		.type = 11,
		.present = true};
	c->gdt = (struct cpu_dtr){LOCK_GDT, 0x2f};
	c->idt = (struct cpu_dtr){LOCK_IDT, 0x1ff};
}

/* 64-bit mode with everything on that user code can want; c->gpr, flags and
 * floating point are the caller's. */
static inline void
side_mode(struct side *s, unsigned cpl, uint64_t rip)
{
	struct cpu *c = s->c;

	side_segments(c, cpl);
	for (unsigned n = 0; n < 6; n++)
		c->segbase[n] = c->seg[n].base;
	c->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_MP | CR0_WP | CR0_ET;
	c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	c->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
	c->cr3 = LOCK_PML4;
	c->cr2 = 0;
	c->sysflags = 2;
	c->cpl = (uint8_t)cpl;
	c->gpr[GPR_ZERO] = 0;
	c->RIP = rip;
	c->halted = c->waiting_sipi = c->halt_told = c->shutdown = false;
	c->shadow = c->owes = c->stepping = false;
	c->exc = c->delivering = -1;
	mode_changed(c);
}

#endif
