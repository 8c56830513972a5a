/* SPDX-License-Identifier: MIT */
/*
 * x87 on the soft CPU, beyond what oracle.c compares with the host: who may use
 * it, pending exceptions, environments in their formats, FXSAVE, and that the
 * host's own unit stays clean.
 */
#include "tests/softrig.h"

static struct rig rig;
static uint8_t mem[512]; /* what a test looks at */

#define FNINIT RIG_STEP(&rig, 0xdb, 0xe3)
#define FLD1 RIG_STEP(&rig, 0xd9, 0xe8)
#define FLDZ RIG_STEP(&rig, 0xd9, 0xee)
#define FLDPI RIG_STEP(&rig, 0xd9, 0xeb)
#define FDIVP RIG_STEP(&rig, 0xde, 0xf9)
#define FADD RIG_STEP(&rig, 0xd8, 0xc1)
#define FCHS RIG_STEP(&rig, 0xd9, 0xe0)
#define FNOP RIG_STEP(&rig, 0xd9, 0xd0)
#define FWAIT RIG_STEP(&rig, 0x9b)
#define FNCLEX RIG_STEP(&rig, 0xdb, 0xe2)
#define FNSTSW_AX RIG_STEP(&rig, 0xdf, 0xe0)
#define FLDCW RIG_STEP(&rig, 0xd9, 0x2e) /* (%rsi) and so on */
#define FST32 RIG_STEP(&rig, 0xd9, 0x16)
#define FSTP32 RIG_STEP(&rig, 0xd9, 0x1e)
#define FSTP80 RIG_STEP(&rig, 0xdb, 0x3e)
#define FLD80 RIG_STEP(&rig, 0xdb, 0x2e)
#define FISTTP32 RIG_STEP(&rig, 0xdb, 0x0e)
#define FNSTENV RIG_STEP(&rig, 0xd9, 0x36)
#define FLDENV RIG_STEP(&rig, 0xd9, 0x26)
#define FNSAVE RIG_STEP(&rig, 0xdd, 0x36)
#define FRSTOR RIG_STEP(&rig, 0xdd, 0x26)
#define FXSAVE RIG_STEP(&rig, 0x0f, 0xae, 0x06)
#define FXRSTOR RIG_STEP(&rig, 0x0f, 0xae, 0x0e)
#define FXSAVE64 RIG_STEP(&rig, 0x48, 0x0f, 0xae, 0x06)
#define FXRSTOR64 RIG_STEP(&rig, 0x48, 0x0f, 0xae, 0x0e)

static void
fresh(void)
{
	struct cpu *c = rig.c;

	rig_mode64(&rig);
	memset(rig.page, 0, 8192);
	memset(c->gpr, 0, 16 * 8);
	c->gpr[RSI] = WINDOW;
	c->RIP = RIG_CODE;
	fpu_power_on(c, false);
	FNINIT;
}

static void
load_cw(uint16_t cw)
{
	uint64_t rsi = rig.c->gpr[RSI];

	memcpy(rig.page + 64, &cw, 2);
	rig.c->gpr[RSI] = WINDOW + 64;
	FLDCW;
	rig.c->gpr[RSI] = rsi;
}

static const uint8_t *
st(unsigned k)
{
	return rig.c->st[((rig.c->fsw >> 11) + k) & 7];
}

static uint16_t
exponent(unsigned k)
{
	return (uint16_t)(st(k)[8] | st(k)[9] << 8);
}

static uint32_t
word(unsigned at, unsigned n)
{
	uint32_t v = 0;

	memcpy(mem, rig.page, sizeof(mem));
	memcpy(&v, mem + at, n);
	return v;
}

static void
test_availability(void)
{
	struct cpu *c = rig.c;

	fresh();
	is_u64((uint64_t)FLD1, (uint64_t)-1, "x87 runs when enabled");
	c->cr0 |= CR0_TS;
	is_u64((uint64_t)FLD1, EXC_NM, "CR0.TS: #NM");
	is_u64((uint64_t)FNINIT, EXC_NM, "also for FNINIT");
	is_u64((uint64_t)FWAIT, EXC_NM, "FWAIT with TS and MP: #NM");
	c->cr0 &= ~CR0_MP;
	is_u64((uint64_t)FWAIT, (uint64_t)-1, "FWAIT with TS alone passes");
	is_u64((uint64_t)FXSAVE, EXC_NM, "FXSAVE with TS: #NM");
	c->cr0 = (c->cr0 & ~CR0_TS) | CR0_EM;
	is_u64((uint64_t)FLD1, EXC_NM, "CR0.EM: #NM");
	is_u64((uint64_t)FWAIT, (uint64_t)-1, "FWAIT with EM passes");
}

