/* SPDX-License-Identifier: MIT */
/* Multiboot kernels, ELF and with addresses. */
#include "tests/unit/boot-help.h"

static void
test_multiboot_info(const uint8_t *info)
{
	const uint8_t *m, *e;
	unsigned n = 0;

	ok((get32(info) & 0x24d) == 0x24d,
		"multiboot: memory, command line, modules, map, name");
	ok(get32(info + 4) == 639 && get32(info + 8) == 63 * 1024,
		"multiboot: lower and upper memory in KiB");
	ok(text_at(get32(info + 16), "img one two"),
		"multiboot: the command line begins with the kernel's name");
	m = mem_span(mem, get32(info + 24), 32);
	ok(get32(info + 20) == 2 && m &&
			get32(m + 4) - get32(m) == sizeof(initrd) &&
			text_at(get32(m + 8), "rd") &&
			byte_at(get32(m)) == 't' && get32(m) % 4096 == 0,
		"multiboot: the initial RAM disk is the first module");
	ok(m && text_at(get32(m + 16), "mod") &&
			text_at(get32(m + 24), "m arg"),
		"multiboot: the others follow, with their arguments");
	e = mem_span(mem, get32(info + 48), get32(info + 44));
	for (uint32_t i = 0; e && i < get32(info + 44); i += get32(e + i) + 4)
		n += get32(e + i) == 20 && get32(e + i + 20) <= 2;
	is_u64(n, 5, "multiboot: the memory map, size before each entry");
	ok(strncmp(mem_span(mem, get32(info + 64), 8), "vm-utils", 8) == 0,
		"multiboot: the loader's name");
}

static void
test_multiboot(void)
{
	struct boot_params bp = elf32(kernel_segs, 2, 0x200010);
	const struct blob mod = {(const uint8_t *)"mod", 4, "m arg", false, -1};

	multiboot_header(0x1ff0, 3);
	bp.initrd = (struct blob){initrd, sizeof(initrd), "rd", false, -1};
	bp.modules = &mod;
	bp.modules_n = 1;
	if (!loads(&bp, "multiboot: an ELF image is loaded"))
		return;
	ok(cpu.rip == 0x200010 && cpu.gpr[RAX] == 0x2badb002 &&
			protected_mode(),
		"multiboot: the magic, protected mode, at the entry point");
	test_multiboot_info(mem_span(mem, cpu.gpr[RBX], 120));
	multiboot_header(0x1ff8, 3);
	put32(image + 0x1ff0, 0);
	refuses(&bp, -ENOEXEC, "neither",
		"multiboot: a header that ends after 8 KiB does not count");
	bp = elf32(kernel_segs, 2, 0x200010);
	multiboot_header(0x1000, 0x13);
	refuses(&bp, -ENOEXEC, "asks for", "multiboot: unknown wishes");
	bp = elf64(kernel_segs, 2, 0x200010);
	multiboot_header(0x1000, 3);
	refuses(&bp, -ENOEXEC, "64-bit", "multiboot: a 64-bit ELF image");
}

static void
test_multiboot_screen(void)
{
	struct boot_params bp = elf32(kernel_segs, 2, 0x200010);
	unsigned w = 0, h = 0, bits = 0;
	const uint8_t *info;

	multiboot_header(0x1000, 3);
	ok(!boot_wish(&bp, &w, &h, &bits), "multiboot: no wish for a screen");
	bp.screen.kind = BOOT_SCREEN_TEXT;
	loads(&bp, "multiboot: a screen nobody asks for");
	info = mem_span(mem, cpu.gpr[RBX], 120);
	is_u64(get32(info) & 0x1000, 0, "multiboot: is not told");
	bp = elf32(kernel_segs, 2, 0x200010);
	multiboot_header(0x1000, 7);
	put32(image + 0x1000 + 32, 0);
	put32(image + 0x1000 + 36, 800);
	put32(image + 0x1000 + 40, 600);
	put32(image + 0x1000 + 44, 0);
	ok(boot_wish(&bp, &w, &h, &bits) && w == 800 && h == 600 && bits == 32,
		"multiboot: a wish for one");
	bp.screen = (struct boot_screen){.kind = BOOT_SCREEN_LINEAR,
		.width = 800,
		.height = 600,
		.bits = 16,
		.pitch = 1600,
		.at = 0xc0000000};
	loads(&bp, "multiboot: which is fulfilled");
	info = mem_span(mem, cpu.gpr[RBX], 120);
	ok((get32(info) & 0x1000) && get64(info + 88) == 0xc0000000 &&
			get32(info + 96) == 1600 && get32(info + 100) == 800 &&
			get32(info + 104) == 600 && info[108] == 16 &&
			info[109] == 1 &&
			memcmp(info + 110, "\13\5\5\6\0\5", 6) == 0,
		"multiboot: a linear screen");
	bp.screen.kind = BOOT_SCREEN_TEXT;
	loads(&bp, "multiboot: or not");
	info = mem_span(mem, cpu.gpr[RBX], 120);
	ok(get64(info + 88) == 0xb8000 && get32(info + 96) == 160 &&
			get32(info + 100) == 80 && get32(info + 104) == 25 &&
			info[109] == 2,
		"multiboot: text");
}

static void
test_multiboot_addresses(void)
{
	struct boot_params bp;

	bp = addresses(0x1000, 0x300080, 0x300000, 0x300800, 0x301000);
	mem_fill(mem, 0x300000, 0xa5, 0x2000);
	loads(&bp, "multiboot: an image with addresses is loaded");
	ok(cpu.rip == 0x300008 && byte_at(0x300000) == 0x90 &&
			byte_at(0x3007ff) == 0x90 && byte_at(0x300800) == 0 &&
			byte_at(0x300fff) == 0 && byte_at(0x301000) == 0xa5 &&
			byte_at(0x300080) == 2,
		"multiboot: the bytes it names are where it says");
	bp = addresses(0x1000, 0x300080, 0x300000, 0, 0);
	loads(&bp, "multiboot: no end: all of the file");
	ok(byte_at(0x300000 + 0x1000 - 0x80 - 1) == 0x90,
		"multiboot: the last byte is there");
	bp = addresses(0x1000, 0x200000, 0x300000, 0, 0);
	refuses(&bp, -ENOEXEC, "begins before",
		"multiboot: header before image");
	bp = addresses(0x1000, 0x300200, 0x300000, 0, 0);
	refuses(&bp, -ENOEXEC, "begins before", "multiboot: image before file");
	bp = addresses(0x1000, 0x300080, 0x300000, 0x200000, 0);
	refuses(&bp, -ENOEXEC, "ends before", "multiboot: end before start");
	bp = addresses(0x1000, 0x300080, 0x300000, 0x400000, 0);
	refuses(&bp, -ENOEXEC, "truncated", "multiboot: more than the file");
	bp = addresses(0x1000, 0x300080, 0x300000, 0, 0xffffffff);
	refuses(&bp, -ENOMEM, "do not fit", "multiboot: bss beyond memory");
	bp = addresses(0x110, 0x300080, 0x300000, 0, 0);
	refuses(&bp, -ENOEXEC, "truncated", "multiboot: a truncated header");
}

int
main(void)
{
	deadline(60);
	memory(64 * MIB);
	test_multiboot();
	test_multiboot_screen();
	test_multiboot_addresses();
	mem_free(mem);
	return done();
}
