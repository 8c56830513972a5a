/* SPDX-License-Identifier: MIT */
/*
 * AML bytes: terms of ACPI 6.4 section 20.2, resource descriptors of section
 * 6.4. A PkgLength has one to four bytes and comes before what it measures, so
 * it is inserted when the thing is closed.
 */
#include "vmm/aml.h"

#include <string.h>

enum {
	OP_ZERO = 0x00,
	OP_ONE = 0x01,
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_BUFFER = 0x11,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_EXT = 0x5b,
	OP_ARG0 = 0x68,
	OP_STORE = 0x70,
	OP_RETURN = 0xa4,
	OP_EXT_REGION = 0x80,
	OP_EXT_FIELD = 0x81,
	OP_EXT_DEVICE = 0x82,
};

void
aml_bytes(struct aml *a, const void *p, size_t n)
{
	if (n > a->n - a->len)
		a->full = true;
	if (a->full)
		return;
	memcpy(a->p + a->len, p, n);
	a->len += n;
}

void
aml_u8(struct aml *a, unsigned v)
{
	aml_bytes(a, &(uint8_t){(uint8_t)v}, 1);
}

void
aml_u16(struct aml *a, unsigned v)
{
	aml_u8(a, v);
	aml_u8(a, v >> 8);
}

void
aml_u32(struct aml *a, uint32_t v)
{
	aml_u16(a, v);
	aml_u16(a, v >> 16);
}

void
aml_u64(struct aml *a, uint64_t v)
{
	aml_u32(a, (uint32_t)v);
	aml_u32(a, (uint32_t)(v >> 32));
}

/* One name segment: padded to four characters. */
static void
segment(struct aml *a, const char *s, size_t n)
{
	char seg[4] = {'_', '_', '_', '_'};

	memcpy(seg, s, n < 4 ? n : 4);
	aml_bytes(a, seg, 4);
}

void
aml_path(struct aml *a, const char *path)
{
	unsigned n = 1;
	size_t len;

	if (*path == '\\')
		aml_u8(a, (unsigned char)*path++);
	for (const char *s = path; *s; s++)
		n += *s == '.';
	if (n == 2)
		aml_u8(a, 0x2e); /* DualNamePrefix */
	if (n > 2) {
		aml_u8(a, 0x2f); /* MultiNamePrefix */
		aml_u8(a, n);
	}
	for (;;) {
		len = strcspn(path, ".");
		segment(a, path, len);
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
}

void
aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		aml_u8(a, v ? OP_ONE : OP_ZERO);
	} else if (v <= UINT8_MAX) {
		aml_u8(a, OP_BYTE);
		aml_u8(a, (unsigned)v);
	} else if (v <= UINT16_MAX) {
		aml_u8(a, OP_WORD);
		aml_u16(a, (unsigned)v);
	} else if (v <= UINT32_MAX) {
		aml_u8(a, OP_DWORD);
		aml_u32(a, (uint32_t)v);
	} else {
		aml_u8(a, OP_QWORD);
		aml_u64(a, v);
	}
}

void
aml_string(struct aml *a, const char *s)
{
	aml_u8(a, OP_STRING);
	aml_bytes(a, s, strlen(s) + 1);
}

void
aml_name(struct aml *a, const char *name)
{
	aml_u8(a, OP_NAME);
	aml_path(a, name);
}

void
aml_name_int(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, name);
	aml_int(a, v);
}

void
aml_name_string(struct aml *a, const char *name, const char *s)
{
	aml_name(a, name);
	aml_string(a, s);
}

static unsigned
hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* Section 19.3.4: five bits a letter, the bytes in the order of the text. */
void
aml_name_eisa(struct aml *a, const char *name, const char *id)
{
	unsigned letters = (unsigned)(id[0] - '@') << 10 |
			   (unsigned)(id[1] - '@') << 5 |
			   (unsigned)(id[2] - '@');

	aml_name(a, name);
	aml_u8(a, OP_DWORD);
	aml_u8(a, letters >> 8);
	aml_u8(a, letters);
	aml_u8(a, hex(id[3]) << 4 | hex(id[4]));
	aml_u8(a, hex(id[5]) << 4 | hex(id[6]));
}

size_t
aml_scope(struct aml *a, const char *path)
{
	size_t at;

	aml_u8(a, OP_SCOPE);
	at = a->len;
	aml_path(a, path);
	return at;
}

size_t
aml_device(struct aml *a, const char *name)
{
	size_t at;

	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_DEVICE);
	at = a->len;
	aml_path(a, name);
	return at;
}

size_t
aml_method(struct aml *a, const char *name, unsigned args)
{
	size_t at;

	aml_u8(a, OP_METHOD);
	at = a->len;
	aml_path(a, name);
	aml_u8(a, args);
	return at;
}

size_t
aml_package(struct aml *a, unsigned elements)
{
	size_t at;

	aml_u8(a, OP_PACKAGE);
	at = a->len;
	aml_u8(a, elements);
	return at;
}

/* PkgLength counts itself: 6 bits in one byte, or 4 bits and whole bytes. */
void
aml_close(struct aml *a, size_t at)
{
	size_t body = a->len - at, extra = 0, len;
	uint8_t head[4];

	if (body + 1 > 0x3f)
		extra = body + 2 < 0x1000 ? 1 : body + 3 < 0x100000 ? 2 : 3;
	len = body + 1 + extra;
	head[0] = (uint8_t)(extra ? extra << 6 | (len & 15) : len);
	for (size_t i = 0; i < extra; i++)
		head[i + 1] = (uint8_t)(len >> (4 + 8 * i));
	aml_bytes(a, head, 1 + extra); /* makes room */
	if (a->full)
		return;
	memmove(a->p + at + 1 + extra, a->p + at, body);
	memcpy(a->p + at, head, 1 + extra);
}

void
aml_io_byte(struct aml *a, const char *region, unsigned port, const char *field)
{
	size_t at;

	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_REGION);
	aml_path(a, region);
	aml_u8(a, 1); /* SystemIO */
	aml_int(a, port);
	aml_int(a, 1);
	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_FIELD);
	at = a->len;
	aml_path(a, region);
	aml_u8(a, 1); /* ByteAcc, NoLock, Preserve */
	aml_path(a, field);
	aml_u8(a, 8); /* bits */
	aml_close(a, at);
}

void
aml_return(struct aml *a, const char *name)
{
	aml_u8(a, OP_RETURN);
	aml_path(a, name);
}

void
aml_store_arg0(struct aml *a, const char *name)
{
	aml_u8(a, OP_STORE);
	aml_u8(a, OP_ARG0);
	aml_path(a, name);
}

/* A buffer whose size (a word constant) is known when it is closed. */
size_t
aml_crs(struct aml *a)
{
	size_t at;

	aml_name(a, "_CRS");
	aml_u8(a, OP_BUFFER);
	at = a->len;
	aml_u8(a, OP_WORD);
	aml_u16(a, 0);
	return at;
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
