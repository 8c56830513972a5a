/* SPDX-License-Identifier: MIT */
/*
 * SSE and MMX on the soft CPU, beyond what oracle.c compares with the host:
 * who may use them, alignment, MXCSR and its exceptions, bytes not touched.
 */
#include "tests/softrig.h"

static struct rig rig;

static void
set_xmm(unsigned n, uint64_t lo, uint64_t hi)
{
	memcpy(rig.c->xmm[n], &lo, 8);
	memcpy(rig.c->xmm[n] + 8, &hi, 8);
}

static uint64_t
xmm(unsigned n)
{
	uint64_t v;

	memcpy(&v, rig.c->xmm[n], 8);
	return v;
}

static void
set_mxcsr(uint32_t v)
{
	memcpy(rig.page, &v, 4);
	rig.c->gpr[RBX] = WINDOW;
	RIG_STEP(&rig, 0x0f, 0xae, 0x13); /* ldmxcsr (%rbx) */
}

static uint32_t
mxcsr(void)
{
	uint32_t v;

	rig.c->gpr[RBX] = WINDOW;
	RIG_STEP(&rig, 0x0f, 0xae, 0x1b); /* stmxcsr (%rbx) */
	memcpy(&v, rig.page, 4);
	return v;
}

static void
fresh(void)
{
	rig_mode64(&rig);
	fpu_power_on(rig.c, false);
	RIG_STEP(&rig, 0xdb, 0xe3); /* fninit */
	memset(rig.page, 0, 8192);
	memset(rig.c->gpr, 0, 16 * 8);
	rig.c->gpr[RSI] = WINDOW;
}

#define ADDPS RIG_STEP(&rig, 0x0f, 0x58, 0xc1) /* xmm1,xmm0 */
#define MOVAPS_LOAD RIG_STEP(&rig, 0x0f, 0x28, 0x06) /* (%rsi),xmm0 */
#define MOVUPS_LOAD RIG_STEP(&rig, 0x0f, 0x10, 0x06) /* (%rsi),xmm0 */
#define MOVUPS_STORE RIG_STEP(&rig, 0x0f, 0x11, 0x06) /* xmm0,(%rsi) */
#define DIVSD RIG_STEP(&rig, 0xf2, 0x0f, 0x5e, 0xc1) /* xmm1,xmm0 */
#define ADDSS RIG_STEP(&rig, 0xf3, 0x0f, 0x58, 0xc1) /* xmm1,xmm0 */
#define CVTSS2SI RIG_STEP(&rig, 0xf3, 0x0f, 0x2d, 0xc0) /* xmm0,eax */
#define PADDB_MMX RIG_STEP(&rig, 0x0f, 0xfc, 0xc1) /* mm1,mm0 */
#define PADDB_MEM RIG_STEP(&rig, 0x0f, 0xfc, 0x06) /* (%rsi),mm0 */
#define MASKMOVDQU RIG_STEP(&rig, 0x66, 0x0f, 0xf7, 0xc1) /* xmm1,xmm0 */

static void
test_availability(void)
{
	struct cpu *c = rig.c;

	fresh();
	is_u64((uint64_t)ADDPS, (uint64_t)-1, "SSE runs when enabled");
	c->cr0 |= CR0_TS;
	is_u64((uint64_t)ADDPS, EXC_NM, "CR0.TS: #NM");
	is_u64((uint64_t)PADDB_MMX, EXC_NM, "CR0.TS: #NM for MMX too");
	c->gpr[RAX] = 0;
	ok(RIG_STEP(&rig, 0xf2, 0x0f, 0x38, 0xf1, 0xc1) == -1 &&
			RIG_STEP(&rig, 0x0f, 0xc3, 0x06) == -1,
		"CRC32 and MOVNTI ask for no unit");
	c->cr4 &= ~CR4_OSFXSR;
	is_u64((uint64_t)ADDPS, EXC_UD, "CR4.OSFXSR clear: #UD goes first");
	is_u64((uint64_t)MOVAPS_LOAD, EXC_UD, "and for memory operands");
	c->cr0 &= ~CR0_TS;
	is_u64((uint64_t)PADDB_MMX, (uint64_t)-1, "MMX needs no OSFXSR");
	c->cr4 |= CR4_OSFXSR;
	c->cr0 |= CR0_EM;
	is_u64((uint64_t)ADDPS, EXC_UD, "CR0.EM: #UD");
	is_u64((uint64_t)PADDB_MMX, EXC_UD, "CR0.EM: #UD for MMX");
}

