/* SPDX-License-Identifier: MIT */
/*
 * The x87 unit's state and its control instructions (Intel SDM vol. 1, ch. 8):
 * control and status words, environments in all four formats, FSAVE, FRSTOR.
 * The last instruction's address, opcode and operand are noted for each that
 * is not a control instruction, as processors before the Pentium 4 did.
 */
#include "vmm/soft/x87.h"

enum { FCW_BITS = 0x1f3f, FCW_ONE = 0x40, FCW_INIT = 0x37f };

void
x87_sync(struct cpu *c)
{
	uint16_t cw = c->fcw | 0x3f;

	if (c->fpu_inside)
		__asm__ volatile("fninit\n\tfldcw %0" : : "m"(cw));
}

void
x87_summary(struct cpu *c)
{
	bool pending = c->fsw & ~c->fcw & FSW_FLAGS;

	c->fsw = (uint16_t)((c->fsw & 0x7f7f) | (pending ? 0x8080 : 0));
}

void
x87_init(struct cpu *c)
{
	c->fcw = FCW_INIT;
	c->fsw = 0;
	c->ftw = 0;
	c->fip = c->fdp = 0;
	c->fcs = c->fds = c->fop = 0;
	x87_sync(c);
}

void
fpu_power_on(struct cpu *c, bool init)
{
	if (init)
		return; /* INIT leaves the x87 and SSE state alone */
	x87_init(c);
	c->fcw = 0x40; /* RESET is not FNINIT */
	c->ftw = 0xff;
	memset(c->st, 0, sizeof(c->st));
	memset(c->xmm, 0, sizeof(c->xmm));
	x87_sync(c);
	mxcsr_set(c, MXCSR_MASKS);
}

static void
set_fcw(struct cpu *c, uint16_t v)
{
	c->fcw = (v & FCW_BITS) | FCW_ONE;
	x87_summary(c);
}

/* Control instructions that do not wait: #NM only. */
static INLINE void
no_wait_ready(struct cpu *c, const struct insn *i)
{
	if (unlikely(c->cr0 & (CR0_EM | CR0_TS)))
		raise_exc(c, i, EXC_NM);
}

static void
fninit(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	x87_init(c);
	NEXT;
}
static void
fnclex(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	c->fsw &= 0x7f00;
	if (c->fpu_inside)
		__asm__ volatile("fnclex");
	NEXT;
}
static void
fnstsw_ax(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	set_reg(c, RAX * 8, 2, c->fsw);
	NEXT;
}
static void
fnstsw(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	st16(c, i, ea(c, i, 2, ACC_WRITE), c->fsw);
	NEXT;
}
static void
fnstcw(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	st16(c, i, ea(c, i, 2, ACC_WRITE), c->fcw);
	NEXT;
}
static void
fldcw(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	set_fcw(c, ld16(c, i, ea(c, i, 2, ACC_READ)));
	c->fp_tmp.w = c->fcw | 0x3f;
	if (c->fpu_inside)
		__asm__ volatile("fldcw %0" : : "m"(c->fp_tmp.w));
	NEXT;
}
/* FNENI, FNDISI, FNSETPM: the 8087's and 80287's, idle since. */
static void
fneni(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	NEXT;
}
static void
fnop(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	x87_note(c, i);
	NEXT;
}
static void
ffree(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	c->ftw = (uint8_t)(c->ftw & ~(1u << st_index(c, i->modrm)));
	x87_note(c, i);
	NEXT;
}
static void
ffreep(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	c->ftw = (uint8_t)(c->ftw & ~(1u << st_index(c, i->modrm)));
	x87_pop(c);
	x87_note(c, i);
	NEXT;
}
static INLINE void
turn(struct cpu *c, unsigned by)
{
	unsigned top = (c->fsw + (by << 11)) & FSW_TOP;

	c->fsw = (uint16_t)((c->fsw & ~(FSW_TOP | FSW_C1)) | (int)top);
}
static void
fincstp(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	turn(c, 1);
	x87_note(c, i);
	NEXT;
}
static void
fdecstp(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	turn(c, 7);
	x87_note(c, i);
	NEXT;
}

