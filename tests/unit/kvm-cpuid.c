/* SPDX-License-Identifier: MIT */
/*
 * What CPUID says under kvm: the filter, fed with tables of made-up hosts.
 */
#include "tests/tap.h"

#include "vmm/kvm.h"

#define BIT(n) (1u << (n))
#define ALL 0xffffffffu
#define KHZ 2600001

/* clang-format off */
#define LEAF(f, i, a, b, c, d) \
	{.function = f, .index = i, .eax = a, .ebx = b, .ecx = c, .edx = d}

static const struct kvm_cpuid_entry2 intel[] = {
	LEAF(0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69),
	LEAF(1, 0, 0x806f8, 0x40200800, ALL, ALL),
	LEAF(4, 0, 0xfc004121, 0x02c0003f, 0x3f, 0),
	LEAF(4, 3, 0xfc1fc163, 0x0380003f, 0x1bfff, 4),
	LEAF(5, 0, 64, 64, 3, 0x20),
	LEAF(6, 0, ALL, ALL, ALL, ALL),
	LEAF(7, 0, 2, ALL, ALL, ALL),
	LEAF(7, 1, ALL, ALL, ALL, ALL),
	LEAF(0xa, 0, 0x07300802, 0, 0, 0x603),
	LEAF(0xb, 0, 1, 2, 0x100, 77),
	LEAF(0xd, 0, 0x602e7, 11008, 11008, 0),
	LEAF(0xd, 1, 0x1f, 2440, 0x1800, 0),
	LEAF(0xd, 2, 256, 576, 0, 0),
	LEAF(0xd, 7, 1024, 1664, 0, 0),
	LEAF(0xd, 9, 8, 2688, 0, 0),
	LEAF(0xd, 18, 8192, 2816, 6, 0),
	LEAF(0x12, 0, ALL, ALL, ALL, ALL),
	LEAF(0x1f, 0, 1, 2, 0x100, 77),
	LEAF(0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d),
	LEAF(0x40000001, 0, ALL, 0, 0, ALL),
	LEAF(0x80000000, 0, 0x80000008, 0, 0, 0),
	LEAF(0x80000001, 0, 0, 0, 0x121, 0x2c100800),
	LEAF(0x80000008, 0, 0x3934, 0, 0, 0),
};

static const struct kvm_cpuid_entry2 amd[] = {
	LEAF(0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65),
	LEAF(1, 0, 0xa00f11, 0x40200800, 0x7eda3203, 0x178bfbff),
	LEAF(4, 0, 0, 0, 0, 0),
	LEAF(0x80000000, 0, 0x80000026, 0x68747541, 0x444d4163, 0x69746e65),
	LEAF(0x80000001, 0, 0xa00f11, 0, BIT(2) | BIT(22) | BIT(23), 0),
	LEAF(0x80000008, 0, 0x3030, 0x1000, 0x707f, 0),
	LEAF(0x8000000a, 0, 1, 0x8000, 0, ALL),
	LEAF(0x8000001d, 0, 0x7c121, 0x1c0003f, 0x3f, 0),
	LEAF(0x8000001d, 3, 0x7c163, 0x3c0003f, 0x7fff, 1),
	LEAF(0x8000001e, 0, 77, 0x123, 0x202, 0),
	LEAF(0x8000001f, 0, ALL, ALL, ALL, ALL),
	LEAF(0x80000022, 0, ALL, ALL, ALL, ALL),
	LEAF(0x80000026, 0, ALL, ALL, ALL, ALL),
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct kvm_cpuid_table t;

static const struct kvm_cpuid_entry2 *
leaf(uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < t.nent; i++)
		if (t.entries[i].function == function &&
			t.entries[i].index == index)
			return &t.entries[i];
	return NULL;
}

static void
test_intel(void)
{
	const struct kvm_cpuid_entry2 *e;

	kvm_cpuid_filter(&t, intel, COUNT(intel), 4, KHZ, true);
	kvm_cpuid_for(&t, 3);
	e = leaf(1, 0);
	ok(e->ebx >> 24 == 3 && (e->ebx >> 16 & 0xff) == 4 &&
			(e->ebx & 0xff00) == 0x800 && e->edx & BIT(28),
		"leaf 1 has the APIC ID, the CPUs' number and HTT");
	ok(e->ecx & BIT(31) && e->ecx & BIT(21) && e->ecx & BIT(24),
		"a hypervisor, x2APIC and the TSC deadline timer show");
	ok(!(e->ecx & (BIT(3) | BIT(5) | BIT(15) | BIT(27))),
		"VMX, MONITOR, PDCM and OSXSAVE do not");
	ok(leaf(4, 0)->eax == 0xc000121 && leaf(4, 3)->eax == 0xc00c163,
		"a cache of level 3 is shared by all, one of level 1 by none");
	ok(leaf(0xb, 0)->eax == 0 && leaf(0xb, 0)->ebx == 1 &&
			leaf(0xb, 0)->ecx == 0x100 && leaf(0xb, 1)->eax == 2 &&
			leaf(0xb, 1)->ebx == 4 && leaf(0xb, 1)->ecx == 0x201 &&
			leaf(0xb, 1)->edx == 3,
		"leaf 0xb: one thread a core, four cores a package");
	ok(!leaf(5, 0) && !leaf(0xa, 0) && !leaf(0x12, 0) && !leaf(0x1f, 0),
		"MONITOR, PMU, SGX and the second topology leaf are absent");
	e = leaf(0x15, 0);
	is_u64((uint64_t)e->ecx * e->ebx / e->eax, KHZ * 1000ull,
		"leaf 0x15 gives the TSC's frequency");
	is_u64(e->ecx, 1000000000, "by the clock of the LAPIC's timer");
	ok(leaf(0, 0)->eax == 0x16 && leaf(0x40000000, 0)->eax == 0x40000010 &&
			leaf(0x80000000, 0)->eax == 0x80000008,
		"the limits are those of what is left");
	ok(leaf(0x40000010, 0)->eax == KHZ &&
			leaf(0x40000010, 0)->ebx == 1000000,
		"the hypervisor's leaf gives frequencies too");
	ok(!(leaf(0x40000001, 0)->eax & (BIT(15) | BIT(16) | BIT(17))) &&
			leaf(0x40000001, 0)->eax & BIT(3) &&
			!leaf(0x40000001, 0)->edx,
		"paravirtual features that need us are not offered");
	is_u64(leaf(0x80000008, 0)->eax, 0x3034, "addresses have 48 bits");
}

