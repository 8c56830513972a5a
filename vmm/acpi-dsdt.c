/* SPDX-License-Identifier: MIT */
/*
 * The DSDT: what the board has that cannot be found by asking. PCI root with
 * its windows, ISA devices, CPUs, the soft-off state (ACPI 6.4, sections 6,
 * 7.4.2.6, 8.4). PCI's interrupts and slots are in acpi-pci.c.
 */
#include "vmm/acpi.h"

#include <stdio.h>

#include "dev/acpipm.h"
#include "vmm/acpi-pci.h"
#include "vmm/aml.h"

/* An ISA device: identity, up to two port ranges, interrupt (0: none). */
struct isa {
	char name[5], id[8];
	uint8_t uid, irq;
	struct {
		uint16_t at;
		uint8_t length;
	} port[2];
};

static const struct isa uarts[] = {
	{"COM1", "PNP0501", 1, 4, {{0x3f8, 8}}},
	{"COM2", "PNP0501", 2, 3, {{0x2f8, 8}}},
	{"COM3", "PNP0501", 3, 4, {{0x3e8, 8}}},
	{"COM4", "PNP0501", 4, 3, {{0x2e8, 8}}},
};
static const struct isa rtc = {"RTC_", "PNP0B00", 0, 8, {{0x70, 2}}};
static const struct isa kbd = {"KBD_", "PNP0303", 0, 1, {{0x60, 1}, {0x64, 1}}};
static const struct isa mouse = {"MOU_", "PNP0F13", 0, 12, {{0}}};

static void
isa_device(struct aml *a, const struct isa *d)
{
	size_t dev = aml_device(a, d->name), crs;

	aml_name_eisa(a, "_HID", d->id);
	if (d->uid)
		aml_name_int(a, "_UID", d->uid);
	aml_name_int(a, "_STA", 0xf);
	crs = aml_crs(a);
	for (unsigned i = 0; i < 2 && d->port[i].length; i++)
		aml_crs_io(a, d->port[i].at, d->port[i].length);
	if (d->irq)
		aml_crs_irq(a, d->irq);
	aml_crs_close(a, crs);
	aml_close(a, dev);
}

/* Ports that PCI must leave alone: power management, APMC, hotplug. */
static void
board_device(struct aml *a, const struct acpi_board *b)
{
	size_t dev = aml_device(a, "MBRD"), crs;

	aml_name_eisa(a, "_HID", "PNP0C02");
	crs = aml_crs(a);
	aml_crs_io(a, b->pm_base, 64);
	if (b->smi_cmd)
		aml_crs_io(a, b->smi_cmd, 2);
	if (b->hotplug_port)
		aml_crs_io(a, b->hotplug_port, 20);
	aml_crs_close(a, crs);
	aml_close(a, dev);
}

/* QEMU's docs/specs/pvpanic: read and write the port by methods, or find it
 * in _CRS. */
static void
pvpanic_device(struct aml *a)
{
	size_t dev = aml_device(a, "PEVT"), at;

	aml_name_string(a, "_HID", "QEMU0001");
	at = aml_crs(a);
	aml_crs_io(a, 0x505, 1);
	aml_crs_close(a, at);
	aml_name_int(a, "_STA", 0xf);
	aml_io_byte(a, "PEOR", 0x505, "PEPT");
	at = aml_method(a, "RDPT", 0);
	aml_return(a, "PEPT");
	aml_close(a, at);
	at = aml_method(a, "WRPT", 1);
	aml_store_arg0(a, "PEPT");
	aml_close(a, at);
	aml_close(a, dev);
}

static void
windows(struct aml *a, const struct acpi_board *b)
{
	size_t crs = aml_crs(a);

	aml_crs_bus(a, 0, 255);
	aml_crs_io(a, 0xcf8, 8);
	aml_crs_io_window(a, 0, 0xcf7);
	aml_crs_io_window(a, 0xd00, 0xffff);
	aml_crs_mem_window(a, 0xa0000, 0xbffff);
	if (b->pci_hole < 0xfec00000)
		aml_crs_mem_window(a, (uint32_t)b->pci_hole, 0xfebfffff);
	aml_crs_close(a, crs);
}

static void
pci(struct aml *a, const struct acpi_board *b)
{
	size_t root = aml_device(a, "PCI0"), isa;

	aml_name_eisa(a, "_HID", "PNP0A03");
	aml_name_int(a, "_UID", 0);
	aml_name_int(a, "_BBN", 0);
	windows(a, b);
	acpi_pci_root(a);
	if (b->hotplug_port)
		acpi_pci_slots(a, b);
	isa = aml_device(a, "ISA_");
	aml_name_int(a, "_ADR", 0x10000); /* PIIX3 is slot 1 */
	for (unsigned i = 0; i < b->uarts && i < 4; i++)
		isa_device(a, &uarts[i]);
	isa_device(a, &rtc);
	if (b->i8042) {
		isa_device(a, &kbd);
		isa_device(a, &mouse);
	}
	if (b->pvpanic)
		pvpanic_device(a);
	board_device(a, b);
	acpi_pci_isa(a);
	aml_close(a, isa);
	aml_close(a, root);
	acpi_pci_links(a);
}

static void
processors(struct aml *a, unsigned cpus)
{
	char name[12];
	size_t dev;

	for (unsigned i = 0; i < cpus && !a->full; i++) {
		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		dev = aml_device(a, name);
		aml_name_string(a, "_HID", "ACPI0007");
		aml_name_int(a, "_UID", i);
		aml_close(a, dev);
	}
}

void
acpi_dsdt_body(struct aml *a, const struct acpi_board *b)
{
	size_t at;

	aml_name(a, "\\_S5"); /* SLP_TYPa, SLP_TYPb */
	at = aml_package(a, 4);
	aml_int(a, ACPIPM_SLP_TYP_S5);
	for (unsigned i = 0; i < 3; i++)
		aml_int(a, 0);
	aml_close(a, at);
	acpi_pci_mode(a);
	at = aml_scope(a, "\\_SB");
	pci(a, b);
	processors(a, b->cpus);
	aml_close(a, at);
	if (b->hotplug_port)
		acpi_pci_event(a);
}