handler *const x_fninit_z[8] = REG_ONLY(fninit);
handler *const x_fnclex_z[8] = REG_ONLY(fnclex);
handler *const x_fnstsw_ax[8] = REG_ONLY(fnstsw_ax);
handler *const x_fnstsw_m[8] = MEM_ONLY(fnstsw);
handler *const x_fnstcw_m[8] = MEM_ONLY(fnstcw);
handler *const x_fldcw_m[8] = MEM_ONLY(fldcw);
handler *const x_fneni_z[8] = REG_ONLY(fneni);
handler *const x_fnop_z[8] = REG_ONLY(fnop);
handler *const x_ffree_st[8] = REG_ONLY(ffree);
handler *const x_ffreep_st[8] = REG_ONLY(ffreep);
handler *const x_fincstp_z[8] = REG_ONLY(fincstp);
handler *const x_fdecstp_z[8] = REG_ONLY(fdecstp);

/* ---- environments ---- */

/* What kind of value a register holds, as the full tag word says it. */
static unsigned
tag(const uint8_t st[16])
{
	uint16_t e;
	uint64_t m;

	memcpy(&m, st, 8);
	memcpy(&e, st + 8, 2);
	e &= 0x7fff;
	if (e == 0 && m == 0)
		return 1; /* zero */
	if (e == 0 || e == 0x7fff || !(m >> 63))
		return 2; /* special */
	return 0;
}

static uint16_t
full_tags(const struct cpu *c)
{
	unsigned k, t = 0;

	for (k = 0; k < 8; k++)
		t |= (c->ftw >> k & 1 ? tag(c->st[k]) : 3) << 2 * k;
	return (uint16_t)t;
}

static void
put16(uint8_t *p, unsigned n, uint64_t v)
{
	uint16_t w = (uint16_t)v;

	memcpy(p + 2 * n, &w, 2);
}
static void
put32(uint8_t *p, unsigned n, uint64_t v)
{
	uint32_t w = (uint32_t)v;

	memcpy(p + 4 * n, &w, 4);
}
static unsigned
get16(const uint8_t *p, unsigned at)
{
	return p[at] | (unsigned)p[at + 1] << 8;
}
static uint32_t
get32(const uint8_t *p, unsigned at)
{
	return get16(p, at) | get16(p, at + 2) << 16;
}

/* Real and virtual-8086 mode save linear addresses. */
static bool
linear_env(const struct cpu *c)
{
	return !protected_mode(c) || vm86(c);
}

static unsigned
env_size(const struct insn *i)
{
	return i->size == 2 ? 14 : 28;
}

/* SDM vol. 1, figures 8-9 to 8-12. */
static unsigned
env_put(const struct cpu *c, const struct insn *i, uint8_t e[28])
{
	uint32_t ip = (uint32_t)c->fcs * 16 + (uint32_t)c->fip;
	uint32_t dp = (uint32_t)c->fds * 16 + (uint32_t)c->fdp;
	uint16_t tags = full_tags(c);

	memset(e, 0, 28);
	if (i->size == 2) {
		put16(e, 0, c->fcw);
		put16(e, 1, c->fsw);
		put16(e, 2, tags);
		if (linear_env(c)) {
			put16(e, 3, ip);
			put16(e, 4, (ip >> 4 & 0xf000) | c->fop);
			put16(e, 5, dp);
			put16(e, 6, dp >> 4 & 0xf000);
		} else {
			put16(e, 3, c->fip);
			put16(e, 4, c->fcs);
			put16(e, 5, c->fdp);
			put16(e, 6, c->fds);
		}
		return 14;
	}
	put32(e, 0, 0xffff0000 | c->fcw);
	put32(e, 1, 0xffff0000 | c->fsw);
	put32(e, 2, 0xffff0000 | tags);
	if (linear_env(c)) {
		put32(e, 3, 0xffff0000 | ip);
		put32(e, 4, (ip >> 4 & 0x0ffff000) | c->fop);
		put32(e, 5, 0xffff0000 | dp);
		put32(e, 6, dp >> 4 & 0x0ffff000);
	} else {
		put32(e, 3, c->fip);
		put32(e, 4, c->fcs | (uint32_t)c->fop << 16);
		put32(e, 5, c->fdp);
		put32(e, 6, 0xffff0000 | c->fds);
	}
	return 28;
}

