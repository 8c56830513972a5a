/* SPDX-License-Identifier: MIT */
/*
 * Multiboot Specification version 0.6.96: 32-bit ELF images and those whose
 * header has addresses. We tell memory, command line, modules, memory map and
 * our name, and the screen to kernels that ask for one. Left out: boot device,
 * symbols, drives, ROM configuration, APM, VBE's own structures.
 */
#include "vmm/boot-common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/err.h"

#define HEADER_MAGIC 0x1badb002
#define BOOTED_MAGIC 0x2badb002
#define SEARCH 8192

enum {
	WANT_ALIGN = 1,
	WANT_MEMORY = 2,
	WANT_VIDEO = 4,
	HAS_ADDRESSES = 1 << 16
};

/* Offsets in the information structure, and its flags. */
enum {
	INFO_MEM = 4,
	INFO_CMDLINE = 16,
	INFO_MODS = 20,
	INFO_MMAP = 44,
	INFO_NAME = 64,
	INFO_SCREEN = 88, /* address; pitch, width, height, bits and kind */
	INFO_COLOURS = 110, /* position and size: red, green, blue */
	INFO_SIZE = 120
};
enum {
	IS_MEM = 1,
	IS_CMDLINE = 4,
	IS_MODS = 8,
	IS_MMAP = 64,
	IS_NAME = 512,
	IS_SCREEN = 4096
};
enum { SCREEN_INDEXED = 0, SCREEN_RGB = 1, SCREEN_TEXT = 2 };

bool
multiboot_find(const struct blob *b, size_t *at)
{
	size_t end = b->size < SEARCH ? b->size : SEARCH;

	for (size_t i = 0; i + 12 <= end; i += 4)
		if (get32(b->p + i) == HEADER_MAGIC &&
			get32(b->p + i) + get32(b->p + i + 4) +
					get32(b->p + i + 8) ==
				0) {
			*at = i;
			return true;
		}
	return false;
}

/* The header's addresses say which bytes of the file go where. */
static int
load_by_address(struct boot_plan *plan, const struct blob *b, size_t at,
	uint64_t *entry)
{
	uint64_t header, load, load_end, bss_end, from, size;
	int err;

	if (at + 32 > b->size)
		return failx(-ENOEXEC, "%s: truncated in the multiboot header",
			b->name);
	header = get32(b->p + at + 12);
	load = get32(b->p + at + 16);
	load_end = get32(b->p + at + 20);
	bss_end = get32(b->p + at + 24);
	*entry = get32(b->p + at + 28);
	if (header < load || header - load > at)
		return failx(-ENOEXEC,
			"%s: its multiboot header says that the "
			"image begins before the file",
			b->name);
	from = at - (header - load);
	size = b->size - from;
	if (load_end && load_end < load)
		return failx(-ENOEXEC,
			"%s: its multiboot header says that the "
			"image ends before it begins",
			b->name);
	if (load_end && load_end - load > size)
		return failx(-ENOEXEC,
			"%s: truncated: %" PRIu64 " bytes, its "
			"multiboot header says %" PRIu64,
			b->name, size, load_end - load);
	if (load_end)
		size = load_end - load;
	if (bss_end < load + size)
		bss_end = load + size;
	err = boot_claim(plan, load, bss_end - load, "the kernel");
	if (err)
		return err;
	return boot_copy(plan, load, b->p + from, size, bss_end - load);
}

static int
load_kernel(struct boot_plan *plan, const struct blob *b, uint64_t *entry)
{
	uint32_t flags;
	size_t at;

	if (!multiboot_find(b, &at))
		return failx(-ENOEXEC, "%s: no multiboot header", b->name);
	flags = get32(b->p + at + 4);
	if (flags & 0xffff & ~(uint32_t)(WANT_ALIGN | WANT_MEMORY | WANT_VIDEO))
		return failx(-ENOEXEC,
			"%s: its multiboot header asks for what we do not know "
			"(flags %#" PRIx32 ")",
			b->name, flags);
	if (flags & HAS_ADDRESSES)
		return load_by_address(plan, b, at, entry);
	if (b->size < SELFMAG || memcmp(b->p, ELFMAG, SELFMAG) != 0)
		return failx(-ENOEXEC,
			"%s: a multiboot kernel that is not ELF "
			"and has no addresses",
			b->name);
	return elf_load32(plan, b, entry);
}

/* The information structure and all that it points to, in one block: the
 * structure, memory map, list of modules, strings. Addresses are relative to
 * the block until its place is known. */
struct info {
	uint8_t *p;
	size_t map, mods, strings, size; /* offsets; bytes in all */
	unsigned mods_n;
};

static const struct blob *
module(const struct boot_params *bp, unsigned i)
{
	if (bp->initrd.p)
		return i == 0 ? &bp->initrd : &bp->modules[i - 1];
	return &bp->modules[i];
}

static const char *
name_of(const struct blob *b)
{
	return b->name ? b->name : "";
}

static const char loader[] = "vm-utils " VERSION;

static int
info_new(struct info *in, const struct boot_plan *plan,
	const struct boot_params *bp)
{
	in->mods_n = bp->modules_n + (bp->initrd.p != NULL);
	in->map = INFO_SIZE;
	in->mods = in->map + 24 * plan->maps;
	in->strings = in->mods + (size_t)16 * in->mods_n;
	in->size = in->strings + sizeof(loader) + strlen(plan->image) + 1 +
		   strlen(bp->cmdline) + 1;
	for (unsigned i = 0; i < in->mods_n; i++)
		in->size += strlen(name_of(module(bp, i))) + 1;
	in->p = calloc(1, in->size);
	return in->p ? 0
		     : fail(-ENOMEM, "%s: multiboot information", plan->image);
}

