/* SPDX-License-Identifier: MIT */
/* The local APIC, against the SDM: two of them on a net, on a manual clock. */
#include "dev/lapic.h"
#include "tests/tap.h"

#define EN 0x800u
#define EXTD 0x400u
#define TIMER 0x320
#define LINT0 0x350
#define LVTERR 0x370
#define TMICT 0x380
#define TMCCT 0x390
#define TDCR 0x3e0
#define MSR_DEADLINE 0x6e0

struct cpu {
	struct lapic *l;
	unsigned wakes, eois;
	uint8_t last_eoi;
	uint64_t tsc;
};

static struct clock *clk;
static struct lapic_net *net;
static struct cpu cpu[2];

static void
wake(void *to)
{
	((struct cpu *)to)->wakes++;
}

static void
eoi(void *to, uint8_t vector)
{
	struct cpu *c = to;

	c->eois++;
	c->last_eoi = vector;
	lapic_mmio_read(c->l, 0x20); /* deadlocks if a lock were held */
}

/* 2 GHz, plus what the guest wrote. */
static uint64_t
tsc(void *to)
{
	return (uint64_t)clock_now(clk) * 2 + ((struct cpu *)to)->tsc;
}

static void
setup(void)
{
	clk = clock_new_manual(0);
	net = lapic_net_new();
	for (unsigned i = 0; i < 2; i++) {
		struct lapic_out out = {
			wake, eoi, tsc, 2000000000, &cpu[i], 40};

		cpu[i] = (struct cpu){0};
		if (lapic_new(&cpu[i].l, net, clk, i, i == 0, out))
			abort();
		lapic_mmio_write(cpu[i].l, 0xf0, 0x1ff);
	}
}

static void
teardown(void)
{
	lapic_free(cpu[0].l);
	lapic_free(cpu[1].l);
	lapic_net_free(net);
	clock_free(clk);
}

static uint32_t
rd(unsigned i, uint32_t off)
{
	return lapic_mmio_read(cpu[i].l, off);
}

static void
wr(unsigned i, uint32_t off, uint32_t v)
{
	lapic_mmio_write(cpu[i].l, off, v);
}

static void
icr(unsigned i, uint32_t dest, uint32_t v)
{
	wr(i, 0x310, dest << 24);
	wr(i, 0x300, v);
}

static bool
pending(unsigned i, unsigned v)
{
	return rd(i, 0x200 + v / 32 * 16) >> v % 32 & 1;
}

static void
x2apic(unsigned i)
{
	lapic_set_base(cpu[i].l, lapic_base(cpu[i].l) | EXTD);
}

static bool
wrmsr(unsigned i, uint32_t msr, uint64_t v)
{
	return lapic_msr_write(cpu[i].l, msr, v) == 0;
}

static bool
rdmsr(unsigned i, uint32_t msr)
{
	uint64_t v;

	return lapic_msr_read(cpu[i].l, msr, &v) == 0;
}

static uint64_t
msr(unsigned i, uint32_t m)
{
	uint64_t v = ~0ull;

	lapic_msr_read(cpu[i].l, m, &v);
	return v;
}

static void
test_reset(void)
{
	struct lapic_out out = {0};
	struct lapic *other;

	setup();
	is_u64(lapic_base(cpu[0].l), 0xfee00900, "IA32_APIC_BASE of the BSP");
	is_u64(lapic_base(cpu[1].l), 0xfee00800, "IA32_APIC_BASE of an AP");
	lapic_reset(cpu[1].l, false);
	is_u64(rd(1, 0xf0), 0xff, "SVR after reset");
	is_u64(rd(1, 0xe0), 0xffffffff, "DFR after reset");
	is_u64(rd(1, 0xd0), 0, "LDR after reset");
	is_u64(rd(1, LINT0), 0x10000, "an AP's LINT0 is masked");
	is_u64(rd(0, LINT0), 0x700, "the BSP's LINT0 is in virtual wire mode");
	is_u64(rd(1, 0x30) & 0xff, 0x14, "version");
	is_u64(rd(1, 0x20), 1u << 24, "id");
	wr(1, 0x20, 5u << 24);
	is_u64(rd(1, 0x20), 1u << 24, "the id cannot be written");
	wr(1, TIMER, 0x40);
	is_u64(rd(1, TIMER), 0x10040,
		"LVT entries stay masked while software-disabled");
	ok(lapic_new(&other, net, clk, 1, false, out) < 0,
		"two lapics cannot have one id");
	teardown();
}