static void
test_pending(void)
{
	struct cpu *c = rig.c;

	fresh();
	load_cw(0x37b);
	FLD1;
	FLDZ;
	is_u64((uint64_t)FDIVP, (uint64_t)-1, "the faulty division passes");
	ok((c->fsw & 0x80bf) == 0x8084 && c->ftw == 0xc0 && exponent(0) == 0,
		"operands stay, nothing is popped, ES and B are set");
	is_u64((uint64_t)FNOP, EXC_MF, "the next waiting instruction: #MF");
	is_u64((uint64_t)FWAIT, EXC_MF, "so does FWAIT");
	c->gpr[RSI] = 0xdead000;
	is_u64((uint64_t)FLD80, EXC_MF, "before a page fault");
	c->gpr[RSI] = WINDOW;
	ok(FNSTSW_AX == -1 && (c->gpr[RAX] & 0xff) == 0x84,
		"FNSTSW does not wait");
	c->cr0 &= ~CR0_NE;
	is_u64((uint64_t)FNOP, (uint64_t)-1, "with CR0.NE clear it passes");
	is_u64((uint64_t)FLD1, (uint64_t)-1, "and execution goes on");
	c->cr0 |= CR0_NE;
	ok(FNCLEX == -1 && (c->fsw & 0x80ff) == 0 && FNOP == -1,
		"FNCLEX ends it");
	load_cw(0x37f);
	FLDZ;
	FDIVP;
	ok((c->fsw & 0x80c4) == 4, "masked, only the flag is set");
	load_cw(0x37b);
	ok((c->fsw & 0x8080) == 0x8080 && FNOP == EXC_MF,
		"FLDCW that unmasks it makes it pending");
}

static void
test_stack(void)
{
	struct cpu *c = rig.c;

	fresh();
	FADD;
	ok((c->fsw & 0x2ff) == 0x41 && exponent(0) == 0xffff,
		"underflow: IE and SF, C1 clear, the indefinite");
	FNINIT;
	for (int n = 0; n < 8; n++)
		FLD1;
	is_u64(c->fsw & 0x2ff, 0, "eight values fit");
	FLDPI;
	ok((c->fsw & 0x2ff) == 0x241 && exponent(0) == 0xffff,
		"the ninth: C1 set, the indefinite");
	fresh();
	load_cw(0x37e);
	FADD;
	ok(c->ftw == 0 && (c->fsw & 0x80c1) == 0x80c1,
		"unmasked, nothing is made up");
}

static void
test_stores(void)
{
	struct cpu *c = rig.c;

	fresh();
	memset(rig.page, 0x77, 16);
	FLDPI;
	c->gpr[RSI] = WINDOW + 8192 - 2;
	ok(FST32 == EXC_PF && (c->fsw & 0x3f) == 0,
		"a refused store sets no flags");
	FCHS;
	FADD;
	c->gpr[RSI] = WINDOW;
	FLD1;
	FSTP32;
	is_u64(c->fsw & 0x3f, 1, "nor later"); /* IE of the FADD above */
	fresh();
	memset(rig.page, 0x77, 16);
	load_cw(0x377);
	FLD1;
	c->st[7][9] = 0x7e; /* far beyond single precision */
	ok(FSTP32 == -1 && c->ftw == 0x80 && rig.page[0] == 0x77 &&
			(c->fsw & 0x8088) == 0x8088,
		"unmasked overflow: nothing stored, nothing popped");
	fresh();
	FLDPI;
	c->gpr[RSI] = WINDOW + 8192 - 5;
	ok(FSTP80 == EXC_PF && c->ftw == 0x80 && rig.page[8192 - 5] == 0,
		"an 80-bit store across a border is whole or not at all");
	c->gpr[RSI] = WINDOW + 4096 - 5;
	ok(FSTP80 == -1 && FLD80 == -1 && exponent(0) == 0x4000,
		"across a good border it comes and goes");
	c->gpr[RSI] = WINDOW;
	load_cw(0xb7f);
	FISTTP32;
	is_u64(word(0, 4), 3, "FISTTP truncates whatever the rounding");
}

