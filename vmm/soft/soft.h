/* SPDX-License-Identifier: MIT */
/*
 * The soft engine's inside: one x86-64 CPU in software (Intel SDM vols. 1-3).
 *
 * Code is decoded once into blocks: arrays of struct insn whose handlers call
 * each other in tail position. A block never leaves its page, except for one
 * whose single instruction crosses into the next. Between blocks the run loop
 * looks at c->pending. Handlers that end a block (I_END) set c->rip; others
 * leave it alone: while a block runs, c->rip is where the block began, and an
 * instruction's own RIP is c->rip + i->off.
 *
 * Faults are precise: a handler changes nothing before its last access that
 * can fault, and raises by raise_*(), which does not return: it longjmps to
 * the run loop, which delivers the exception.
 */
#ifndef VMM_SOFT_SOFT_H
#define VMM_SOFT_SOFT_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dev/lapic.h"
#include "vmm/engine.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||           \
	!defined(__OPTIMIZE__) || defined(SOFT_PLAIN)
#define SOFT_THREADED 0 /* handlers return; a plain loop calls the next */
#else
#define SOFT_THREADED 1 /* handlers tail-call the next */
#endif

struct cpu;
struct insn;
typedef void handler(struct cpu *c, const struct insn *i);

/* ---- decoded instructions ---- */

enum { /* insn.flags */
	I_MEM = 1, /* the rm operand is memory */
	I_END = 2, /* ends the block */
	I_LOCK = 4, /* LOCK prefix, legal here (memory destination) */
	I_REP = 8, /* F3 */
	I_REPNE = 16, /* F2 */
	I_SLOW = 32, /* the address needs ea_slow(): not 64-bit addressing */
	I_OP16 = 64, /* 66 prefix seen */
	I_REX = 128,
	I_MODE64 = 256, /* decoded as 64-bit code */
	I_SEGPFX = 512, /* a segment override prefix was seen */
};

enum { GPR_ZERO = 16, GPR_RIP = 17 }; /* base and index: always 0; c->rip */

struct insn {
	handler *fn;
	uint64_t imm; /* sign-extended from its size; far pointers: offset |
		       * selector << 32; ENTER: size | level << 16 */
	int64_t disp; /* with base GPR_RIP: off + len + disp32; moffs: all */
	uint16_t row; /* index into the decode table */
	uint16_t flags;
	/* General registers as byte offsets into c->gpr (AH is 1); xmm, mmx,
	 * st, segment, control and debug registers as plain numbers. */
	uint8_t reg, rm; /* rm only without I_MEM */
	uint8_t base, index, scale; /* gpr numbers, GPR_ZERO for none */
	uint8_t seg; /* SEG_* of the memory operand, override applied */
	uint8_t size; /* operand size in bytes: 1 2 4 8 */
	uint8_t asize; /* address size in bytes: 2 4 8 */
	uint8_t len; /* of the instruction, 1..15 */
	uint8_t off; /* from the block's start */
	uint8_t op; /* last opcode byte: condition codes in the low 4 bits */
	uint8_t modrm; /* the ModRM byte as read; 0 if none */
};

/*
 * The decode table: one row per opcode (per prefix and ModRM.reg where those
 * select). Each row names its handlers by [I_MEM ? 4 : 0 | log2(size)].
 */
struct row {
	const char *name; /* mnemonic, lower case */
	handler *const *fns; /* 8 of them, see handlers.h */
	const char *operands; /* e.g. "Ev,Gv": see decode.h */
	uint32_t flags;
	uint16_t how; /* enum how: its handlers by number; 0: MMX, SSE, x87 */
};

enum code { CODE16, CODE32, CODE64 };

/*
 * Decode one instruction of at most avail bytes at p. Returns its length, 0 if
 * it needs more than avail (< 15) bytes, -1 if it is longer than 15 bytes
 * (#GP). What is undefined decodes as x_ud. off and fn are set; i->off = off,
 * and a RIP-relative disp counts from the block's start.
 */
