/* SPDX-License-Identifier: MIT */
/*
 * AML bytes: terms of ACPI 6.4 section 20.2. A PkgLength has one to four bytes
 * and comes before what it measures, so it is inserted when the thing is
 * closed.
 */
#include "vmm/aml.h"

#include <string.h>

enum {
	OP_NAME = 0x08,
	OP_BYTE = 0x0a,
	OP_WORD = 0x0b,
	OP_DWORD = 0x0c,
	OP_STRING = 0x0d,
	OP_QWORD = 0x0e,
	OP_SCOPE = 0x10,
	OP_PACKAGE = 0x12,
	OP_METHOD = 0x14,
	OP_EXT = 0x5b,
	OP_IF = 0xa0,
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
		aml_u8(a, v ? AML_ONE : AML_ZERO);
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

size_t
aml_if(struct aml *a)
{
	aml_u8(a, OP_IF);
	return a->len;
}

void
aml_region(struct aml *a, const char *name, unsigned space, unsigned at,
	unsigned length)
{
	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_REGION);
	aml_path(a, name);
	aml_u8(a, space);
	aml_int(a, at);
	aml_int(a, length);
}

size_t
aml_field(struct aml *a, const char *region, unsigned flags)
{
	size_t at;

	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_FIELD);
	at = a->len;
	aml_path(a, region);
	aml_u8(a, flags);
	return at;
}

/* Less than 64 bits: a PkgLength of one byte. */
void
aml_field_part(struct aml *a, const char *name, unsigned bits)
{
	aml_path(a, name);
	aml_u8(a, bits);
}

void
aml_io_byte(struct aml *a, const char *region, unsigned port, const char *field)
{
	size_t at;

	aml_region(a, region, AML_PORTS, port, 1);
	at = aml_field(a, region, AML_BY_BYTE);
	aml_field_part(a, field, 8);
	aml_close(a, at);
}

void
aml_return(struct aml *a, const char *name)
{
	aml_u8(a, AML_RETURN);
	aml_path(a, name);
}

void
aml_store_arg0(struct aml *a, const char *name)
{
	aml_u8(a, AML_STORE);
	aml_u8(a, AML_ARG0);
	aml_path(a, name);
}