static void
test_precision(void)
{
	struct cpu *c = rig.c;
	uint8_t tiny[10] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0xd7, 0x3f}; /* 2^-40 */

	fresh();
	memcpy(rig.page, tiny, 10);
	FLD80;
	FLD1;
	FADD;
	is_u64(c->fsw & 0x3f, 0, "64 bits hold 1 + 2^-40");
	load_cw(0x7f);
	FLD80;
	FLD1;
	FADD;
	ok((c->fsw & 0x3f) == 0x20 && exponent(0) == 0x3fff && st(0)[0] == 0 &&
			st(0)[2] == 0,
		"24 bits do not: precision control is honoured");
}

static void
real_mode(bool protect, bool wide)
{
	struct cpu *c = rig.c;

	c->cr0 = CR0_NE | CR0_ET | CR0_MP | (protect ? CR0_PE : 0);
	c->efer = 0;
	c->cpl = 0;
	for (int n = 0; n < 6; n++) {
		c->seg[n].base = 0;
		c->seg[n].limit = 0xffffffff;
		c->seg[n].sel = 0x10;
		c->seg[n].db = wide;
	}
	c->seg[SEG_CS].l = false;
	c->seg[SEG_CS].sel = 0x123;
	c->RIP = 0x4567;
	c->gpr[RSI] = RIG_RAM; /* physical */
	mode_changed(c);
	tlb_flush(c, true);
}

/* "fchs; fadd (%esi)" to note, then FNSTENV, in 16 or 32 bits. */
static void
environment(bool protect, bool wide)
{
	struct cpu *c = rig.c;

	fresh();
	real_mode(protect, wide);
	FLD1;
	c->RIP = 0x4567;
	if (wide) {
		RIG_STEP(&rig, 0xd8, 0x06); /* fadd (%esi) */
		RIG_STEP(&rig, 0xd9, 0x36);
	} else {
		RIG_STEP(&rig, 0xd8, 0x04); /* fadd (%si) */
		RIG_STEP(&rig, 0xd9, 0x34);
	}
}

static void
test_environment(void)
{
	struct cpu *c = rig.c;

	environment(true, true);
	ok(word(0, 4) == 0xffff037f && word(4, 4) == 0xffff3800 &&
			word(8, 4) == 0xffff3fff,
		"FNSTENV, 32 bits: control, status, tags");
	ok(word(12, 4) == 0x4567 && word(16, 4) == 0x00060123 &&
			word(20, 4) == RIG_RAM && word(24, 2) == 0x10,
		"pointers and opcode in protected mode");
	environment(true, false);
	ok(word(0, 2) == 0x37f && word(2, 2) == 0x3800 &&
			word(4, 2) == 0x3fff && word(6, 2) == 0x4567 &&
			word(8, 2) == 0x123 && word(10, 2) == RIG_RAM &&
			word(12, 2) == 0x10 && word(14, 2) == 0,
		"16 bits, protected mode");
	environment(false, true);
	ok(word(12, 2) == 0x5797 && word(16, 4) == 6 && word(20, 2) == 0x8100 &&
			word(24, 4) == 0,
		"32 bits, real mode: linear addresses");
	environment(false, false);
	ok(word(6, 2) == 0x5797 && word(8, 2) == 4 && word(10, 2) == 0x8100 &&
			word(12, 2) == 0,
		"16 bits, real mode");
	fresh();
	FLD1;
	FNSTENV;
	ok((c->fcw & 0x3f) == 0x3f && c->ftw == 0x80,
		"FNSTENV masks all exceptions");
	rig.page[0] = 0x7b;
	rig.page[4] = 0x04; /* status: ZE, TOP 0 */
	rig.page[5] = 0;
	memset(rig.page + 8, 0x55, 2);
	ok(FLDENV == -1 && c->fcw == 0x37b && c->ftw == 0xff &&
			c->fsw == 0x8084 && FNOP == EXC_MF,
		"FLDENV loads it, and what is unmasked is pending");
}

