/* SPDX-License-Identifier: MIT */
/*
 * A writer of AML bytes (ACPI 6.4, section 20.2): what our DSDT needs. Things
 * that have a length are opened and closed around what is in them. When the
 * buffer is too small nothing is written any more and full is set.
 */
#ifndef VMM_AML_H
#define VMM_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opcodes that stand alone, before what they take: aml_u8(a, AML_STORE). */
enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_LOCAL0 = 0x60,
	AML_LOCAL1 = 0x61,
	AML_ARG0 = 0x68,
	AML_STORE = 0x70, /* what, to */
	AML_AND = 0x7b, /* a, b, to (AML_ZERO: nowhere) */
	AML_OR = 0x7d,
	AML_NOTIFY = 0x86, /* path, value */
	AML_DWORD_FIELD = 0x8a, /* buffer, byte, name */
	AML_LESS = 0x95,
	AML_RETURN = 0xa4
};
enum { AML_PORTS = 1, AML_PCI_CONFIG = 2 }; /* spaces of regions */
enum { /* flags of fields */
	AML_BY_BYTE = 1,
	AML_BY_DWORD = 3,
	AML_OTHERS_ZERO = 0x40
};
enum { AML_SERIALIZED = 8 }; /* beside a method's number of arguments */

struct aml {
	uint8_t *p;
	size_t n, len;
	bool full;
};

void aml_bytes(struct aml *, const void *, size_t n);
void aml_u8(struct aml *, unsigned);
void aml_u16(struct aml *, unsigned);
void aml_u32(struct aml *, uint32_t);
void aml_u64(struct aml *, uint64_t);

/* A path: "\\_SB.PCI0", "COM1"; segments of four characters. */
void aml_path(struct aml *, const char *);
void aml_int(struct aml *, uint64_t);
void aml_string(struct aml *, const char *);

/* Name (name, what follows) */
void aml_name(struct aml *, const char *name);
void aml_name_int(struct aml *, const char *name, uint64_t);
void aml_name_string(struct aml *, const char *name, const char *);
/* Name (name, EisaId (id)); id is three capitals and four hex digits. */
void aml_name_eisa(struct aml *, const char *name, const char *id);

/* Each returns what aml_close() needs. */
size_t aml_scope(struct aml *, const char *path);
size_t aml_device(struct aml *, const char *name);
size_t aml_method(struct aml *, const char *name, unsigned args);
size_t aml_if(struct aml *); /* the condition comes first in it */
/* Field (region): then its parts. */
size_t aml_field(struct aml *, const char *region, unsigned flags);
size_t aml_package(struct aml *, unsigned elements);
void aml_close(struct aml *, size_t);

void aml_region(struct aml *, const char *name, unsigned space, unsigned at,
	unsigned length);
void aml_field_part(struct aml *, const char *name, unsigned bits);
/* OperationRegion (name, SystemIO, port, length) with one byte field in it. */
void aml_io_byte(
	struct aml *, const char *region, unsigned port, const char *field);

/* Return (name); and Store (Arg0, name) */
void aml_return(struct aml *, const char *name);
void aml_store_arg0(struct aml *, const char *name);

/* Name (_CRS, ResourceTemplate () {…}), or with another name, and what may be
 * in it (section 6.4). Closed by aml_crs_close(). */
size_t aml_crs(struct aml *);
size_t aml_resources(struct aml *, const char *name);
void aml_crs_interrupts(struct aml *, const uint32_t *gsi, unsigned n);
void aml_crs_io(struct aml *, unsigned port, unsigned length);
void aml_crs_irq(struct aml *, unsigned irq);
void aml_crs_bus(struct aml *, unsigned first, unsigned last);
void aml_crs_io_window(struct aml *, unsigned first, unsigned last);
void aml_crs_mem_window(struct aml *, uint32_t first, uint32_t last);
void aml_crs_close(struct aml *, size_t);

#endif