static void
test_fixed(void)
{
	setup();
	icr(0, 1, 0x4031);
	ok(pending(1, 0x31) && !pending(0, 0x31), "a fixed IPI sets IRR");
	is_u64(lapic_wants(cpu[1].l), LAPIC_INTR, "and the vCPU is asked");
	is_u64(cpu[1].wakes, 1, "and woken once");
	icr(0, 1, 0x4032);
	is_u64(cpu[1].wakes, 1, "it is not woken again for a second one");
	is_u64((unsigned)lapic_ack(cpu[1].l), 0x32, "the higher vector first");
	is_u64(rd(1, 0xa0), 0x30, "PPR is the class in service");
	is_u64(lapic_wants(cpu[1].l), 0, "the same class waits");
	is_u64((uint64_t)lapic_ack(cpu[1].l), UINT64_MAX,
		"and cannot be acknowledged");
	icr(0, 1, 0x4045);
	is_u64((unsigned)lapic_ack(cpu[1].l), 0x45, "a higher class nests");
	wr(1, 0xb0, 0);
	is_u64(rd(1, 0x110), 1u << 0x12, "EOI ends the highest in service");
	wr(1, 0xb0, 0);
	is_u64((unsigned)lapic_ack(cpu[1].l), 0x31, "then the other comes");
	wr(1, 0xb0, 0);
	wr(1, 0xb0, 0);
	is_u64(cpu[1].eois, 0, "edge interrupts broadcast no EOI");
	teardown();
}

static void
test_priority(void)
{
	setup();
	lapic_set_cr8(cpu[0].l, 5);
	is_u64(rd(0, 0x80), 0x50, "CR8 is the class of TPR");
	wr(0, 0x80, 0x67);
	is_u64(lapic_cr8(cpu[0].l), 6, "TPR shows in CR8");
	is_u64(rd(0, 0xa0), 0x67, "PPR is TPR when nothing is in service");
	icr(0, 0, 0x406f);
	is_u64(lapic_wants(cpu[0].l), 0, "TPR holds its own class back");
	icr(0, 0, 0x4070);
	is_u64((unsigned)lapic_ack(cpu[0].l), 0x70, "but not a higher one");
	wr(0, 0xb0, 0);
	lapic_set_cr8(cpu[0].l, 0);
	is_u64(lapic_wants(cpu[0].l), LAPIC_INTR, "lowering CR8 lets it in");
	teardown();
}

static void
test_level(void)
{
	setup();
	lapic_net_send(net, (struct msi){0xfee00000, 0xc041});
	is_u64(rd(0, 0x1a0), 2, "a level message sets TMR");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	ok(cpu[0].eois == 1 && cpu[0].last_eoi == 0x41,
		"its EOI is broadcast, with no lock held");
	lapic_net_send(net, (struct msi){0xfee00000, 0x41});
	is_u64(rd(0, 0x1a0), 0, "an edge message clears TMR");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	is_u64(cpu[0].eois, 1, "and is not broadcast");
	wr(0, 0xf0, 0x11ff);
	lapic_net_send(net, (struct msi){0xfee00000, 0xc041});
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	is_u64(cpu[0].eois, 1, "SVR bit 12 suppresses the broadcast");
	teardown();
}