static void
test_xsave(void)
{
	const struct kvm_cpuid_entry2 *e;

	kvm_cpuid_filter(&t, intel, COUNT(intel), 1, 0, false);
	e = leaf(0xd, 0);
	ok(e->eax == 0x2e7 && e->ecx == 2696, "AMX is cut off XSAVE's area");
	ok(!leaf(0xd, 18)->eax && leaf(0xd, 7)->eax == 1024,
		"and its leaf emptied");
	ok(!leaf(0xd, 1)->ecx && !(leaf(0xd, 1)->eax & BIT(4)) &&
			leaf(0xd, 1)->eax & BIT(3),
		"XSAVES has no supervisor state");
	e = leaf(7, 0);
	ok(!(e->edx & (BIT(22) | BIT(24) | BIT(25) | BIT(20))) &&
			!(e->ecx & (BIT(16) | BIT(7) | BIT(5))) &&
			!(e->ebx & (BIT(2) | BIT(4) | BIT(11))),
		"AMX, CET, LA57, WAITPKG, SGX and TSX are not offered");
	ok(e->ebx & BIT(5) && e->ebx & BIT(7) && e->edx & BIT(26) &&
			e->edx & BIT(29),
		"AVX2, SMEP and what guards against Spectre are");
	e = leaf(1, 0);
	ok(!(e->edx & BIT(28)) && (e->ebx >> 16 & 0xff) == 1 &&
			!(e->ecx & BIT(24)),
		"one CPU shows no HTT, and no timer that KVM lacks");
	ok(!leaf(0x15, 0) && !leaf(0x40000010, 0) && leaf(0, 0)->eax == 0xd,
		"an unknown frequency is not told");
}

static void
test_amd(void)
{
	const struct kvm_cpuid_entry2 *e;

	kvm_cpuid_filter(&t, amd, COUNT(amd), 6, KHZ, true);
	kvm_cpuid_for(&t, 5);
	e = leaf(0x80000001, 0);
	ok(!(e->ecx & BIT(2)) && !leaf(0x8000000a, 0) && !leaf(0x8000001f, 0),
		"SVM and SEV are not offered");
	ok(e->ecx & BIT(1) && e->ecx & BIT(22) && !(e->ecx & BIT(23)),
		"CMP_LEGACY and TOPOEXT show, counters do not");
	is_u64(leaf(0x80000008, 0)->ecx, 0x3005,
		"six cores, APIC IDs of three bits");
	e = leaf(0x8000001e, 0);
	ok(e->eax == 5 && e->ebx == 5 && e->ecx == 0,
		"leaf 0x8000001e: a core of its own, one node");
	ok(leaf(0x8000001d, 0)->eax == 0x121 &&
			leaf(0x8000001d, 3)->eax == 0x1c163,
		"caches are shared as on Intel");
	ok(!leaf(0x15, 0) && leaf(0x40000010, 0),
		"the TSC's frequency is in the hypervisor's leaf only");
	ok(leaf(0x80000000, 0)->eax == 0x8000001e && leaf(0, 0)->eax == 0xb,
		"the limits are those of what is left");
}

static void
test_odd(void)
{
	static struct kvm_cpuid_entry2 many[1000];

	kvm_cpuid_filter(&t, NULL, 0, 1, KHZ, true);
	ok(t.nent > 0 && t.nent <= KVM_CPUID_MAX, "an empty table is filled");
	for (uint32_t i = 0; i < COUNT(many); i++)
		many[i] = (struct kvm_cpuid_entry2)LEAF(4, i, 0x163, 0, 0, 0);
	kvm_cpuid_filter(&t, many, COUNT(many), 254, ~0ull, true);
	kvm_cpuid_for(&t, 253);
	is_u64(t.nent, KVM_CPUID_MAX, "a table too long is cut");
}

int
main(void)
{
	deadline(5);
	test_intel();
	test_xsave();
	test_amd();
	test_odd();
	return done();
}