/* Append a string; returns where it will be in the guest. */
static uint32_t
info_string(struct info *in, uint64_t base, const char *s)
{
	uint64_t at = base + in->strings;
	size_t n = strlen(s) + 1;

	memcpy(in->p + in->strings, s, n);
	in->strings += n;
	return (uint32_t)at;
}

/* ---- the screen ---- */

static bool
wants_video(const struct blob *b, size_t *at)
{
	return multiboot_find(b, at) && (get32(b->p + *at + 4) & WANT_VIDEO) &&
	       *at + 48 <= b->size;
}

bool
boot_wish(
	const struct boot_params *bp, unsigned *w, unsigned *h, unsigned *bits)
{
	const uint8_t *p = bp->kernel.p;
	size_t at;

	/* A BIOS has no mode for it: linear ones are mode type 0. */
	if (bp->flat || !wants_video(&bp->kernel, &at) || get32(p + at + 32))
		return false;
	*w = get32(p + at + 36);
	*h = get32(p + at + 40);
	*bits = get32(p + at + 44);
	if (!*w || !*h) {
		*w = 1024;
		*h = 768;
	}
	if (!*bits)
		*bits = 32;
	return true;
}

/* Position and size of red, green, blue. */
static void
put_colours(uint8_t *p, unsigned bits)
{
	static const uint8_t of15[6] = {10, 5, 5, 5, 0, 5};
	static const uint8_t of16[6] = {11, 5, 5, 6, 0, 5};
	static const uint8_t of24[6] = {16, 8, 8, 8, 0, 8};

	memcpy(p, bits == 15 ? of15 : bits == 16 ? of16 : of24, 6);
}

static void
put_screen(uint8_t *info, const struct boot_screen *s)
{
	bool text = s->kind == BOOT_SCREEN_TEXT;
	uint8_t *p = info + INFO_SCREEN;

	put32(info, get32(info) | IS_SCREEN);
	put64(p, text ? 0xb8000 : s->at);
	put32(p + 8, text ? 160 : s->pitch);
	put32(p + 12, text ? 80 : s->width);
	put32(p + 16, text ? 25 : s->height);
	p[20] = (uint8_t)(text ? 16 : s->bits);
	p[21] = SCREEN_TEXT;
	if (!text)
		p[21] = s->bits == 8 ? SCREEN_INDEXED : SCREEN_RGB;
	if (p[21] == SCREEN_RGB)
		put_colours(info + INFO_COLOURS, s->bits);
}

static void
info_fill(struct info *in, const struct boot_plan *plan,
	const struct boot_params *bp, uint64_t base)
{
	uint64_t low = mem_low(plan->mem);
	uint8_t *map = in->p + in->map;
	size_t at;

	put32(in->p, IS_MEM | IS_CMDLINE | IS_MODS | IS_MMAP | IS_NAME);
	put32(in->p + INFO_MEM, low < 0x9fc00 ? (uint32_t)(low >> 10) : 639);
	put32(in->p + INFO_MEM + 4,
		low > 0x100000 ? (uint32_t)((low - 0x100000) >> 10) : 0);
	put32(in->p + INFO_NAME, info_string(in, base, loader));
	put32(in->p + INFO_CMDLINE, info_string(in, base, plan->image));
	in->p[in->strings - 1] = ' '; /* "kernel arguments", as others do */
	info_string(in, base, bp->cmdline);
	put32(in->p + INFO_MMAP, 24 * plan->maps);
	put32(in->p + INFO_MMAP + 4, (uint32_t)(base + in->map));
	for (unsigned i = 0; i < plan->maps; i++, map += 24) {
		put32(map, 20); /* what follows */
		put64(map + 4, plan->map[i].addr);
		put64(map + 12, plan->map[i].size);
		put32(map + 20, plan->map[i].type);
	}
	if (bp->screen.kind && wants_video(&bp->kernel, &at))
		put_screen(in->p, &bp->screen);
	put32(in->p + INFO_MODS, in->mods_n);
	put32(in->p + INFO_MODS + 4, (uint32_t)(base + in->mods));
}

static int
put_modules(struct info *in, struct boot_plan *plan,
	const struct boot_params *bp, uint64_t base)
{
	uint8_t *m = in->p + in->mods;
	uint64_t at = 0;
	int err;

	for (unsigned i = 0; i < in->mods_n; i++, m += 16) {
		const struct blob *b = module(bp, i);

		if (b->size) {
			err = boot_put_blob(plan, b, BOOT_4G, "a module", &at);
			if (err)
				return err;
		}
		put32(m, (uint32_t)at);
		put32(m + 4, (uint32_t)(at + b->size));
		put32(m + 8, info_string(in, base, name_of(b)));
	}
	return 0;
}

int
boot_multiboot(
	struct mem *mem, const struct boot_params *bp, struct cpu_state *cpu)
{
	struct boot_plan plan;
	struct info in;
	uint64_t entry, base;
	int err;

	boot_plan_init(&plan, mem, bp->kernel.name);
	err = load_kernel(&plan, &bp->kernel, &entry);
	if (err)
		return err;
	err = info_new(&in, &plan, bp);
	if (err)
		return err;
	/* zeros for now, to learn the place */
	err = boot_put(
		&plan, in.p, in.size, 16, "multiboot information", &base);
	if (err == 0) {
		info_fill(&in, &plan, bp, base);
		err = put_modules(&in, &plan, bp, base);
	}
	if (err == 0)
		err = boot_copy(&plan, base, in.p, in.size, in.size);
	free(in.p);
	if (err == 0)
		err = boot_protected_mode(&plan, cpu, entry);
	cpu->gpr[RAX] = BOOTED_MAGIC;
	cpu->gpr[RBX] = err ? 0 : base;
	return err;
}
