/* SPDX-License-Identifier: MIT */
/*
 * ACPI 6.4: RSDP, RSDT, XSDT, FADT, FACS, MADT (sections 5.2.5 to 5.2.12),
 * built as bytes and put at 0xe0000; or, where firmware places them, handed to
 * it with a script for QEMU's table loader (acpi-loader.c). The DSDT is in
 * acpi-dsdt.c. Left out: HPET, MCFG, SRAT: there is no such thing on the board.
 */
#include "vmm/acpi.h"

#include <errno.h>
#include <stdlib.h>

#include "dev/acpipm.h"
#include "lib/err.h"
#include "vmm/aml.h"
#include "vmm/boot-common.h"

#define AT 0xe0000ull
#define ROOM 0x10000u /* SMBIOS begins at 0xf0000 */

/* Tables are built in p, as they will lie at base. */
struct tables {
	uint8_t *p;
	size_t len;
	uint64_t base;
	struct acpi_script *script; /* NULL: they stay where base says */
	bool full;
};

/* A field of n bytes that has an address among the tables. */
static void
pointer(struct tables *t, uint8_t *p, unsigned n, uint64_t at)
{
	if (n == 4)
		put32(p, (uint32_t)at);
	else
		put64(p, at);
	if (t->script)
		acpi_script_pointer(t->script, ACPI_TABLES, ACPI_TABLES,
			(size_t)(p - t->p), n);
}

