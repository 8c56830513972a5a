/* SPDX-License-Identifier: MIT */
/*
 * The ways out of a translated block: near branches in 64-bit code. Within the
 * page a jump leads straight to the next block's code; elsewhere the jcache is
 * asked. Whatever is unusual (a miss, a target that is not canonical) goes to
 * the instruction's handler, before anything has changed.
 */
#include "vmm/soft/decode.h"
#include "vmm/soft/jit-code.h"

/* The handler takes over: here, or where a jump of this kind is taken. */
static void
to_handler(struct tr *t)
{
	t->p = emit_mov_imm(t->p, H_RAX, block_name(t->c, t->b, t->n));
	t->p = emit_jump_to(t->p, 0xe9, t->j->tail);
}

/* RIP is the block's; it moves on. */
static void
move_rip(struct tr *t, int64_t by)
{
	op_cpu(t, 8, fits8(by) ? 0x83 : 0x81, 0, JIT_OFF(gpr[GPR_RIP]));
	t->p = fits8(by) ? emit8(t->p, (uint8_t)by)
			 : emit32(t->p, (uint32_t)by);
}

/* RAX = code of the block at RCX, or the handler. */
static void
look_up(struct tr *t)
{
	uint8_t *from;

	t->p = emit_jump_to(t->p, 0xe8, t->j->lookup);
	t->p = emit_jump(t->p, 0x0f85, &from);
	jit_detour(t, from, true);
}

/* To the block at RCX, whose code is at RAX. */
static void
go_there(struct tr *t)
{
	op_cpu(t, 8, 0x89, H_RCX, JIT_OFF(gpr[GPR_RIP]));
	op(t, 4, 0xff, 4, in_reg(H_RAX));
}

static bool
same_page(const struct tr *t, int64_t rel)
{
	int64_t to = t->b->start + rel;

	return to >= 0 && to < (int64_t)PAGE;
}

/* RCX = RIP + rel */
static void
target(struct tr *t, int64_t rel)
{
	op_cpu(t, 8, 0x8b, H_RCX, JIT_OFF(gpr[GPR_RIP]));
	t->p = emit_lea(t->p, 8, H_RCX, H_RCX, -1, 0, (int32_t)rel);
}

static void
link_to(struct tr *t, int64_t rel, unsigned slot)
{
	uint8_t *site;

	move_rip(t, rel);
	t->p = emit_jump(t->p, 0xe9, &site);
	t->b->site[slot] = (uint32_t)(site - t->j->mem.rw);
}

/* Jump to rel, from the block's start. */
static void
jump(struct tr *t, int64_t rel, unsigned slot)
{
	if (same_page(t, rel)) {
		link_to(t, rel, slot);
		return;
	}
	target(t, rel);
	look_up(t);
	go_there(t);
}

void
jit_fall(struct tr *t)
{
	int64_t rel = t->b->bytes;

	jit_save_flags(t);
	if (same_page(t, rel)) {
		link_to(t, rel, 0);
		return;
	}
	target(t, rel);
	op_cpu(t, 8, 0x89, H_RCX, JIT_OFF(gpr[GPR_RIP]));
	t->p = emit_jump_to(t->p, 0xe8, t->j->lookup);
	t->p = emit_jump_to(t->p, 0x0f85, t->j->leave);
	op(t, 4, 0xff, 4, in_reg(H_RAX));
}

static int64_t
rel_next(const struct insn *i)
{
	return i->off + i->len;
}

static void
jcc(struct tr *t, const struct insn *i, int64_t rel)
{
	uint8_t *taken;

	jit_load_flags(t);
	jit_save_flags(t);
	t->p = emit_jump(t->p, 0x0f80 | (i->op & 15), &taken);
	jump(t, rel_next(i), 0);
	set_jump(taken, t->p);
	jump(t, rel, 1);
}

/* RCX = where RSP + at is in the host, for 8 bytes. */
static void
stack(struct tr *t, int32_t at, bool write)
{
	unsigned sp = jit_get(t, RSP * 8, 8, H_RCX);

	t->p = emit_lea(t->p, 8, H_RCX, sp, -1, 0, at);
	jit_look(t, 8, write, true);
}

