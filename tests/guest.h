/* SPDX-License-Identifier: MIT */
/*
 * A guest of one CPU for tests that look at privilege, segments and exceptions:
 * tables made by the test, code from inline assembly, and 256 handlers that
 * each halt, so that RIP tells which vector came and the stack what it pushed.
 * It runs on the soft engine, or with GUEST_ENGINE=kvm on the host's CPU.
 *
 * Paging, where it is on, maps the first GiB to itself with pages that all may
 * write, but for GUEST_KERNEL (2 MiB) that only the supervisor may touch.
 */
#ifndef TESTS_GUEST_H
#define TESTS_GUEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/engine.h"

enum {
	GUEST_GDT = 0x1000,
	GUEST_IDT = 0x2000,
	GUEST_TSS = 0x3000,
	GUEST_TSS2 = 0x3800,
	GUEST_LDT = 0x4000,
	GUEST_HANDLERS = 0x8000, /* 16 bytes each */
	GUEST_PML4 = 0x10000, /* also PDPT, PD; 32 bits: a page directory */
	GUEST_STACK0 = 0x20000, /* tops of stacks */
	GUEST_IST1 = 0x22008,
	GUEST_STACK3 = 0x30000,
	GUEST_CODE = 0x40000,
	GUEST_DATA = 0x50000,
	GUEST_KERNEL = 0x400000,
	GUEST_RAM = 8 << 20,
};

/* Selectors; descriptors of two slots are doubled for IA-32e mode. */
enum {
	S_CODE0 = 0x08,
	S_DATA0 = 0x10,
	S_CODE3 = 0x1b,
	S_DATA3 = 0x23,
	S_TSS = 0x28,
	S_CODE0_64 = 0x38,
	S_CODE3_64 = 0x43,
	S_CONFORM = 0x48,
	S_ABSENT = 0x50,
	S_DOWN = 0x58,
	S_RO = 0x60,
	S_XO = 0x68,
	S_CODE16 = 0x70,
	S_DATA16 = 0x78,
	S_GATE = 0x80,
	S_TASKGATE = 0x90,
	S_TSS2 = 0x98,
	S_LDT = 0xa8,
	S_SHORT = 0xb8,
	S_TOP = 0xc0
};

enum guest_mode { GUEST_REAL, GUEST_P32, GUEST_P64 };

struct guest {
	const struct engine_ops *ops;
	struct mem *mem;
	struct bus *ports, *mmio;
	struct clock *clock;
	struct engine *engine;
	struct vcpu *vcpu;
	enum guest_mode mode;
	struct cpu_state s; /* set before, got after */
	enum stop stop;
	atomic_bool stopped;
};

/* Inline guest code: CODE(name, 32, "int3"). */
#define CODE(name, bits, text)                                                 \
	extern const uint8_t name[], name##_end[];                             \
	__asm__(".pushsection .rodata\n.code" #bits "\n.globl " #name          \
		"\n" #name ": " text "\n.globl " #name "_end\n" #name          \
		"_end:\n"                                                      \
		".code64\n.popsection\n")
