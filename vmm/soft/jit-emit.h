/* SPDX-License-Identifier: MIT */
/*
 * The assembler: host instructions into a buffer, byte by byte (SDM vol. 2A,
 * chapter 2). The caller knows that there is room.
 */
#ifndef VMM_SOFT_JIT_EMIT_H
#define VMM_SOFT_JIT_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A register or [reg + disp]. */
struct place {
	bool mem;
	uint8_t reg;
	int32_t disp;
};

static inline struct place
in_reg(unsigned reg)
{
	return (struct place){false, (uint8_t)reg, 0};
}

static inline struct place
at_mem(unsigned reg, int32_t disp)
{
	return (struct place){true, (uint8_t)reg, disp};
}

static inline uint8_t *
emit8(uint8_t *p, unsigned v)
{
	*p = (uint8_t)v;
	return p + 1;
}

static inline uint8_t *
emit16(uint8_t *p, unsigned v)
{
	uint16_t w = (uint16_t)v;

	memcpy(p, &w, 2);
	return p + 2;
}

static inline uint8_t *
emit32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
	return p + 4;
}

static inline uint8_t *
emit64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
	return p + 8;
}

/* An immediate of an instruction of this operand size. */
static inline uint8_t *
emit_imm(uint8_t *p, unsigned size, uint64_t v)
{
	if (size == 1)
		return emit8(p, (uint8_t)v);
	if (size == 2)
		return emit16(p, (uint16_t)v);
	return emit32(p, (uint32_t)v);
}

static inline bool
fits8(int64_t v)
{
	return v == (int8_t)v;
}

static inline bool
fits32(int64_t v)
{
	return v == (int32_t)v;
}

enum { BYTE_REG = 1, BYTE_RM = 2 }; /* these operands are byte registers */

/*
 * An instruction of operand size 1, 2, 4, 8 with a ModRM byte; op: one byte, or
 * 0x0fxx, or 0x0f38xx, 0x0f3axx. size 1 makes both operands bytes, where they
 * are registers; bytes names them in other sizes. No immediate.
 */
uint8_t *emit_op(uint8_t *p, unsigned size, unsigned op, unsigned reg,
	struct place rm, unsigned bytes);
/* lea d, [base + (index << scale) + disp]; index -1: none. size 4 or 8. */
uint8_t *emit_lea(uint8_t *p, unsigned size, unsigned d, unsigned base,
	int index, unsigned scale, int32_t disp);
/* mov d, v: the shortest that leaves flags alone */
uint8_t *emit_mov_imm(uint8_t *p, unsigned d, uint64_t v);
/* A jump or call (E8, E9, 0F8x) with a distance to be set later; *rel gets its
 * place. */
uint8_t *emit_jump(uint8_t *p, unsigned op, uint8_t **rel);
/* The same to a known place of the same buffer. */
uint8_t *emit_jump_to(uint8_t *p, unsigned op, const uint8_t *to);
void set_jump(uint8_t *rel, const uint8_t *to);

#endif