static uint8_t
checksum(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

/* n zero bytes; offset in t->p. At the front when there is no room. */
static size_t
reserve(struct tables *t, size_t n, size_t align)
{
	size_t at = (t->len + align - 1) & ~(align - 1);

	if (at > ROOM || n > ROOM - at) {
		t->full = true;
		return 0;
	}
	t->len = at + n;
	return at;
}

/* The header of a table of n bytes; its checksum is made by seal(). */
static void
header(uint8_t *p, const char *sig, size_t n, uint8_t revision)
{
	memcpy(p, sig, 4);
	put32(p + 4, (uint32_t)n);
	p[8] = revision;
	memcpy(p + 10, "VMUTIL", 6);
	memcpy(p + 16, "VMUTILPC", 8);
	put32(p + 24, 1);
	memcpy(p + 28, "VMUT", 4);
	put32(p + 32, 1);
}

static void
seal(uint8_t *p)
{
	p[9] = 0;
	p[9] = checksum(p, get32(p + 4));
}

/* Of a table with pointers: who moves them makes it. */
static void
seal_pointers(struct tables *t, uint8_t *p)
{
	if (t->script)
		acpi_script_checksum(t->script, ACPI_TABLES, (size_t)(p - t->p),
			get32(p + 4), (size_t)(p - t->p) + 9);
	else
		seal(p);
}

/* Generic Address Structure: in I/O space, accessed as it is wide. */
static void
gas(uint8_t *p, uint16_t port, unsigned bytes, unsigned access)
{
	p[0] = 1;
	p[1] = (uint8_t)(bytes * 8);
	p[3] = (uint8_t)access; /* 1 byte, 2 word, 3 dword */
	put64(p + 4, port);
}

static void
fadt_blocks(uint8_t *p, uint16_t pm)
{
	put32(p + 56, pm); /* PM1a event */
	put32(p + 64, pm + 4u); /* PM1a control */
	put32(p + 76, pm + 8u); /* PM timer */
	put32(p + 80, pm + 0x0cu); /* GPE 0 */
	p[88] = 4;
	p[89] = 2;
	p[91] = 4;
	p[92] = 4;
	gas(p + 148, pm, 4, 2);
	gas(p + 172, (uint16_t)(pm + 4), 2, 2);
	gas(p + 208, (uint16_t)(pm + 8), 4, 3);
	gas(p + 220, (uint16_t)(pm + 0x0c), 4, 1);
}

static uint64_t
fadt(struct tables *t, const struct acpi_board *b, uint64_t facs, uint64_t dsdt)
{
	size_t at = reserve(t, 276, 16);
	uint8_t *p = t->p + at;

	header(p, "FACP", 276, 6);
	pointer(t, p + 36, 4, facs);
	pointer(t, p + 40, 4, dsdt);
	p[45] = 1; /* desktop */
	put16(p + 46, b->sci);
	put32(p + 48, b->smi_cmd);
	p[52] = b->smi_cmd ? ACPIPM_ENABLE : 0;
	p[53] = b->smi_cmd ? ACPIPM_DISABLE : 0;
	fadt_blocks(p, b->pm_base);
	put16(p + 96, 0xfff); /* no C2, */
	put16(p + 98, 0xfff); /* no C3 */
	p[108] = 0x32; /* the century, in CMOS */
	put16(p + 109, (uint16_t)(1 | (b->i8042 ? 2 : 0) | (b->vga ? 0 : 4)));
	/* WBINVD, PROC_C1, SLP_BUTTON (none), FIX_RTC (none), RESET_REG_SUP */
	put32(p + 112, 1 | 4 | 0x20 | 0x40 | 0x400);
	gas(p + 116, 0xcf9, 1, 1);
	p[128] = 6; /* hard reset */
	p[131] = 4; /* minor version */
	pointer(t, p + 140, 8, dsdt);
	memcpy(p + 268, "VMUTILS", 7);
	seal_pointers(t, p);
	return t->base + at;
}

static uint64_t
facs(struct tables *t)
{
	size_t at = reserve(t, 64, 64);

	memcpy(t->p + at, "FACS", 4);
	put32(t->p + at + 4, 64);
	t->p[at + 32] = 2;
	return t->base + at;
}

static void
madt_cpus(struct aml *a, unsigned cpus)
{
	for (unsigned i = 0; i < cpus && i < 255; i++) {
		aml_u16(a, 0 | 8 << 8); /* local APIC */
		aml_u8(a, i);
		aml_u8(a, i);
		aml_u32(a, 1);
	}
	for (unsigned i = 255; i < cpus; i++) {
		aml_u16(a, 9 | 16 << 8); /* local x2APIC */
		aml_u16(a, 0);
		aml_u32(a, i);
		aml_u32(a, 1);
		aml_u32(a, i);
	}
}

static void
madt_override(struct aml *a, unsigned irq, unsigned gsi, unsigned flags)
{
	aml_u16(a, 2 | 10 << 8);
	aml_u8(a, 0); /* ISA */
	aml_u8(a, irq);
	aml_u32(a, gsi);
	aml_u16(a, flags);
}

static uint64_t
madt(struct tables *t, const struct acpi_board *b)
{
	size_t at = reserve(t, 0, 16);
	struct aml a = {.p = t->p + at, .n = ROOM - at};
	uint8_t head[36] = {0};

	aml_bytes(&a, head, sizeof(head));
	aml_u32(&a, b->lapic_addr);
	aml_u32(&a, 1); /* PCAT_COMPAT: there are PICs, too */
	madt_cpus(&a, b->cpus);
	aml_u16(&a, 1 | 12 << 8); /* IOAPIC 0, GSI 0.. */
	aml_u16(&a, 0);
	aml_u32(&a, b->ioapic_addr);
	aml_u32(&a, 0);
	madt_override(&a, 0, 2, 5); /* PIT: edge, high */
	madt_override(&a, b->sci, b->sci, 0xd); /* SCI: level, high */
	aml_u16(&a, 4 | 6 << 8); /* NMI: all CPUs, LINT1 */
	aml_u8(&a, 0xff);
	aml_u16(&a, 0);
	aml_u8(&a, 1);
	if (b->cpus > 255) {
		aml_u16(&a, 10 | 12 << 8); /* the same for x2APICs */
		aml_u16(&a, 0);
		aml_u32(&a, 0xffffffff);
		aml_u8(&a, 1);
		aml_bytes(&a, head, 3);
	}
	t->full |= a.full;
	if (t->full)
		return 0;
	reserve(t, a.len, 16);
	header(a.p, "APIC", a.len, 5);
	seal(a.p);
	return t->base + at;
}

/* RSDT (4 bytes an entry) or XSDT (8). */
static uint64_t
root(struct tables *t, const char *sig, unsigned width, const uint64_t *table,
	unsigned n)
{
	size_t size = 36 + (size_t)width * n, at = reserve(t, size, 16);
	uint8_t *p = t->p + at;

	header(p, sig, size, 1);
	for (unsigned i = 0; i < n; i++)
		pointer(t, p + 36 + (size_t)width * i, width, table[i]);
	seal_pointers(t, p);
	return t->base + at;
}

static void
rsdp(uint8_t *p, uint64_t rsdt, uint64_t xsdt)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "VMUTIL", 6);
	p[15] = 2;
	put32(p + 16, (uint32_t)rsdt);
	put32(p + 20, 36);
	put64(p + 24, xsdt);
	p[8] = checksum(p, 20);
	p[32] = checksum(p, 36);
}

