/* SPDX-License-Identifier: MIT */
/*
 * The translator's inside. Translated code runs on the thread's own stack, as
 * one frame under the handler that entered it, with RBP = the CPU (by BIAS), 11
 * of the guest's registers in host registers and the others in c->gpr; RAX, RCX
 * and RDX are nobody's. The guest's arithmetic flags are in the host's RFLAGS,
 * in c->cc, in both, or, once dead, nowhere. Between blocks they are in c->cc.
 *
 * A block's code begins with a look at c->pending and counts its instructions;
 * RIP is then right, and is moved on by each way out. Memory operands look in
 * the TLB in line; where that fails, the instruction's handler does all of it.
 */
#ifndef VMM_SOFT_JIT_CODE_H
#define VMM_SOFT_JIT_CODE_H

#include <stddef.h>

#include "vmm/soft/handlers.h"
#include "vmm/soft/jit-emit.h"
#include "vmm/soft/jit-mem.h"
#include "vmm/soft/jit.h"

enum { /* host registers */
	H_RAX,
	H_RCX,
	H_RDX,
	H_RBX,
	H_RSP,
	H_RBP,
	H_RSI,
	H_RDI,
	H_NONE = 255
};
/* Where guest register n lives; H_NONE: in c->gpr. */
extern const uint8_t jit_home[16];

#define JIT_BYTES (16u << 20)
#define JIT_BIAS 128
#define JIT_OFF(field) ((int32_t)offsetof(struct cpu, field) - JIT_BIAS)
#define JIT_ENTRY 15 /* bytes of code before what jit_enter goes to */
#define JIT_ROOM 32768u /* more than any block needs */

struct jit {
	struct jit_mem mem;
	uint8_t *at; /* next free byte, in mem.rw */
	uint8_t *first; /* the first block's: behind the common code */
	unsigned after;
	bool full;
	/* Common code (in mem.rw; shared by all blocks) */
	handler *enter; /* of a translated block; executable */
	uint8_t *handle; /* run EAX's instruction by its handler, go on */
	uint8_t *tail; /* leave for EAX's instruction's handler */
	uint8_t *link; /* leave for EAX's block's next, number EAX & 63 */
	uint8_t *leave; /* to the run loop, at c->rip */
	uint8_t *lookup; /* RCX: linear. ZF: RAX = code, RDX = block */
	const uint8_t *interpret; /* run block RDX; executable */
	/* An instruction on its own, for its handler. */
	struct insn insn[2];
	unsigned running;
};

/* ---- one block being translated ---- */

enum { JF_CARRY = 1, JF_REST = 2, JF_ALL = 3 }; /* sets of flags */

/* Code behind the block, for what is rare: by the handlers, and back. */
struct detour {
	uint8_t *from; /* the jump's distance */
	uint8_t *back; /* where to go on */
	uint8_t insn, count; /* instructions that the handlers do */
	bool tail;
};

struct tr {
	uint8_t *p; /* next byte */
	struct cpu *c;
	struct jit *j;
	struct block *b;
	unsigned n; /* the instruction at hand */
	unsigned count; /* instructions that are emitted as one */
	bool host, saved; /* flags are in RFLAGS; in c->cc */
	bool sse; /* asked already whether it may be used: jit-sse.c */
	bool need; /* it wants them in RFLAGS: jit_flags() */
	unsigned detours;
	uint8_t live[BLOCK_INSNS + 1]; /* flags that matter before each */
	struct detour detour[3 * BLOCK_INSNS];
};

/* How an instruction is translated. */
struct rule {
	/* false: it is not, and nothing was emitted; its handler does it */
	bool (*emit)(struct tr *, const struct insn *, unsigned arg);
	uint16_t arg;
	uint8_t reads, kills; /* flags read; set, whatever they were */
	bool writes; /* some flags */
	bool apart; /* no emitter; the handler looks at no flags */
};
extern const struct rule jit_rules[HOW_END];

/* Common code into j; executable from then on. */
void jit_common(struct jit *j);
/* What the common code calls. */
struct jit_next {
	const void *to; /* NULL: the run loop */
	const void *insn; /* NULL: to is code, else a handler for it */
};
bool jit_handle(struct cpu *c, uint32_t name);
struct jit_next jit_tail(struct cpu *c, uint32_t name);
struct jit_next jit_link(struct cpu *c, uint32_t name);

/* Translate b. false: no room. */
bool jit_translate(struct cpu *c, struct block *b);

/* ---- for those that emit instructions (jit-operand.c) ---- */

/* RFLAGS is about to be lost, and what lives of it is kept. */
void jit_lose_flags(struct tr *t);
/* Before the guest's own instruction: RFLAGS as it wants them. Changes RAX. */
void jit_flags(struct tr *t);
/* Flags are in c->cc from here on; RFLAGS stays. Changes RAX. */
void jit_save_flags(struct tr *t);
void jit_load_flags(struct tr *t);

/* The memory operand, n bytes: its host address is in RCX, and the place is
 * that. All three scratch registers and RFLAGS change. Not for I_SLOW. */
struct place jit_mem(
	struct tr *t, const struct insn *i, unsigned n, bool write);
/* Its offset in RCX: flags stay; RDX may change. */
void jit_offset(struct tr *t, const struct insn *i, unsigned d, unsigned size);
/* [guest register base + at, n bytes) on the stack. */
struct place jit_stack(
	struct tr *t, unsigned base, int32_t at, unsigned n, bool write);
/* The linear address in RCX to a host address; tail: where it fails, the
 * handler takes over for good. */
void jit_look(struct tr *t, unsigned n, bool write, bool tail);

/*
 * A guest register by its offset into c->gpr, as in struct insn. jit_get: a
 * host register with its value, which is scratch if it has none of its own.
 * jit_put: r, got so, was changed (n bytes); may change RAX. jit_fresh: as
 * jit_get, but the old value is not wanted. jit_place: to be read only. None
 * changes flags.
 */
unsigned jit_get(struct tr *t, unsigned at, unsigned n, unsigned scratch);
unsigned jit_fresh(struct tr *t, unsigned at, unsigned n, unsigned scratch);
void jit_put(struct tr *t, unsigned at, unsigned n, unsigned r);
struct place jit_place(struct tr *t, unsigned at, unsigned n, unsigned scratch);

/* from: of a jump that is taken where the instruction's handler must do it; or
 * (tail) it and all that follows. */
void jit_detour(struct tr *t, uint8_t *from, bool tail);
/* For what has HOW 0: SSE, MMX, x87 (jit-sse.c). */
const struct rule *jit_sse_rule(const struct insn *i);

/* Short names for the emitters. */
static inline void
op(struct tr *t, unsigned size, unsigned opcode, unsigned reg, struct place rm)
{
	t->p = emit_op(t->p, size, opcode, reg, rm, 0);
}

static inline void
op_rr(struct tr *t, unsigned size, unsigned opcode, unsigned reg, unsigned rm)
{
	t->p = emit_op(t->p, size, opcode, reg, in_reg(rm), 0);
}

/* With a field of the CPU. */
static inline void
op_cpu(struct tr *t, unsigned size, unsigned opcode, unsigned reg, int32_t at)
{
	t->p = emit_op(t->p, size, opcode, reg, at_mem(H_RBP, at), 0);
}

/* The ways out (jit-flow.c): of a block's last instruction, or behind it. */
void jit_end(struct tr *t, const struct insn *i);
void jit_fall(struct tr *t);

#endif
