/* SPDX-License-Identifier: MIT */
/*
 * The code that all translated blocks share: the ways in and out, calls of the
 * interpreter's handlers, the lookup of blocks by linear address. Stack: at a
 * handler's entry RSP is 8 modulo 16; enter() makes it 0, and keeps it there.
 */
#include "vmm/soft/jit-code.h"

/* Saved by their callee (System V ABI, 3.2.1), in the order pushed. */
static const uint8_t callee_saved[6] = {H_RBP, H_RBX, 12, 13, 14, 15};

static uint8_t *
registers(uint8_t *p, unsigned opcode)
{
	for (unsigned n = 0; n < 16; n++)
		if (jit_home[n] != H_NONE)
			p = emit_op(p, 8, opcode, jit_home[n],
				at_mem(H_RBP, JIT_OFF(gpr) + (int32_t)n * 8),
				0);
	return p;
}

static uint8_t *
store(uint8_t *p)
{
	return registers(p, 0x89);
}

static uint8_t *
load(uint8_t *p)
{
	return registers(p, 0x8b);
}

static uint8_t *
cpu_op(uint8_t *p, unsigned size, unsigned opcode, unsigned reg, int32_t at)
{
	return emit_op(p, size, opcode, reg, at_mem(H_RBP, at), 0);
}

static uint8_t *
add_imm(uint8_t *p, unsigned reg, int8_t v)
{
	p = emit_op(p, 8, 0x83, 0, in_reg(reg), 0);
	return emit8(p, (uint8_t)v);
}

/* The CPU as a function's first argument. */
static uint8_t *
arg_cpu(uint8_t *p)
{
	return emit_lea(p, 8, H_RDI, H_RBP, -1, 0, -JIT_BIAS);
}

/* RDX may hold a result's second half: it stays. */
static uint8_t *
pop_frame(uint8_t *p)
{
	p = add_imm(p, H_RSP, 8);
	for (unsigned n = 6; n--;) {
		if (callee_saved[n] > 7)
			p = emit8(p, 0x41);
		p = emit8(p, 0x58 | (callee_saved[n] & 7));
	}
	return p;
}

static uint8_t *
call_c(uint8_t *p, uintptr_t fn)
{
	p = arg_cpu(p);
	p = emit_op(p, 4, 0x8b, H_RSI, in_reg(H_RAX), 0);
	p = emit_mov_imm(p, H_RAX, fn);
	return emit_op(p, 4, 0xff, 2, in_reg(H_RAX), 0);
}

static uint8_t *
jump_reg(uint8_t *p, unsigned reg)
{
	return emit_op(p, 4, 0xff, 4, in_reg(reg), 0);
}

/* A handler: RDI = CPU, RSI = the block's first instruction. */
static uint8_t *
make_enter(uint8_t *p)
{
	for (unsigned n = 0; n < 6; n++) {
		if (callee_saved[n] > 7)
			p = emit8(p, 0x41);
		p = emit8(p, 0x50 | (callee_saved[n] & 7));
	}
	p = add_imm(p, H_RSP, -8);
	p = emit_lea(p, 8, H_RBP, H_RDI, -1, 0, JIT_BIAS);
	p = emit_op(p, 8, 0x8b, H_RAX,
		at_mem(H_RSI, (int32_t)offsetof(struct block, run) -
				      (int32_t)offsetof(struct block, insn)),
		0);
	p = load(p);
	p = add_imm(p, H_RAX, JIT_ENTRY);
	return jump_reg(p, H_RAX);
}

static uint8_t *
make_leave(uint8_t *p)
{
	p = pop_frame(store(p));
	return emit8(p, 0xc3);
}

/* Called; the flags that it leaves are the guest's. */
static uint8_t *
make_handle(uint8_t *p)
{
	uint8_t *out;

	p = store(p);
	p = add_imm(p, H_RSP, -8);
	p = call_c(p, (uintptr_t)jit_handle);
	p = add_imm(p, H_RSP, 8);
	p = emit_op(p, 1, 0x84, H_RAX, in_reg(H_RAX), 0); /* test al, al */
	p = emit_jump(p, 0x0f85, &out);
	p = load(p);
	p = cpu_op(p, 4, 0x0fb7, H_RAX, JIT_OFF(cc));
	p = emit16(p, 0x7f04);
	p = emit8(p, 0x9e);
	p = emit8(p, 0xc3);
	set_jump(out, p);
	p = add_imm(p, H_RSP, 8);
	p = pop_frame(p);
	return emit8(p, 0xc3);
}

