/* SPDX-License-Identifier: MIT */
/*
 * The Linux boot protocol: what lies in memory and in the CPU afterwards, and
 * what is refused.
 */
#include "tests/unit/boot-help.h"

static void
test_zero_page(const uint8_t *zp)
{
	uint8_t want[0x290];
	const uint8_t *e = zp + 0x2d0;
	uint64_t seed = get64(zp + 0x250);

	memcpy(want, image, sizeof(want));
	put16(want + 0x1fa, 0xffff);
	want[0x210] = 0xff;
	put32(want + 0x214, 0x1000000);
	memcpy(want + 0x218, zp + 0x218, 8);
	memcpy(want + 0x228, zp + 0x228, 4);
	memcpy(want + 0x250, zp + 0x250, 8);
	ok(memcmp(zp + 0x1f1, want + 0x1f1, 0x26c - 0x1f1) == 0,
		"Linux: the setup header is copied, but for the loader's part");
	for (unsigned i = 0; i < 0x1e8; i++)
		want[0] |= (i < 0x70 || i >= 0x78) ? zp[i] : 0;
	ok(want[0] == image[0] && zp[0x1ef] == 0,
		"Linux: screen and sentinel are zero");
	ok(text_at(get32(zp + 0x228), "one two"),
		"Linux: the command line is where the header says");
	is_u64(get64(zp + 0x70), 0xe0000, "Linux: the RSDP's address");
	is_u64(get32(zp + 0x218), 64 * MIB - 8192,
		"Linux: the initial RAM disk is at the top of memory");
	ok(get32(zp + 0x21c) == sizeof(initrd) &&
			memcmp(mem_span(mem, get32(zp + 0x218), sizeof(initrd)),
				initrd, sizeof(initrd)) == 0,
		"Linux: the initial RAM disk is whole");
	ok(zp[0x1e8] == 5 && get64(e) == 0 && get64(e + 8) == 0x9fc00 &&
			get32(e + 16) == E820_RAM,
		"Linux: the memory map begins with low memory");
	ok(seed && get64(mem_span(mem, seed, 48)) == 0 &&
			get32(mem_span(mem, seed + 8, 4)) == 9 &&
			get32(mem_span(mem, seed + 12, 4)) == 32,
		"Linux: a random seed is in the list of setup data");
}

static void
test_linux(void)
{
	struct boot_params bp = bzimage();
	uint64_t mtrr = 0;

	memory(64 * MIB);
	mem_fill(mem, 0, 0xa5, 64 * MIB); /* as after a reset */
	bp.rsdp = 0xe0000;
	bp.initrd = (struct blob){initrd, sizeof(initrd), "rd", false, -1};
	if (!loads(&bp, "Linux: a bzImage is loaded"))
		return;
	is_u64(cpu.rip, 0x1000200, "Linux: the 64-bit entry point");
	ok(code_at(0x1000000), "Linux: the kernel is at its preferred address");
	ok(long_mode(), "Linux: long mode, flat segments, no interrupts");
	ok(get64(mem_span(mem, cpu.gdt.base + 0x10, 8)) == 0xaf9b000000ffff &&
			get64(mem_span(mem, cpu.gdt.base + 0x18, 8)) ==
				0xcf93000000ffff &&
			cpu.gdt.limit == 31,
		"Linux: the GDT has the same segments");
	ok(translate(cpu.rip) == cpu.rip && translate(0) == 0 &&
			translate(0xfee00030) == 0xfee00030 &&
			translate(1ull << 32) == ~0ull,
		"Linux: the low 4 GiB are mapped one to one");
	ok(cpu_get_msr(&cpu, 0x2ff, &mtrr) && mtrr == 0x806,
		"memory is write-back, as firmware would have said");
	test_zero_page(mem_span(mem, cpu.gpr[RSI], 4096));
}