static void
test_memory(void)
{
	struct cpu *c = rig.c;

	fresh();
	c->gpr[RSI] = WINDOW + 8;
	ok(MOVAPS_LOAD == EXC_GP && c->exc_has_error && c->exc_error == 0,
		"a misaligned operand of MOVAPS: #GP(0)");
	is_u64((uint64_t)MOVUPS_LOAD, (uint64_t)-1, "not of MOVUPS");
	c->gpr[RSI] = WINDOW + 2 * 4096 - 8;
	set_xmm(0, 0x1111111111111111, 0x2222222222222222);
	ok(MOVUPS_STORE == EXC_PF && c->cr2 == WINDOW + 2 * 4096 &&
			c->exc_error == 7 && rig.page[2 * 4096 - 8] == 0,
		"a store into a read-only page faults there, whole");
	c->gpr[RSI] = WINDOW + 3 * 4096 - 8;
	ok(RIG_STEP(&rig, 0x0f, 0x5a, 0x06) == -1, "CVTPS2PD reads 8 bytes");
	ok(RIG_STEP(&rig, 0x66, 0x0f, 0x38, 0x30, 0x06) == -1,
		"PMOVZXBW reads 8 bytes");
	c->gpr[RSI] += 4;
	ok(RIG_STEP(&rig, 0xf3, 0x0f, 0x58, 0x06) == -1, "ADDSS reads 4 bytes");
	ok(RIG_STEP(&rig, 0x0f, 0x60, 0x06) == -1,
		"PUNPCKLBW of MMX reads 4 bytes");
	ok(RIG_STEP(&rig, 0x66, 0x0f, 0x38, 0x22, 0x06) == -1,
		"PMOVSXBQ reads no more than it needs");
	ok(MOVUPS_LOAD == EXC_PF && c->cr2 == WINDOW + 3 * 4096,
		"16 bytes do not fit there");
}

static void
test_flags(void)
{
	struct cpu *c = rig.c;

	fresh();
	is_u64(mxcsr(), 0x1f80, "MXCSR after reset");
	set_xmm(0, 0x3ff0000000000000, 0);
	set_xmm(1, 0x4008000000000000, 0);
	DIVSD;
	is_u64(mxcsr(), 0x1fa0, "an inexact division sets PE");
	set_xmm(1, 0, 0);
	DIVSD;
	is_u64(mxcsr(), 0x1fa4, "flags are sticky");
	set_mxcsr(0x1f80);
	is_u64(mxcsr(), 0x1f80, "LDMXCSR clears them");
	c->gpr[RBX] = WINDOW;
	memcpy(rig.page, (const uint32_t[]){0x10000}, 4);
	ok(RIG_STEP(&rig, 0x0f, 0xae, 0x13) == EXC_GP && mxcsr() == 0x1f80,
		"reserved bits of MXCSR: #GP");
}

static void
test_exceptions(void)
{
	struct cpu *c = rig.c;
	const uint64_t one = 0x3ff0000000000000;

	fresh();
	set_mxcsr(0x1f80 & ~0x200u);
	set_xmm(0, one, 7);
	set_xmm(1, 0, 0);
	ok(DIVSD == EXC_XM && xmm(0) == one && c->RIP != 0,
		"unmasked division by zero: #XM, the operand stays");
	is_u64(mxcsr(), 0x1d84, "ZE tells why");
	c->cr4 &= ~CR4_OSXMMEXCPT;
	is_u64((uint64_t)DIVSD, EXC_UD, "without CR4.OSXMMEXCPT: #UD");
	c->cr4 |= CR4_OSXMMEXCPT;
	set_mxcsr(0x1d80);
	set_xmm(1, 0x4008000000000000, 0);
	ok(DIVSD == -1 && mxcsr() == 0x1da0,
		"masked exceptions go on as ever beside an unmasked one");
	set_mxcsr(0x1780);
	set_xmm(0, 0x00000003, 0);
	set_xmm(1, 0x00000004, 0);
	ok(ADDSS == EXC_XM && mxcsr() == 0x1792 && xmm(0) == 3,
		"unmasked underflow: a tiny result is enough, exact or not");
	set_mxcsr(0x1f00);
	set_xmm(0, 0x7fc00000, 0);
	c->cc = 0x4400;
	ok(RIG_STEP(&rig, 0x0f, 0x2f, 0xc0) == EXC_XM && c->cc == 0x4400,
		"COMISS of a NaN: #XM before the flags change");
	ok(RIG_STEP(&rig, 0x0f, 0x2e, 0xc0) == -1, "UCOMISS takes a quiet NaN");
}

static void
test_rounding(void)
{
	struct cpu *c = rig.c;
	uint32_t host = 0;

	fresh();
	set_xmm(0, 0x3fc00000, 0); /* 1.5 */
	CVTSS2SI;
	is_u64(c->gpr[RAX], 2, "rounds to nearest");
	set_mxcsr(0x7f80);
	CVTSS2SI;
	is_u64(c->gpr[RAX], 1, "rounds to zero when told");
	set_mxcsr(0x9f80);
	set_xmm(0, 0x00800000, 0);
	set_xmm(1, 0x807fffff, 0);
	ADDSS;
	is_u64(xmm(0), 0, "FTZ flushes a tiny result");
	set_mxcsr(0x1fc0);
	set_xmm(0, 0x3f800000, 0);
	set_xmm(1, 1, 0);
	ADDSS;
	is_u64(mxcsr(), 0x1fc0, "DAZ: a denormal is nothing, inexact neither");
	__asm__ volatile("stmxcsr %0" : "=m"(host));
	is_u64(host & ~0x3fu, 0x1f80, "the host's MXCSR is back");
}

