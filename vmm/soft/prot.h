/* SPDX-License-Identifier: MIT */
/*
 * Protection, inside: descriptors, stacks and checks that segment loads, far
 * transfers, task switches, exceptions and fast system calls share (Intel SDM
 * vol. 3A chapters 3, 5, 6, 8). Functions that take an insn raise from it.
 */
#ifndef VMM_SOFT_PROT_H
#define VMM_SOFT_PROT_H

#include "vmm/soft/soft.h"

/* A handler's end that suits rows with R_END and rows without. */
#define DONE                                                                   \
	do {                                                                   \
		if (i->flags & I_END) {                                        \
			end_insn(c, i);                                        \
			return;                                                \
		}                                                              \
		NEXT;                                                          \
	} while (0)

#define NOINLINE __attribute__((noinline))

enum { /* struct cpu_seg.type of system descriptors */
	SYS_TSS16 = 1,
	SYS_LDT = 2,
	SYS_TSS16_BUSY = 3,
	SYS_CALL16 = 4,
	SYS_TASK = 5,
	SYS_INT16 = 6,
	SYS_TRAP16 = 7,
	SYS_TSS = 9,
	SYS_TSS_BUSY = 11,
	SYS_CALL = 12,
	SYS_INT = 14,
	SYS_TRAP = 15
};
enum {
	TYPE_ACCESSED = 1,
	TYPE_WRITE = 2,
	TYPE_READ = 2,
	TYPE_DOWN = 4,
	TYPE_CONFORMING = 4,
	TYPE_CODE = 8,
	TYPE_BUSY = 2
};

struct desc {
	struct cpu_seg seg;
	uint64_t raw, high; /* high: second half, desc_load16() only */
	uint64_t lin; /* where it lies */
};

static inline bool
canonical(uint64_t lin)
{
	return (uint64_t)((int64_t)(lin << 16) >> 16) == lin;
}
static inline bool
null_sel(uint16_t sel)
{
	return !(sel & ~3);
}
static inline uint32_t
sel_error(uint16_t sel)
{
	return sel & 0xfffc;
}
static inline unsigned
iopl(const struct cpu *c)
{
	return c->sysflags >> 12 & 3;
}
static inline bool
is_code(const struct cpu_seg *s)
{
	return s->s && (s->type & TYPE_CODE);
}
static inline bool
is_conforming(const struct cpu_seg *s)
{
	return s->type & TYPE_CONFORMING;
}
static inline bool
is_stack(const struct cpu_seg *s) /* writable data */
{
	return s->s && (s->type & (TYPE_CODE | TYPE_WRITE)) == TYPE_WRITE;
}
/* Protected mode without vm86. */
static inline bool
prot16_or_more(const struct cpu *c)
{
	return protected_mode(c) && !vm86(c);
}

/* Bits that MOV CR and EFER may set. */
#define CR0_KNOWN                                                              \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP |        \
		CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR4_KNOWN                                                              \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |  \
		CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |   \
		CR4_FSGSBASE | CR4_SMEP | CR4_SMAP)
#define EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
#define CPU_SIGNATURE 0x000206c2 /* family 6, model 2c, stepping 2 */

/* ---- power.c ---- */

void msr_reset(struct cpu *c);
void cpu_idle(struct cpu *c);

/* ---- mtrr.c ---- */

bool pat_valid(uint64_t v);
/* -1: not one of them, or not a value for it. */
int mtrr_read(const struct cpu *c, uint32_t index, uint64_t *v);
int mtrr_write(struct cpu *c, uint32_t index, uint64_t v);

/* ---- sys.c ---- */

/* Under PAE paging, read the PDPTEs that CR3 points to; -1: reserved bits. */
int pdptes_load(struct cpu *c);

/* ---- desc.c ---- */

/* Unpack 8 bytes as the GDT and LDT have them. */
struct cpu_seg seg_unpack(uint64_t raw, uint16_t sel);
/* The descriptor of a selector, which is not null; false: beyond the table. */
bool desc_load(
	struct cpu *c, const struct insn *i, uint16_t sel, struct desc *d);
/* The same with the second half of a system descriptor in IA-32e mode, and the
 * base from both. Elsewhere, as desc_load(). */
bool desc_load16(
	struct cpu *c, const struct insn *i, uint16_t sel, struct desc *d);
/* Set bits in a descriptor's type, atomically; clear them. */
void desc_set(struct cpu *c, const struct insn *i, const struct desc *d,
	uint8_t bits);
void desc_clear(struct cpu *c, const struct insn *i, const struct desc *d,
	uint8_t bits);
/* Set the accessed bit in memory and in d. */
void desc_touch(struct cpu *c, const struct insn *i, struct desc *d);
/* Fill a segment register's hidden part, keeping what derives in step. */
void seg_put(struct cpu *c, unsigned seg, const struct cpu_seg *s);
void seg_null(struct cpu *c, unsigned seg, uint16_t sel);
/* As real mode loads it: base and selector; as vm86 does: all. */
void seg_real(struct cpu *c, unsigned seg, uint16_t sel);
struct cpu_seg seg_vm86(uint16_t sel);
/* CS and SS of the fast system calls: flat. */
struct cpu_seg seg_flat(uint16_t sel, bool code, bool l, unsigned dpl);

/*
 * A code segment for a far transfer, checked up to its presence; raises with
 * error codes of sel | ext. JMP and CALL: SDM vol. 3A section 5.8.1; gate: the
 * target of a call, interrupt or trap gate at the present CPL; ret: of a RET
 * or IRET to the RPL in sel. The accessed bit is set. d->seg.sel is sel.
 */
