/* SPDX-License-Identifier: MIT */
/* The SMBIOS tables, walked as a guest does. */
#include <errno.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/acpi.h"
#include "vmm/boot-common.h"

static uint8_t ram[0x10000]; /* 0xf0000..0xfffff */

struct walk {
	unsigned count[256];
	const uint8_t *first[256];
	bool sound;
};

/* The structure after p, or NULL where it does not end before end. */
static const uint8_t *
next(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *s = p + p[1];

	while (s + 1 < end && (s[0] || s[1]))
		s++;
	return s + 1 < end ? s + 2 : NULL;
}

static struct walk
walk(void)
{
	const uint8_t *p = ram + 32, *end = p + get32(ram + 12);
	struct walk w = {.sound = true};

	while (p && p + 4 <= end && p[1] >= 4) {
		if (w.count[p[0]]++ == 0)
			w.first[p[0]] = p;
		if (p[0] == 127)
			break;
		p = next(p, end);
	}
	w.sound = p && p[0] == 127 && next(p, end) == end;
	return w;
}

static const char *
text(const uint8_t *p, unsigned field)
{
	const char *s = (const char *)p + p[1];

	for (unsigned i = p[field]; i > 1; i--)
		s += strlen(s) + 1;
	return p[field] ? s : "";
}

static int
make(uint64_t size, unsigned cpus, const char *uuid)
{
	struct smbios_info info = {cpus, size, uuid, "1.2.3"};
	struct mem *mem;
	int err;

	mem_new(&mem, 16 << 20);
	err = smbios_write(mem, &info);
	mem_read(mem, 0xf0000, ram, sizeof(ram));
	mem_free(mem);
	return err;
}

static void
test_tables(void)
{
	static const uint8_t types[] = {0, 1, 3, 4, 16, 17, 19, 32, 127};
	static const uint8_t uuid[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44,
		0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	struct walk w;
	uint8_t sum = 0;
	bool all = true;

	is_u64((uint64_t)make(
		       16 << 20, 3, "00112233-4455-6677-8899-aabbccddeeff"),
		0, "the tables are written");
	for (unsigned i = 0; i < 0x18; i++)
		sum = (uint8_t)(sum + ram[i]);
	ok(memcmp(ram, "_SM3_", 5) == 0 && sum == 0 && ram[6] == 0x18 &&
			get64(ram + 16) == 0xf0020,
		"the 64-bit entry point has its checksum");
	w = walk();
	ok(w.sound, "the structures fill the table exactly");
	for (unsigned i = 0; i < sizeof(types); i++)
		all &= w.count[types[i]] == 1;
	if (!ok(all, "each structure is there"))
		exit(1);
	is_str(text(w.first[0], 4), "vm-utils", "type 0 names the vendor");
	is_str(text(w.first[1], 6), "1.2.3", "type 1 has the version");
	ok(memcmp(w.first[1] + 8, uuid, 16) == 0,
		"the UUID's first fields are little-endian");
	ok(w.first[4][0x23] == 3 && w.first[4][0x18] == 0x41,
		"type 4 counts the CPUs");
	is_u64(get16(w.first[17] + 12), 16, "type 17 has the size in MiB");
	ok(get32(w.first[19] + 4) == 0 && get32(w.first[19] + 8) == 16383,
		"type 19 has the range in KiB");
}

static void
test_extremes(void)
{
	struct walk w;

	make(1ull << 46, 1000, NULL);
	w = walk();
	ok(w.sound && w.count[17] == 64, "64 TiB are 64 memory devices");
	ok(get16(w.first[17] + 12) == 0x7fff &&
			get32(w.first[17] + 0x1c) == 1 << 20,
		"a memory device of 1 TiB has an extended size");
	ok(w.first[4][0x23] == 255 && get16(w.first[4] + 0x2a) == 1000,
		"1000 CPUs are in the wider field");
	make(640 << 10, 1, NULL);
	w = walk();
	ok(w.sound && get16(w.first[17] + 12) == (0x8000 | 640),
		"640 KiB are given in KiB");
	ok(w.first[1][8] == 0 && w.first[1][23] == 0, "no UUID is all zero");
}

static void
test_uuids(void)
{
	static const char *const bad[] = {"", "0011",
		"00112233-4455-6677-8899-aabbccddeefg",
		"00112233x4455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeeff0"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(make(16 << 20, 1, bad[i]) == -EINVAL && *fail_text(),
			"'%s' is refused as a UUID", bad[i]);
}

int
main(void)
{
	struct smbios_info info = {1, 64 << 10, NULL, "1"};
	struct mem *mem;

	deadline(10);
	test_tables();
	test_extremes();
	test_uuids();
	mem_new(&mem, 64 << 10);
	ok(smbios_write(mem, &info) == -ENOMEM,
		"64 KiB of memory have no room for tables");
	mem_free(mem);
	return done();
}