static void
test_destinations(void)
{
	setup();
	icr(0, 0xff, 0x4050);
	ok(pending(0, 0x50) && pending(1, 0x50), "physical broadcast");
	icr(0, 0, 0x84051);
	ok(pending(0, 0x51) && pending(1, 0x51), "shorthand: all");
	icr(0, 0, 0xc4052);
	ok(!pending(0, 0x52) && pending(1, 0x52), "shorthand: all but self");
	icr(0, 1, 0x44053);
	ok(pending(0, 0x53) && !pending(1, 0x53), "shorthand: self");
	wr(0, 0xd0, 0x01ffffff);
	wr(1, 0xd0, 0x02000000);
	is_u64(rd(0, 0xd0), 0x01000000, "LDR has eight bits");
	icr(0, 2, 0x4854);
	ok(!pending(0, 0x54) && pending(1, 0x54), "logical flat: one");
	icr(0, 3, 0x4855);
	ok(pending(0, 0x55) && pending(1, 0x55), "logical flat: two");
	icr(0, 4, 0x4856);
	ok(!pending(0, 0x56) && !pending(1, 0x56), "logical flat: nobody");
	wr(0, 0xe0, 0);
	wr(1, 0xe0, 0);
	is_u64(rd(0, 0xe0), 0x0fffffff, "DFR's low bits are ones");
	wr(0, 0xd0, 0x31000000);
	wr(1, 0xd0, 0x32000000);
	icr(0, 0x32, 0x4857);
	ok(!pending(0, 0x57) && pending(1, 0x57), "logical cluster: one");
	icr(0, 0x33, 0x4858);
	ok(pending(0, 0x58) && pending(1, 0x58), "logical cluster: two");
	icr(0, 0x23, 0x4859);
	ok(!pending(0, 0x59) && !pending(1, 0x59), "another cluster");
	icr(0, 0xff, 0x485a);
	ok(pending(0, 0x5a) && pending(1, 0x5a), "logical broadcast");
	teardown();
}

static void
test_lowest(void)
{
	unsigned got[2] = {0};

	setup();
	wr(0, 0x80, 0x20);
	icr(0, 0xff, 0x4160);
	ok(!pending(0, 0x60) && pending(1, 0x60),
		"lowest priority chooses the idler CPU");
	wr(0, 0x80, 0);
	for (unsigned i = 0; i < 8; i++) {
		icr(0, 0xff, 0x4170 + i);
		got[0] += pending(0, 0x70 + i);
		got[1] += pending(1, 0x70 + i);
	}
	ok(got[0] == 4 && got[1] == 4, "equals take turns, one each time");
	wr(1, 0xf0, 0xff);
	icr(0, 0xff, 0x4180);
	icr(0, 0xff, 0x4181);
	ok(pending(0, 0x80) && pending(0, 0x81),
		"a software-disabled CPU is never chosen");
	teardown();
}

static void
test_msi(void)
{
	setup();
	lapic_net_send(net, (struct msi){0xfee01000, 0x4061});
	ok(pending(1, 0x61) && !pending(0, 0x61), "an MSI goes to its target");
	wr(0, 0xd0, 0x01000000);
	wr(1, 0xd0, 0x02000000);
	lapic_net_send(net, (struct msi){0xfee02004, 0x4062});
	ok(pending(1, 0x62) && !pending(0, 0x62), "a logical MSI as well");
	lapic_net_send(net, (struct msi){0xfee0300c, 0x4063});
	ok(pending(1, 0x63) != pending(0, 0x63),
		"with a redirection hint one CPU gets it");
	lapic_net_send(net, (struct msi){0xfee00000, 0x4400});
	is_u64(lapic_wants(cpu[0].l) & LAPIC_NMI, LAPIC_NMI, "an NMI message");
	teardown();
}

static void
test_events(void)
{
	setup();
	icr(0, 1, 0x4500);
	is_u64(lapic_wants(cpu[1].l), LAPIC_INIT, "INIT is asked for");
	icr(0, 1, 0x8500);
	icr(0, 1, 0x4609);
	icr(0, 1, 0x460a);
	is_u64(lapic_wants(cpu[1].l), LAPIC_INIT | LAPIC_SIPI, "and SIPI");
	lapic_reset(cpu[1].l, true);
	lapic_take(cpu[1].l, LAPIC_INIT);
	is_u64(lapic_wants(cpu[1].l), LAPIC_SIPI, "INIT keeps a later SIPI");
	is_u64(lapic_sipi(cpu[1].l), 9, "the first SIPI's vector counts");
	is_u64(lapic_wants(cpu[1].l), 0, "a SIPI is taken once");
	icr(0, 1, 0x460b);
	icr(0, 1, 0x4500);
	is_u64(lapic_wants(cpu[1].l), LAPIC_INIT, "INIT cancels a SIPI");
	lapic_take(cpu[1].l, LAPIC_INIT);
	icr(0, 1, 0x8500);
	is_u64(lapic_wants(cpu[1].l), 0, "INIT level de-assert does nothing");
	icr(0, 1, 0x200);
	is_u64(lapic_wants(cpu[1].l), LAPIC_SMI, "SMI");
	lapic_take(cpu[1].l, LAPIC_SMI);
	icr(0, 1, 0x400);
	is_u64(lapic_wants(cpu[1].l), LAPIC_NMI,
		"NMI, with the level flag clear and the APIC disabled");
	teardown();
}

