/* SPDX-License-Identifier: MIT */
/* MSRs, CPUID, control registers and the saved state of the soft CPU. */
#include <errno.h>

#include "tests/softrig.h"

static struct rig r;

static uint64_t
rd(uint32_t index)
{
	uint64_t v;

	return soft_rdmsr(r.c, index, &v) ? ~0ull : v;
}

/* Takes the value and reads it back. */
static void
keeps(uint32_t index, uint64_t v, const char *what)
{
	ok(soft_wrmsr(r.c, index, v) == 0 && rd(index) == v, "%s keeps %#llx",
		what, (unsigned long long)v);
}

static void
refuses(uint32_t index, uint64_t v, const char *what)
{
	uint64_t old = rd(index);

	ok(soft_wrmsr(r.c, index, v) == -1 && rd(index) == old,
		"%s refuses %#llx", what, (unsigned long long)v);
}

static void
msrs(void)
{
	const uint64_t bad = 0xaaaaaaaaaaaaaaaa,
		       good = 0x1234567887654321 >> 17;

	keeps(0x174, 0x1234, "SYSENTER_CS");
	keeps(0x175, good, "SYSENTER_ESP");
	refuses(0x175, bad, "SYSENTER_ESP");
	keeps(0x1a0, 0x400c51889, "MISC_ENABLE");
	refuses(0x1a0, 1 << 1, "MISC_ENABLE");
	soft_wrmsr(r.c, 0x1a0, 1);
	keeps(0x277, 0x07070707, "PAT");
	refuses(0x277, 0x02, "PAT");
	keeps(0xc0000100, good, "FS_BASE");
	is_u64(r.c->seg[SEG_FS].base, good, "and the segment has it");
	refuses(0xc0000101, bad, "GS_BASE");
	keeps(0xc0000102, good, "KERNEL_GS_BASE");
	keeps(0xc0000082, good, "LSTAR");
	refuses(0xc0000083, bad, "CSTAR");
	keeps(0xc0000081, bad, "STAR");
	refuses(0xc0000080, 2, "EFER");
	refuses(0xc0000080, 1, "EFER without LME, paging on:");
	keeps(0x2ff, 0xc06, "MTRR_DEF");
	refuses(0x2ff, 0x1000, "MTRR_DEF");
	keeps(0x200, 0xc0000006, "a variable MTRR");
	refuses(0x200, 0xc0000002, "a variable MTRR");
	refuses(0x201, 1ull << 40, "its mask");
	keeps(0x26f, 0x0606060606060606, "a fixed MTRR");
	refuses(0x26f, 0x0206060606060606, "a fixed MTRR");
	keeps(0x400, ~0ull, "MC0_CTL");
	refuses(0x400, bad, "MC0_CTL");
	refuses(0x401, 1, "MC0_STATUS");
	refuses(0x410, 0, "a bank beyond MCG_CAP");
	refuses(0x10a, 0, "ARCH_CAPABILITIES");
	refuses(0x48, 1 << 2, "SPEC_CTRL");
	is_u64(rd(0x12345), ~0ull, "an unknown MSR faults");
	is_u64(rd(0x49), ~0ull, "PRED_CMD cannot be read");
	ok(soft_wrmsr(r.c, 0x49, 1) == 0, "but written");
}

static void
tsc(void)
{
	uint64_t t = soft_tsc(r.c);

	clock_advance(r.clock, 1000);
	is_u64(soft_tsc(r.c) - t, r.c->soft->tsc_hz / 1000000,
		"the TSC follows the clock");
	soft_wrmsr(r.c, 0x10, 5);
	is_u64(soft_tsc(r.c), 5, "and can be written");
	t = rd(0x3b);
	soft_wrmsr(r.c, 0x3b, t + 100);
	is_u64(soft_tsc(r.c), 105, "TSC_ADJUST moves it");
	soft_wrmsr(r.c, 0x10, 0);
	is_u64(rd(0x3b), t - 5, "and is moved by it");
}

