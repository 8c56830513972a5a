/* SPDX-License-Identifier: MIT */
/*
 * Moves, extensions, conditional moves and sets, flag instructions, no-ops
 * (SDM vol. 2): whatever neither computes nor knows of privilege.
 */
#include <sched.h>

#include "vmm/soft/cond.h"
#include "vmm/soft/handlers.h"
#include "vmm/soft/hot.h"

#define TABLE(name, form)                                                      \
	handler *const x_##name##_##form[8] = {name##_##form##_r8,             \
		name##_##form##_r16, name##_##form##_r32, name##_##form##_r64, \
		name##_##form##_m8, name##_##form##_m16, name##_##form##_m32,  \
		name##_##form##_m64};
/* Destinations of 16, 32, 64 bits; the 8-bit column never occurs. */
#define TABLE_V(name, form)                                                    \
	handler *const x_##name##_##form[8] = {name##_##form##_r16,            \
		name##_##form##_r16, name##_##form##_r32, name##_##form##_r64, \
		name##_##form##_m16, name##_##form##_m16, name##_##form##_m32, \
		name##_##form##_m64};

#define MOV(bits)                                                              \
	static void mov_er_r##bits(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		put##bits(c, i->rm, val##bits(c, i->reg));                     \
		NEXT;                                                          \
	}                                                                      \
	static void mov_re_r##bits(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		put##bits(c, i->reg, val##bits(c, i->rm));                     \
		NEXT;                                                          \
	}                                                                      \
	static void mov_ei_r##bits(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		put##bits(c, i->rm, (uint##bits##_t)i->imm);                   \
		NEXT;                                                          \
	}                                                                      \
	STORING(mov_er_m##bits, bits, val##bits(c, i->reg))                    \
	LOADING(mov_re_m##bits, bits, put##bits(c, i->reg, v))                 \
	STORING(mov_ei_m##bits, bits, (uint##bits##_t)i->imm)
MOV(8)
MOV(16)
MOV(32)
MOV(64)
TABLE(mov, er)
TABLE(mov, re)
TABLE(mov, ei)

#define EXTEND(name, from, stype, bits)                                        \
	static void name##_re_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		put##bits(c, i->reg,                                           \
			(uint##bits##_t)(stype)val##from(c, i->rm));           \
		NEXT;                                                          \
	}                                                                      \
	LOADING(name##_re_m##bits, from,                                       \
		put##bits(c, i->reg, (uint##bits##_t)(stype)v))
#define EXTEND_ALL(name, from, stype)                                          \
	EXTEND(name, from, stype, 16)                                          \
	EXTEND(name, from, stype, 32)                                          \
	EXTEND(name, from, stype, 64)                                          \
	TABLE_V(name, re)
EXTEND_ALL(movzx8, 8, uint8_t)
EXTEND_ALL(movzx16, 16, uint16_t)
EXTEND_ALL(movsx8, 8, int8_t)
EXTEND_ALL(movsx16, 16, int16_t)
EXTEND(movsxd, 16, uint16_t, 16) /* without REX.W it is a plain move */
EXTEND(movsxd, 32, uint32_t, 32)
EXTEND(movsxd, 32, int32_t, 64)
TABLE_V(movsxd, re)

/* LEA cuts the offset to the address size, then to the operand size. */
static inline uint64_t
lea_off(const struct cpu *c, const struct insn *i)
{
	uint64_t off = ea_off(c, i);

	if (i->asize == 4)
		return (uint32_t)off;
	if (i->asize == 2)
		return (uint16_t)off;
	return off;
}

#define LEA(bits)                                                              \
	static void lea_re_m##bits(struct cpu *c, const struct insn *i)        \
	{                                                                      \
		put##bits(c, i->reg, (uint##bits##_t)lea_off(c, i));           \
		NEXT;                                                          \
	}
LEA(16)
LEA(32)
LEA(64)
handler *const x_lea_re[8] = {lea_re_m16, lea_re_m16, lea_re_m32, lea_re_m64,
	lea_re_m16, lea_re_m16, lea_re_m32, lea_re_m64};

/* CMOVcc reads its source either way, and clears the upper half either way. */
#define CMOV(bits)                                                             \
	static void cmovcc_re_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		uint##bits##_t v = val##bits(c, i->rm);                        \
		put##bits(                                                     \
			c, i->reg, cond(c, i->op) ? v : val##bits(c, i->reg)); \
		NEXT;                                                          \
	}                                                                      \
	static void cmovcc_re_m##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		uint##bits##_t v =                                             \
			ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));          \
		put##bits(                                                     \
			c, i->reg, cond(c, i->op) ? v : val##bits(c, i->reg)); \
		NEXT;                                                          \
	}