static unsigned
take_nmis(unsigned i)
{
	unsigned n = 0;

	while (lapic_wants(cpu[i].l) & LAPIC_NMI) {
		lapic_take(cpu[i].l, LAPIC_NMI);
		lapic_nmi_done(cpu[i].l);
		n++;
	}
	return n;
}

static void
test_nmi(void)
{
	setup();
	for (unsigned i = 0; i < 5; i++)
		lapic_nmi(cpu[0].l);
	is_u64(take_nmis(0), 2, "two NMIs are held: one runs, one waits");
	lapic_nmi(cpu[0].l);
	lapic_take(cpu[0].l, LAPIC_NMI);
	for (unsigned i = 0; i < 5; i++)
		icr(0, 0, 0x400);
	is_u64(take_nmis(0), 1, "one is held while one runs");
	teardown();
}

static void
test_extint(void)
{
	setup();
	lapic_net_extint(net, 0, true);
	is_u64(lapic_wants(cpu[0].l), LAPIC_EXTINT, "the PIC asks the BSP");
	is_u64(lapic_wants(cpu[1].l), 0, "but not through a masked LINT0");
	wr(0, LINT0, 0x10700);
	is_u64(lapic_wants(cpu[0].l), 0, "masking LINT0 takes it back");
	lapic_set_base(cpu[1].l, 0xfee00000);
	is_u64(lapic_wants(cpu[1].l), LAPIC_EXTINT,
		"without an APIC LINT0 is the INTR pin");
	lapic_net_extint(net, 0, false);
	wr(0, LINT0, 0x34);
	lapic_net_extint(net, 0, true);
	ok(pending(0, 0x34), "LINT0 as an edge-triggered fixed interrupt");
	lapic_net_extint(net, 0, false);
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	wr(0, LINT0, 0x8035);
	lapic_net_extint(net, 0, true);
	is_u64(rd(0, LINT0), 0xc035, "level-triggered it sets remote IRR");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	ok(pending(0, 0x35), "and comes again while LINT0 is up");
	lapic_net_extint(net, 0, false);
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	ok(!pending(0, 0x35) && rd(0, LINT0) == 0x8035, "and ends after");
	teardown();
}

static void
test_errors(void)
{
	setup();
	icr(0, 1, 0x4005);
	is_u64(rd(0, 0x280), 0, "ESR reads what the last write latched");
	wr(0, 0x280, 0);
	is_u64(rd(0, 0x280), 0x20, "send illegal vector");
	wr(0, 0x280, 0);
	is_u64(rd(0, 0x280), 0, "a write clears what was logged");
	lapic_net_send(net, (struct msi){0xfee00000, 0x0f});
	wr(0, 0x280, 0);
	is_u64(rd(0, 0x280), 0x40, "receive illegal vector");
	wr(0, LVTERR, 0xfe);
	rd(0, 0x40);
	wr(0, 0x280, 0);
	is_u64(rd(0, 0x280), 0x80, "illegal register address");
	is_u64((unsigned)lapic_ack(cpu[0].l), 0xfe, "LVT error fires");
	wr(0, 0xb0, 0);
	rd(0, 0x40);
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	rd(0, 0x40);
	is_u64(lapic_wants(cpu[0].l), 0, "once until ESR is written");
	wr(0, LVTERR, 0x05);
	wr(0, 0x280, 0);
	rd(0, 0x40);
	wr(0, 0x280, 0);
	is_u64(rd(0, 0x280), 0xc0, "LVT error with an illegal vector");
	teardown();
}