int decode(struct insn *i, const uint8_t *p, unsigned avail, enum code,
	unsigned off);
const struct row *decode_row(unsigned row);

/* ---- memory ---- */

#define PAGE 4096ull
#define PAGE_MASK (~(PAGE - 1))
#define TLB_BITS 11
#define TLB_SIZE (1u << TLB_BITS)
#define PHYS_BITS 40
#define HIGH_RAM 0x100000000ull

struct tlbe {
	uint64_t rd, wr; /* the page's linear address, or 1: no such access */
	uintptr_t add; /* host address = linear + add */
	uint64_t pa; /* physical page | TLB_GLOBAL */
};
enum { TLB_GLOBAL = 1 };
#define TLB_WORDS ((VIEWS - 1) * TLB_SIZE / 64)

enum view { /* who looks at memory; each has a TLB of its own */
	VIEW_USER,
	VIEW_SMAP, /* supervisor, user pages barred (SMAP and AC clear) */
	VIEW_SUPER, /* supervisor */
	VIEW_CHECK, /* alignment checked: always the slow way */
	VIEWS
};

enum access { ACC_READ, ACC_WRITE, ACC_EXEC };

/* ---- the CPU ---- */

enum { /* c->pending: why the run loop must look */
	PEND_KICK = 1, /* return to the machine */
	PEND_LAPIC = 2, /* lapic_wants() may have changed */
	PEND_INVAL = 4, /* others wrote code, or want TLB entries dropped */
	PEND_STEP = 8, /* TF, a shadow, breakpoints: one instruction a time */
};

struct soft;
struct block;

struct cpu {
	uint64_t gpr[18]; /* [16] is 0 for ever, [17] is rip: keep first */
	uint16_t cc; /* arithmetic flags, see flags below */
	uint8_t df; /* DF as 0 or 1 */
	uint8_t cpl;
	_Atomic uint32_t pending;
	uint64_t segbase[6]; /* for 64-bit addressing: 0 but for FS and GS */
	struct tlbe *tlb; /* of the present view */
	const struct block *block; /* running now */
	uint64_t icount; /* instructions begun in whole blocks; count_insns() */
	struct jcache *jcache;
	uint64_t jkey; /* what a jcache entry must bear, see block.h */
	uint64_t jit_tmp[3]; /* translated code keeps a value here for a moment.
			      * All up to here lies in its easy reach. */
	struct jit *jit; /* jit.h; NULL: none */
	uint64_t warp; /* icount mode: time slept, added to icount */
	uint64_t map_gen; /* grows whenever a jcache entry may be stale */

	uint32_t sysflags; /* RFLAGS but for CF PF AF ZF SF OF DF; bit 1 set */
	enum code code; /* of CS */
	bool shadow; /* STI or MOV SS shadow over the next instruction */
	bool shadow_ss; /* it was MOV SS or POP SS: also holds #DB */
	bool halted, nmi_masked, waiting_sipi, smi;
	struct cpu_seg seg[SEG_COUNT];
	struct cpu_dtr gdt, idt;
	uint64_t cr0, cr2, cr3, cr4, efer, xcr0;
	uint64_t dr[8];
	uint64_t
		dr6_pend; /* DR6 bits to report by #DB after this instruction */
	uint64_t star, lstar, cstar, fmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, misc_enable, tsc_aux, tsc_offset, tsc_adjust, spec_ctrl;
	uint64_t mtrr_def, mtrr_fix[11], mtrr_var[16];
	uint64_t mcg_status, kvmclock; /* whatever else sys.c keeps */

