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
size_t aml_package(struct aml *, unsigned elements);
void aml_close(struct aml *, size_t);

/* OperationRegion (name, SystemIO, port, length) with one byte field in it. */
void aml_io_byte(
	struct aml *, const char *region, unsigned port, const char *field);

/* Return (name); and Store (Arg0, name) */
void aml_return(struct aml *, const char *name);
void aml_store_arg0(struct aml *, const char *name);

/* Name (_CRS, ResourceTemplate () {…}) and what may be in it (section 6.4). */
size_t aml_crs(struct aml *);
void aml_crs_io(struct aml *, unsigned port, unsigned length);
void aml_crs_irq(struct aml *, unsigned irq);
void aml_crs_bus(struct aml *, unsigned first, unsigned last);
void aml_crs_io_window(struct aml *, unsigned first, unsigned last);
void aml_crs_mem_window(struct aml *, uint32_t first, uint32_t last);
void aml_crs_close(struct aml *, size_t);

#endif
