/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS 3.0 (DMTF DSP0134 3.0.0): the 64-bit entry point at 0xf0000 and
 * structures 0, 1, 3, 4, 16, 17, 19, 32 and 127 after it. One socket has all
 * CPUs; one memory device has at most 16 GiB.
 */
#include "vmm/acpi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/err.h"
#include "vmm/boot-common.h"

#define AT 0xf0000ull
#define ROOM 0x3000u
#define DIMM (16ull << 30)
#define DIMMS 64u

enum {
	H_BIOS,
	H_SYSTEM = 0x100,
	H_CHASSIS = 0x300,
	H_CPU = 0x400,
	H_ARRAY = 0x1000,
	H_DIMM = 0x1100,
	H_MAPPED = 0x1300,
	H_BOOT = 0x2000,
	H_END = 0x7f00,
	H_NONE = 0xffff,
	H_NO_ERRORS = 0xfffe
};

struct table {
	uint8_t p[ROOM];
	size_t len, from; /* the current structure begins here */
	char text[256]; /* its strings */
	size_t text_len;
	unsigned strings;
	bool full;
};

static void
u8(struct table *t, unsigned v)
{
	if (t->len == ROOM)
		t->full = true;
	else
		t->p[t->len++] = (uint8_t)v;
}

static void
u16(struct table *t, unsigned v)
{
	u8(t, v & 0xff);
	u8(t, v >> 8 & 0xff);
}

static void
u32(struct table *t, uint32_t v)
{
	u16(t, v);
	u16(t, v >> 16);
}

static void
u64(struct table *t, uint64_t v)
{
	u32(t, (uint32_t)v);
	u32(t, (uint32_t)(v >> 32));
}

/* A field that says which of the strings after the structure is meant. */
static void
str(struct table *t, const char *s)
{
	size_t n = strlen(s) + 1;

	if (n == 1 || n > sizeof(t->text) - t->text_len) {
		u8(t, 0);
		return;
	}
	memcpy(t->text + t->text_len, s, n);
	t->text_len += n;
	u8(t, ++t->strings);
}

static void
begin(struct table *t, unsigned type, unsigned handle)
{
	t->from = t->len;
	t->text_len = 0;
	t->strings = 0;
	u8(t, type);
	u8(t, 0);
	u16(t, handle);
}

static void
end(struct table *t)
{
	if (!t->full)
		t->p[t->from + 1] = (uint8_t)(t->len - t->from);
	for (size_t i = 0; i < t->text_len; i++)
		u8(t, (unsigned char)t->text[i]);
	u8(t, 0);
	if (t->strings == 0)
		u8(t, 0);
}

static void
bios(struct table *t, const char *version)
{
	begin(t, 0, H_BIOS);
	str(t, "vm-utils");
	str(t, version);
	u16(t, 0xf000);
	str(t, "01/01/2025");
	u8(t, 0); /* 64 KiB */
	u64(t, 1 << 3); /* characteristics are not given */
	u8(t, 1); /* ACPI */
	u8(t, 1 << 4); /* a virtual machine */
	u16(t, 0);
	u16(t, 0xffff); /* no embedded controller */
	end(t);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 8-4-4-4-12 digits; the first three fields are little-endian (7.2.1). */
static int
parse_uuid(const char *s, uint8_t uuid[16])
{
	static const uint8_t place[16] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	int hi, lo;

	if (strlen(s) != 36)
		return -EINVAL;
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*s++ != '-')
				return -EINVAL;
		hi = digit(s[0]);
		lo = digit(s[1]);
		if (hi < 0 || lo < 0)
			return -EINVAL;
		uuid[place[i]] = (uint8_t)(hi << 4 | lo);
		s += 2;
	}
	return 0;
}

static void
machine(struct table *t, const char *version, const uint8_t uuid[16])
{
	begin(t, 1, H_SYSTEM);
	str(t, "vm-utils");
	str(t, "pc");
	str(t, version);
	u8(t, 0); /* serial number */
	for (unsigned i = 0; i < 16; i++)
		u8(t, uuid[i]);
	u8(t, 6); /* woken by the power switch */
	u8(t, 0); /* SKU */
	str(t, "Virtual Machine");
	end(t);
	begin(t, 3, H_CHASSIS);
	str(t, "vm-utils");
	u8(t, 1); /* type: other */
	str(t, version);
	u16(t, 0);
	u8(t, 3); /* safe: boot-up, */
	u8(t, 3); /* power, */
	u8(t, 3); /* heat; */
	u8(t, 2); /* security: unknown */
	u32(t, 0);
	u32(t, 0); /* height, cords, contained elements */
	u8(t, 0);
	end(t);
}

static void
processor(struct table *t, unsigned cpus, const char *version)
{
	unsigned few = cpus > 255 ? 255 : cpus;

	begin(t, 4, H_CPU);
	str(t, "CPU 0");
	u8(t, 3); /* central processor */
	u8(t, 1); /* family: other */
	str(t, "vm-utils");
	u64(t, 0);
	str(t, version);
	u8(t, 0);
	u16(t, 0);
	u32(t, 0); /* speeds are unknown */
	u8(t, 0x41); /* populated, enabled */
	u8(t, 1);
	u16(t, H_NONE); /* caches */
	u16(t, H_NONE);
	u16(t, H_NONE);
	u8(t, 0);
	u16(t, 0);
	u8(t, few); /* cores, enabled ones, threads */
	u8(t, few);
	u8(t, few);
	u16(t, 1 << 2); /* 64-bit */
	u16(t, 1);
	u16(t, cpus);
	u16(t, cpus);
	u16(t, cpus);
	end(t);
}