	/* floating point: fpu.c, sse.c */
	uint8_t xmm[16][16] __attribute__((aligned(16)));
	uint8_t st[8][16] __attribute__((
		aligned(16))); /* physical R0..R7,
				* 80 bits each; MMX is the low 64 */
	uint16_t fcw, fsw, fop; /* fsw with TOP in place */
	uint8_t ftw; /* abridged: a bit per physical register, 1 valid */
	uint8_t mxcsr_pad;
	uint64_t fip, fdp;
	uint16_t fcs, fds;
	uint32_t mxcsr; /* valid outside fpu_enter()..fpu_leave() */
	uint32_t host_mxcsr;
	bool mxcsr_unmasked, fpu_inside;
	union { /* an operand on its way to or from the host's x87 */
		uint16_t w;
		uint32_t d;
		uint64_t q;
	} fp_tmp;

	/* the exception being raised, and delivery */
	sigjmp_buf *catch;
	int exc; /* vector, -1 none */
	uint32_t exc_error;
	bool exc_has_error;
	int delivering; /* vector being delivered, -1 none (double faults) */

	struct soft *soft;
	struct lapic *lapic;
	unsigned index;
	struct tlbe *tlbs; /* VIEWS arrays of TLB_SIZE */
	uint64_t large[2], large_span; /* large pages in them: mmu.c */
	uint64_t tlb_used[2][TLB_WORDS]; /* entries in use, global ones [1] */
	bool bp_data; /* DR7 has data or I/O breakpoints on */
	bool bp_code; /* DR7 has instruction breakpoints on */
	struct { /* rmw.h: the operand being changed the slow way */
		uint64_t lin, pa;
		bool copied, locked;
		uint64_t tmp[2] __attribute__((aligned(16)));
	} rmw;
	struct cache *cache; /* block.c */
	struct sync *sync; /* sync.c */
	bool halt_told; /* the machine knows that it is halted for good */
	bool stepping; /* TF was set before the instruction at hand */
	bool owes; /* an instruction was stepped: traps are due */
	uint8_t pauses; /* PAUSE instructions, modulo 256 */
	struct block *link_from; /* the next block is linked to it */
	unsigned link_slot;

	/* protection and system state: exc.c, sys.c, msr.c */
	uint64_t pdpte[4]; /* PAE: as loaded with CR3 */
	int undo_cpl; /* raising goes back to this CPL; -1 none */
	bool shutdown; /* triple fault: run() returns STOP_TRIPLE */
	bool exc_rf; /* the fault being raised pushes RF set */
	uint64_t debugctl, mcg_ctl, mc[16]; /* stored, without effect */
};

/* Read by other threads while the CPU runs: written whole, by its own alone. */
static inline void
count_insns(struct cpu *c, uint64_t n)
{
	__atomic_store_n(&c->icount, c->icount + n, __ATOMIC_RELAXED);
}

#define RIP gpr[GPR_RIP]

/*
 * Flags. c->cc is what LAHF; SETO AL leave in AX: SF ZF - AF - PF 1 CF in the
 * high byte, OF in bit 0. DF is c->df. All others are in c->sysflags.
 */
enum {
	FL_CF = 1,
	FL_PF = 4,
	FL_AF = 16,
	FL_ZF = 64,
	FL_SF = 128,
	FL_TF = 256,
	FL_IF = 512,
	FL_DF = 1024,
	FL_OF = 2048,
	FL_IOPL = 3 << 12,
	FL_NT = 1 << 14,
	FL_RF = 1 << 16,
	FL_VM = 1 << 17,
	FL_AC = 1 << 18,
	FL_VIF = 1 << 19,
	FL_VIP = 1 << 20,
	FL_ID = 1 << 21,
	FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};

static inline uint32_t
get_flags(const struct cpu *c)
{
	return c->sysflags | (c->cc >> 8 & 0xd5) | (uint32_t)(c->cc & 1) << 11 |
	       (uint32_t)c->df << 10;
}

static inline void
set_arith(struct cpu *c, uint32_t f)
{
	c->cc = (uint16_t)((f & 0xd5) << 8 | (f >> 11 & 1));
}

/* All flags; tells the run loop of TF and IF, and picks the view (AC). */
void set_flags(struct cpu *c, uint32_t f);

