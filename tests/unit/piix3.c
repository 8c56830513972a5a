/* SPDX-License-Identifier: MIT */
/* PIIX3: where interrupts of PCI slots go. */
#include "dev/piix3.h"

#include "tests/tap.h"
#include "vmm/acpi.h"

static bool isa[16], line[8];
static unsigned calls;
static struct dev *d;
static struct pci_fn *fn;

static void
on_isa(void *to, unsigned n, bool level)
{
	(void)to;
	isa[n] = level;
	calls++;
}

static void
on_line(void *to, unsigned n, bool level)
{
	(void)to;
	line[n] = level;
}

static void
up(void)
{
	d = piix3_new((struct piix3_out){on_isa, on_line, NULL});
	fn = piix3_fn(d);
	calls = 0;
}

static void
route(unsigned pirq, uint8_t v)
{
	pci_config_write(fn, 0x60 + pirq, 1, v);
}

static void
test_lines(void)
{
	bool good = true;

	up();
	for (unsigned slot = 0; slot < 32; slot++)
		for (unsigned pin = 0; pin < 4; pin++) {
			piix3_intx(d, slot, pin, true);
			for (unsigned n = 0; n < 8; n++)
				good &= line[n] ==
					(acpi_pci_gsi(slot, pin) == 16 + n);
			piix3_intx(d, slot, pin, false);
		}
	ok(good, "each pin has the IOAPIC's input that _PRT names");
	is_u64(calls, 0, "nothing goes to ISA after a reset");
	piix3_intx(d, 3, 0, true);
	piix3_intx(d, 11, 0, true);
	piix3_intx(d, 3, 0, false);
	ok(line[3], "a shared line is up as long as one wants it");
	piix3_intx(d, 11, 0, false);
	ok(!line[3], "and then is not");
	dev_free(d);
}

static void
test_pirq(void)
{
	up();
	for (unsigned n = 0; n < 4; n++)
		route(n, (uint8_t)(n < 2 ? 10 : 11));
	piix3_intx(d, 3, 0, true); /* PIRQC */
	ok(isa[11] && !isa[10], "slot 3's INTA# is PIRQC");
	route(2, 5);
	ok(!isa[11] && isa[5], "rerouted, it moves");
	piix3_intx(d, 5, 2, true); /* PIRQC too */
	piix3_intx(d, 3, 0, false);
	ok(isa[5], "levels are ORed");
	route(2, 0x85);
	ok(!isa[5], "routing can be off");
	route(2, 8);
	ok(!isa[8], "the clock's interrupt cannot be had");
	route(2, 10);
	ok(isa[10], "that of others can");
	calls = 0;
	piix3_intx(d, 5, 2, true);
	is_u64(calls, 0, "the same level is said once");
	dev_reset(d);
	ok(!isa[10] && !line[7], "a reset lowers all");
	dev_free(d);
}

int
main(void)
{
	deadline(20);
	test_lines();
	test_pirq();
	return done();
}
