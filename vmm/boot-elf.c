/* SPDX-License-Identifier: MIT */
/*
 * ELF kernels (gABI 4.1, chapters 4 and 5), loaded by physical address. Two
 * ways in: the PVH note of Xen (XEN_ELFNOTE_PHYS32_ENTRY; docs/misc/pvh.pandoc
 * and arch-x86/hvm/start_info.h), 32-bit protected mode; or Linux's 64-bit
 * entry with a zero page. Left out: relocation, section headers, big-endian
 * and other machines.
 */
#include "vmm/boot-common.h"

#include <errno.h>

#include "lib/err.h"

#define PHDRS 64
#define NOTES 0x10000 /* bytes in a segment of notes; we look no further */
#define PVH_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define PVH_MAGIC 0x336ec578

struct elf {
	const struct blob *b;
	bool is64;
	uint64_t entry;
	unsigned n;
	Elf64_Phdr ph[PHDRS];
};

static int
bad(const struct elf *e, const char *what)
{
	return failx(
		-ENOEXEC, "%s: not a kernel: ELF, but %s", e->b->name, what);
}

/* len bytes at off lie in the file. */
static bool
inside(const struct blob *b, uint64_t off, uint64_t len)
{
	return off <= b->size && len <= b->size - off;
}

static int
program_headers(struct elf *e, uint64_t off, unsigned n, unsigned size)
{
	unsigned want = e->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	Elf32_Phdr p;

	if (n == 0)
		return bad(e, "without program headers (an object file?)");
	if (size != want)
		return bad(e, "its program headers have a strange size");
	if (n > PHDRS)
		return bad(e, "with too many program headers");
	if (!inside(e->b, off, (uint64_t)n * size))
		return bad(e, "truncated: its program headers are missing");
	e->n = n;
	if (e->is64) {
		memcpy(e->ph, e->b->p + off, (size_t)n * size);
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		memcpy(&p, e->b->p + off + (uint64_t)i * size, sizeof(p));
		e->ph[i] = (Elf64_Phdr){p.p_type, p.p_flags, p.p_offset,
			p.p_vaddr, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
	}
	return 0;
}

static int
check_ident(const struct elf *e, unsigned type, unsigned machine)
{
	if (e->b->p[EI_DATA] != ELFDATA2LSB)
		return bad(e, "big-endian");
	if (machine != EM_X86_64 && machine != EM_386)
		return bad(e, "for another CPU");
	if (type != ET_EXEC && type != ET_DYN)
		return bad(e, "not an executable");
	return 0;
}

static int
parse(struct elf *e, const struct blob *b)
{
	Elf64_Ehdr h;
	Elf32_Ehdr h32;
	int err;

	memset(e, 0, sizeof(*e));
	e->b = b;
	if (b->size < sizeof(h32))
		return bad(e, "truncated");
	e->is64 = b->p[EI_CLASS] == ELFCLASS64;
	if (e->is64) {
		if (b->size < sizeof(h))
			return bad(e, "truncated");
		memcpy(&h, b->p, sizeof(h));
		e->entry = h.e_entry;
		err = check_ident(e, h.e_type, h.e_machine);
		return err ? err
			   : program_headers(
				     e, h.e_phoff, h.e_phnum, h.e_phentsize);
	}
	memcpy(&h32, b->p, sizeof(h32));
	e->entry = h32.e_entry;
	err = check_ident(e, h32.e_type, h32.e_machine);
	return err ? err
		   : program_headers(
			     e, h32.e_phoff, h32.e_phnum, h32.e_phentsize);
}

/* The next note at *off in [*off, end): its type and descriptor; false at the
 * end, or where the rest is malformed. Names and descriptors are padded. */
struct note {
	bool xen;
	uint32_t type, size;
	const uint8_t *desc;
};

static bool
next_note(const struct blob *b, uint64_t *off, uint64_t end, uint64_t align,
	struct note *n)
{
	uint64_t name_size, name, desc;

	if (*off >= end || end - *off < 12)
		return false;
	name_size = get32(b->p + *off);
	n->size = get32(b->p + *off + 4);
	n->type = get32(b->p + *off + 8);
	name = *off + 12;
	desc = (name + name_size + align - 1) & ~(align - 1);
	if (desc > end || n->size > end - desc)
		return false;
	n->xen = name_size == 4 && memcmp(b->p + name, "Xen", 4) == 0;
	n->desc = b->p + desc;
	*off = (desc + n->size + align - 1) & ~(align - 1);
	return true;
}

static bool
pvh_entry(const struct elf *e, uint64_t *entry)
{
	struct note n;

	for (unsigned i = 0; i < e->n; i++) {
		const Elf64_Phdr *ph = &e->ph[i];
		uint64_t off = ph->p_offset, size = ph->p_filesz;

		if (ph->p_type != PT_NOTE || !inside(e->b, off, size))
			continue;
		if (size > NOTES)
			size = NOTES;
		while (next_note(e->b, &off, ph->p_offset + size,
			ph->p_align == 8 ? 8 : 4, &n)) {
			if (!n.xen || n.type != PVH_ENTRY || n.size < 4)
				continue;
			*entry = n.size >= 8 ? get64(n.desc) : get32(n.desc);
			return true;
		}
	}
	return false;
}

int
elf_kind(const struct boot_params *bp, enum boot_kind *kind)
{
	uint64_t entry;
	struct elf e;
	int err;

	err = parse(&e, &bp->kernel);
	if (err)
		return err;
	for (unsigned i = 0; i < e.n; i++)
		if (e.ph[i].p_type == PT_INTERP)
			return bad(&e, "a program, with an interpreter");
	if (!bp->entry64 && pvh_entry(&e, &entry))
		*kind = BOOT_PVH;
	else if (e.is64)
		*kind = BOOT_ELF64;
	else if (bp->entry64)
		return bad(&e, "32-bit: it has no 64-bit entry");
	else
		return bad(&e, "32-bit with neither a multiboot header nor a "
			       "PVH note");
	return 0;
}

/* Claim all segments, then copy: nothing is written if they overlap. */
static int
load_segments(struct boot_plan *plan, const struct elf *e)
{
	unsigned loaded = 0;
	int err = 0;

	for (unsigned i = 0; i < e->n && err == 0; i++) {
		const Elf64_Phdr *ph = &e->ph[i];

		if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
			continue;
		if (ph->p_filesz > ph->p_memsz)
			return bad(e, "a segment is larger in the file than "
				      "in memory");
		if (!inside(e->b, ph->p_offset, ph->p_filesz))
			return bad(
				e, "truncated: a segment is not in the file");
		err = boot_claim(plan, ph->p_paddr, ph->p_memsz, "a segment");
		loaded++;
	}
	if (err == 0 && loaded == 0)
		return bad(e, "nothing to load");
	for (unsigned i = 0; i < e->n && err == 0; i++) {
		const Elf64_Phdr *ph = &e->ph[i];

		if (ph->p_type == PT_LOAD && ph->p_memsz)
			err = boot_copy(plan, ph->p_paddr,
				e->b->p + ph->p_offset, ph->p_filesz,
				ph->p_memsz);
	}
	return err;
}

/* e_entry is physical in Linux; elsewhere it may be virtual. */
static uint64_t
physical_entry(const struct elf *e)
{
	for (unsigned i = 0; i < e->n; i++)
		if (e->ph[i].p_type == PT_LOAD &&
			e->entry - e->ph[i].p_paddr < e->ph[i].p_memsz)
			return e->entry;
	for (unsigned i = 0; i < e->n; i++)
		if (e->ph[i].p_type == PT_LOAD &&
			e->entry - e->ph[i].p_vaddr < e->ph[i].p_memsz)
			return e->entry - e->ph[i].p_vaddr + e->ph[i].p_paddr;
	return e->entry;
}

int
elf_load32(struct boot_plan *plan, const struct blob *b, uint64_t *entry)
{
	struct elf e;
	int err;

	err = parse(&e, b);
	if (err == 0 && e.is64)
		return bad(&e, "64-bit: multiboot takes 32-bit ones only");
	if (err == 0)
		err = load_segments(plan, &e);
	*entry = physical_entry(&e);
	return err;
}

/* Linux's 64-bit boot protocol; the header is what a bzImage of our version
 * of the protocol would have said. */
static int
enter64(struct boot_plan *plan, const struct elf *e,
	const struct boot_params *bp, struct cpu_state *cpu)
{
	uint64_t entry = physical_entry(e), at;
	uint8_t zp[4096] = {0};
	int err;

	if (entry >= BOOT_4G)
		return bad(e, "its entry point is above 4 GiB");
	put16(zp + 0x1fe, 0xaa55);
	memcpy(zp + 0x202, "HdrS", 4);
	put16(zp + 0x206, 0x20f);
	put32(zp + 0x22c, 0x7fffffff); /* initrd_addr_max */
	put32(zp + 0x230, 0x1000000); /* kernel_alignment */
	put32(zp + 0x238, 2047); /* cmdline_size */
	zp[0x211] = 1; /* LOADED_HIGH */
	err = boot_zero_page(plan, bp, zp, &at);
	if (err == 0)
		err = boot_long_mode(plan, cpu, entry);
	cpu->gpr[RSI] = at;
	return err;
}

static int
put_start_info(
	struct boot_plan *plan, const struct boot_params *bp, uint64_t *at)
{
	uint8_t info[56] = {0}, module[32] = {0}, map[E820_MAX * 24] = {0};
	uint64_t p;
	int err = 0;

	put32(info, PVH_MAGIC);
	put32(info + 4, 1); /* version: with a memory map */
	if (bp->initrd.p) {
		err = boot_put_blob(plan, &bp->initrd, 1u << 31,
			"the initial RAM disk", &p);
		put64(module, err ? 0 : p);
		put64(module + 8, bp->initrd.size);
		if (err == 0)
			err = boot_put(plan, module, sizeof(module), 16,
				"the list of modules", &p);
		put32(info + 12, 1);
		put64(info + 16, err ? 0 : p);
	}
	if (err == 0)
		err = boot_put_string(
			plan, bp->cmdline, "the command line", &p);
	put64(info + 24, err ? 0 : p);
	put64(info + 32, bp->rsdp);
	for (unsigned i = 0; i < plan->maps; i++) {
		put64(map + 24 * i, plan->map[i].addr);
		put64(map + 24 * i + 8, plan->map[i].size);
		put32(map + 24 * i + 16, plan->map[i].type);
	}
	if (err == 0)
		err = boot_put(
			plan, map, 24 * plan->maps, 16, "the memory map", &p);
	put64(info + 40, err ? 0 : p);
	put32(info + 48, plan->maps);
	return err ? err
		   : boot_put(plan, info, sizeof(info), 16, "the start info",
			     at);
}

static int
enter_pvh(struct boot_plan *plan, const struct elf *e,
	const struct boot_params *bp, struct cpu_state *cpu)
{
	uint64_t entry, info = 0;
	int err;

	if (!pvh_entry(e, &entry) || entry >= BOOT_4G)
		return bad(e, "its PVH entry point is not below 4 GiB");
	err = put_start_info(plan, bp, &info);
	if (err == 0)
		err = boot_protected_mode(plan, cpu, entry);
	cpu->gpr[RBX] = info;
	return err;
}

int
boot_elf(struct mem *mem, const struct boot_params *bp, enum boot_kind kind,
	struct cpu_state *cpu)
{
	struct boot_plan plan;
	struct elf e;
	int err;

	boot_plan_init(&plan, mem, bp->kernel.name);
	err = parse(&e, &bp->kernel);
	if (err == 0)
		err = load_segments(&plan, &e);
	if (err)
		return err;
	return kind == BOOT_PVH ? enter_pvh(&plan, &e, bp, cpu)
				: enter64(&plan, &e, bp, cpu);
}