/* ---- exceptions ---- */

enum {
	EXC_DE,
	EXC_DB,
	EXC_NMI,
	EXC_BP,
	EXC_OF,
	EXC_BR,
	EXC_UD,
	EXC_NM,
	EXC_DF,
	EXC_TS = 10,
	EXC_NP,
	EXC_SS,
	EXC_GP,
	EXC_PF,
	EXC_MF = 16,
	EXC_AC,
	EXC_MC,
	EXC_XM
};

/* Raise from instruction i (a fault: RIP is its own). i may be NULL during
 * delivery and between blocks: then c->rip stands. */
_Noreturn void raise_ud(struct cpu *c, const struct insn *i);
_Noreturn void raise_exc(struct cpu *c, const struct insn *i, int vector);
_Noreturn void raise_err(
	struct cpu *c, const struct insn *i, int vector, uint32_t error);
_Noreturn void raise_gp(struct cpu *c, const struct insn *i, uint32_t error);
_Noreturn void raise_pf(
	struct cpu *c, const struct insn *i, uint64_t lin, uint32_t error);
/* Leave the current instruction with all it did undone or done: the run loop
 * goes on at c->rip + (done ? i->off + i->len : i->off). For REP strings that
 * must let interrupts in. */
_Noreturn void leave(struct cpu *c, const struct insn *i, bool done);

/* ---- memory accessors: linear addresses, little-endian ---- */

uint64_t ld_slow(
	struct cpu *c, const struct insn *i, uint64_t lin, unsigned size);
void st_slow(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	uint64_t val);
void ld_bytes(struct cpu *c, const struct insn *i, uint64_t lin, void *p,
	unsigned
		n); /* n <= 4096; whole or #PF; 16-byte SSE operands, FXRSTOR */
void st_bytes(struct cpu *c, const struct insn *i, uint64_t lin, const void *p,
	unsigned n);
/* Fault now if [lin, lin+n) cannot be written (read, modify, write). */
void probe_write(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n);
void probe_read(struct cpu *c, const struct insn *i, uint64_t lin, unsigned n);
/* Host address of [lin, lin+n) for reading or writing, if it is plain RAM in
 * one page (and for writing holds no code); else NULL. Never faults; fills the
 * TLB. For string instructions and atomics. */
void *host_ptr(struct cpu *c, uint64_t lin, unsigned n, enum access);

/* The same, as supervisor whatever CPL is: descriptor tables, TSS, IDT. */
uint64_t sys_ld(
	struct cpu *c, const struct insn *i, uint64_t lin, unsigned size);
void sys_st(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	uint64_t val);

/* Physical memory: RAM, the LAPIC page, or the bus. */
uint64_t phys_ld(struct cpu *c, uint64_t pa, unsigned size);
void phys_st(struct cpu *c, uint64_t pa, unsigned size, uint64_t val);

static inline struct tlbe *
tlb_at(const struct cpu *c, uint64_t lin)
{
	return &c->tlb[lin >> 12 & (TLB_SIZE - 1)];
}

/* One comparison catches misses, missing rights and page crossing: the last
 * byte's page has another slot, or another tag. */