static uint64_t
dsdt(struct tables *t, const struct acpi_board *b)
{
	size_t at = reserve(t, 0, 16), n;

	n = acpi_dsdt(b, t->p + at, ROOM - at);
	if (n == 0)
		t->full = true;
	else
		reserve(t, n, 16);
	return t->base + at;
}

/* All but the RSDP. */
static void
build(struct tables *t, const struct acpi_board *b, uint64_t root_at[2])
{
	uint64_t table[2], at;

	at = dsdt(t, b);
	table[0] = fadt(t, b, facs(t), at);
	table[1] = madt(t, b);
	root_at[0] = root(t, "RSDT", 4, table, 2);
	root_at[1] = root(t, "XSDT", 8, table, 2);
}

static int
check_room(const struct tables *t, const struct acpi_board *b)
{
	if (!t->full)
		return 0;
	return failx(-E2BIG, "ACPI tables: no room for %u CPUs", b->cpus);
}

int
acpi_write(struct mem *mem, const struct acpi_board *b, uint64_t *rsdp_at)
{
	struct tables t = {.p = calloc(1, ROOM), .base = AT};
	uint64_t root_at[2];
	size_t first;
	int err;

	if (!t.p)
		return fail(-ENOMEM, "ACPI tables");
	first = reserve(&t, ACPI_RSDP, 16); /* where one looks first */
	build(&t, b, root_at);
	rsdp(t.p + first, root_at[0], root_at[1]);
	err = check_room(&t, b);
	if (err == 0 && mem_write(mem, AT, t.p, t.len) < 0)
		err = failx(-ENOMEM, "ACPI tables: less than 1 MiB of memory");
	if (err == 0)
		*rsdp_at = AT;
	free(t.p);
	return err;
}

int
acpi_loader(struct acpi_loader *l, const struct acpi_board *b)
{
	struct tables t = {.p = calloc(1, ROOM), .script = &l->script};
	uint64_t root_at[2];

	memset(l, 0, sizeof(*l));
	if (!t.p)
		return fail(-ENOMEM, "ACPI tables");
	acpi_script_begin(&l->script);
	build(&t, b, root_at);
	rsdp(l->rsdp, root_at[0], root_at[1]);
	l->rsdp[8] = l->rsdp[32] = 0;
	acpi_script_end(&l->script);
	l->tables = t.p;
	l->size = t.len;
	if (l->script.full)
		t.full = true;
	return check_room(&t, b);
}

size_t
acpi_dsdt(const struct acpi_board *b, uint8_t *buf, size_t n)
{
	struct aml a = {.p = buf, .n = n};
	uint8_t head[36] = {0};

	aml_bytes(&a, head, sizeof(head));
	acpi_dsdt_body(&a, b);
	if (a.full)
		return 0;
	header(buf, "DSDT", a.len, 2);
	seal(buf);
	return a.len;
}
