/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware, against ACPI 6.4 and the PIIX4's data sheet. */
#include "dev/acpipm.h"
#include "tests/tap.h"

enum { STS = 0, EN = 2, CNT = 4, TMR = 8, GPE = 12 };

static struct clock *clk;
static struct dev *pm;
static bool sci;
static unsigned offs;

static void
set_sci(void *to, unsigned pin, bool level)
{
	(void)to, (void)pin;
	sci = level;
}

static void
tell(void *to, enum notice what, uint64_t arg)
{
	(void)to, (void)arg;
	offs += what == NOTICE_POWEROFF;
}

static void
setup(void)
{
	clk = clock_new_manual(0);
	pm = acpipm_new(clk, (struct irq){set_sci, NULL, 9},
		(struct notify){tell, NULL});
	dev_reset(pm);
	offs = 0;
}

static void
teardown(void)
{
	dev_free(pm);
	clock_free(clk);
}

static uint64_t
rd(unsigned off, unsigned size)
{
	return pm->ops->read(pm, 0, off, size) &
	       (UINT64_MAX >> (64 - 8 * size));
}

static void
wr(unsigned off, unsigned size, uint64_t v)
{
	pm->ops->write(pm, 0, off, size, v);
}

static void
test_timer(void)
{
	/* a half period: 2^23 ticks */
	const int64_t half = (1LL << 23) * NS_PER_S / ACPIPM_TMR_HZ + 1;

	setup();
	is_u64(rd(TMR, 4), 0, "the timer begins at 0");
	clock_advance(clk, NS_PER_S);
	is_u64(rd(TMR, 4), ACPIPM_TMR_HZ, "and counts 3.579545 MHz");
	is_u64(rd(TMR, 2), ACPIPM_TMR_HZ & 0xffff, "its half is readable");
	ok(clock_next(clk) == CLOCK_NEVER, "it arms no timer by itself");
	clock_advance(clk, half - NS_PER_S);
	ok(rd(STS, 2) == 1 && !sci, "TMR_STS when bit 23 toggles");
	wr(STS, 2, 1);
	is_u64(rd(STS, 2), 0, "a 1 clears it");
	wr(EN, 2, 1);
	clock_advance(clk, half - 1000);
	ok(!sci, "no SCI before the next toggle");
	clock_advance(clk, 1000);
	ok(sci, "enabled, the toggle raises SCI");
	ok(clock_next(clk) == CLOCK_NEVER, "one is enough");
	is_u64(rd(TMR, 4) >> 24, 0, "it wraps at 24 bits");
	wr(STS, 2, 0xfffe);
	ok(sci, "zeros clear nothing");
	wr(STS, 4, 1);
	ok(!sci && rd(EN, 2) == 0, "one access covers status and enable");
	teardown();
}

static void
test_button(void)
{
	setup();
	is_u64(rd(CNT, 2), 1, "SCI_EN is set at reset");
	acpipm_button(pm);
	ok(rd(STS, 2) == 0x100 && !sci, "the button sets PWRBTN_STS");
	wr(EN + 1, 1, 1);
	ok(sci, "enabling it raises SCI");
	pm->ops->write(pm, 1, 0, 1, ACPIPM_DISABLE);
	ok(!sci && rd(CNT, 2) == 0, "APMC 0xf0 ends ACPI mode");
	pm->ops->write(pm, 1, 0, 1, ACPIPM_ENABLE);
	ok(sci && rd(CNT, 2) == 1, "APMC 0xf1 begins it");
	is_u64(pm->ops->read(pm, 1, 0, 1), ACPIPM_ENABLE, "APMC reads back");
	pm->ops->write(pm, 1, 1, 1, 0x5a);
	is_u64(pm->ops->read(pm, 1, 1, 1), 0x5a, "so does APMS");
	wr(STS + 1, 1, 1);
	ok(!sci && rd(STS, 2) == 0, "a byte access clears the button");
	wr(GPE, 4, 0xffffffff);
	ok(!sci && rd(GPE, 4) == 0xffff0000, "GPE0: two bytes each");
	teardown();
}