#define LD(bits)                                                               \
	static inline uint##bits##_t ld##bits(                                 \
		struct cpu *c, const struct insn *i, uint64_t lin)             \
	{                                                                      \
		const struct tlbe *e = tlb_at(c, lin);                         \
		uint##bits##_t v;                                              \
		if (likely(e->rd == ((lin + bits / 8 - 1) & PAGE_MASK))) {     \
			memcpy(&v, (const void *)(lin + e->add), sizeof(v));   \
			return v;                                              \
		}                                                              \
		return (uint##bits##_t)ld_slow(c, i, lin, bits / 8);           \
	}                                                                      \
	static inline void st##bits(struct cpu *c, const struct insn *i,       \
		uint64_t lin, uint##bits##_t v)                                \
	{                                                                      \
		const struct tlbe *e = tlb_at(c, lin);                         \
		if (likely(e->wr == ((lin + bits / 8 - 1) & PAGE_MASK)))       \
			memcpy((void *)(lin + e->add), &v, sizeof(v));         \
		else                                                           \
			st_slow(c, i, lin, bits / 8, v);                       \
	}
LD(8)
LD(16)
LD(32)
LD(64)
#undef LD

/* Paging state changed. */
void tlb_flush(struct cpu *c, bool globals_too);
void tlb_flush_page(struct cpu *c, uint64_t lin);
/* CPL, AC, CR0, CR4 or EFER changed: choose the view and the code size. */
void mode_changed(struct cpu *c);
/* Translate for the present view, or (super) as supervisor. 0, or the #PF
 * error code + 1 (never 0). *pa gets the physical address. */
int translate(
	struct cpu *c, uint64_t lin, enum access, bool super, uint64_t *pa);

/* ---- addresses ---- */

/*
 * Offset -> linear address outside 64-bit addressing: cut to i->asize, check
 * the segment's limit and type for n bytes, add its base. Raises #GP or #SS.
 * In 64-bit code with a 32-bit address size: cut, add FS/GS base.
 */
uint64_t ea_slow(struct cpu *c, const struct insn *i, uint64_t off, unsigned n,
	enum access);
/* The same for any segment and offset, already cut: the stack, strings. In
 * 64-bit mode adds segbase and checks nothing (non-canonical addresses miss
 * the TLB, and its slow way raises #GP, or #SS for i->seg or seg == SEG_SS). */
uint64_t seg_lin(struct cpu *c, const struct insn *i, unsigned seg,
	uint64_t off, unsigned n, enum access);

/* Offset of the memory operand, uncut: LEA. */
static inline uint64_t
ea_off(const struct cpu *c, const struct insn *i)
{
	return c->gpr[i->base] + (c->gpr[i->index] << i->scale) +
	       (uint64_t)i->disp;
}

/* Linear address of the memory operand, to access n bytes. */
static inline uint64_t
ea(struct cpu *c, const struct insn *i, unsigned n, enum access a)
{
	uint64_t off = ea_off(c, i);

	if (unlikely(i->flags & I_SLOW))
		return ea_slow(c, i, off, n, a);
	return off + c->segbase[i->seg];
}

/* ---- the stack (stack.c) ---- */

/* Push and pop with the stack's own width and segment. size 2, 4, 8. */
void push(struct cpu *c, const struct insn *i, unsigned size, uint64_t val);
uint64_t pop(struct cpu *c, const struct insn *i, unsigned size);
/* Top of stack + at bytes: read without moving, then move by n. */
uint64_t stack_peek(
	struct cpu *c, const struct insn *i, unsigned at, unsigned size);
void stack_move(struct cpu *c, int64_t n);

/* ---- segments (seg.c), exceptions (exc.c), system (sys.c, io.c) ---- */

/* Deliver c->exc, or an interrupt: may itself raise; the run loop calls it
 * under its catch and turns a second fault into #DF or shutdown. */
enum int_kind { INT_HW, INT_SOFT, INT_EXC, INT_ICEBP };
void deliver(struct cpu *c, unsigned vector, enum int_kind, bool has_error,
	uint32_t error);
/* May the present code use the port? Raises #GP. Also I/O breakpoints. */
void io_check(
	struct cpu *c, const struct insn *i, uint16_t port, unsigned size);
/* Load a segment register as MOV would (data segments and SS). */
void load_seg(struct cpu *c, const struct insn *i, unsigned seg, uint16_t sel);
/* CPUID as the guest sees it. */
void soft_cpuid(
	const struct cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4]);
