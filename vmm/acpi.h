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
	uint16_t hotplug_port; /* of pcihp; 0: none */
	uint32_t hotplug_slots; /* a bit each */
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

/*
 * The same for firmware that places them: what fw_cfg's files "etc/acpi/rsdp",
 * "etc/acpi/tables" and "etc/table-loader" have. tables: free().
 */
#define ACPI_RSDP 36
#define ACPI_COMMANDS 32
struct acpi_script { /* for QEMU's table loader; acpi-loader.c */
	uint8_t p[ACPI_COMMANDS][128];
	unsigned n;
	bool full;
};
struct acpi_loader {
	uint8_t rsdp[ACPI_RSDP];
	uint8_t *tables;
	size_t size;
	struct acpi_script script;
};
int acpi_loader(struct acpi_loader *, const struct acpi_board *);

/* The script's commands: files are allocated; a field at offset at of to gets
 * the address of from added; a checksum at sum covers [at, at+n), and is 0 in
 * the file. */
#define ACPI_RSDP_FILE "etc/acpi/rsdp"
#define ACPI_TABLES "etc/acpi/tables"
#define ACPI_SCRIPT_FILE "etc/table-loader"
void acpi_script_begin(struct acpi_script *);
void acpi_script_pointer(struct acpi_script *, const char *to, const char *from,
	size_t at, unsigned n);
void acpi_script_checksum(struct acpi_script *, const char *file, size_t at,
	size_t n, size_t sum);
void acpi_script_end(struct acpi_script *); /* the RSDP's */

struct smbios_info {
	unsigned cpus;
	uint64_t memory;
	const char *uuid; /* 36 characters, or NULL for all zero */
	const char *version;
};

/* Entry point at 0xf0000 (paragraph-aligned), table after it. */
int smbios_write(struct mem *, const struct smbios_info *);
/* For firmware that places it: the entry point is in the first bytes, the
 * structures from SMBIOS_TABLES on. free() *p. */
enum { SMBIOS_ENTRY = 24, SMBIOS_TABLES = 32 };
int smbios_build(
	const struct mem *, const struct smbios_info *, uint8_t **p, size_t *n);

#endif
