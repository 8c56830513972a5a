/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the boot loaders share: a memory, a CPU, images made to
 * measure, and looks at what a loader left behind.
 */
#ifndef TESTS_UNIT_BOOT_HELP_H
#define TESTS_UNIT_BOOT_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/boot.h"
#include "vmm/boot-common.h"

#define MIB (1ull << 20)

static struct mem *mem;
static struct cpu_state cpu;
static uint8_t image[0x8000];

__attribute__((unused)) static void
memory(uint64_t size)
{
	mem_free(mem);
	if (mem_new(&mem, size) < 0)
		exit(1);
	cpu_reset(&cpu, true);
}

__attribute__((unused)) static int
load(const struct boot_params *bp)
{
	cpu_reset(&cpu, true);
	return boot_load(mem, bp, &cpu);
}

/* Refused with this error, and a sentence that has these words. */
__attribute__((unused)) static void
refuses(const struct boot_params *bp, int err, const char *words,
	const char *name)
{
	int got = load(bp);

	if (!ok(got == err && strstr(fail_text(), words) &&
			    strstr(fail_text(), "img"),
		    "%s", name))
		printf("# %d, %s\n", got, fail_text());
}

__attribute__((unused)) static bool
loads(const struct boot_params *bp, const char *name)
{
	int err = load(bp);

	if (err)
		printf("# %d, %s\n", err, fail_text());
	return ok(err == 0, "%s", name);
}

__attribute__((unused)) static struct boot_params
params(size_t size)
{
	return (struct boot_params){
		.kernel = {.p = image, .size = size, .name = "img"},
		.cmdline = "one two"};
}

__attribute__((unused)) static uint8_t
byte_at(uint64_t gpa)
{
	uint8_t b = 0xee;

	mem_read(mem, gpa, &b, 1);
	return b;
}

__attribute__((unused)) static bool
text_at(uint64_t gpa, const char *s)
{
	const char *got = mem_span(mem, gpa, strlen(s) + 1);

	return got && strcmp(got, s) == 0;
}

/* Where the page tables lead, or ~0. */
__attribute__((unused)) static uint64_t
translate(uint64_t va)
{
	uint64_t e = cpu.cr3;

	for (int shift = 39; shift >= 21; shift -= 9) {
		const uint8_t *t = mem_span(mem, e & ~0xfffull, 4096);

		if (!t)
			return ~0ull;
		e = get64(t + 8 * (va >> shift & 511));
		if (!(e & 1))
			return ~0ull;
		if (e & 0x80)
			return (e & ~0x1fffffull) + (va & 0x1fffff);
	}
	return ~0ull;
}

__attribute__((unused)) static bool
flat_segments(void)
{
	bool good = true;

	for (unsigned i = SEG_ES; i <= SEG_DS; i++)
		good &= cpu.seg[i].base == 0 &&
			cpu.seg[i].limit == 0xffffffff && cpu.seg[i].g &&
			cpu.seg[i].present && cpu.seg[i].s;
	return good && cpu.seg[SEG_CS].type == 11 &&
	       cpu.seg[SEG_CS].sel == 0x10 && cpu.seg[SEG_DS].sel == 0x18;
}

__attribute__((unused)) static bool
protected_mode(void)
{
	return (cpu.cr0 & 0x80000001) == 1 && cpu.efer == 0 && cpu.cr4 == 0 &&
	       flat_segments() && cpu.seg[SEG_CS].db && !cpu.seg[SEG_CS].l &&
	       cpu.rflags == 2;
}

__attribute__((unused)) static bool
long_mode(void)
{
	return (cpu.cr0 & 0x80000001) == 0x80000001 && cpu.efer == 0x500 &&
	       cpu.cr4 & 0x20 && flat_segments() && cpu.seg[SEG_CS].l &&
	       !cpu.seg[SEG_CS].db && cpu.rflags == 2;
}

#define SETUP 2560 /* four sectors and the boot sector */
#define CODE 5000