static void
test_save(void)
{
	struct cpu *c = rig.c;

	fresh();
	FLD1;
	FLDPI;
	FLDZ;
	c->gpr[RSI] = WINDOW + 4096 - 50;
	ok(FNSAVE == -1 && c->ftw == 0 && c->fsw == 0 && c->fcw == 0x37f,
		"FNSAVE leaves the unit as FNINIT does");
	memcpy(mem, rig.page + 4096 - 50, 108);
	ok(mem[8] == 0xff && mem[9] == 0x07, "tags: valid, zero, empty");
	ok(mem[28 + 9] == 0 && mem[38 + 9] == 0x40 && mem[48 + 9] == 0x3f,
		"registers are saved from ST on");
	ok(FRSTOR == -1 && c->ftw == 0xe0 && exponent(1) == 0x4000 &&
			(c->fsw & 0x3800) == 0x2800,
		"FRSTOR brings them back");
	c->gpr[RSI] = WINDOW + 8192 - 50;
	ok(FNSAVE == EXC_PF && c->ftw == 0xe0,
		"a fault on the way changes nothing");
}

static void
test_fxsave(void)
{
	struct cpu *c = rig.c;

	fresh();
	FLD1;
	FLDPI;
	memset(c->xmm[0], 0x10, 16);
	memset(c->xmm[15], 0x1f, 16);
	c->fip = 0x123456789abc;
	memset(rig.page, 0xee, 512);
	is_u64((uint64_t)FXSAVE64, (uint64_t)-1, "FXSAVE64 works");
	ok(word(0, 4) == 0x3000037f && word(4, 2) == 0xc0 &&
			word(24, 4) == 0x1f80 && word(28, 4) == 0xffff,
		"words, the short tags, MXCSR and its mask");
	ok(mem[41] == 0x40 && mem[57] == 0x3f && mem[160] == 0x10 &&
			mem[400] == 0x1f && mem[420] == 0xee,
		"registers from ST on, XMM0 to XMM15, the rest untouched");
	ok(word(8, 4) == 0x56789abc && word(12, 2) == 0x1234,
		"the 64-bit instruction pointer");
	FXSAVE;
	ok(word(12, 2) == c->fcs, "or 32 bits and its selector");
	FXSAVE64;
	fpu_power_on(c, false);
	ok(FXRSTOR64 == -1 && c->ftw == 0xc0 && exponent(0) == 0x4000 &&
			c->xmm[15][3] == 0x1f && c->fip == 0x123456789abc,
		"FXRSTOR64 brings it back");
	rig.page[26] = 1;
	ok(FXRSTOR64 == EXC_GP && c->exc_error == 0,
		"reserved bits of MXCSR: #GP");
	c->gpr[RSI] += 8;
	is_u64((uint64_t)FXSAVE, EXC_GP, "misaligned: #GP");
	c->gpr[RSI] = WINDOW + 8192;
	is_u64((uint64_t)FXSAVE, EXC_PF, "read-only: #PF");
	fresh();
	real_mode(true, true);
	memset(rig.page, 0xee, 512);
	memset(c->xmm[15], 0x1f, 16);
	ok(FXSAVE == -1 && word(284, 4) == 0 && word(288, 4) == 0xeeeeeeee &&
			FXRSTOR == -1 && c->xmm[15][3] == 0x1f,
		"outside 64-bit mode XMM8 and up play no part");
}

static void
test_reset(void)
{
	struct cpu *c = rig.c;
	uint32_t env[7] = {0};

	fresh();
	FLD1;
	fpu_power_on(c, true);
	ok(c->ftw == 0x80, "INIT leaves the registers");
	fpu_power_on(c, false);
	ok(c->fcw == 0x40 && c->fsw == 0 && c->ftw == 0xff,
		"RESET: control 40, all registers zero and valid");
	FNINIT;
	ok(c->fcw == 0x37f && c->ftw == 0, "FNINIT: 37f, all empty");
	load_cw(0xffff);
	is_u64(c->fcw, 0x1f7f, "reserved bits of the control word");
	load_cw(0x40);
	FLDPI;
	__asm__ volatile("fnstenv %0" : "=m"(env));
	ok((env[0] & 0xffff) == 0x37f && (env[1] & 0xffff) == 0 &&
			(env[2] & 0xffff) == 0xffff,
		"the host's own unit is clean afterwards");
	__asm__ volatile("fninit");
}

int
main(void)
{
	deadline(30);
	rig_new(&rig);
	test_availability();
	test_pending();
	test_stack();
	test_stores();
	test_precision();
	test_environment();
	test_save();
	test_fxsave();
	test_reset();
	rig_free(&rig);
	return done();
}