CMOV(16)
CMOV(32)
CMOV(64)
TABLE_V(cmovcc, re)

static void
setcc_r(struct cpu *c, const struct insn *i)
{
	put8(c, i->rm, cond(c, i->op));
	NEXT;
}

static void
setcc_m(struct cpu *c, const struct insn *i)
{
	st8(c, i, ea(c, i, 1, ACC_WRITE), cond(c, i->op));
	NEXT;
}

handler *const x_setcc_e[8] = {
	setcc_r, setcc_r, setcc_r, setcc_r, setcc_m, setcc_m, setcc_m, setcc_m};

#define SIMPLE(name, body)                                                     \
	static void name(struct cpu *c, const struct insn *i)                  \
	{                                                                      \
		body;                                                          \
		NEXT;                                                          \
	}
#define SIMPLE_ALL(name, body)                                                 \
	SIMPLE(name, body)                                                     \
	handler *const x_##name[8] = ALL8(name);

SIMPLE(cbw16, put16(c, 0, (uint16_t)(int8_t)c->gpr[RAX]))
SIMPLE(cbw32, put32(c, 0, (uint32_t)(int16_t)c->gpr[RAX]))
SIMPLE(cbw64, put64(c, 0, (uint64_t)(int32_t)c->gpr[RAX]))
handler *const x_cbw_z[8] = {
	cbw16, cbw16, cbw32, cbw64, cbw16, cbw16, cbw32, cbw64};

SIMPLE(cwd16, put16(c, RDX * 8, (int16_t)c->gpr[RAX] < 0 ? 0xffff : 0))
SIMPLE(cwd32, put32(c, RDX * 8, (int32_t)c->gpr[RAX] < 0 ? 0xffffffff : 0))
SIMPLE(cwd64, c->gpr[RDX] = (int64_t)c->gpr[RAX] < 0 ? ~0ull : 0)
handler *const x_cwd_z[8] = {
	cwd16, cwd16, cwd32, cwd64, cwd16, cwd16, cwd32, cwd64};

SIMPLE_ALL(sahf_z, c->cc = (uint16_t)((val8(c, 1) & 0xd5) << 8 | (c->cc & 1)))
SIMPLE_ALL(lahf_z, put8(c, 1, (uint8_t)((c->cc >> 8 & 0xd5) | 2)))
SIMPLE_ALL(clc_z, c->cc = (uint16_t)(c->cc & ~(FL_CF << 8)))
SIMPLE_ALL(stc_z, c->cc |= FL_CF << 8)
SIMPLE_ALL(cmc_z, c->cc ^= FL_CF << 8)
SIMPLE_ALL(cld_z, c->df = 0)
SIMPLE_ALL(std_z, c->df = 1)
SIMPLE_ALL(salc_z, put8(c, 0, c->cc &FL_CF << 8 ? 0xff : 0))
SIMPLE_ALL(nop_z, (void)c)
SIMPLE_ALL(nop_e, (void)c)

static void
xlat_z(struct cpu *c, const struct insn *i)
{
	uint64_t off = c->gpr[RBX] + (uint8_t)c->gpr[RAX];

	if (i->asize == 4)
		off = (uint32_t)off;
	else if (i->asize == 2)
		off = (uint16_t)off;
	put8(c, 0, ld8(c, i, seg_lin(c, i, i->seg, off, 1, ACC_READ)));
	NEXT;
}

handler *const x_xlat_z[8] = ALL8(xlat_z);

/* It waits for another vCPU, whose thread may want this host CPU. */
static COOL void
pause_long(struct cpu *c, const struct insn *i)
{
	if (c->soft->cpus > 1)
		sched_yield();
	NEXT;
}

static void
pause_z(struct cpu *c, const struct insn *i)
{
	__builtin_ia32_pause();
	if (unlikely((++c->pauses & 15) == 0)) {
		pause_long(c, i);
		return;
	}
	NEXT;
}

handler *const x_pause_z[8] = ALL8(pause_z);