static void
test_software_disable(void)
{
	setup();
	icr(0, 0, 0x4042);
	wr(0, TIMER, 0x41);
	wr(0, 0xf0, 0xff);
	is_u64(rd(0, TIMER), 0x10041, "disabling by SVR masks the LVT");
	ok(pending(0, 0x42), "and keeps what is in IRR");
	icr(0, 0, 0x4043);
	ok(!pending(0, 0x43), "fixed messages are not accepted");
	icr(0, 1, 0x4043);
	ok(pending(1, 0x43), "IPIs may still be sent");
	wr(0, 0xf0, 0x1ff);
	is_u64(rd(0, TIMER), 0x10041, "enabling unmasks nothing");
	teardown();
}

static void
test_base(void)
{
	struct lapic *l;
	uint64_t b = 0xfee00100;

	setup();
	l = cpu[0].l;
	ok(lapic_set_base(l, b | EXTD) < 0, "xAPIC to invalid: #GP");
	ok(lapic_set_base(l, b | EN | 1) < 0, "reserved low bits: #GP");
	ok(lapic_set_base(l, b | EN | 1ull << 40) < 0,
		"bits beyond MAXPHYADDR: #GP");
	ok(lapic_set_base(l, b | EN | EXTD) == 0, "xAPIC to x2APIC");
	is_u64(rd(0, 0x30), 0xffffffff, "no MMIO in x2APIC mode");
	ok(lapic_set_base(l, b | EN) < 0, "x2APIC to xAPIC: #GP");
	ok(lapic_set_base(l, b | EXTD) < 0, "x2APIC to invalid: #GP");
	lapic_set_cr8(l, 7);
	ok(lapic_set_base(l, b) == 0, "x2APIC to disabled");
	is_u64(rd(0, 0x30), 0xffffffff, "no MMIO when disabled");
	is_u64(lapic_cr8(l), 7, "CR8 survives");
	lapic_set_cr8(l, 9);
	is_u64(lapic_cr8(l), 9, "and can be written");
	ok(!rdmsr(0, 0x802), "no MSRs when disabled");
	icr(1, 0, 0x4400);
	is_u64(lapic_wants(l), 0, "messages pass a disabled APIC by");
	ok(lapic_set_base(l, b | EXTD) < 0, "disabled to invalid: #GP");
	ok(lapic_set_base(l, b | EN | EXTD) < 0, "disabled to x2APIC: #GP");
	ok(lapic_set_base(l, b | EN) == 0, "disabled to xAPIC");
	is_u64(rd(0, 0xf0), 0xff, "which has forgotten its registers");
	is_u64(rd(0, 0x80), 0x90, "but TPR");
	ok(lapic_set_base(l, 0xfed40900) == 0 && rd(0, 0x30) == 0x01050014,
		"it can be moved");
	ok(lapic_load_base(l, b) == 0 && lapic_load_base(l, b | EN | EXTD) == 0,
		"saved state may hold any valid mode");
	ok(lapic_load_base(l, b | EXTD) < 0, "but no invalid one");
	teardown();
}

/* Registers, less 0x800: as the SDM's table of x2APIC MSRs has them. */
static bool
in(const char *list, unsigned reg)
{
	char name[8];

	snprintf(name, sizeof(name), " %02x", reg);
	return strstr(list, name) != NULL;
}

static void
test_x2_map(void)
{
	const char *rw = " 08 0f 28 30 32 33 34 35 36 37 38 3e";
	const char *ro = " 02 03 0a 0d 10 11 12 13 14 15 16 17 18 19 1a 1b"
			 " 1c 1d 1e 1f 20 21 22 23 24 25 26 27 39";
	const char *wo = " 0b 3f";
	unsigned bad_read = 0, bad_write = 0, bad_high = 0;

	setup();
	ok(!rdmsr(0, 0x802) && !wrmsr(0, 0x808, 0), "no MSRs in xAPIC mode");
	x2apic(0);
	for (unsigned r = 0; r < 0x100; r++) {
		bad_read += rdmsr(0, 0x800 + r) != (in(rw, r) || in(ro, r));
		if (r != 0x30)
			bad_high += wrmsr(0, 0x800 + r, 1ull << 32);
		bad_write += wrmsr(0, 0x800 + r, 0) != (in(rw, r) || in(wo, r));
	}
	is_u64(bad_read, 0, "x2APIC: which MSRs can be read");
	is_u64(bad_write, 0, "x2APIC: which MSRs can be written");
	is_u64(bad_high, 0, "x2APIC: bits 63:32 are reserved but in ICR");
	teardown();
}

