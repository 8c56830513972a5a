/* SPDX-License-Identifier: MIT */
/*
 * What CPUID says under the kvm engine: what this KVM supports, without what
 * the canonical CPU state cannot carry or the machine does not have, and with
 * a topology that is true of it: one package, one core a CPU, APIC ID = index.
 * Intel SDM vol. 2A "CPUID"; AMD APM vol. 3 appendix E; Linux kernel,
 * Documentation/virt/kvm/x86/cpuid.rst.
 *
 * Left out: virtualization extensions, PMU, SGX, TSX, PT, CET, AMX, LA57,
 * SEV, WAITPKG, MONITOR, and the leaves that describe them.
 */
#include "vmm/kvm.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/err.h"

#define BIT(n) (1u << (n))
#define INTEL_EBX 0x756e6547u /* "Genu" */

/* XCR0 components that fit the canonical XSAVE area: x87, SSE, AVX, AVX-512,
 * PKRU. */
#define XCR0_ALLOWED                                                           \
	(BIT(0) | BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7) | BIT(9))

enum { EAX, EBX, ECX, EDX };

struct mask { /* bits that stay, of leaves that stay */
	uint32_t function, index; /* index ANY: all of them */
	uint32_t keep[4];
};
#define ANY 0xffffffffu
#define ALL 0xffffffffu

/* clang-format off */
static const struct mask masks[] = {
	{0x00000000, ANY, {ALL, ALL, ALL, ALL}},
	{0x00000001, ANY, {ALL, 0x0000ff00,
		/* no: DTES64 MONITOR DS-CPL VMX SMX EIST TM2 SDBG PDCM DCA
		 * OSXSAVE (KVM tells that one) */
		~(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) |
			BIT(11) | BIT(15) | BIT(18) | BIT(27)),
		/* no: DS ACPI HTT (below) TM PBE */
		~(BIT(21) | BIT(22) | BIT(28) | BIT(29) | BIT(31))}},
	{0x00000002, ANY, {ALL, ALL, ALL, ALL}},
	{0x00000004, ANY, {0x00003fff, ALL, ALL, ALL}},
	{0x00000006, ANY, {BIT(2), 0, 0, 0}}, /* ARAT */
	{0x00000007, 0, {ALL,
		/* no: SGX HLE RTM MPX PT */
		~(BIT(2) | BIT(4) | BIT(11) | BIT(14) | BIT(25)),
		/* no: OSPKE WAITPKG SHSTK TME LA57 MAWAU BUS_LOCK KL ENQCMD
		 * SGX_LC PKS */
		~(BIT(4) | BIT(5) | BIT(7) | BIT(13) | BIT(16) | 0x1fu << 17 |
			BIT(23) | BIT(24) | BIT(29) | BIT(30) | BIT(31)),
		/* no: UINTR RTM_ALWAYS_ABORT TSX_FORCE_ABORT PCONFIG ARCH_LBR
		 * IBT AMX, CORE_CAPABILITIES */
		~(BIT(5) | BIT(11) | BIT(13) | BIT(18) | BIT(19) | BIT(20) |
			BIT(22) | BIT(24) | BIT(25) | BIT(30))}},
	{0x00000007, 1, {
		/* no: ARCH_PERFMON_EXT FRED LKGS, AMX-FP16 */
		~(BIT(8) | BIT(17) | BIT(18) | BIT(21)), 0, 0,
		/* no: AMX-COMPLEX CET_SSS AVX10 APX */
		~(BIT(8) | BIT(18) | BIT(19) | BIT(21))}},
	{0x00000007, 2, {0, 0, 0, ALL}},
	{0x0000000d, ANY, {ALL, ALL, ALL, ALL}}, /* see xsave_leaf() */
	{0x40000001, ANY, {
		/* clocks, no I/O delay, asynchronous faults, steal time, EOI,
		 * unhalt, TLB flush, IPI, polling, yield, stable clock */
		BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) |
			BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(13) |
			BIT(14) | BIT(24), 0, 0, 0}},
	{0x80000000, ANY, {ALL, ALL, ALL, ALL}},
	{0x80000001, ANY, {ALL, ALL,
		/* no: CMP_LEGACY (below) SVM IBS SKINIT WDT LWP NODEID
		 * PERFCTR MWAITX */
		~(BIT(1) | BIT(2) | BIT(10) | BIT(12) | BIT(13) | BIT(15) |
			BIT(19) | BIT(23) | BIT(24) | BIT(26) | BIT(27) |
			BIT(28) | BIT(29)), ALL}},
	{0x80000002, ANY, {ALL, ALL, ALL, ALL}},
	{0x80000003, ANY, {ALL, ALL, ALL, ALL}},
	{0x80000004, ANY, {ALL, ALL, ALL, ALL}},
	{0x80000005, ANY, {ALL, ALL, ALL, ALL}},
	{0x80000006, ANY, {ALL, ALL, ALL, ALL}},
	{0x80000007, ANY, {0, 0, 0, BIT(8)}}, /* invariant TSC */
	{0x80000008, ANY, {ALL, ALL, 0, 0}},
	{0x80000019, ANY, {ALL, ALL, ALL, ALL}},
	{0x8000001a, ANY, {ALL, ALL, ALL, ALL}},
	{0x8000001d, ANY, {0x00003fff, ALL, ALL, ALL}},
	{0x80000021, ANY, {ALL, 0, ALL, 0}},
};
/* clang-format on */