__attribute__((unused)) static struct boot_params
bzimage(void)
{
	memset(image, 0, sizeof(image));
	image[0x1f1] = 4;
	put32(image + 0x1f4, (CODE + 15) / 16);
	put16(image + 0x1fe, 0xaa55);
	image[0x201] = 0x6a;
	memcpy(image + 0x202, "HdrS", 4);
	put16(image + 0x206, 0x20f);
	image[0x211] = 1;
	put32(image + 0x214, 0x100000);
	put32(image + 0x22c, 0x7fffffff);
	put32(image + 0x230, 0x200000);
	image[0x234] = 1;
	put16(image + 0x236, 1);
	put32(image + 0x238, 100);
	put64(image + 0x258, 0x1000000);
	put32(image + 0x260, 0x100000);
	for (unsigned i = 0; i < CODE; i++)
		image[SETUP + i] = (uint8_t)(i * 7);
	return params(SETUP + CODE);
}

__attribute__((unused)) static bool
code_at(uint64_t gpa)
{
	return memcmp(mem_span(mem, gpa, CODE), image + SETUP, CODE) == 0;
}

__attribute__((unused)) static const uint8_t initrd[5000] =
	"the initial RAM disk";

struct elf_seg {
	uint32_t type;
	uint64_t off, va, pa, filesz, memsz;
};

__attribute__((unused)) static struct boot_params
elf64(const struct elf_seg *s, unsigned n, uint64_t entry)
{
	Elf64_Ehdr h = {.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = 1,
		.e_entry = entry,
		.e_phoff = 64,
		.e_ehsize = 64,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)n};

	memset(image, 0x90, sizeof(image));
	memcpy(h.e_ident, ELFMAG "\2\1\1", 7);
	memcpy(image, &h, sizeof(h));
	for (unsigned i = 0; i < n; i++) {
		Elf64_Phdr p = {s[i].type, 7, s[i].off, s[i].va, s[i].pa,
			s[i].filesz, s[i].memsz, 4};

		memcpy(image + 64 + i * sizeof(p), &p, sizeof(p));
	}
	return params(sizeof(image));
}

__attribute__((unused)) static struct boot_params
elf32(const struct elf_seg *s, unsigned n, uint32_t entry)
{
	Elf32_Ehdr h = {.e_type = ET_EXEC,
		.e_machine = EM_386,
		.e_version = 1,
		.e_entry = entry,
		.e_phoff = 52,
		.e_ehsize = 52,
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = (Elf32_Half)n};

	memset(image, 0x90, sizeof(image));
	memcpy(h.e_ident, ELFMAG "\1\1\1", 7);
	memcpy(image, &h, sizeof(h));
	for (unsigned i = 0; i < n; i++) {
		Elf32_Phdr p = {s[i].type, (Elf32_Off)s[i].off,
			(Elf32_Addr)s[i].va, (Elf32_Addr)s[i].pa,
			(Elf32_Word)s[i].filesz, (Elf32_Word)s[i].memsz, 7, 4};

		memcpy(image + 52 + i * sizeof(p), &p, sizeof(p));
	}
	return params(sizeof(image));
}

/* At 0x800: a note of somebody else's, then the PVH entry. */
__attribute__((unused)) static void
pvh_note(uint32_t entry)
{
	uint8_t *p = image + 0x800;

	memset(p, 0, 64);
	put32(p, 4);
	put32(p + 4, 5);
	put32(p + 8, 18);
	memcpy(p + 12, "GNU", 4);
	p += 24;
	put32(p, 4);
	put32(p + 4, 4);
	put32(p + 8, 18);
	memcpy(p + 12, "Xen", 4);
	put32(p + 16, entry);
}

__attribute__((unused)) static const struct elf_seg kernel_segs[] = {
	{PT_LOAD, 0x1000, 0xffffffff81000000, 0x200000, 0x1000, 0x3000},
	{PT_LOAD, 0x2000, 0xffffffff81003000, 0x203000, 0x123, 0x200},
	{PT_NOTE, 0x800, 0, 0, 44, 44},
};

__attribute__((unused)) static void
multiboot_header(size_t at, uint32_t flags)
{
	put32(image + at, 0x1badb002);
	put32(image + at + 4, flags);
	put32(image + at + 8, 0u - 0x1badb002 - flags);
}

/* A header with addresses at 0x100 of a file of n bytes. */
__attribute__((unused)) static struct boot_params
addresses(size_t n, uint32_t header, uint32_t start, uint32_t end, uint32_t bss)
{
	memset(image, 0x90, sizeof(image));
	multiboot_header(0x100, 0x10003);
	put32(image + 0x10c, header);
	put32(image + 0x110, start);
	put32(image + 0x114, end);
	put32(image + 0x118, bss);
	put32(image + 0x11c, start + 8);
	return params(n);
}

#endif