static void
test_x2(void)
{
	setup();
	x2apic(0);
	x2apic(1);
	is_u64(msr(1, 0x802), 1, "x2APIC id");
	is_u64(msr(1, 0x80d), 2, "x2APIC logical id");
	ok(!wrmsr(0, 0x808, 0x100), "TPR 31:8 reserved");
	ok(!wrmsr(0, 0x80b, 1), "EOI takes 0 only");
	ok(!wrmsr(0, 0x828, 1) && wrmsr(0, 0x828, 0), "ESR takes 0 only");
	ok(!wrmsr(0, 0x83f, 0x100), "self IPI 31:8 reserved");
	ok(!wrmsr(0, 0x830, 1 << 13) && !wrmsr(0, 0x830, 1 << 20),
		"ICR reserved bits");
	ok(!wrmsr(0, 0x837, 0x200fe), "LVT reserved bits");
	ok(!wrmsr(0, 0x83e, 4), "divide configuration reserved bit");
	wrmsr(0, 0x83f, 0x45);
	ok(msr(0, 0x822) & 1 << 5, "self IPI register");
	wrmsr(0, 0x830, 1ull << 32 | 0x4046);
	ok(msr(1, 0x822) & 1 << 6, "ICR with a 32-bit physical destination");
	is_u64(msr(0, 0x830), 1ull << 32 | 0x4046, "ICR reads back whole");
	wrmsr(0, 0x830, 0xffffffffull << 32 | 0x4047);
	ok((msr(0, 0x822) & 1 << 7) && (msr(1, 0x822) & 1 << 7),
		"x2APIC broadcast");
	wrmsr(0, 0x830, 0xffull << 32 | 0x4048);
	ok(!(msr(0, 0x822) & 1 << 8), "0xff is no broadcast in x2APIC mode");
	wrmsr(0, 0x830, 3ull << 32 | 0x4849);
	ok((msr(0, 0x822) & 1 << 9) && (msr(1, 0x822) & 1 << 9),
		"logical: two of a cluster");
	wrmsr(0, 0x830, 0x10001ull << 32 | 0x484a);
	ok(!(msr(0, 0x822) & 1 << 10), "logical: another cluster");
	lapic_net_send(net, (struct msi){0xfeeff000, 0x404b});
	ok((msr(0, 0x822) & 1 << 11) && (msr(1, 0x822) & 1 << 11),
		"an MSI to 0xff reaches all");
	lapic_reset(cpu[1].l, true);
	is_u64(lapic_base(cpu[1].l), 0xfee00c00, "INIT keeps x2APIC mode");
	is_u64(msr(1, 0x80f), 0xff, "and resets the registers");
	teardown();
}

static void
test_one_shot(void)
{
	setup();
	wr(0, TIMER, 0x40);
	wr(0, TDCR, 0xb);
	wr(0, TMICT, 1000);
	is_u64(rd(0, TMCCT), 1000, "the count begins at the initial count");
	clock_advance(clk, 400);
	is_u64(rd(0, TMCCT), 600, "and goes down a nanosecond at a time");
	clock_advance(clk, 599);
	is_u64(rd(0, TMCCT), 1, "to 1");
	ok(!pending(0, 0x40), "without an interrupt yet");
	clock_advance(clk, 1);
	ok(pending(0, 0x40) && rd(0, TMCCT) == 0, "at 0 there is one");
	lapic_ack(cpu[0].l);
	clock_advance(clk, 100000);
	ok(!pending(0, 0x40), "and only one");
	wr(0, TDCR, 0);
	wr(0, TMICT, 1000);
	clock_advance(clk, 400);
	is_u64(rd(0, TMCCT), 800, "divided by 2");
	wr(0, TDCR, 0xa);
	is_u64(rd(0, TMCCT), 800, "a new divisor keeps the count");
	clock_advance(clk, 1280);
	is_u64(rd(0, TMCCT), 790, "and rules from then on: by 128");
	wr(0, TMICT, 0);
	is_u64(rd(0, TMCCT), 0, "an initial count of 0 stops it");
	is_u64((uint64_t)clock_next(clk), (uint64_t)CLOCK_NEVER,
		"and no host timer is left");
	wr(0, TIMER, 0x10040);
	wr(0, TMICT, 100);
	is_u64((uint64_t)clock_next(clk), (uint64_t)CLOCK_NEVER,
		"nor is one armed for a masked entry");
	clock_advance(clk, 12800);
	wr(0, TIMER, 0x40);
	ok(!pending(0, 0x40) && rd(0, TMCCT) == 0,
		"what ran out while masked is lost");
	teardown();
}