static struct kvm_cpuid_entry2 *
find(struct kvm_cpuid_table *t, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < t->nent; i++)
		if (t->entries[i].function == function &&
			t->entries[i].index == index)
			return &t->entries[i];
	return NULL;
}

static struct kvm_cpuid_entry2 *
add(struct kvm_cpuid_table *t, uint32_t function, uint32_t index,
	const uint32_t r[4], bool indexed)
{
	struct kvm_cpuid_entry2 *e = find(t, function, index);

	if (!e && t->nent == KVM_CPUID_MAX)
		return NULL;
	if (!e)
		e = &t->entries[t->nent++];
	*e = (struct kvm_cpuid_entry2){
		.function = function,
		.index = index,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = r[EAX],
		.ebx = r[EBX],
		.ecx = r[ECX],
		.edx = r[EDX],
	};
	return e;
}

/* Bits of an APIC ID that n CPUs need. */
static unsigned
id_bits(unsigned n)
{
	return n > 1 ? 32 - (unsigned)__builtin_clz(n - 1) : 0;
}

static void
copy_kept(struct kvm_cpuid_table *t, const struct kvm_cpuid_entry2 *in,
	unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (size_t j = 0; j < sizeof(masks) / sizeof(*masks); j++) {
			const struct mask *m = &masks[j];

			if (in[i].function != m->function ||
				(m->index != ANY && in[i].index != m->index))
				continue;
			if (t->nent == KVM_CPUID_MAX)
				return;
			t->entries[t->nent] = in[i];
			t->entries[t->nent].eax &= m->keep[EAX];
			t->entries[t->nent].ebx &= m->keep[EBX];
			t->entries[t->nent].ecx &= m->keep[ECX];
			t->entries[t->nent++].edx &= m->keep[EDX];
		}
}

/* Only what the canonical state carries, and the size that results. */
static void
xsave_leaf(struct kvm_cpuid_table *t)
{
	struct kvm_cpuid_entry2 *e = find(t, 0xd, 0), *c;
	uint32_t size = 576;

	if (!e)
		return;
	e->eax &= XCR0_ALLOWED;
	e->edx = 0;
	for (uint32_t i = 2; i < 63; i++) {
		c = find(t, 0xd, i);
		if (!c)
			continue;
		if (i < 32 && e->eax & BIT(i))
			size = c->ebx + c->eax > size ? c->ebx + c->eax : size;
		else
			memset(&c->eax, 0, 4 * sizeof(c->eax));
	}
	e->ecx = size;
	e->ebx = size; /* KVM follows XCR0 with it */
	if ((c = find(t, 0xd, 1)) != NULL) {
		c->eax &= ~BIT(4); /* XFD */
		c->ecx = c->edx = 0;
	}
}

/* Caches: the first two levels belong to a core, the rest to all. */
static void
cache_leaf(struct kvm_cpuid_table *t, uint32_t function, unsigned cpus)
{
	uint32_t share = BIT(id_bits(cpus)) - 1;

	for (uint32_t i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->entries[i];

		if (e->function != function || !(e->eax & 0x1f))
			continue;
		if ((e->eax >> 5 & 7) >= 3)
			e->eax |= share << 14;
		if (function == 4)
			e->eax |= (share < 63 ? share : 63) << 26;
	}
}

static void
topology(struct kvm_cpuid_table *t, unsigned cpus, bool intel)
{
	unsigned bits = id_bits(cpus);
	struct kvm_cpuid_entry2 *e = find(t, 1, 0);

	if (e) {
		e->ebx |= BIT(bits) << 16;
		e->edx |= cpus > 1 ? BIT(28) : 0;
	}
	add(t, 0xb, 0, (uint32_t[]){0, 1, 0 | 1 << 8, 0}, true);
	add(t, 0xb, 1, (uint32_t[]){bits, cpus, 1 | 2 << 8, 0}, true);
	add(t, 0xb, 2, (uint32_t[]){0, 0, 2, 0}, true);
	cache_leaf(t, 4, cpus);
	if (intel)
		return;
	cache_leaf(t, 0x8000001d, cpus);
	if ((e = find(t, 0x80000001, 0)) != NULL && cpus > 1)
		e->ecx |= BIT(1);
	if ((e = find(t, 0x80000008, 0)) != NULL)
		e->ecx = bits << 12 | (cpus - 1);
	if ((e = find(t, 0x80000001, 0)) != NULL && e->ecx & BIT(22))
		add(t, 0x8000001e, 0, (uint32_t[]){0, 0, 0, 0}, false);
}

