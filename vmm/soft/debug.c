/* SPDX-License-Identifier: MIT */
/*
 * Debug registers, breakpoints, debug exceptions (Intel SDM vol. 3B chapter
 * 18). Data breakpoints are seen by the slow way of memory accesses, as pages
 * that hold one get no TLB entry; instruction breakpoints by the run loop, one
 * instruction at a time. Branch trace and branch stepping are left out.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

#define DR6_ONES 0xffff0ff0ull
#define DR7_GD (1ull << 13)

enum { BP_EXEC, BP_WRITE, BP_IO, BP_ACCESS };

static bool
bp_on(const struct cpu *c, unsigned n)
{
	return c->dr[7] >> n * 2 & 3;
}

static unsigned
bp_type(const struct cpu *c, unsigned n)
{
	return c->dr[7] >> (16 + n * 4) & 3;
}

/* Does breakpoint n's range meet [at, at+len)? */
static bool
bp_meets(const struct cpu *c, unsigned n, uint64_t at, unsigned len)
{
	static const uint8_t sizes[] = {1, 2, 8, 4};
	uint64_t size = sizes[c->dr[7] >> (18 + n * 4) & 3];
	uint64_t start = c->dr[n] & ~(size - 1);

	return at - start < size || start - at < len;
}

/* Which breakpoints are on; pages that hold one leave the TLB. */
static void
bp_update(struct cpu *c)
{
	bool data = c->bp_data;

	c->bp_code = c->bp_data = false;
	for (unsigned n = 0; n < 4; n++) {
		if (!bp_on(c, n))
			continue;
		if (bp_type(c, n) == BP_EXEC)
			c->bp_code = true;
		else
			c->bp_data = true;
	}
	if (data || c->bp_data)
		tlb_flush(c, true);
	if (c->bp_code)
		pend(c, PEND_STEP);
}

void
set_dr7(struct cpu *c, uint64_t v)
{
	c->dr[7] = (v & 0xffff23ff) | 0x400;
	bp_update(c);
}

void
bp_check(struct cpu *c, uint64_t lin, unsigned n, enum access acc)
{
	for (unsigned k = 0; k < 4; k++) {
		unsigned type = bp_type(c, k);

		if (!bp_on(c, k) || !(type & 1) || !bp_meets(c, k, lin, n))
			continue;
		if (acc == ACC_READ && type == BP_WRITE)
			continue;
		c->dr6_pend |= 1ull << k;
		pend(c, PEND_STEP);
	}
}

void
bp_io(struct cpu *c, uint16_t port, unsigned size)
{
	if (!(c->cr4 & CR4_DE))
		return;
	for (unsigned k = 0; k < 4; k++)
		if (bp_on(c, k) && bp_type(c, k) == BP_IO &&
			bp_meets(c, k, port, size)) {
			c->dr6_pend |= 1ull << k;
			pend(c, PEND_STEP);
		}
}

uint64_t
bp_exec(const struct cpu *c, uint64_t lin)
{
	uint64_t bits = 0;

	for (unsigned k = 0; k < 4; k++)
		if (bp_on(c, k) && bp_type(c, k) == BP_EXEC && c->dr[k] == lin)
			bits |= 1ull << k;
	return bits;
}

/* B0..B3 are of this exception; the rest stays until software clears it. */
static void
report(struct cpu *c, uint64_t bits)
{
	c->dr[6] = (c->dr[6] & ~15ull) | bits | DR6_ONES;
}

/* Instruction breakpoints are faults that push RF as it is; the general-detect
 * fault pushes it set. */
void
raise_db(struct cpu *c, const struct insn *i, uint64_t bits)
{
	report(c, bits);
	raise_rf(c, i, EXC_DB, bits & DR6_BD);
}

void
debug_trap(struct cpu *c)
{
	report(c, c->dr6_pend);
	c->dr6_pend = 0;
	c->exc_rf = false;
	deliver(c, EXC_DB, INT_EXC, false, 0);
}

/* Breakpoints that MOV SS held back are reported by this exception too. */
void
debug_entered(struct cpu *c)
{
	c->dr[6] |= c->dr6_pend & 15;
	c->dr6_pend = 0;
	c->dr[7] &= ~DR7_GD;
	c->debugctl = 0;
}

/* The register that a MOV names: DR4 and DR5 are aliases unless CR4.DE. */
static unsigned
dr_named(struct cpu *c, const struct insn *i)
{
	unsigned n = i->reg;

	if (n > 7 || ((n == 4 || n == 5) && (c->cr4 & CR4_DE)))
		raise_ud(c, i);
	need_cpl0(c, i);
	if (c->dr[7] & DR7_GD)
		raise_db(c, i, DR6_BD);
	return n == 4 || n == 5 ? n + 2 : n;
}

static unsigned
dr_size(const struct insn *i)
{
	return i->flags & I_MODE64 ? 8 : 4;
}

static void
mov_ed(struct cpu *c, const struct insn *i)
{
	unsigned n = dr_named(c, i);

	set_reg(c, i->rm, dr_size(i), c->dr[n]);
	DONE;
}

handler *const x_mov_ed[8] = ALL8(mov_ed);

static void
mov_de(struct cpu *c, const struct insn *i)
{
	unsigned n = dr_named(c, i);
	uint64_t v = get_reg(c, i->rm, dr_size(i));

	if (n >= 6 && v >> 32)
		raise_gp(c, i, 0);
	if (n == 7) {
		set_dr7(c, v);
	} else if (n == 6) {
		c->dr[6] = (v & 0xe00f) | DR6_ONES;
	} else {
		c->dr[n] = v;
		bp_update(c);
	}
	DONE;
}

handler *const x_mov_de[8] = ALL8(mov_de);
