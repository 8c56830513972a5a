/* SPDX-License-Identifier: MIT */
/*
 * The assembler's longer functions: prefixes, ModRM and SIB (SDM vol. 2A,
 * section 2.1 and 2.2.1).
 */
#include "vmm/soft/jit-emit.h"

enum { SIB_NONE = 0x24, RSP_LOW = 4, RBP_LOW = 5 };

static uint8_t *
emit_modrm(uint8_t *p, unsigned reg, struct place rm)
{
	unsigned r = (reg & 7) << 3, b = rm.reg & 7u;
	unsigned mod = rm.disp == 0 && b != RBP_LOW ? 0
		       : fits8(rm.disp)             ? 0x40
						    : 0x80;

	if (!rm.mem)
		return emit8(p, 0xc0 | r | b);
	p = emit8(p, mod | r | b);
	if (b == RSP_LOW)
		p = emit8(p, SIB_NONE);
	if (mod == 0x40)
		p = emit8(p, (uint8_t)rm.disp);
	else if (mod == 0x80)
		p = emit32(p, (uint32_t)rm.disp);
	return p;
}

static uint8_t *
emit_opcode(uint8_t *p, unsigned op)
{
	if (op > 0xffff)
		p = emit8(p, op >> 16);
	if (op > 0xff)
		p = emit8(p, op >> 8 & 0xff);
	return emit8(p, op & 0xff);
}

/* SPL..DIL need a REX prefix, else they are AH..BH. */
static bool
low_byte(unsigned reg)
{
	return reg >= 4 && reg < 8;
}

uint8_t *
emit_op(uint8_t *p, unsigned size, unsigned op, unsigned reg, struct place rm,
	unsigned bytes)
{
	unsigned rex =
		(size == 8 ? 8u : 0) | (reg >> 3 & 1) << 2 | (rm.reg >> 3 & 1u);

	if (size == 1)
		bytes = BYTE_REG | BYTE_RM;
	if ((bytes & BYTE_REG && low_byte(reg)) ||
		(bytes & BYTE_RM && !rm.mem && low_byte(rm.reg)))
		rex |= 0x40;
	if (size == 2)
		p = emit8(p, 0x66);
	if (rex)
		p = emit8(p, 0x40 | rex);
	return emit_modrm(emit_opcode(p, op), reg, rm);
}

uint8_t *
emit_lea(uint8_t *p, unsigned size, unsigned d, unsigned base, int index,
	unsigned scale, int32_t disp)
{
	unsigned i = index < 0 ? RSP_LOW : (unsigned)index;
	unsigned mod = disp == 0 && (base & 7) != RBP_LOW ? 0
		       : fits8(disp)                      ? 0x40
							  : 0x80;
	unsigned rex = (size == 8 ? 8u : 0) | (d >> 3 & 1) << 2 |
		       (i >> 3 & 1) << 1 | (base >> 3 & 1);

	if (index < 0)
		return emit_op(p, size, 0x8d, d, at_mem(base, disp), 0);
	if (rex)
		p = emit8(p, 0x40 | rex);
	p = emit8(p, 0x8d);
	p = emit8(p, mod | (d & 7) << 3 | RSP_LOW);
	p = emit8(p, scale << 6 | (i & 7) << 3 | (base & 7));
	if (mod == 0x40)
		p = emit8(p, (uint8_t)disp);
	else if (mod == 0x80)
		p = emit32(p, (uint32_t)disp);
	return p;
}

uint8_t *
emit_mov_imm(uint8_t *p, unsigned d, uint64_t v)
{
	if (v == (uint32_t)v) {
		if (d > 7)
			p = emit8(p, 0x41);
		return emit32(emit8(p, 0xb8 | (d & 7)), (uint32_t)v);
	}
	if (fits32((int64_t)v))
		return emit32(
			emit_op(p, 8, 0xc7, 0, in_reg(d), 0), (uint32_t)v);
	p = emit8(p, d > 7 ? 0x49 : 0x48);
	return emit64(emit8(p, 0xb8 | (d & 7)), v);
}

uint8_t *
emit_jump(uint8_t *p, unsigned op, uint8_t **rel)
{
	p = emit_opcode(p, op);
	*rel = p;
	return p + 4;
}

void
set_jump(uint8_t *rel, const uint8_t *to)
{
	emit32(rel, (uint32_t)(to - (rel + 4)));
}

uint8_t *
emit_jump_to(uint8_t *p, unsigned op, const uint8_t *to)
{
	uint8_t *rel;

	p = emit_jump(p, op, &rel);
	set_jump(rel, to);
	return p;
}