uint64_t soft_tsc(const struct cpu *c);
/* 0 or -1 (#GP). */
int soft_rdmsr(struct cpu *c, uint32_t index, uint64_t *v);
int soft_wrmsr(struct cpu *c, uint32_t index, uint64_t v);
void cpu_power_on(struct cpu *c, bool init); /* RESET or INIT state */
/* A control register as MOV CR writes it: -1 for #GP. Flushes, changes modes.
 */
int set_cr0(struct cpu *c, uint64_t v);
int set_cr3(struct cpu *c, uint64_t v);
int set_cr4(struct cpu *c, uint64_t v);
int set_efer(struct cpu *c, uint64_t v);
void set_dr7(struct cpu *c, uint64_t v);
/* Data breakpoints: the slow way calls this for pages that hold one. */
void bp_check(struct cpu *c, uint64_t lin, unsigned n, enum access);

/*
 * The run loop's side of exceptions. raise_*() and leave() call run_abort()
 * (run.c: corrects icount), then siglongjmp(*c->catch, RAISED or LEFT). After
 * RAISED the run loop calls exc_dispatch() under the same catch: it delivers
 * c->exc, or #DF, or sets c->shutdown; it may raise again, and is then called
 * again. c->rip is right in both cases.
 */
enum { RAISED = 1, LEFT = 2 };
void run_abort(struct cpu *c, const struct insn *i);
void exc_dispatch(struct cpu *c);
/*
 * Debug exceptions. Before an instruction, RF clear: bits = bp_exec(c, linear
 * RIP), and raise_db(c, NULL, bits) if any. RF is cleared as an instruction
 * begins. After one that began with TF set (and left no MOV SS shadow):
 * c->dr6_pend |= DR6_BS. Then, dr6_pend set: debug_trap(c), under the catch.
 */
#define DR6_BD (1ull << 13)
#define DR6_BS (1ull << 14)
#define DR6_BT (1ull << 15)
uint64_t bp_exec(const struct cpu *c, uint64_t lin);
_Noreturn void raise_db(struct cpu *c, const struct insn *i, uint64_t bits);
void debug_trap(struct cpu *c);
/* I/O breakpoints on [port, port+size): they trap after the instruction. */
void bp_io(struct cpu *c, uint16_t port, unsigned size);
/* Take a start-up IPI. */
void cpu_sipi(struct cpu *c, uint8_t vector);
/* state.c; from: 0, or -EINVAL with a sentence. */
void cpu_to_state(struct cpu *c, struct cpu_state *s);
int cpu_from_state(struct cpu *c, const struct cpu_state *s);

/* ---- floating point (fpu.c, sse.c, fxsave.c) ---- */

/* Guest MXCSR into the host's (masked), and back. run() calls them. */
void fpu_enter(struct cpu *c);
void fpu_leave(struct cpu *c);
/* Raises #UD or #NM as CR0.EM, CR0.TS, CR4.OSFXSR say; then #MF if pending
 * (x87 and MMX). */
enum fpu_kind { FPU_X87, FPU_MMX, FPU_SSE, FPU_WAIT };
void fpu_check(struct cpu *c, const struct insn *i, enum fpu_kind);
void fxsave_put(struct cpu *c, uint8_t image[512], bool rex_w);
int fxsave_take(
	struct cpu *c, const uint8_t image[512], bool rex_w); /* -1 #GP */
void fpu_power_on(struct cpu *c, bool init);

/* ---- handlers: how one ends ---- */

#if SOFT_THREADED
#define NEXT                                                                   \
	do {                                                                   \
		i[1].fn(c, i + 1);                                             \
		return;                                                        \
	} while (0)
#else
#define NEXT                                                                   \
	do {                                                                   \
		(void)i;                                                       \
		return;                                                        \
	} while (0)
#endif

/* End of an I_END instruction that did not jump: RIP is the next one's, and
 * the run loop looks at everything. */