static void
test_linux_ways(void)
{
	struct boot_params bp = bzimage();

	bp.entry32 = true;
	loads(&bp, "Linux: the 32-bit entry point, when asked");
	ok(cpu.rip == 0x100000 && code_at(0x100000) && protected_mode(),
		"Linux: it is at 1 MiB, in protected mode");
	is_u64(get32(mem_span(mem, cpu.gpr[RSI] + 0x214, 4)), 0x100000,
		"Linux: code32_start says where the kernel is");
	ok(cpu.gpr[RBP] == 0 && cpu.gpr[RDI] == 0 && cpu.gpr[RBX] == 0,
		"Linux: EBP, EDI and EBX are zero");
	bp = bzimage();
	put16(image + 0x206, 0x206);
	loads(&bp, "Linux: protocol 2.06 is loaded");
	ok(cpu.rip == 0x100000 && protected_mode(),
		"Linux: protocol 2.06 has only the 32-bit entry");
	bp = bzimage();
	put16(image + 0x236, 0);
	loads(&bp, "Linux: a 32-bit kernel is loaded");
	ok(protected_mode(), "Linux: a 32-bit kernel has the 32-bit entry");
	bp = bzimage();
	image[0x234] = 0;
	put64(image + 0x258, 0x200000);
	loads(&bp, "Linux: a kernel that cannot be relocated");
	is_u64(cpu.rip, 0x100200, "Linux: that one stays at 1 MiB");
	bp = bzimage();
	bp.initrd = (struct blob){initrd, sizeof(initrd), "rd", false, -1};
	put32(image + 0x22c, 0x1fffffff & (uint32_t)(32 * MIB - 1));
	loads(&bp, "Linux: initrd_addr_max below the end of memory");
	is_u64(get32(mem_span(mem, cpu.gpr[RSI] + 0x218, 4)), 32 * MIB - 8192,
		"Linux: initrd_addr_max is obeyed");
}

static void
test_linux_refusals(void)
{
	struct boot_params bp = bzimage();
	struct blob big = {initrd, sizeof(initrd), "rd", false, -1};

	bp.kernel.size = SETUP + 100;
	refuses(&bp, -ENOEXEC, "truncated", "Linux: a truncated kernel");
	bp.kernel.size = SETUP;
	refuses(&bp, -ENOEXEC, "truncated", "Linux: a kernel without its code");
	bp.kernel.size = 0x220;
	refuses(&bp, -ENOEXEC, "truncated", "Linux: a truncated header");
	bp = bzimage();
	put16(image + 0x206, 0x205);
	refuses(&bp, -ENOEXEC, "2.05 is too old", "Linux: protocol 2.05");
	bp = bzimage();
	image[0x211] = 0;
	refuses(&bp, -ENOEXEC, "zImage", "Linux: a zImage");
	bp = bzimage();
	put32(image + 0x230, 0x300000);
	refuses(&bp, -ENOEXEC, "alignment", "Linux: a senseless alignment");
	bp = bzimage();
	put64(image + 0x258, 1ull << 40);
	refuses(&bp, -ENOEXEC, "above 4 GiB", "Linux: to run above 4 GiB");
	put64(image + 0x258, ~0ull);
	refuses(&bp, -ENOEXEC, "above 4 GiB", "Linux: at the last address");
	bp = bzimage();
	put32(image + 0x260, 49 << 20);
	refuses(&bp, -ENOMEM, "memory of 64 MiB",
		"Linux: a kernel that needs more than the memory");
	put32(image + 0x260, 0xffffffff);
	refuses(&bp, -ENOMEM, "do not fit", "Linux: the largest init_size");
	bp = bzimage();
	put32(image + 0x238, 6);
	refuses(&bp, -E2BIG, "7 characters", "Linux: a long command line");
	bp = bzimage();
	put32(image + 0x260, 48 << 20);
	bp.initrd = big;
	loads(&bp, "Linux: an initial RAM disk goes below a large kernel");
	bp = bzimage();
	put32(image + 0x22c, 0x100000);
	bp.initrd = big;
	refuses(&bp, -ENOMEM, "no room for the initial RAM disk",
		"Linux: no room for the initial RAM disk");
}

int
main(void)
{
	deadline(60);
	memory(64 * MIB);
	test_linux();
	test_linux_ways();
	test_linux_refusals();
	mem_free(mem);
	return done();
}