/* The TSC's frequency: leaf 0x15 on Intel, in terms of a 1 GHz crystal, which
 * is what KVM's LAPIC timer counts by; and under the hypervisor's leaves. */
static void
clocks(struct kvm_cpuid_table *t, uint64_t khz, bool intel)
{
	uint32_t mhz = (uint32_t)(khz / 1000);

	if (!khz || khz > 100000000)
		return;
	add(t, 0x40000010, 0, (uint32_t[]){(uint32_t)khz, 1000000, 0, 0},
		false);
	if (!intel)
		return;
	add(t, 0x15, 0, (uint32_t[]){1000000, (uint32_t)khz, 1000000000, 0},
		false);
	add(t, 0x16, 0, (uint32_t[]){mhz, mhz, 100, 0}, false);
}

/* The highest leaf of each range is the highest that there is. */
static void
limits(struct kvm_cpuid_table *t)
{
	static const uint32_t base[] = {0, 0x40000000, 0x80000000};

	for (size_t i = 0; i < sizeof(base) / sizeof(*base); i++) {
		struct kvm_cpuid_entry2 *e = find(t, base[i], 0);
		uint32_t max = base[i];

		for (uint32_t j = 0; j < t->nent; j++)
			if ((t->entries[j].function & 0xf0000000) == base[i] &&
				t->entries[j].function > max)
				max = t->entries[j].function;
		if (e)
			e->eax = max;
	}
}

void
kvm_cpuid_filter(struct kvm_cpuid_table *t, const struct kvm_cpuid_entry2 *in,
	unsigned n, unsigned cpus, uint64_t tsc_khz, bool deadline)
{
	struct kvm_cpuid_entry2 *e;
	bool intel;

	memset(t, 0, sizeof(*t));
	copy_kept(t, in, n);
	e = find(t, 0, 0);
	intel = e && e->ebx == INTEL_EBX;
	if ((e = find(t, 1, 0)) != NULL) {
		e->ecx |= BIT(31); /* a hypervisor runs it */
		e->ecx |= BIT(21); /* x2APIC: KVM's LAPIC has it always */
		e->ecx = deadline ? e->ecx | BIT(24) : e->ecx & ~BIT(24);
	}
	if ((e = find(t, 0x80000008, 0)) != NULL) {
		uint32_t linear = e->eax >> 8 & 0xff; /* no LA57 */

		e->eax &= ~0xff00u;
		e->eax |= (linear > 48 ? 48 : linear) << 8;
	}
	xsave_leaf(t);
	topology(t, cpus, intel);
	add(t, 0x40000000, 0, (uint32_t[]){0, 0x4b4d564b, 0x564b4d56, 0x4d},
		false);
	clocks(t, tsc_khz, intel);
	limits(t);
}

void
kvm_cpuid_for(struct kvm_cpuid_table *t, unsigned apic_id)
{
	for (uint32_t i = 0; i < t->nent; i++) {
		struct kvm_cpuid_entry2 *e = &t->entries[i];

		switch (e->function) {
		case 1:
			e->ebx = (e->ebx & 0x00ffffff) | apic_id << 24;
			break;
		case 0xb:
			e->edx = apic_id;
			break;
		case 0x8000001e:
			e->eax = apic_id;
			e->ebx = apic_id & 0xff; /* core, one thread each */
			break;
		}
	}
}

/* KVM leaves the CPU's name empty: give the host's, as that is what runs. */
static void
brand(struct kvm_cpuid_table *t)
{
	for (uint32_t f = 0x80000002; f <= 0x80000004; f++) {
		struct kvm_cpuid_entry2 *e = find(t, f, 0);

		if (e && !e->eax)
			__cpuid(f, e->eax, e->ebx, e->ecx, e->edx);
	}
}

int
kvm_cpuid_get(
	struct kvm_cpuid_table *out, int kvm, unsigned cpus, uint64_t tsc_khz)
{
	struct kvm_cpuid2 *all = NULL;
	uint32_t n;
	int r = -E2BIG;

	for (n = 128; n <= 1024 && r == -E2BIG; n *= 2) {
		free(all);
		all = calloc(1, sizeof(*all) + n * sizeof(all->entries[0]));
		if (!all)
			return fail(-ENOMEM, "kvm: cannot get CPUID");
		all->nent = n;
		r = ioctl(kvm, KVM_GET_SUPPORTED_CPUID, all) < 0 ? -errno : 0;
	}
	if (r < 0) {
		free(all);
		return fail(r, "kvm: cannot get CPUID");
	}
	kvm_cpuid_filter(out, all->entries, all->nent, cpus, tsc_khz,
		ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) >
			0);
	brand(out);
	free(all);
	return 0;
}