#define LOAD(g, name)                                                          \
	mem_write((g)->mem, GUEST_CODE, name, (uint64_t)(name##_end - name))

static inline void
guest_st(struct guest *g, uint64_t at, uint64_t v, unsigned n)
{
	mem_write(g->mem, at, &v, n);
}

static inline uint64_t
guest_ld(struct guest *g, uint64_t at, unsigned n)
{
	uint64_t v = 0;

	mem_read(g->mem, at, &v, n);
	return v;
}

/* access: P DPL S type; flags: G DB L AVL */
static inline uint64_t
guest_desc(uint32_t base, uint32_t limit, unsigned access, unsigned flags)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)access << 40 | (uint64_t)(limit >> 16 & 15) << 48 |
	       (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
}

static inline uint64_t
guest_gate(uint16_t sel, uint32_t off, unsigned access, unsigned low)
{
	return (off & 0xffff) | (uint64_t)sel << 16 | (uint64_t)low << 32 |
	       (uint64_t)access << 40 | (uint64_t)(off >> 16) << 48;
}

static inline void
guest_set_desc(struct guest *g, unsigned sel, uint64_t v)
{
	guest_st(g, GUEST_GDT + (sel & ~7u), v, 8);
}

static inline void
guest_gdt(struct guest *g)
{
	unsigned tss = 0x89;

	for (unsigned sel = 0; sel < 0x100; sel += 8)
		guest_set_desc(g, sel, 0);
	guest_set_desc(g, S_CODE0, guest_desc(0, 0xfffff, 0x9b, 12));
	guest_set_desc(g, S_DATA0, guest_desc(0, 0xfffff, 0x93, 12));
	guest_set_desc(g, S_CODE3, guest_desc(0, 0xfffff, 0xfb, 12));
	guest_set_desc(g, S_DATA3, guest_desc(0, 0xfffff, 0xf3, 12));
	guest_set_desc(g, S_TSS, guest_desc(GUEST_TSS, 0x7ff, tss | 2, 0));
	guest_set_desc(g, S_CODE0_64, guest_desc(0, 0xfffff, 0x9b, 10));
	guest_set_desc(g, S_CODE3_64, guest_desc(0, 0xfffff, 0xfb, 10));
	guest_set_desc(g, S_CONFORM, guest_desc(0, 0xfffff, 0x9f, 12));
	guest_set_desc(g, S_ABSENT, guest_desc(0, 0xfffff, 0x73, 12));
	guest_set_desc(g, S_DOWN, guest_desc(0, 0xfff, 0xf7, 4));
	guest_set_desc(g, S_RO, guest_desc(0, 0xfffff, 0xf1, 12));
	guest_set_desc(g, S_XO, guest_desc(0, 0xfffff, 0xf9, 12));
	guest_set_desc(g, S_CODE16, guest_desc(0, 0xffff, 0x9b, 0));
	guest_set_desc(g, S_DATA16, guest_desc(0, 0xffff, 0x93, 0));
	guest_set_desc(g, S_TSS2, guest_desc(GUEST_TSS2, 0x67, tss, 0));
	guest_set_desc(g, S_LDT, guest_desc(GUEST_LDT, 0xff, 0x82, 0));
	guest_set_desc(g, S_SHORT, guest_desc(GUEST_DATA, 0xfff, 0xf3, 4));
}

/* Gates to the handlers: interrupt gates; from 40 on for user code. */
static inline void
guest_set_gate(struct guest *g, unsigned vector, unsigned access, unsigned low)
{
	uint32_t off = GUEST_HANDLERS + vector * 16;

	if (g->mode == GUEST_REAL) {
		guest_st(g, vector * 4, off, 4);
	} else if (g->mode == GUEST_P32) {
		guest_st(g, GUEST_IDT + vector * 8,
			guest_gate(S_CODE0, off, access, 0), 8);
	} else {
		guest_st(g, GUEST_IDT + vector * 16,
			guest_gate(S_CODE0_64, off, access, low), 8);
		guest_st(g, GUEST_IDT + vector * 16 + 8, 0, 8);
	}
}

static inline void
guest_tables(struct guest *g)
{
	for (unsigned v = 0; v < 256; v++) {
		guest_set_gate(
			g, v, v == 0x40 || v == 3 || v == 4 ? 0xee : 0x8e, 0);
		guest_st(g, GUEST_HANDLERS + v * 16, 0xf4, 1);
	}
	if (g->mode == GUEST_P32) {
		guest_st(g, GUEST_TSS + 4, GUEST_STACK0, 4);
		guest_st(g, GUEST_TSS + 8, S_DATA0, 4);
		guest_st(g, GUEST_TSS + 0x66, 0xffff, 2);
		for (unsigned n = 0; n < 1024; n++) /* 4 MiB pages */
			guest_st(g, GUEST_PML4 + n * 4,
				n << 22 | (n == 1 ? 0x83 : 0x87), 4);
		return;
	}
	guest_st(g, GUEST_TSS + 4, GUEST_STACK0, 8);
	guest_st(g, GUEST_TSS + 0x24, GUEST_IST1, 8);
	guest_st(g, GUEST_TSS + 0x66, 0xffff, 2);
	guest_st(g, GUEST_PML4, (GUEST_PML4 + 0x1000) | 7, 8);
	guest_st(g, GUEST_PML4 + 0x1000, (GUEST_PML4 + 0x2000) | 7, 8);
	for (unsigned n = 0; n < 512; n++)
		guest_st(g, GUEST_PML4 + 0x2000 + n * 8,
			n << 21 | (n == 2 ? 0x83 : 0x87), 8);
}

static inline struct cpu_seg
guest_seg(struct guest *g, uint16_t sel)
{
	uint64_t d = guest_ld(g, GUEST_GDT + (sel & ~7u), 8);
	struct cpu_seg s = {.sel = sel,
		.base = (uint32_t)(d >> 16 & 0xffffff) |
			(uint32_t)(d >> 32 & 0xff000000),
		.limit = (uint32_t)(d & 0xffff) | (uint32_t)(d >> 32 & 0xf0000),
		.type = d >> 40 & 15,
		.s = d >> 44 & 1,
		.dpl = d >> 45 & 3,
		.present = d >> 47 & 1,
		.l = d >> 53 & 1,
		.db = d >> 54 & 1,
		.g = d >> 55 & 1};

	if (s.g)
		s.limit = s.limit << 12 | 0xfff;
	return s;
}

/* In protected mode at cpl: 32-bit, or 64-bit code (P64); RIP at GUEST_CODE. */
static inline void
guest_cpl(struct guest *g, unsigned cpl)
{
	struct cpu_state *s = &g->s;
	uint16_t data = cpl ? S_DATA3 : S_DATA0;

	for (unsigned n = 0; n < 6; n++)
		s->seg[n] = guest_seg(g, data);
	if (g->mode == GUEST_P64)
		s->seg[SEG_CS] = guest_seg(g, cpl ? S_CODE3_64 : S_CODE0_64);
	else
		s->seg[SEG_CS] = guest_seg(g, cpl ? S_CODE3 : S_CODE0);
	s->seg[SEG_TR] = guest_seg(g, S_TSS);
	s->seg[SEG_LDT] = guest_seg(g, S_LDT);
	s->gpr[RSP] = cpl ? GUEST_STACK3 : GUEST_STACK0 - 0x800;
	s->rip = GUEST_CODE;
}

/* The state from RESET, then the mode; tables anew. */
static inline void
guest_reset(struct guest *g, enum guest_mode mode)
{
	struct cpu_state *s = &g->s;

	mem_fill(g->mem, 0, 0, 0x60000);
	cpu_reset(s, true);
	g->mode = mode;
	guest_tables(g);
	s->cr0 = 0x10;
	if (mode == GUEST_REAL) {
		s->idt = (struct cpu_dtr){.base = 0, .limit = 0x3ff};
		s->seg[SEG_CS].sel = GUEST_CODE >> 4;
		s->seg[SEG_CS].base = GUEST_CODE;
		s->seg[SEG_CS].type = 3;
		s->rip = 0;
		s->gpr[RSP] = 0x7000;
		return;
	}
	guest_gdt(g);
	s->gdt = (struct cpu_dtr){.base = GUEST_GDT, .limit = S_TOP - 1};
	s->idt = (struct cpu_dtr){
		.base = GUEST_IDT, .limit = mode == GUEST_P64 ? 0xfff : 0x7ff};
	s->cr0 |= 1;
	if (mode == GUEST_P64) {
		s->cr0 |= 1ull << 31 | 1 << 16;
		s->cr4 = 0x20;
		s->cr3 = GUEST_PML4;
		s->efer = 0xd01;
	}
	guest_cpl(g, 0);
}

/* kvm sleeps in HLT until it is kicked. */
static inline void *
guest_kicker(void *to)
{
	struct guest *g = to;

	for (usleep(10000); !atomic_load(&g->stopped); usleep(10000))
		g->ops->kick(g->vcpu);
	return NULL;
}

/* Run until it halts for good, or shuts down. */
static inline enum stop
guest_run(struct guest *g)
{
	pthread_t kicker;
	bool kvm = g->ops == &engine_kvm;

	if (g->ops->set(g->vcpu, &g->s)) {
		printf("# %s\n", fail_text());
		return g->stop = STOP_ERROR;
	}
	atomic_store(&g->stopped, false);
	if (kvm && pthread_create(&kicker, NULL, guest_kicker, g))
		return g->stop = STOP_ERROR;
	do {
		g->stop = g->ops->run(g->vcpu);
		g->ops->get(g->vcpu, &g->s);
		if (g->s.mp == CPU_HALTED && g->stop == STOP_KICK)
			g->stop = STOP_HALT;
	} while (g->stop == STOP_KICK);
	atomic_store(&g->stopped, true);
	if (kvm)
		pthread_join(kicker, NULL);
	return g->stop;
}

/* The vector whose handler halted; -1 none of them. */
static inline int
guest_vector(const struct guest *g)
{
	uint64_t at = g->s.rip - 1 - GUEST_HANDLERS;

	if (g->stop != STOP_HALT || at % 16 || at / 16 > 255)
		return -1;
	return (int)(at / 16);
}

/* Word n of the stack, in the width that the handler was entered with. */
static inline uint64_t
guest_stack(struct guest *g, unsigned n)
{
	unsigned w = g->mode == GUEST_P64 ? 8 : g->mode == GUEST_P32 ? 4 : 2;

	return guest_ld(g, g->s.seg[SEG_SS].base + g->s.gpr[RSP] + n * w, w);
}

/* Run; does this vector come, with this error code as the first word pushed
 * (-1: whatever)? */
static inline void
guest_faults(struct guest *g, const char *what, int vector, int64_t error)
{
	guest_run(g);
	if (!ok(guest_vector(g) == vector &&
			    (error < 0 || (int64_t)guest_stack(g, 0) == error),
		    "%s", what))
		printf("# vector %d stop %d rip %#" PRIx64 " word %#" PRIx64
		       "\n",
			guest_vector(g), (int)g->stop, g->s.rip,
			guest_stack(g, 0));
}

/* All of it: reset, code, run. */
#define START(g, mode, cpl, name)                                              \
	do {                                                                   \
		guest_reset(g, mode);                                          \
		if ((mode) != GUEST_REAL)                                      \
			guest_cpl(g, cpl);                                     \
		LOAD(g, name);                                                 \
	} while (0)
#define FAULTS(g, mode, cpl, name, what, vector, error)                        \
	do {                                                                   \
		START(g, mode, cpl, name);                                     \
		guest_faults(g, what, vector, error);                          \
	} while (0)

static inline void
guest_new(struct guest *g)
{
	const char *name = getenv("GUEST_ENGINE");
	struct engine_config cfg = {.cpus = 1};

	memset(g, 0, sizeof(*g));
	g->ops = name && !strcmp(name, "kvm") ? &engine_kvm : &engine_soft;
	g->clock = clock_new();
	if (mem_new(&g->mem, GUEST_RAM) ||
		bus_new(&g->ports, "ports", 1 << 16) ||
		bus_new(&g->mmio, "mmio", 1ull << 40))
		skip_all("no memory");
	cfg.mem = g->mem;
	cfg.ports = g->ports;
	cfg.mmio = g->mmio;
	cfg.clock = g->clock;
	if (g->ops->open(&g->engine, &cfg) ||
		g->ops->vcpu_open(g->engine, 0, &g->vcpu))
		skip_all("no engine: %s", fail_text());
}

static inline void
guest_free(struct guest *g)
{
	g->ops->close(g->engine);
	bus_free(g->ports);
	bus_free(g->mmio);
	mem_free(g->mem);
	clock_free(g->clock);
}

#endif
