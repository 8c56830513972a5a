/* SPDX-License-Identifier: MIT */
/*
 * ACPI 6.4 tables (RSDP, XSDT, RSDT, FADT, FACS, MADT, DSDT) and SMBIOS 3.0
 * tables, built as bytes and put where firmware would: 0xe0000..0xfffff.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include "dev/mem.h"

/* What the board wired, as the tables tell it. Ports and GSIs as numbers. */
struct acpi_board {
	unsigned cpus;
	uint16_t pm_base; /* bar 0 of acpipm */
	uint16_t smi_cmd; /* 0: none */
	uint8_t sci; /* GSI, level, active high */
	unsigned uarts; /* COM1.. present: 0x3f8/4, 0x2f8/3, 0x3e8/4, 0x2e8/3 */
	bool i8042;
	bool pvpanic; /* port 0x505 */
	bool vga; /* legacy VGA: the guest may touch it */
	uint64_t pci_hole; /* [pci_hole, 0xfec00000) is for PCI memory */
	uint32_t ioapic_addr, lapic_addr;
};

/* The IOAPIC input of a PCI slot's pin (0: INTA#), as _PRT says it. */
static inline unsigned
acpi_pci_gsi(unsigned slot, unsigned pin)
{
	return 16 + (slot + pin) % 8;
}

/* Write the tables; *rsdp gets the gpa of the RSDP. */
int acpi_write(struct mem *, const struct acpi_board *, uint64_t *rsdp);
/* Each table alone, for tests: bytes written to buf (n large enough). */
size_t acpi_dsdt(const struct acpi_board *, uint8_t *buf, size_t n);
struct aml;
void acpi_dsdt_body(struct aml *, const struct acpi_board *);

struct smbios_info {
	unsigned cpus;
	uint64_t memory;
	const char *uuid; /* 36 characters, or NULL for all zero */
	const char *version;
};

/* Entry point at 0xf0000 (paragraph-aligned), table after it. */
int smbios_write(struct mem *, const struct smbios_info *);

#endif
