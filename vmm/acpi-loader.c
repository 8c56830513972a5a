/* SPDX-License-Identifier: MIT */
/*
 * A script for QEMU's table loader (QEMU, hw/acpi/bios-linker-loader.c;
 * SeaBIOS, src/fw/romfile_loader.h): commands of 128 bytes, little-endian, by
 * which firmware puts files into memory, adds their addresses to the pointers
 * between them, and makes the checksums.
 */
#include <string.h>

#include "vmm/acpi.h"
#include "vmm/boot-common.h"

enum { NAME = 56 };
enum { ALLOCATE = 1, ADD_POINTER, ADD_CHECKSUM };
enum { HIGH = 1, FSEG };

static uint8_t *
command(struct acpi_script *s, uint32_t what, const char *file)
{
	uint8_t *p;

	if (s->n == ACPI_COMMANDS) {
		s->full = true;
		return NULL;
	}
	p = s->p[s->n++];
	put32(p, what);
	memcpy(p + 4, file, strlen(file));
	return p;
}

static void
allocate(struct acpi_script *s, const char *file, uint32_t align, uint8_t zone)
{
	uint8_t *p = command(s, ALLOCATE, file);

	if (!p)
		return;
	put32(p + 4 + NAME, align);
	p[8 + NAME] = zone;
}

void
acpi_script_begin(struct acpi_script *s)
{
	allocate(s, ACPI_RSDP_FILE, 16, FSEG);
	allocate(s, ACPI_TABLES, 64, HIGH);
}

void
acpi_script_pointer(struct acpi_script *s, const char *to, const char *from,
	size_t at, unsigned n)
{
	uint8_t *p = command(s, ADD_POINTER, to);

	if (!p)
		return;
	memcpy(p + 4 + NAME, from, strlen(from));
	put32(p + 4 + 2 * NAME, (uint32_t)at);
	p[8 + 2 * NAME] = (uint8_t)n;
}

void
acpi_script_checksum(struct acpi_script *s, const char *file, size_t at,
	size_t n, size_t sum)
{
	uint8_t *p = command(s, ADD_CHECKSUM, file);

	if (!p)
		return;
	put32(p + 4 + NAME, (uint32_t)sum);
	put32(p + 8 + NAME, (uint32_t)at);
	put32(p + 12 + NAME, (uint32_t)n);
}

void
acpi_script_end(struct acpi_script *s)
{
	acpi_script_pointer(s, ACPI_RSDP_FILE, ACPI_TABLES, 16, 4);
	acpi_script_pointer(s, ACPI_RSDP_FILE, ACPI_TABLES, 24, 8);
	acpi_script_checksum(s, ACPI_RSDP_FILE, 0, 20, 8);
	acpi_script_checksum(s, ACPI_RSDP_FILE, 0, ACPI_RSDP, 32);
}