static unsigned
count_ticks(int64_t step, unsigned steps)
{
	unsigned n = 0;

	for (unsigned i = 0; i < steps; i++) {
		clock_advance(clk, step);
		if (lapic_ack(cpu[0].l) < 0)
			continue;
		wr(0, 0xb0, 0);
		n++;
	}
	return n;
}

static void
test_periodic(void)
{
	setup();
	wr(0, TIMER, 0x20040);
	wr(0, TDCR, 0xb);
	wr(0, TMICT, 1000000);
	is_u64(count_ticks(500000, 20), 10, "periodic: one interrupt each");
	clock_advance(clk, 250000);
	is_u64(rd(0, TMCCT), 750000, "the count starts anew each time");
	cpu[0].wakes = 0;
	clock_advance(clk, 60 * NS_PER_S);
	ok(cpu[0].wakes == 1, "interrupts that nobody takes merge");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	is_u64(rd(0, TMCCT), 750000, "the phase is kept");
	wr(0, TMICT, 1);
	ok(count_ticks(10000, 1000) <= 201, "a storm is limited");
	wr(0, TMICT, 1000000);
	clock_advance(clk, 600000);
	wr(0, TIMER, 0x40);
	is_u64(rd(0, TMCCT), 400000, "to one-shot: the count goes on");
	clock_advance(clk, 400000);
	is_u64(rd(0, TMCCT), 0, "and ends");
	wr(0, TIMER, 0x20040);
	is_u64(rd(0, TMCCT), 0, "back to periodic it stays at 0");
	is_u64(rd(0, TMICT), 1000000, "the initial count stays");
	wr(0, TMICT, 1000000);
	clock_advance(clk, 100);
	wr(0, TIMER, 0x40);
	wr(0, TIMER, 0x20040);
	is_u64(rd(0, TMCCT), 999900, "from one-shot: the count goes on");
	teardown();
}

static void
test_deadline(void)
{
	setup();
	is_u64(msr(0, MSR_DEADLINE), 0, "reads 0 in other modes");
	wrmsr(0, MSR_DEADLINE, 5000);
	wr(0, TIMER, 0x40040);
	is_u64(msr(0, MSR_DEADLINE), 0, "and writes are ignored there");
	wrmsr(0, MSR_DEADLINE, 5000);
	is_u64(msr(0, MSR_DEADLINE), 5000, "reads back while armed");
	clock_advance(clk, 2499);
	ok(!pending(0, 0x40), "nothing before the deadline");
	clock_advance(clk, 2);
	ok(pending(0, 0x40) && msr(0, MSR_DEADLINE) == 0,
		"it fires and reads 0");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	wrmsr(0, MSR_DEADLINE, 5000);
	ok(pending(0, 0x40) && msr(0, MSR_DEADLINE) == 0,
		"a deadline in the past fires at once");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	wrmsr(0, MSR_DEADLINE, 1000000);
	wrmsr(0, MSR_DEADLINE, 0);
	is_u64((uint64_t)clock_next(clk), (uint64_t)CLOCK_NEVER,
		"0 disarms it");
	wr(0, TMICT, 77);
	ok(rd(0, TMICT) == 0 && rd(0, TMCCT) == 0,
		"the initial count is ignored in this mode");
	wrmsr(0, MSR_DEADLINE, 1000000);
	wr(0, TIMER, 0x40);
	wr(0, TIMER, 0x40040);
	is_u64(msr(0, MSR_DEADLINE), 0, "a change of mode disarms");
	wrmsr(0, MSR_DEADLINE, ~0ull);
	ok(clock_next(clk) > 0 && msr(0, MSR_DEADLINE) == ~0ull,
		"the farthest deadline does not overflow");
	wrmsr(0, MSR_DEADLINE, 1000000000);
	cpu[0].tsc = 1000000000;
	lapic_tsc_changed(cpu[0].l);
	ok(pending(0, 0x40), "a TSC set past the deadline fires it");
	lapic_ack(cpu[0].l);
	wr(0, 0xb0, 0);
	wrmsr(0, MSR_DEADLINE, tsc(&cpu[0]) + 2000);
	cpu[0].tsc -= 2000;
	clock_advance(clk, 1001);
	ok(!pending(0, 0x40), "a TSC set back delays it");
	clock_advance(clk, 20000);
	ok(pending(0, 0x40), "but not for ever");
	teardown();
}

