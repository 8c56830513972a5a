/* SPDX-License-Identifier: MIT */
/*
 * PCI in the DSDT: interrupts, both ways (ACPI 6.4, sections 5.8.1 _PIC, 6.2.13
 * _PRT): fixed inputs of the IOAPIC, or link devices that are PIIX3's PIRQs;
 * and slots that devices come to and go from while the guest runs (6.3
 * _EJ0, 5.6.6 Notify), over the registers of dev/pcihp.c.
 */
#include "vmm/acpi-pci.h"

#include <stdio.h>

#include "dev/pcihp.h"
#include "dev/piix3.h"

enum { NOTIFY_CHECK = 1, NOTIFY_EJECT = 3 };

/* Name (PICF, 0), Method (_PIC) { PICF = Arg0 }: 0 the PICs, 1 the IOAPIC. */
void
acpi_pci_mode(struct aml *a)
{
	size_t at;

	aml_name_int(a, "\\PICF", 0);
	at = aml_method(a, "\\_PIC", 1);
	aml_store_arg0(a, "PICF");
	aml_close(a, at);
}

/* ---- routing ---- */

static const char *
link_name(unsigned pirq)
{
	static const char name[][5] = {"LNKA", "LNKB", "LNKC", "LNKD"};

	return name[pirq % PIIX3_PIRQS];
}

static void
route(struct aml *a, unsigned slot, unsigned pin, bool apic)
{
	size_t at = aml_package(a, 4);

	aml_int(a, slot << 16 | 0xffff);
	aml_int(a, pin);
	if (apic)
		aml_int(a, 0);
	else
		aml_path(a, link_name(piix3_pirq(slot, pin)));
	aml_int(a, apic ? acpi_pci_gsi(slot, pin) : 0);
	aml_close(a, at);
}

static void
routes(struct aml *a, const char *name, bool apic)
{
	size_t at;

	aml_name(a, name);
	at = aml_package(a, PCI_SLOTS * 4);
	for (unsigned i = 0; i < PCI_SLOTS * 4; i++)
		route(a, i / 4, i % 4, apic);
	aml_close(a, at);
}

void
acpi_pci_root(struct aml *a)
{
	size_t prt, cond;

	routes(a, "PRTA", true);
	routes(a, "PRTP", false);
	prt = aml_method(a, "_PRT", 0);
	cond = aml_if(a);
	aml_path(a, "PICF");
	aml_return(a, "PRTA");
	aml_close(a, cond);
	aml_return(a, "PRTP");
	aml_close(a, prt);
}

/* ---- link devices ---- */

void
acpi_pci_isa(struct aml *a)
{
	aml_region(a, "PIRR", AML_PCI_CONFIG, 0x60, PIIX3_PIRQS);
}

/* Method (IQST, 1) { If (Arg0 & 0x80) { Return (9) } Return (11) } */
static void
link_status(struct aml *a)
{
	size_t at = aml_method(a, "IQST", 1), cond = aml_if(a);

	aml_u8(a, AML_AND);
	aml_u8(a, AML_ARG0);
	aml_int(a, 0x80);
	aml_u8(a, AML_ZERO);
	aml_u8(a, AML_RETURN);
	aml_int(a, 0x09); /* present, but not enabled */
	aml_close(a, cond);
	aml_u8(a, AML_RETURN);
	aml_int(a, 0x0b);
	aml_close(a, at);
}

/* CreateDWordField (buffer, 5, PRRI): the interrupt of a template. */
static void
interrupt_of(struct aml *a)
{
	aml_int(a, 5);
	aml_path(a, "PRRI");
}

/* Method (IQCR, 1): the template that says where the register Arg0 routes. */
static void
link_current(struct aml *a)
{
	size_t at = aml_method(a, "IQCR", 1 | AML_SERIALIZED), in;

	in = aml_resources(a, "PRR0");
	aml_crs_interrupts(a, &(uint32_t){0}, 1);
	aml_crs_close(a, in);
	aml_u8(a, AML_DWORD_FIELD);
	aml_path(a, "PRR0");
	interrupt_of(a);
	in = aml_if(a);
	aml_u8(a, AML_LESS);
	aml_u8(a, AML_ARG0);
	aml_int(a, 0x80);
	aml_store_arg0(a, "PRRI");
	aml_close(a, in);
	aml_return(a, "PRR0");
	aml_close(a, at);
}

/* Method (name) { Return (what (reg)) } */
static void
ask(struct aml *a, const char *name, const char *what, const char *reg)
{
	size_t at = aml_method(a, name, 0);

	aml_return(a, what);
	aml_path(a, reg);
	aml_close(a, at);
}

