/* SPDX-License-Identifier: MIT */
/* Resource templates: the descriptors of ACPI 6.4, section 6.4. */
#include "vmm/aml.h"

/* A buffer whose size (a word constant) is known when it is closed. */
size_t
aml_resources(struct aml *a, const char *name)
{
	size_t at;

	aml_name(a, name);
	aml_u8(a, 0x11);
	at = a->len;
	aml_u8(a, 0x0b);
	aml_u16(a, 0);
	return at;
}

size_t
aml_crs(struct aml *a)
{
	return aml_resources(a, "_CRS");
}

void
aml_crs_close(struct aml *a, size_t at)
{
	size_t size;

	aml_u16(a, 0x0079); /* end tag, checksum 0: none */
	size = a->len - at - 3;
	if (!a->full) {
		a->p[at + 1] = (uint8_t)size;
		a->p[at + 2] = (uint8_t)(size >> 8);
	}
	aml_close(a, at);
}

void
aml_crs_io(struct aml *a, unsigned port, unsigned length)
{
	aml_u8(a, 0x47);
	aml_u8(a, 1); /* Decode16 */
	aml_u16(a, port);
	aml_u16(a, port);
	aml_u8(a, 1); /* alignment */
	aml_u8(a, length);
}

void
aml_crs_irq(struct aml *a, unsigned irq)
{
	aml_u8(a, 0x22); /* IRQNoFlags: edge, active high */
	aml_u16(a, 1u << irq);
}

/* Extended interrupts: consumed, level, active high, shared. */
void
aml_crs_interrupts(struct aml *a, const uint32_t *gsi, unsigned n)
{
	aml_u8(a, 0x89);
	aml_u16(a, 2 + 4 * n);
	aml_u8(a, 0x09);
	aml_u8(a, n);
	for (unsigned i = 0; i < n; i++)
		aml_u32(a, gsi[i]);
}

/* Word address space: type 1 is I/O, 2 is bus numbers; produced, fixed. */
static void
word_window(struct aml *a, unsigned type, unsigned flags, unsigned first,
	unsigned last)
{
	aml_u8(a, 0x88);
	aml_u16(a, 13);
	aml_u8(a, type);
	aml_u8(a, 0x0c); /* MinFixed, MaxFixed, PosDecode, Producer */
	aml_u8(a, flags);
	aml_u16(a, 0);
	aml_u16(a, first);
	aml_u16(a, last);
	aml_u16(a, 0);
	aml_u16(a, last - first + 1);
}

void
aml_crs_bus(struct aml *a, unsigned first, unsigned last)
{
	word_window(a, 2, 0, first, last);
}

void
aml_crs_io_window(struct aml *a, unsigned first, unsigned last)
{
	word_window(a, 1, 3, first, last); /* EntireRange */
}

void
aml_crs_mem_window(struct aml *a, uint32_t first, uint32_t last)
{
	aml_u8(a, 0x87);
	aml_u16(a, 23);
	aml_u8(a, 0);
	aml_u8(a, 0x0c);
	aml_u8(a, 1); /* ReadWrite, NonCacheable */
	aml_u32(a, 0);
	aml_u32(a, first);
	aml_u32(a, last);
	aml_u32(a, 0);
	aml_u32(a, last - first + 1);
}