enum code_use { CODE_JUMP, CODE_GATE, CODE_RET };
void code_desc(struct cpu *c, const struct insn *i, uint16_t sel,
	enum code_use use, uint32_t ext, struct desc *d);
/* Is off good for this code segment? Limit, or canonical form. */
bool code_offset(const struct cpu *c, const struct cpu_seg *cs, uint64_t off);
/* CS, CPL and RIP at once, modes follow. */
void code_commit(
	struct cpu *c, const struct cpu_seg *cs, unsigned cpl, uint64_t rip);

/* A stack segment for privilege level cpl: faults with #TS or #GP (vector) and
 * sel | ext, #SS for an absent one. */
struct cpu_seg stack_desc(struct cpu *c, const struct insn *i, uint16_t sel,
	unsigned cpl, int vector, uint32_t ext);

/* A stack that is not, or not yet, SS:RSP. */
struct stk {
	struct cpu_seg ss;
	uint64_t sp;
	uint32_t error; /* of #SS */
	bool flat; /* 64-bit: no limit, canonical form instead */
};
void stk_here(const struct cpu *c, struct stk *s);
/* The stack of a more privileged level, from the TSS. */
void stk_from_tss(struct cpu *c, const struct insn *i, unsigned cpl,
	uint32_t ext, struct stk *s);
void stk_push(struct cpu *c, const struct insn *i, struct stk *s, unsigned size,
	uint64_t val);
uint64_t stk_pop(
	struct cpu *c, const struct insn *i, struct stk *s, unsigned size);
/* Move the pointer by n in the stack's width. */
void stk_move(struct stk *s, int64_t n);

/* After a return to an outer level: drop what it may not use. */
void seg_drop(struct cpu *c);

/* Access memory at another CPL until cpl_keep(); raising goes back. */
static inline void
cpl_try(struct cpu *c, unsigned cpl)
{
	if (cpl == c->cpl)
		return;
	c->undo_cpl = c->cpl;
	c->cpl = (uint8_t)cpl;
	mode_changed(c);
}
static inline void
cpl_keep(struct cpu *c)
{
	c->undo_cpl = -1;
}

/* ---- far.c ---- */

/* SS:RSP popped by a return, and checked for the RPL in cs->sel; then loaded,
 * after code_commit(), with drop bytes of it released. */
struct outer {
	struct cpu_seg ss;
	uint64_t sp;
};
void outer_stack(struct cpu *c, const struct insn *i, struct stk *s,
	unsigned size, const struct cpu_seg *cs, struct outer *o);
void outer_commit(struct cpu *c, const struct outer *o, unsigned drop);
/* RIP of the next instruction, in the width of the code. */
static inline uint64_t
rip_after(const struct cpu *c, const struct insn *i)
{
	uint64_t rip = next_rip(c, i);

	if (i->flags & I_MODE64)
		return rip;
	return c->code == CODE32 ? (uint32_t)rip : (uint16_t)rip;
}

/* ---- task.c ---- */

enum task_kind { TASK_JMP, TASK_CALL, TASK_IRET, TASK_GATE };
/* Check the TSS descriptor sel as a target (IRET: vector #TS, else #GP), then
 * switch; next is the old task's EIP. Ends with the new CS:RIP. */
void task_switch(struct cpu *c, const struct insn *i, uint16_t sel,
	enum task_kind kind, uint64_t next, uint32_t ext);
/* The selector in a task gate; also for far JMP and CALL. */
static inline uint16_t
gate_sel(uint64_t raw)
{
	return (uint16_t)(raw >> 16);
}
static inline uint32_t
gate_off(uint64_t raw)
{
	return (uint32_t)(raw & 0xffff) | (uint32_t)(raw >> 32 & 0xffff0000);
}

/* ---- exc.c, flags.c ---- */

/* raise_exc() with a choice of the RF that is pushed. */
_Noreturn void raise_rf(
	struct cpu *c, const struct insn *i, int vector, bool rf);
/* deliver() from instruction i, which faults as one: INT n and its kin. ret is
 * the RIP to push. */
void deliver_from(struct cpu *c, const struct insn *i, unsigned vector,
	enum int_kind kind, bool has_error, uint32_t error, uint64_t ret);
/* debug.c: a #DB is being delivered, from whatever cause. */
void debug_entered(struct cpu *c);
/* Flags that POPF and IRET may change now, for an operand of size bytes. */
uint32_t flags_mask(const struct cpu *c, unsigned size);
/* (CR0.PE and CPL, or vm86) #GP(0) unless at ring 0. */
static inline void
need_cpl0(struct cpu *c, const struct insn *i)
{
	if (unlikely(c->cpl != 0))
		raise_gp(c, i, 0);
}

/* SGDT and its kin, SMSW: not for users under UMIP. */
static inline void
check_umip(struct cpu *c, const struct insn *i)
{
	if (unlikely(c->cpl && (c->cr4 & CR4_UMIP)))
		raise_gp(c, i, 0);
}
/* #UD outside protected mode, and in vm86. */
static inline void
need_prot(struct cpu *c, const struct insn *i)
{
	if (!prot16_or_more(c))
		raise_ud(c, i);
}

static inline void
pend(struct cpu *c, uint32_t bits)
{
	atomic_fetch_or_explicit(&c->pending, bits, memory_order_relaxed);
}

#endif