/* fn says where to go (struct jit_next). */
static uint8_t *
make_next(uint8_t *p, uintptr_t fn)
{
	uint8_t *tail, *out;

	p = store(p);
	p = call_c(p, fn);
	p = emit_op(p, 8, 0x85, H_RDX, in_reg(H_RDX), 0);
	p = emit_jump(p, 0x0f85, &tail);
	p = emit_op(p, 8, 0x85, H_RAX, in_reg(H_RAX), 0);
	p = emit_jump(p, 0x0f84, &out);
	p = load(p);
	p = jump_reg(p, H_RAX);
	set_jump(tail, p);
	p = arg_cpu(p);
	p = emit_op(p, 8, 0x8b, H_RSI, in_reg(H_RDX), 0);
	p = pop_frame(p);
	p = jump_reg(p, H_RAX);
	set_jump(out, p);
	p = pop_frame(p);
	return emit8(p, 0xc3);
}

/* jcache_at(), and whether it is that. RCX stays. */
static uint8_t *
make_lookup(uint8_t *p)
{
	uint8_t *out[2];

	p = emit_op(p, 8, 0x8b, H_RDX, in_reg(H_RCX), 0);
	p = emit_op(p, 8, 0xc1, 5, in_reg(H_RDX), 0); /* shr rdx, 12 */
	p = emit8(p, 12);
	p = emit_op(p, 4, 0x33, H_RDX, in_reg(H_RCX), 0);
	p = emit_op(p, 4, 0x81, 4, in_reg(H_RDX), 0); /* and edx, imm32 */
	p = emit32(p, JCACHE_SIZE - 1);
	_Static_assert(sizeof(struct jcache) == 32, "the shift");
	p = emit_op(p, 4, 0xc1, 4, in_reg(H_RDX), 0); /* shl edx, 5 */
	p = emit8(p, 5);
	p = cpu_op(p, 8, 0x03, H_RDX, JIT_OFF(jcache));
	p = emit_op(p, 8, 0x3b, H_RCX,
		at_mem(H_RDX, (int32_t)offsetof(struct jcache, lin)), 0);
	p = emit_jump(p, 0x0f85, &out[0]);
	p = emit_op(p, 8, 0x8b, H_RAX,
		at_mem(H_RDX, (int32_t)offsetof(struct jcache, key)), 0);
	p = cpu_op(p, 8, 0x3b, H_RAX, JIT_OFF(jkey));
	p = emit_jump(p, 0x0f85, &out[1]);
	p = emit_op(p, 8, 0x8b, H_RAX,
		at_mem(H_RDX, (int32_t)offsetof(struct jcache, run)), 0);
	p = emit_op(p, 8, 0x8b, H_RDX,
		at_mem(H_RDX, (int32_t)offsetof(struct jcache, block)), 0);
	set_jump(out[0], p);
	set_jump(out[1], p);
	return emit8(p, 0xc3);
}

/* Block RDX is not translated: as go() does. */
static uint8_t *
make_interpret(uint8_t *p, const uint8_t *leave)
{
	p = cpu_op(p, 4, 0x83, 7, JIT_OFF(pending));
	p = emit8(p, 0);
	p = emit_jump_to(p, 0x0f85, leave);
	p = store(p);
	p = cpu_op(p, 8, 0x89, H_RDX, JIT_OFF(block));
	p = emit_op(p, 4, 0x0fb6, H_RAX,
		at_mem(H_RDX, (int32_t)offsetof(struct block, n)), 0);
	p = cpu_op(p, 8, 0x01, H_RAX, JIT_OFF(icount));
	p = arg_cpu(p);
	p = emit_lea(p, 8, H_RSI, H_RDX, -1, 0,
		(int32_t)offsetof(struct block, insn));
	p = pop_frame(p);
	return emit_op(p, 4, 0xff, 4,
		at_mem(H_RSI, (int32_t)offsetof(struct insn, fn)), 0);
}

static uint8_t *
align(uint8_t *p)
{
	while ((uintptr_t)p & 15)
		p = emit8(p, 0xcc);
	return p;
}

void
jit_common(struct jit *j)
{
	ptrdiff_t to_rx = j->mem.rx - j->mem.rw;
	uint8_t *p = j->mem.rw, *at;

	at = p;
	j->enter = (handler *)(uintptr_t)(at + to_rx);
	p = align(make_enter(p));
	j->leave = p;
	p = align(make_leave(p));
	j->handle = p;
	p = align(make_handle(p));
	j->tail = p;
	p = align(make_next(p, (uintptr_t)jit_tail));
	j->link = p;
	p = align(make_next(p, (uintptr_t)jit_link));
	j->lookup = p;
	p = align(make_lookup(p));
	j->interpret = p + to_rx;
	p = align(make_interpret(p, j->leave));
	j->first = j->at = p;
}