static void
test_maskmov(void)
{
	struct cpu *c = rig.c;
	uint8_t mask[16] = {0};

	fresh();
	memset(rig.page, 0x55, 64);
	memset(c->xmm[0], 0xaa, 16);
	mask[0] = mask[3] = 0x80;
	mask[4] = 0x7f;
	memcpy(c->xmm[1], mask, 16);
	c->gpr[RDI] = WINDOW + 1;
	ok(MASKMOVDQU == -1 && rig.page[1] == 0xaa && rig.page[2] == 0x55 &&
			rig.page[4] == 0xaa && rig.page[5] == 0x55,
		"MASKMOVDQU writes the bytes whose mask's sign is set");
	c->gpr[RDI] = WINDOW + 2 * 4096 - 4;
	ok(MASKMOVDQU == -1 && rig.page[2 * 4096 - 1] == 0xaa,
		"it does not touch a page without such bytes");
	c->gpr[RDI]++;
	c->gpr[RDI]++;
	ok(MASKMOVDQU == EXC_PF && c->cr2 == WINDOW + 2 * 4096 &&
			rig.page[2 * 4096 - 2] == 0,
		"a fault leaves all of it unwritten");
	memset(c->xmm[1], 0, 16);
	c->gpr[RDI] = 0xdead000;
	is_u64((uint64_t)MASKMOVDQU, (uint64_t)-1, "an empty mask: nothing");
}

static void
test_mmx(void)
{
	struct cpu *c = rig.c;
	uint16_t e;

	fresh();
	RIG_STEP(&rig, 0xd9, 0xe8); /* fld1: TOP is 7 */
	memset(c->st[0], 1, 10);
	memset(c->st[1], 2, 10);
	PADDB_MMX;
	memcpy(&e, c->st[0] + 8, 2);
	ok((c->fsw & 0x3800) == 0 && c->ftw == 0xff,
		"MMX: TOP is 0, all registers are valid");
	ok(c->st[0][0] == 3 && e == 0xffff && c->st[1][8] == 2,
		"the register written gets an exponent of ones, no other");
	RIG_STEP(&rig, 0x0f, 0x77);
	is_u64(c->ftw, 0, "EMMS empties the stack");
	c->fcw = 0x340;
	c->fsw = 0x8081;
	is_u64((uint64_t)PADDB_MMX, EXC_MF, "a pending x87 exception: #MF");
	c->gpr[RSI] = 0xdead000;
	is_u64((uint64_t)PADDB_MEM, EXC_MF, "#MF before #PF");
	c->fsw = 0x3800;
	c->ftw = 0x80;
	ok(PADDB_MEM == EXC_PF && c->fsw == 0x3800 && c->ftw == 0x80,
		"a page fault leaves the x87 state alone");
}

static void
test_strings(void)
{
	struct cpu *c = rig.c;

	fresh();
	memcpy(c->xmm[0], "0123456789abcdef", 16);
	memcpy(c->xmm[1], "xx5xxxxxxxxxxxxx", 16);
	c->gpr[RAX] = 0x100000010; /* 16 in EAX */
	c->gpr[RDX] = 3;
	RIG_STEP(&rig, 0x66, 0x0f, 0x3a, 0x61, 0xc1, 0x00);
	is_u64(c->gpr[RCX], 2, "PCMPESTRI finds one of a set");
	c->gpr[RAX] = 0x100000000;
	RIG_STEP(&rig, 0x66, 0x0f, 0x3a, 0x61, 0xc1, 0x00);
	is_u64(c->gpr[RCX], 16, "a length in EAX is 32 bits");
	RIG_STEP(&rig, 0x66, 0x48, 0x0f, 0x3a, 0x61, 0xc1, 0x00);
	is_u64(c->gpr[RCX], 2, "with REX.W it is RAX, saturated");
	c->gpr[RAX] = 0xffffffff00000001;
	c->gpr[RCX] = 'a';
	RIG_STEP(&rig, 0xf2, 0x0f, 0x38, 0xf0, 0xc1);
	ok(c->gpr[RAX] >> 32 == 0, "CRC32 zero-extends");
}

int
main(void)
{
	deadline(30);
	rig_new(&rig);
	test_availability();
	test_memory();
	test_flags();
	test_exceptions();
	test_rounding();
	test_maskmov();
	test_mmx();
	test_strings();
	rig_free(&rig);
	return done();
}