static void
memory_array(struct table *t, uint64_t memory, unsigned dimms)
{
	uint64_t kib = memory >> 10;
	bool big = kib >= 0x80000000;

	begin(t, 16, H_ARRAY);
	u8(t, 1); /* location: other */
	u8(t, 3); /* system memory */
	u8(t, 6); /* multi-bit ECC */
	u32(t, big ? 0x80000000 : (uint32_t)kib);
	u16(t, H_NO_ERRORS);
	u16(t, dimms);
	u64(t, big ? memory : 0);
	end(t);
}

static void
memory_device(struct table *t, unsigned i, uint64_t size)
{
	uint64_t mib = size >> 20;
	char name[16];

	snprintf(name, sizeof(name), "DIMM %u", i);
	begin(t, 17, H_DIMM + i);
	u16(t, H_ARRAY);
	u16(t, H_NO_ERRORS);
	u32(t, 0xffffffff); /* widths are unknown */
	if (size % (1 << 20) && size < 32ull << 20)
		u16(t, 0x8000 | (unsigned)(size >> 10)); /* in KiB */
	else
		u16(t, mib < 0x7fff ? (unsigned)mib : 0x7fff);
	u8(t, 9); /* DIMM */
	u8(t, 0);
	str(t, name);
	u8(t, 0);
	u8(t, 7); /* RAM */
	u16(t, 2); /* other */
	u16(t, 0);
	str(t, "vm-utils");
	u8(t, 0);
	u16(t, 0);
	u8(t, 0);
	u32(t, mib < 0x7fff ? 0 : (uint32_t)mib);
	u64(t, 0); /* speed, voltages */
	end(t);
}

static void
mapped(struct table *t, unsigned i, uint64_t from, uint64_t size)
{
	uint64_t last = (from + size) / 1024 - 1;
	bool big = last >= 0xffffffff;

	if (size < 1024)
		return;
	begin(t, 19, H_MAPPED + i);
	u32(t, big ? 0xffffffff : (uint32_t)(from / 1024));
	u32(t, big ? 0xffffffff : (uint32_t)last);
	u16(t, H_ARRAY);
	u8(t, 1);
	u64(t, big ? from : 0);
	u64(t, big ? from + size - 1 : 0);
	end(t);
}

static void
memory(struct table *t, const struct mem *mem, uint64_t size)
{
	uint64_t most = DIMM, dimms = (size + DIMM - 1) / DIMM;

	if (dimms > DIMMS) {
		dimms = DIMMS;
		most = (size / DIMMS + (1 << 20) - 1) & ~((1ull << 20) - 1);
	}
	memory_array(t, size, (unsigned)dimms);
	for (unsigned i = 0; i < dimms && size; i++) {
		uint64_t n = size < most || i == dimms - 1 ? size : most;

		memory_device(t, i, n);
		size -= n;
	}
	mapped(t, 0, 0, mem_low(mem));
	mapped(t, 1, BOOT_4G, mem_high(mem));
}

/* The entry point is in the first 32 bytes, the structures follow. */
static void
entry_point(struct table *t)
{
	uint8_t *p = t->p, sum = 0;

	memcpy(p, "_SM3_", 5);
	p[6] = 0x18;
	p[7] = 3; /* version 3.0 */
	p[10] = 1; /* of the entry point */
	put32(p + 12, (uint32_t)(t->len - 32));
	put64(p + 16, AT + 32);
	for (unsigned i = 0; i < 0x18; i++)
		sum = (uint8_t)(sum + p[i]);
	p[5] = (uint8_t)-sum;
}

static int
build(struct table *t, const struct mem *mem, const struct smbios_info *info)
{
	uint8_t uuid[16] = {0};

	if (info->uuid && parse_uuid(info->uuid, uuid) < 0)
		return failx(-EINVAL, "%s: not a UUID", info->uuid);
	t->len = SMBIOS_TABLES;
	bios(t, info->version);
	machine(t, info->version, uuid);
	processor(t, info->cpus, info->version);
	memory(t, mem, info->memory);
	begin(t, 32, H_BOOT);
	u32(t, 0);
	u16(t, 0);
	u8(t, 0); /* no errors at boot */
	end(t);
	begin(t, 127, H_END);
	end(t);
	if (t->full)
		return failx(-E2BIG, "SMBIOS tables do not fit");
	entry_point(t);
	return 0;
}

int
smbios_write(struct mem *mem, const struct smbios_info *info)
{
	struct table t = {0};
	int r = build(&t, mem, info);

	if (!r && mem_write(mem, AT, t.p, t.len) < 0)
		r = failx(-ENOMEM, "SMBIOS tables: less than 1 MiB of memory");
	return r;
}

int
smbios_build(const struct mem *mem, const struct smbios_info *info, uint8_t **p,
	size_t *n)
{
	struct table t = {0};
	int r = build(&t, mem, info);

	if (r)
		return r;
	*p = malloc(t.len);
	if (!*p)
		return fail(-ENOMEM, "SMBIOS tables");
	memcpy(*p, t.p, t.len);
	*n = t.len;
	return 0;
}