static void
env_take_pointers(struct cpu *c, const struct insn *i, const uint8_t e[28])
{
	bool wide = i->size != 2;
	uint32_t a, b;

	if (!linear_env(c)) {
		c->fip = wide ? get32(e, 12) : get16(e, 6);
		c->fcs = (uint16_t)get16(e, wide ? 16 : 8);
		if (wide)
			c->fop = get16(e, 18) & 0x7ff;
		c->fdp = wide ? get32(e, 20) : get16(e, 10);
		c->fds = (uint16_t)get16(e, wide ? 24 : 12);
		return;
	}
	/* Linear: all of it is offset, the selector 0. */
	c->fcs = c->fds = 0;
	if (wide) {
		a = get32(e, 16);
		b = get32(e, 24);
		c->fip = get16(e, 12) | (a & 0x0ffff000) << 4;
		c->fdp = get16(e, 20) | (b & 0x0ffff000) << 4;
	} else {
		a = get16(e, 8);
		b = get16(e, 12);
		c->fip = get16(e, 6) | (a & 0xf000) << 4;
		c->fdp = get16(e, 10) | (b & 0xf000) << 4;
	}
	c->fop = a & 0x7ff;
}

static void
env_take(struct cpu *c, const struct insn *i, const uint8_t e[28])
{
	unsigned step = i->size == 2 ? 2 : 4, tags = get16(e, 2 * step), k;

	env_take_pointers(c, i, e);
	c->fsw = (uint16_t)get16(e, step);
	c->ftw = 0;
	for (k = 0; k < 8; k++)
		if ((tags >> 2 * k & 3) != 3)
			c->ftw = (uint8_t)(c->ftw | 1u << k);
	set_fcw(c, (uint16_t)get16(e, 0));
	x87_sync(c);
}

static NOINLINE void
store_env(struct cpu *c, const struct insn *i, bool registers)
{
	uint8_t b[28 + 80];
	unsigned n = env_put(c, i, b), k;

	if (registers) {
		for (k = 0; k < 8; k++)
			memcpy(b + n + 10 * k, st_at(c, k), 10);
		n += 80;
	}
	st_bytes(c, i, ea(c, i, n, ACC_WRITE), b, n);
}

static NOINLINE void
load_env(struct cpu *c, const struct insn *i, bool registers)
{
	uint8_t b[28 + 80];
	unsigned n = env_size(i), all = n + (registers ? 80 : 0), k;

	ld_bytes(c, i, ea(c, i, all, ACC_READ), b, all);
	env_take(c, i, b);
	for (k = 0; registers && k < 8; k++)
		memcpy(st_at(c, k), b + n + 10 * k, 10);
}

static void
fnstenv(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	store_env(c, i, false);
	c->fcw |= 0x3f; /* all masked from here on */
	x87_summary(c);
	NEXT;
}
static void
fldenv(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	load_env(c, i, false);
	NEXT;
}
static void
fnsave(struct cpu *c, const struct insn *i)
{
	no_wait_ready(c, i);
	store_env(c, i, true);
	x87_init(c);
	NEXT;
}
static void
frstor(struct cpu *c, const struct insn *i)
{
	x87_ready(c, i);
	load_env(c, i, true);
	NEXT;
}
handler *const x_fnstenv_m[8] = MEM_ONLY(fnstenv);
handler *const x_fldenv_m[8] = MEM_ONLY(fldenv);
handler *const x_fnsave_m[8] = MEM_ONLY(fnsave);
handler *const x_frstor_m[8] = MEM_ONLY(frstor);