static void
test_page(void)
{
	uint8_t page[1024], again[1024];

	setup();
	wr(0, 0xd0, 0x05000000);
	wr(0, 0x80, 0x23);
	wr(0, TIMER, 0x20040);
	wr(0, TDCR, 0xb);
	wr(0, TMICT, 1000);
	icr(0, 0, 0x4051);
	icr(0, 0, 0x4081);
	lapic_ack(cpu[0].l);
	clock_advance(clk, 300);
	lapic_get_page(cpu[0].l, page);
	ok(page[0x80] == 0x23 && page[0xd3] == 5 && page[0x390] == 0xbc &&
			page[0x391] == 2,
		"the page shows the registers");
	lapic_reset(cpu[0].l, false);
	ok(lapic_set_page(cpu[0].l, page) == 0, "and can be set");
	lapic_get_page(cpu[0].l, again);
	ok(!memcmp(page, again, 1024), "to the same");
	clock_advance(clk, 650);
	is_u64(rd(0, TMCCT), 50, "its timer goes on");
	clock_advance(clk, 50);
	ok(pending(0, 0x40), "and fires");
	page[0x23] = 9;
	ok(lapic_set_page(cpu[0].l, page) < 0, "another id is refused");
	teardown();
}

static void
take_all(unsigned i)
{
	while (lapic_wants(cpu[i].l) & LAPIC_INTR) {
		lapic_ack(cpu[i].l);
		wr(i, 0xb0, 0);
	}
}

/* A vCPU that sends to the other and takes what it gets. */
static void *
chatter(void *arg)
{
	unsigned i = arg == &cpu[1];

	for (unsigned n = 0; n < 5000; n++) {
		icr(i, 0, 0xc4000 | (0x20 + n % 200));
		icr(i, 0xff, 0x4100 | (0x20 + n % 200));
		wrmsr(i, MSR_DEADLINE, tsc(&cpu[i]) + 1);
		take_all(i);
	}
	return NULL;
}

static void
test_threads(void)
{
	pthread_t t[2];

	setup();
	for (unsigned i = 0; i < 2; i++)
		wr(i, TIMER, 0x40040);
	for (unsigned i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, chatter, &cpu[i]))
			abort();
	for (unsigned n = 0; n < 5000; n++) {
		lapic_net_send(net, (struct msi){0xfeeff000, 0xc0f0});
		lapic_net_extint(net, 0, n & 1);
		lapic_nmi(cpu[n & 1].l);
		clock_advance(clk, 1);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	take_all(0);
	take_all(1);
	ok(cpu[0].eois && cpu[1].eois,
		"lapics that shower each other do not deadlock");
	teardown();
}

int
main(void)
{
	deadline(20);
	test_reset();
	test_fixed();
	test_priority();
	test_level();
	test_destinations();
	test_lowest();
	test_msi();
	test_events();
	test_nmi();
	test_extint();
	test_errors();
	test_software_disable();
	test_base();
	test_x2_map();
	test_x2();
	test_one_shot();
	test_periodic();
	test_deadline();
	test_page();
	test_threads();
	return done();
}