static void
move_sp(struct tr *t, int32_t by)
{
	unsigned sp = jit_get(t, RSP * 8, 8, H_RDX);

	t->p = emit_lea(t->p, 8, sp, sp, -1, 0, by);
	jit_put(t, RSP * 8, 8, sp);
}

/* The return address, at [RCX]. */
static void
put_return(struct tr *t, const struct insn *i)
{
	op_cpu(t, 8, 0x8b, H_RDX, JIT_OFF(gpr[GPR_RIP]));
	t->p = emit_lea(t->p, 8, H_RDX, H_RDX, -1, 0, (int32_t)rel_next(i));
	op(t, 8, 0x89, H_RDX, at_mem(H_RCX, 0));
}

/* Should the target not be found, the handler pushes the same once more. */
static void
call(struct tr *t, const struct insn *i, int64_t rel)
{
	stack(t, -8, true);
	put_return(t, i);
	if (same_page(t, rel)) {
		move_sp(t, -8);
		link_to(t, rel, 1);
		return;
	}
	target(t, rel);
	look_up(t);
	move_sp(t, -8);
	go_there(t);
}

static void
ret(struct tr *t)
{
	stack(t, 0, false);
	op(t, 8, 0x8b, H_RCX, at_mem(H_RCX, 0));
	look_up(t);
	move_sp(t, 8);
	go_there(t);
}

/* RCX = the operand of an indirect jump or call. */
static void
operand(struct tr *t, const struct insn *i)
{
	if (i->flags & I_MEM) {
		jit_offset(t, i, H_RCX, 8);
		if (i->seg == SEG_FS || i->seg == SEG_GS)
			op_cpu(t, 8, 0x03, H_RCX,
				JIT_OFF(segbase) + (int32_t)i->seg * 8);
		jit_look(t, 8, false, true);
		op(t, 8, 0x8b, H_RCX, at_mem(H_RCX, 0));
	} else {
		op(t, 8, 0x8b, H_RCX, jit_place(t, i->rm, 8, H_RCX));
	}
	look_up(t);
}

static void
call_indirect(struct tr *t, const struct insn *i)
{
	operand(t, i);
	op_cpu(t, 8, 0x89, H_RAX, JIT_OFF(jit_tmp[0]));
	op_cpu(t, 8, 0x89, H_RCX, JIT_OFF(jit_tmp[1]));
	op_cpu(t, 8, 0x89, H_RDX, JIT_OFF(jit_tmp[2]));
	stack(t, -8, true);
	put_return(t, i);
	move_sp(t, -8);
	op_cpu(t, 8, 0x8b, H_RCX, JIT_OFF(jit_tmp[1]));
	op_cpu(t, 8, 0x8b, H_RDX, JIT_OFF(jit_tmp[2]));
	op_cpu(t, 8, 0x89, H_RCX, JIT_OFF(gpr[GPR_RIP]));
	op_cpu(t, 4, 0xff, 4, JIT_OFF(jit_tmp[0]));
}

void
jit_end(struct tr *t, const struct insn *i)
{
	int64_t rel = rel_next(i) + (int64_t)i->imm;
	enum how h = decode_row(i->row)->how;

	if (!fits32(rel)) /* nearly 2 GiB */
		h = HOW_none;
	if (h == HOW_jcc_i) {
		jcc(t, i, rel);
		return;
	}
	jit_save_flags(t);
	if (i->size != 8 || i->flags & I_SLOW ||
		(i->base != GPR_ZERO && !fits32(i->disp)))
		h = HOW_none;
	switch (h) {
	case HOW_jmp_i:
		jump(t, rel, 1);
		break;
	case HOW_call_i:
		call(t, i, rel);
		break;
	case HOW_ret_z:
		ret(t);
		break;
	case HOW_jmp_e:
		operand(t, i);
		go_there(t);
		break;
	case HOW_call_e:
		call_indirect(t, i);
		break;
	default:
		to_handler(t);
		break;
	}
}
