/* SPDX-License-Identifier: MIT */
/*
 * CPUID (Intel SDM vol. 2A): a Westmere-class x86-64-v2 CPU with later
 * conveniences (x2APIC, TSC deadline, FSGSBASE, SMEP, SMAP, UMIP, ERMS) and the
 * frequency leaves. No VMX, TSX, SGX, PMU, CET, PKU, AVX, LA57, PCID.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/msr.h"
#include "vmm/soft/prot.h"

#define BIT(n) (1u << (n))

enum { MAX_BASIC = 0x16, MAX_HYPER = 0x10, MAX_EXT = 8 };

#define FEATURES_C                                                             \
	(BIT(0) /* SSE3 */ | BIT(9) /* SSSE3 */ | BIT(13) /* CX16 */ |         \
		BIT(19) /* SSE4.1 */ | BIT(20) /* SSE4.2 */ |                  \
		BIT(21) /* x2APIC */ | BIT(23) /* POPCNT */ |                  \
		BIT(24) /* TSC deadline */ | BIT(31) /* hypervisor */)
#define FEATURES_D                                                             \
	(BIT(0) /* FPU */ | BIT(1) /* VME */ | BIT(2) /* DE */ |               \
		BIT(3) /* PSE */ | BIT(4) /* TSC */ | BIT(5) /* MSR */ |       \
		BIT(6) /* PAE */ | BIT(7) /* MCE */ | BIT(8) /* CX8 */ |       \
		BIT(11) /* SEP */ | BIT(12) /* MTRR */ | BIT(13) /* PGE */ |   \
		BIT(14) /* MCA */ | BIT(15) /* CMOV */ | BIT(16) /* PAT */ |   \
		BIT(17) /* PSE36 */ | BIT(19) /* CLFSH */ |                    \
		BIT(23) /* MMX */ | BIT(24) /* FXSR */ | BIT(25) /* SSE */ |   \
		BIT(26) /* SSE2 */ | BIT(27) /* SS */)
#define FEATURES_7B                                                            \
	(BIT(0) /* FSGSBASE */ | BIT(1) /* TSC_ADJUST */ | BIT(7) /* SMEP */ | \
		BIT(9) /* ERMS */ | BIT(20) /* SMAP */)
#define FEATURES_7C BIT(2) /* UMIP */
/* IBRS and IBPB, ARCH_CAPABILITIES */
#define FEATURES_7D (BIT(26) | BIT(29))

static void
set(uint32_t out[4], uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

/* n characters of s, zero-filled, from EAX or EBX on. */
static void
text(uint32_t *out, const char *s, unsigned n)
{
	char buf[16] = "";

	strncpy(buf, s, n);
	memcpy(out, buf, n);
}

static void
vendor(const struct cpu *c, uint32_t out[4])
{
	bool limit = c->misc_enable & MISC_CPUID_LIMIT;

	/* "Genu" "ntel" "ineI": EBX, ECX, EDX */
	set(out, limit ? 2 : MAX_BASIC, 0x756e6547, 0x6c65746e, 0x49656e69);
}

static void
features(const struct cpu *c, uint32_t out[4])
{
	unsigned cpus = c->soft->cpus;
	uint32_t d = FEATURES_D;

	if (lapic_base(c->lapic) & BIT(11))
		d |= BIT(9); /* APIC, while it is enabled */
	if (cpus > 1)
		d |= BIT(28); /* HTT: the count in EBX is valid */
	set(out, CPU_SIGNATURE,
		c->index << 24 | (cpus > 255 ? 255 : cpus) << 16 | 8 << 8,
		FEATURES_C, d);
}

/* Bits that number the CPUs below one package. */
static unsigned
id_bits(const struct cpu *c)
{
	unsigned n = 0;

	while (1u << n < c->soft->cpus)
		n++;
	return n;
}

/* Deterministic cache parameters: type, level, ways, sets, sharing. */
static void
caches(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
	static const struct {
		uint8_t type, level, ways;
		bool shared;
		uint16_t sets;
	} cache[] = {
		{1, 1, 8, false, 64}, /* 32 KiB of data */
		{2, 1, 4, false, 128}, /* 32 KiB of code */
		{3, 2, 8, false, 512}, /* 256 KiB */
		{3, 3, 16, true, 8192}, /* 8 MiB */
	};
	uint32_t cores = (1u << id_bits(c)) - 1;

	if (sub >= sizeof(cache) / sizeof(cache[0]))
		return;
	set(out,
		cache[sub].type | (uint32_t)cache[sub].level << 5 | 1 << 8 |
			(cache[sub].shared ? cores << 14 : 0) |
			(cores > 63 ? 63 : cores) << 26,
		63 | (cache[sub].ways - 1u) << 22, cache[sub].sets - 1u,
		cache[sub].shared ? 2 : 0);
}

/* One thread a core, all cores in one package. */
static void
topology(const struct cpu *c, uint32_t sub, uint32_t out[4])
{
	if (sub == 0)
		set(out, 0, 1, 1 << 8, c->index);
	else if (sub == 1)
		set(out, id_bits(c), c->soft->cpus, sub | 2 << 8, c->index);
	else
		set(out, 0, 0, sub & 0xff, c->index);
}

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t t = a % b;

		a = b;
		b = t;
	}
	return a;
}

