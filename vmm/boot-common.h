/* SPDX-License-Identifier: MIT */
/*
 * What the boot loaders share, and nobody else uses: a plan of guest memory in
 * which everything that is loaded has a place of its own, the entry states
 * that boot protocols ask for, and little-endian stores.
 */
#ifndef VMM_BOOT_COMMON_H
#define VMM_BOOT_COMMON_H

#include <elf.h>
#include <endian.h>
#include <string.h>

#include "vmm/boot.h"

#define BOOT_PLANNED 96 /* ranges in a plan */
#define BOOT_LOW_MIN 0x1000ull /* above the real mode vectors and BIOS data */
/* Small tables end here: high in low memory is where Linux's decompressor
 * puts its trampoline. */
#define BOOT_LOW_MAX 0x80000ull
#define BOOT_4G (1ull << 32)
#define FLAT_MAX 0xa0000ull /* no flat image is larger */

struct boot_plan {
	struct mem *mem;
	const char *image; /* for messages */
	struct e820 map[E820_MAX];
	unsigned maps;
	struct boot_range {
		uint64_t addr, size;
		const char *what; /* static storage */
	} used[BOOT_PLANNED];
	unsigned n;
};

void boot_plan_init(struct boot_plan *, struct mem *, const char *image);

/* [addr, addr+size) is for what: -ENOMEM when it is not RAM that the memory
 * map offers, -ENOEXEC when it belongs to something else. */
int boot_claim(
	struct boot_plan *, uint64_t addr, uint64_t size, const char *what);

/* The highest free place in [lo, hi), a multiple of align (a power of two);
 * claims it. -ENOMEM. */
int boot_place(struct boot_plan *, uint64_t size, uint64_t align, uint64_t lo,
	uint64_t hi, const char *what, uint64_t *addr);

/* Place it in low memory, or below 4 GiB if need be, and copy it there. */
int boot_put(struct boot_plan *, const void *p, uint64_t size, uint64_t align,
	const char *what, uint64_t *addr);
int boot_put_string(
	struct boot_plan *, const char *, const char *what, uint64_t *addr);

/* A file at the top of RAM below end, page-aligned. */
int boot_put_blob(struct boot_plan *, const struct blob *, uint64_t end,
	const char *what, uint64_t *addr);

/* Copy to a claimed place; fill the rest up to total with zeros. */
int boot_copy(struct boot_plan *, uint64_t addr, const void *p, uint64_t size,
	uint64_t total);

/* Flat 32-bit protected mode, paging off, selectors 0x10 and 0x18; or long
 * mode with the low 4 GiB mapped one to one. Interrupts are off. */
int boot_protected_mode(struct boot_plan *, struct cpu_state *, uint64_t entry);
int boot_long_mode(struct boot_plan *, struct cpu_state *, uint64_t entry);

/* Linux's zero page from the setup header in zp (offsets 0x1f1..0x28f): adds
 * initrd, command line, memory map, seed; writes it, and *addr says where. */
int boot_zero_page(struct boot_plan *, const struct boot_params *,
	uint8_t zp[4096], uint64_t *addr);

/* Where the multiboot header is: one in the first 8 KiB that sums up to 0. */
bool multiboot_find(const struct blob *, size_t *at);

/* What an ELF image is booted as; it starts with the ELF magic. */
int elf_kind(const struct boot_params *, enum boot_kind *);

/* Load a 32-bit ELF image; *entry gets its physical entry point. */
int elf_load32(struct boot_plan *, const struct blob *, uint64_t *entry);

static inline uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void
put16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

#endif
