/* SPDX-License-Identifier: MIT */
/* ELF kernels, by the PVH note and by the 64-bit entry. */
#include "tests/unit/boot-help.h"

static void
test_pvh(void)
{
	struct boot_params bp = elf64(kernel_segs, 3, 0x200000);
	const uint8_t *info, *module;

	pvh_note(0x200040);
	mem_fill(mem, 0x200000, 0xa5, 0x4000);
	bp.rsdp = 0xe0000;
	bp.initrd = (struct blob){initrd, sizeof(initrd), "rd", false, -1};
	loads(&bp, "PVH: a kernel is loaded");
	is_u64(cpu.rip, 0x200040, "PVH: it begins where its note says");
	ok(protected_mode() && cpu.seg[SEG_TR].limit == 0x67,
		"PVH: protected mode, paging off, a task register");
	ok(byte_at(0x200fff) == 0x90 && byte_at(0x201000) == 0 &&
			byte_at(0x202fff) == 0 && byte_at(0x203122) == 0x90 &&
			byte_at(0x2031ff) == 0 && byte_at(0x203200) == 0xa5,
		"ELF: segments are copied, and zeros follow");
	info = mem_span(mem, cpu.gpr[RBX], 56);
	if (!ok(info != NULL, "PVH: EBX has the start info"))
		return;
	ok(get32(info) == 0x336ec578 && get32(info + 4) == 1,
		"PVH: the start info's magic and version");
	ok(text_at(get64(info + 24), "one two"), "PVH: the command line");
	is_u64(get64(info + 32), 0xe0000, "PVH: the RSDP");
	module = mem_span(mem, get64(info + 16), 32);
	ok(get32(info + 12) == 1 && module &&
			get64(module + 8) == sizeof(initrd) &&
			memcmp(mem_span(mem, get64(module), sizeof(initrd)),
				initrd, sizeof(initrd)) == 0,
		"PVH: the initial RAM disk is a module");
	is_u64(get32(info + 48), 5, "PVH: the memory map's entries");
	is_u64(get64(mem_span(mem, get64(info + 40) + 24 * 3, 8)), 0x100000,
		"PVH: the memory map has RAM from 1 MiB");
}

static void
test_elf(void)
{
	struct boot_params bp = elf64(kernel_segs, 3, 0x200010);
	enum boot_kind kind = BOOT_FLAT;
	const uint8_t *zp;

	pvh_note(0x200040);
	bp.entry64 = true;
	loads(&bp, "ELF: the 64-bit entry, when asked");
	ok(cpu.rip == 0x200010 && long_mode(),
		"ELF: long mode, at the entry point");
	zp = mem_span(mem, cpu.gpr[RSI], 4096);
	ok(zp && get16(zp + 0x1fe) == 0xaa55 &&
			get32(zp + 0x202) == 0x53726448 && zp[0x210] == 0xff &&
			text_at(get32(zp + 0x228), "one two"),
		"ELF: RSI has a zero page");
	bp = elf64(kernel_segs, 2, 0xffffffff81000020);
	loads(&bp, "ELF: a kernel without the note has the 64-bit entry");
	is_u64(cpu.rip, 0x200020, "ELF: a virtual entry point is translated");
	bp = elf32(kernel_segs, 3, 0);
	pvh_note(0x200044);
	ok(boot_probe(&bp, &kind) == 0 && kind == BOOT_PVH,
		"ELF: a 32-bit kernel may have the PVH note");
	loads(&bp, "ELF: a 32-bit one is loaded");
	is_u64(cpu.rip, 0x200044, "ELF: and begins where the note says");
	bp.entry64 = true;
	refuses(&bp, -ENOEXEC, "no 64-bit entry", "ELF: 32-bit, 64-bit entry");
	bp = elf32(kernel_segs, 2, 0);
	refuses(&bp, -ENOEXEC, "neither", "ELF: 32-bit without a note");
}

/* One loadable segment that must be refused. */
static void
bad_segment(struct elf_seg s, int err, const char *words, const char *name)
{
	struct boot_params bp = elf64(&s, 1, 0x200000);

	refuses(&bp, err, words, name);
}

static void
test_elf_refusals(void)
{
	struct elf_seg two[] = {kernel_segs[0], kernel_segs[1]};
	struct boot_params bp;

	bad_segment(
		(struct elf_seg){PT_LOAD, 0x7000, 0, 0x200000, 0x2000, 0x2000},
		-ENOEXEC, "truncated", "ELF: a segment beyond the file");
	bad_segment(
		(struct elf_seg){PT_LOAD, ~0ull - 10, 0, 0x200000, 100, 100},
		-ENOEXEC, "truncated", "ELF: an offset that overflows");
	bad_segment((struct elf_seg){PT_LOAD, 0, 0, 0x200000, 200, 100},
		-ENOEXEC, "larger in the file",
		"ELF: file size over memory size");
	bad_segment((struct elf_seg){PT_LOAD, 0, 0, ~0ull - 10, 100, 100},
		-ENOMEM, "do not fit", "ELF: an address that overflows");
	bad_segment((struct elf_seg){PT_LOAD, 0, 0, 0x200000, 100, ~0ull},
		-ENOMEM, "do not fit", "ELF: a segment larger than all memory");
	bad_segment((struct elf_seg){PT_LOAD, 0, 0, 0xf0000, 100, 100}, -ENOMEM,
		"do not fit", "ELF: a segment over the tables");
	bad_segment((struct elf_seg){PT_LOAD, 0, 0, 0x200000, 0, 0}, -ENOEXEC,
		"nothing to load", "ELF: an empty segment");
	bad_segment((struct elf_seg){PT_INTERP, 0, 0, 0, 20, 20}, -ENOEXEC,
		"interpreter", "ELF: a program of an operating system");
	two[1].pa = 0x202fff;
	bp = elf64(two, 2, 0x200000);
	refuses(&bp, -ENOEXEC, "overlaps", "ELF: segments that overlap");
	bp = elf64(kernel_segs, 2, 1ull << 33);
	refuses(&bp, -ENOEXEC, "above 4 GiB", "ELF: a high entry point");
	bp.kernel.size = 100;
	refuses(&bp, -ENOEXEC, "truncated", "ELF: missing program headers");
	bp.kernel.size = 20;
	refuses(&bp, -ENOEXEC, "truncated", "ELF: a truncated header");
	bp.kernel.size = 60;
	refuses(&bp, -ENOEXEC, "truncated", "ELF: a truncated 64-bit header");
	bp = elf64(kernel_segs, 0, 0);
	refuses(&bp, -ENOEXEC, "without program headers",
		"ELF: an object file");
	bp = elf64(kernel_segs, 2, 0);
	put16(image + 56, 65535);
	refuses(&bp, -ENOEXEC, "too many", "ELF: 65535 program headers");
	bp = elf64(kernel_segs, 2, 0);
	put16(image + 18, EM_AARCH64);
	refuses(&bp, -ENOEXEC, "another CPU", "ELF: for another CPU");
	image[5] = ELFDATA2MSB;
	refuses(&bp, -ENOEXEC, "big-endian", "ELF: big-endian");
}

int
main(void)
{
	deadline(60);
	memory(64 * MIB);
	test_pvh();
	test_elf();
	test_elf_refusals();
	mem_free(mem);
	return done();
}