/* TSC = crystal * EBX / EAX; the crystal is the APIC timer's clock. Systems
 * multiply kHz by EBX in 32 bits: where that overflows, say nothing. */
static void
crystal(const struct cpu *c, uint32_t out[4])
{
	uint64_t hz = c->soft->tsc_hz, k = gcd(hz, APIC_TIMER_HZ);

	if (hz / k * (APIC_TIMER_HZ / 1000) <= UINT32_MAX)
		set(out, (uint32_t)(APIC_TIMER_HZ / k), (uint32_t)(hz / k),
			APIC_TIMER_HZ, 0);
}

static void
basic(const struct cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	uint32_t mhz = (uint32_t)(c->soft->tsc_hz / 1000000);

	switch (leaf) {
	case 0:
		vendor(c, out);
		break;
	case 1:
		features(c, out);
		break;
	case 2: /* TLBs; caches in leaf 4; 64-byte prefetch */
		set(out, 0x5a03ff01, 0xf0, 0, 0);
		break;
	case 4:
		caches(c, sub, out);
		break;
	case 6:
		set(out, BIT(2), 0, 0, 0); /* ARAT */
		break;
	case 7:
		if (sub == 0)
			set(out, 0, FEATURES_7B, FEATURES_7C, FEATURES_7D);
		break;
	case 0xb:
		topology(c, sub, out);
		break;
	case 0x15:
		crystal(c, out);
		break;
	case 0x16:
		set(out, mhz & 0xffff, mhz & 0xffff, 100, 0);
		break;
	}
}

static void
hypervisor(const struct cpu *c, uint32_t leaf, uint32_t out[4])
{
	if (leaf == 0) {
		out[0] = 0x40000000 + MAX_HYPER;
		text(out + 1, "vm-utils", 12);
	} else if (leaf == MAX_HYPER) {
		set(out, (uint32_t)(c->soft->tsc_hz / 1000),
			APIC_TIMER_HZ / 1000, 0, 0);
	}
}

static void
extended(const struct cpu *c, uint32_t leaf, uint32_t out[4])
{
	static const char brand[48] = "vm-utils soft CPU (x86-64-v2)";

	switch (leaf) {
	case 0:
		out[0] = 0x80000000 + MAX_EXT;
		break;
	case 1: /* LAHF, PREFETCHW; NX, 1G pages, RDTSCP, long mode;
		 * SYSCALL */
		out[2] = BIT(0) | BIT(8);
		out[3] = BIT(26) | BIT(27) | BIT(29);
		if (!(c->misc_enable & MISC_XD_DISABLE))
			out[3] |= BIT(20);
		if (c->code == CODE64)
			out[3] |= BIT(11);
		break;
	case 2:
	case 3:
	case 4:
		memcpy(out, brand + (leaf - 2) * 16, 16);
		break;
	case 6: /* L2: 256 KiB, 8 ways, 64-byte lines */
		out[2] = 256 << 16 | 6 << 12 | 64;
		break;
	case 7:
		out[3] = BIT(8); /* the TSC never changes its rate */
		break;
	case 8:
		out[0] = PHYS_BITS | 48 << 8;
		break;
	}
}

/* A leaf beyond the last of its range reads as the last basic one. */
void
soft_cpuid(const struct cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	set(out, 0, 0, 0, 0);
	if (leaf - 0x40000000 <= 0xff) {
		if (leaf - 0x40000000 <= MAX_HYPER)
			hypervisor(c, leaf - 0x40000000, out);
	} else if (leaf - 0x80000000 <= MAX_EXT) {
		extended(c, leaf - 0x80000000, out);
	} else {
		basic(c, leaf > MAX_BASIC ? MAX_BASIC : leaf, sub, out);
	}
}

static void NOINLINE
cpuid(struct cpu *c)
{
	uint32_t out[4];

	soft_cpuid(c, (uint32_t)c->gpr[RAX], (uint32_t)c->gpr[RCX], out);
	c->gpr[RAX] = out[0];
	c->gpr[RBX] = out[1];
	c->gpr[RCX] = out[2];
	c->gpr[RDX] = out[3];
}

static void
cpuid_z(struct cpu *c, const struct insn *i)
{
	cpuid(c);
	DONE;
}

handler *const x_cpuid_z[8] = ALL8(cpuid_z);