static inline void
end_insn(struct cpu *c, const struct insn *i)
{
	c->RIP += (uint64_t)i->off + i->len;
	if (i->flags & I_MODE64)
		return;
	if (c->code == CODE32)
		c->RIP &= 0xffffffff;
	else if (c->code == CODE16)
		c->RIP &= 0xffff; /* IP wraps; a limit check follows */
}

/* RIP of the next instruction, before it is set. */
static inline uint64_t
next_rip(const struct cpu *c, const struct insn *i)
{
	return c->RIP + i->off + i->len;
}

/* Registers by byte offset. */
static inline void *
regp(struct cpu *c, unsigned at)
{
	return (uint8_t *)c->gpr + at;
}
static inline uint64_t
get_reg(const struct cpu *c, unsigned at, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, (const uint8_t *)c->gpr + at, size);
	return v;
}
/* 32-bit writes clear the upper half, as in 64-bit mode; harmless elsewhere. */
static inline void
set_reg(struct cpu *c, unsigned at, unsigned size, uint64_t v)
{
	if (size == 4)
		c->gpr[at >> 3] = (uint32_t)v;
	else
		memcpy((uint8_t *)c->gpr + at, &v, size);
}
/* Memory of 1, 2, 4, 8 bytes. */
static inline uint64_t
ld_n(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size)
{
	switch (size) {
	case 1:
		return ld8(c, i, lin);
	case 2:
		return ld16(c, i, lin);
	case 4:
		return ld32(c, i, lin);
	default:
		return ld64(c, i, lin);
	}
}
static inline void
st_n(struct cpu *c, const struct insn *i, uint64_t lin, unsigned size,
	uint64_t v)
{
	switch (size) {
	case 1:
		st8(c, i, lin, (uint8_t)v);
		break;
	case 2:
		st16(c, i, lin, (uint16_t)v);
		break;
	case 4:
		st32(c, i, lin, (uint32_t)v);
		break;
	default:
		st64(c, i, lin, v);
	}
}
/* The rm operand, register or memory. */
static inline uint64_t
get_rm(struct cpu *c, const struct insn *i, unsigned n)
{
	if (i->flags & I_MEM)
		return ld_n(c, i, ea(c, i, n, ACC_READ), n);
	return get_reg(c, i->rm, n);
}
static inline void
set_rm(struct cpu *c, const struct insn *i, unsigned n, uint64_t v)
{
	if (i->flags & I_MEM)
		st_n(c, i, ea(c, i, n, ACC_WRITE), n, v);
	else
		set_reg(c, i->rm, n, v);
}

#define CR0_PE 1ull
#define CR0_MP 2ull
#define CR0_EM 4ull
#define CR0_TS 8ull
#define CR0_ET 16ull
#define CR0_NE 32ull
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)
#define CR4_VME 1ull
#define CR4_PVI 2ull
#define CR4_TSD 4ull
#define CR4_DE 8ull
#define CR4_PSE 16ull
#define CR4_PAE 32ull
#define CR4_MCE 64ull
#define CR4_PGE 128ull
#define CR4_PCE 256ull
#define CR4_OSFXSR 512ull
#define CR4_OSXMMEXCPT 1024ull
#define CR4_UMIP (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_PCIDE (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_SCE 1ull
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

static inline bool
protected_mode(const struct cpu *c)
{
	return c->cr0 & CR0_PE;
}
static inline bool
long_mode(const struct cpu *c) /* IA-32e, any code size */
{
	return c->efer & EFER_LMA;
}
static inline bool
vm86(const struct cpu *c)
{
	return c->sysflags & FL_VM;
}

struct soft {
	struct engine_config cfg;
	struct lapic_net *net;
	uint64_t tsc_hz;
	unsigned cpus;
	struct cpu **cpu;
	uint64_t ram_low, ram_high; /* bytes */
	_Atomic uint64_t *code[2]; /* for them, per page: a bit for each 64
				    * bytes that some vCPU has decoded */
	size_t code_bytes[2];
	pthread_mutex_t split; /* page-crossing and MMIO LOCKs */
};

#endif