static void
link(struct aml *a, unsigned n)
{
	static const uint32_t possible[] = {5, 10, 11};
	static const char reg[][5] = {"PRQ0", "PRQ1", "PRQ2", "PRQ3"};
	size_t dev = aml_device(a, link_name(n)), at;

	aml_name_eisa(a, "_HID", "PNP0C0F");
	aml_name_int(a, "_UID", n);
	at = aml_resources(a, "_PRS");
	aml_crs_interrupts(a, possible, 3);
	aml_crs_close(a, at);
	ask(a, "_STA", "IQST", reg[n]);
	ask(a, "_CRS", "IQCR", reg[n]);
	at = aml_method(a, "_DIS", 0);
	aml_u8(a, AML_OR);
	aml_path(a, reg[n]);
	aml_int(a, 0x80);
	aml_path(a, reg[n]);
	aml_close(a, at);
	at = aml_method(a, "_SRS", 1 | AML_SERIALIZED);
	aml_u8(a, AML_DWORD_FIELD);
	aml_u8(a, AML_ARG0);
	interrupt_of(a);
	aml_u8(a, AML_STORE);
	aml_path(a, "PRRI");
	aml_path(a, reg[n]);
	aml_close(a, at);
	aml_close(a, dev);
}

void
acpi_pci_links(struct aml *a)
{
	size_t at = aml_field(a, "PCI0.ISA_.PIRR", AML_BY_BYTE);

	aml_field_part(a, "PRQ0", 8);
	aml_field_part(a, "PRQ1", 8);
	aml_field_part(a, "PRQ2", 8);
	aml_field_part(a, "PRQ3", 8);
	aml_close(a, at);
	link_status(a);
	link_current(a);
	for (unsigned n = 0; n < PIIX3_PIRQS; n++)
		link(a, n);
}

/* ---- hotplug ---- */

static void
slot_name(char name[5], unsigned slot)
{
	snprintf(name, 5, "S%03X", slot << 3 & 0xff);
}

/* Method (_EJ0, 1) { PCEJ = 1 << slot } */
static void
slot_device(struct aml *a, unsigned slot)
{
	size_t dev, at;
	char name[5];

	slot_name(name, slot);
	dev = aml_device(a, name);
	aml_name_int(a, "_ADR", slot << 16);
	aml_name_int(a, "_SUN", slot);
	at = aml_method(a, "_EJ0", 1);
	aml_u8(a, AML_STORE);
	aml_int(a, 1u << slot);
	aml_path(a, "PCEJ");
	aml_close(a, at);
	aml_close(a, dev);
}

/* If (local & 1 << slot) { Notify (slot's device, what) } */
static void
tell(struct aml *a, unsigned local, unsigned slot, unsigned what)
{
	size_t at = aml_if(a);
	char name[5];

	slot_name(name, slot);
	aml_u8(a, AML_AND);
	aml_u8(a, local);
	aml_int(a, 1u << slot);
	aml_u8(a, AML_ZERO);
	aml_u8(a, AML_NOTIFY);
	aml_path(a, name);
	aml_int(a, what);
	aml_close(a, at);
}

static void
load(struct aml *a, const char *field, unsigned local)
{
	aml_u8(a, AML_STORE);
	aml_path(a, field);
	aml_u8(a, local);
}

void
acpi_pci_slots(struct aml *a, const struct acpi_board *b)
{
	size_t at;

	aml_region(a, "PCHP", AML_PORTS, b->hotplug_port, PCIHP_EJECT + 4);
	at = aml_field(a, "PCHP", AML_BY_DWORD | AML_OTHERS_ZERO);
	aml_field_part(a, "PCIU", 32);
	aml_field_part(a, "PCID", 32);
	aml_field_part(a, "PCEJ", 32);
	aml_close(a, at);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		if (b->hotplug_slots >> slot & 1)
			slot_device(a, slot);
	at = aml_method(a, "PCNT", 0 | AML_SERIALIZED);
	load(a, "PCIU", AML_LOCAL0); /* which clears it */
	load(a, "PCID", AML_LOCAL1);
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		if (b->hotplug_slots >> slot & 1) {
			tell(a, AML_LOCAL0, slot, NOTIFY_CHECK);
			tell(a, AML_LOCAL1, slot, NOTIFY_EJECT);
		}
	aml_close(a, at);
}

void
acpi_pci_event(struct aml *a)
{
	size_t at = aml_scope(a, "\\_GPE"), method;

	method = aml_method(a, "_E01", 0);
	aml_path(a, "\\_SB.PCI0.PCNT");
	aml_close(a, method);
	aml_close(a, at);
}