static void
cpuid(void)
{
	uint32_t o[4], p[4];

	soft_cpuid(r.c, 0, 0, o);
	ok(!memcmp(&o[1], "Genu", 4) && !memcmp(&o[3], "ineI", 4) &&
			!memcmp(&o[2], "ntel", 4),
		"the vendor is GenuineIntel");
	is_u64(o[0], 0x16, "with the frequency leaves");
	soft_cpuid(r.c, 0x15, 0, o);
	is_u64((uint64_t)o[2] * o[1] / o[0], r.c->soft->tsc_hz,
		"leaf 15 gives the TSC's frequency");
	soft_cpuid(r.c, 1, 0, o);
	ok(!(o[2] & (1u << 5 | 1u << 12 | 1u << 17 | 1u << 26 | 1u << 28)),
		"no VMX, FMA, PCID, XSAVE, AVX");
	soft_cpuid(r.c, 7, 0, o);
	ok(!(o[1] & (1u << 2 | 1u << 4 | 1u << 5 | 1u << 11 | 1u << 16)),
		"no SGX, TSX, AVX2, AVX-512");
	soft_cpuid(r.c, 0x16, 0, o);
	soft_cpuid(r.c, 0x1234, 0, p);
	ok(!memcmp(o, p, sizeof(o)), "beyond the last leaf: the last");
	soft_cpuid(r.c, 0x80000008, 0, o);
	is_u64(o[0], PHYS_BITS | 48 << 8, "address sizes");
	soft_cpuid(r.c, 0x40000000, 0, o);
	ok(!memcmp(&o[1], "vm-utils", 8), "the hypervisor leaf is ours");
	soft_cpuid(r.c, 0x40000010, 0, o);
	is_u64(o[0], r.c->soft->tsc_hz / 1000, "with the TSC's kHz");
}

static void
controls(void)
{
	struct cpu *c = r.c;

	ok(set_cr0(c, c->cr0 & ~CR0_PE) == -1, "PG needs PE");
	ok(set_cr0(c, c->cr0 | CR0_NW) == -1, "NW needs CD");
	ok(set_cr0(c, c->cr0 | 1ull << 32) == -1, "CR0 has 32 bits");
	ok(set_cr4(c, c->cr4 & ~CR4_PAE) == -1, "long mode needs PAE");
	ok(set_cr4(c, c->cr4 | CR4_PCIDE) == -1, "no PCID");
	ok(set_cr4(c, c->cr4 | CR4_OSXSAVE) == -1, "no XSAVE");
	ok(set_cr3(c, 1ull << 40) == -1, "CR3 has 40 bits");
	ok(set_efer(c, c->efer & ~EFER_LME) == -1,
		"LME stays while paging is on");
}

static void
state(void)
{
	static struct cpu_state a, b;
	struct vcpu *v = (struct vcpu *)(void *)r.c;

	r.c->gpr[RBX] = 0x1122334455667788;
	r.c->xmm[3][5] = 0x77;
	r.c->kernel_gs_base = 0x1000;
	set_arith(r.c, FL_CF | FL_OF);
	engine_soft.get(v, &a);
	ok(!engine_soft.set(v, &a), "its own state is taken");
	engine_soft.get(v, &b);
	ok(!memcmp(&a, &b, sizeof(a)), "and the same is given back");
	is_u64(r.c->cpl, 3, "with the CPL");
	b.cr4 |= CR4_PCIDE;
	ok(engine_soft.set(v, &b) == -EINVAL, "a bad CR4 is refused");
	b = a;
	b.efer &= ~EFER_LMA;
	ok(engine_soft.set(v, &b) == -EINVAL, "so is a bad EFER");
	cpu_reset(&a, true);
	ok(!engine_soft.set(v, &a), "the state from RESET");
	engine_soft.get(v, &b);
	is_u64(b.rip, 0xfff0, "starts at the reset vector");
	is_u64(b.seg[SEG_CS].base, 0xffff0000, "below 4 GiB");
	is_u64(rd(0x277), 0x0007040600070406, "PAT");
	is_u64(rd(0xc0000102), 0, "what it does not list is as new");
}

int
main(void)
{
	deadline(10);
	rig_new(&r);
	msrs();
	tsc();
	cpuid();
	controls();
	state();
	rig_free(&r);
	return done();
}