static void
test_sleep(void)
{
	setup();
	wr(CNT, 2, 1 | 5 << 10);
	is_u64(offs, 0, "SLP_TYP alone does nothing");
	wr(CNT, 2, 1 | 5 << 10 | 1 << 13);
	ok(offs == 0 && (rd(STS, 2) & 0x8000),
		"an unknown sleeping state wakes at once");
	is_u64(rd(CNT, 2), 1 | 5 << 10, "SLP_EN reads 0");
	wr(CNT, 2, 1 | ACPIPM_SLP_TYP_S5 << 10 | 1 << 13);
	is_u64(offs, 1, "S5 is power off");
	wr(CNT + 1, 1, ACPIPM_SLP_TYP_S5 << 2 | 1 << 5);
	is_u64(offs, 2, "by a byte access too");
	ok(rd(CNT, 2) & 1, "which keeps SCI_EN");
	teardown();
}

/* ---- as a PCI function ---- */

static struct bus *ports;
static struct pci_bus *pci;

static void
setup_pci(void)
{
	struct pci_host host = {.to = NULL};

	setup();
	bus_new(&ports, "ports", 0x10000);
	host.ports = ports;
	pci_bus_new(&pci, &host);
	pci_bus_add(pci, acpipm_fn(pm), 1, 0);
}

static void
teardown_pci(void)
{
	teardown();
	pci_bus_free(pci);
	bus_free(ports);
}

static void
put(unsigned at, unsigned size, uint32_t v)
{
	pci_bus_write(pci, 0, 1 << 3, at, size, v);
}

static uint32_t
get(unsigned at, unsigned size)
{
	return pci_bus_read(pci, 0, 1 << 3, at, size);
}

static void
test_base(void)
{
	setup_pci();
	is_u64(get(PCI_VENDOR, 4), 0x71138086, "PIIX4, power management");
	is_u64(get(ACPIPM_PMBASE, 4), 1, "ports, nowhere");
	put(ACPIPM_PMBASE, 4, 0x600);
	is_u64(acpipm_base(pm), 0, "not decoded");
	is_u64(bus_read(ports, 0x604, 2), 0xffff, "a hole");
	put(ACPIPM_PMREGMISC, 1, 1);
	is_u64(bus_read(ports, 0x604, 2), 1, "PM1_CNT where PMBASE says");
	put(ACPIPM_PMBASE, 4, 0xb03f);
	ok(bus_read(ports, 0x604, 2) == 0xffff &&
			bus_read(ports, 0xb004, 2) == 1,
		"which moves, in steps of 64");
	is_u64(acpipm_base(pm), 0xb000, "it can be asked for");
	dev_reset(pm);
	is_u64(bus_read(ports, 0xb004, 2), 0xffff, "a reset takes it away");
	is_u64(acpipm_base(pm), 0, "and it is nowhere");
	teardown_pci();
}

static void
test_config(void)
{
	setup_pci();
	ok(get(0x58, 4) & 1u << 25, "DEVACTB: APMC is set up already");
	put(0x58, 4, 0);
	is_u64(get(0x58, 4), 1u << 25, "which cannot be undone");
	put(ACPIPM_SMBBA, 4, 0x700);
	is_u64(get(ACPIPM_SMBBA, 4), 0x701, "the SMBus has ports");
	put(ACPIPM_SMBHSTCFG, 1, 9);
	is_u64(bus_read(ports, 0x700, 1), 0, "its host is idle");
	bus_write(ports, 0x702, 1, 0x48);
	is_u64(bus_read(ports, 0x700, 1), 4, "a transaction: nobody answers");
	bus_write(ports, 0x700, 1, 4);
	is_u64(bus_read(ports, 0x700, 1), 0, "the status is cleared");
	teardown_pci();
}

static void
test_gpe(void)
{
	setup();
	acpipm_gpe(pm, 1);
	is_u64(rd(GPE, 2), 2, "an event sets its bit");
	ok(!sci, "a disabled one interrupts nobody");
	wr(GPE + 2, 2, 2);
	ok(sci, "an enabled one does");
	wr(GPE, 2, 2);
	ok(!sci && rd(GPE, 2) == 0, "until it is cleared");
	teardown();
}

int
main(void)
{
	deadline(10);
	test_timer();
	test_button();
	test_sleep();
	test_base();
	test_config();
	test_gpe();
	return done();
}
