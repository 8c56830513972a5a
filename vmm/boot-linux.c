/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImage: the boot protocol of Documentation/arch/x86/boot.rst, version
 * 2.06 or newer. The 64-bit entry point where the kernel has one (2.12), else
 * the 32-bit one. Left out: zImage, the real mode entry, kernels and initial
 * RAM disks above 4 GiB.
 */
#include "vmm/boot-common.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>

#include "lib/err.h"

/* Offsets in the image, which are those in the zero page, too. */
enum {
	HDR = 0x1f1, /* setup_sects, the header's first field */
	HDR_END = 0x290,
	SYSSIZE = 0x1f4,
	VID_MODE = 0x1fa,
	HDR_LENGTH = 0x201, /* of what follows 0x202 */
	PROTOCOL = 0x206,
	TYPE_OF_LOADER = 0x210,
	LOADFLAGS = 0x211,
	CODE32_START = 0x214,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	INITRD_ADDR_MAX = 0x22c,
	KERNEL_ALIGNMENT = 0x230,
	RELOCATABLE = 0x234,
	XLOADFLAGS = 0x236,
	CMDLINE_SIZE = 0x238,
	SETUP_DATA = 0x250,
	PREF_ADDRESS = 0x258,
	INIT_SIZE = 0x260,
};

/* Offsets in the zero page alone (zero-page.rst). */
enum { ACPI_RSDP_ADDR = 0x70, E820_ENTRIES = 0x1e8, E820_TABLE = 0x2d0 };

/* struct screen_info, at 0 of it; for 32-bit pixels and 24-bit ones too. */
enum {
	ORIG_VIDEO_PAGE = 0x04,
	ORIG_VIDEO_MODE = 0x06,
	ORIG_VIDEO_COLS = 0x07,
	ORIG_VIDEO_LINES = 0x0e,
	ORIG_VIDEO_ISVGA = 0x0f,
	ORIG_VIDEO_POINTS = 0x10,
	LFB_WIDTH = 0x12,
	LFB_HEIGHT = 0x14,
	LFB_DEPTH = 0x16,
	LFB_BASE = 0x18,
	LFB_SIZE = 0x1c, /* 64 KiB */
	LFB_LINELENGTH = 0x24,
	LFB_COLOURS = 0x26, /* size and position: red green blue reserved */
	LFB_PAGES = 0x32,
	VIDEO_VGA = 1,
	VIDEO_LFB = 0x23
};

enum { LOADED_HIGH = 1, XLF_KERNEL_64 = 1, SETUP_RNG_SEED = 9 };

struct image {
	uint8_t zp[4096];
	const uint8_t *code; /* the protected mode kernel */
	uint64_t code_size;
	uint64_t load, entry;
	unsigned version;
	bool entry32;
};

/* A list of one: struct setup_data (next, type, len) and 32 random bytes, by
 * which the kernel's generator starts seeded. Left out where we have none. */
static int
put_seed(struct boot_plan *plan, uint8_t *zp)
{
	uint8_t data[16 + 32] = {0};
	uint64_t at;
	int err;

	put32(data + 8, SETUP_RNG_SEED);
	put32(data + 12, 32);
	if (get16(zp + PROTOCOL) < 0x209)
		return 0;
	if (getrandom(data + 16, 32, GRND_NONBLOCK) != 32)
		return 0;
	err = boot_put(plan, data, sizeof(data), 16, "the random seed", &at);
	if (err == 0)
		put64(zp + SETUP_DATA, at);
	return err;
}

static int
put_cmdline(struct boot_plan *plan, const char *cmdline, uint8_t *zp)
{
	uint32_t most = get32(zp + CMDLINE_SIZE);
	size_t n = strlen(cmdline);
	uint64_t at;
	int err;

	if (n > most)
		return failx(-E2BIG,
			"%s: the command line has %zu characters, the kernel "
			"takes %" PRIu32,
			plan->image, n, most);
	err = boot_put_string(plan, cmdline, "the command line", &at);
	if (err == 0)
		put32(zp + CMD_LINE_PTR, (uint32_t)at);
	return err;
}

static int
put_initrd(struct boot_plan *plan, const struct blob *initrd, uint8_t *zp)
{
	uint64_t end = (uint64_t)get32(zp + INITRD_ADDR_MAX) + 1;
	uint64_t at;
	int err;

	if (!initrd->p)
		return 0;
	if (initrd->size > UINT32_MAX)
		return failx(-E2BIG, "%s: 4 GiB or more", initrd->name);
	err = boot_put_blob(plan, initrd, end, "the initial RAM disk", &at);
	if (err == 0) {
		put32(zp + RAMDISK_IMAGE, (uint32_t)at);
		put32(zp + RAMDISK_SIZE, (uint32_t)initrd->size);
	}
	return err;
}

/* ---- the screen ---- */

static void
put_colours(uint8_t *p, unsigned bits)
{
	static const struct {
		unsigned bits;
		uint8_t field[8];
	} known[] = {
		{8, {6, 0, 6, 0, 6, 0, 0, 0}},
		{15, {5, 10, 5, 5, 5, 0, 1, 15}},
		{16, {5, 11, 6, 5, 5, 0, 0, 0}},
		{24, {8, 16, 8, 8, 8, 0, 0, 0}},
		{32, {8, 16, 8, 8, 8, 0, 8, 24}},
	};

	for (unsigned n = 0; n < sizeof(known) / sizeof(known[0]); n++)
		if (known[n].bits == bits)
			memcpy(p, known[n].field, 8);
}

static void
put_linear(uint8_t *zp, const struct boot_screen *s)
{
	zp[ORIG_VIDEO_ISVGA] = VIDEO_LFB;
	put16(zp + LFB_WIDTH, (uint16_t)s->width);
	put16(zp + LFB_HEIGHT, (uint16_t)s->height);
	put16(zp + LFB_DEPTH, (uint16_t)s->bits);
	put32(zp + LFB_BASE, s->at);
	put32(zp + LFB_SIZE, s->ram >> 16);
	put16(zp + LFB_LINELENGTH, (uint16_t)s->pitch);
	put_colours(zp + LFB_COLOURS, s->bits);
	put16(zp + LFB_PAGES, 1);
}

static void
put_screen(uint8_t *zp, const struct boot_screen *s)
{
	if (s->kind == BOOT_SCREEN_NONE)
		return;
	if (s->kind == BOOT_SCREEN_LINEAR) {
		put_linear(zp, s);
		return;
	}
	zp[ORIG_VIDEO_MODE] = 3;
	zp[ORIG_VIDEO_COLS] = 80;
	zp[ORIG_VIDEO_LINES] = 25;
	zp[ORIG_VIDEO_ISVGA] = VIDEO_VGA;
	zp[ORIG_VIDEO_POINTS] = 16;
}

int
boot_zero_page(struct boot_plan *plan, const struct boot_params *bp,
	uint8_t zp[4096], uint64_t *addr)
{
	uint8_t *e = zp + E820_TABLE;
	int err;

	put16(zp + VID_MODE, 0xffff); /* "normal" */
	zp[TYPE_OF_LOADER] = 0xff; /* no number assigned */
	put64(zp + ACPI_RSDP_ADDR, bp->rsdp);
	put_screen(zp, &bp->screen);
	zp[E820_ENTRIES] = (uint8_t)plan->maps;
	for (unsigned i = 0; i < plan->maps; i++, e += 20) {
		put64(e, plan->map[i].addr);
		put64(e + 8, plan->map[i].size);
		put32(e + 16, plan->map[i].type);
	}
	err = put_initrd(plan, &bp->initrd, zp);
	if (err == 0)
		err = put_cmdline(plan, bp->cmdline, zp);
	if (err == 0)
		err = bp->steady ? 0 : put_seed(plan, zp);
	if (err)
		return err;
	return boot_put(plan, zp, 4096, 4096, "the zero page", addr);
}

/* Copy the setup header, exactly; check what is in the file. */
static int
parse(const struct boot_params *bp, struct image *im)
{
	const struct blob *k = &bp->kernel;
	uint64_t setup, size, end;

	if (k->size < HDR_END)
		return failx(
			-ENOEXEC, "%s: truncated: %zu bytes", k->name, k->size);
	im->version = get16(k->p + PROTOCOL);
	if (im->version < 0x206)
		return failx(-ENOEXEC,
			"%s: boot protocol %u.%02u is too old (2.06 needed)",
			k->name, im->version >> 8, im->version & 0xff);
	if (!(k->p[LOADFLAGS] & LOADED_HIGH))
		return failx(-ENOEXEC, "%s: a zImage: not supported", k->name);
	end = 0x202u + k->p[HDR_LENGTH];
	if (end > HDR_END)
		end = HDR_END;
	memset(im->zp, 0, sizeof(im->zp));
	memcpy(im->zp + HDR, k->p + HDR, end - HDR);
	setup = ((k->p[HDR] ? k->p[HDR] : 4u) + 1u) * 512u;
	size = (uint64_t)get32(k->p + SYSSIZE) * 16;
	if (k->size <= setup || k->size - setup + 15 < size)
		return failx(-ENOEXEC,
			"%s: truncated: %zu bytes, its header says %" PRIu64,
			k->name, k->size, setup + size);
	im->code = k->p + setup;
	im->code_size = k->size - setup;
	if (bp->entry64 &&
		(im->version < 0x20c ||
			!(get16(im->zp + XLOADFLAGS) & XLF_KERNEL_64)))
		return failx(-ENOEXEC, "%s: it has no 64-bit entry", k->name);
	im->entry32 = bp->entry32 || im->version < 0x20c ||
		      !(get16(im->zp + XLOADFLAGS) & XLF_KERNEL_64);
	return 0;
}

/* Where to load, and what the kernel needs while it starts: from where it runs
 * init_size bytes. One that is loaded below pref_address moves itself there,
 * so a lower place would not help where memory is short. */
static int
place(struct boot_plan *plan, struct image *im)
{
	uint64_t pref = 0x100000, need = im->code_size, align, end;
	const uint8_t *zp = im->zp;

	im->load = get32(zp + CODE32_START);
	if (im->load < 0x100000)
		im->load = 0x100000;
	if (im->version >= 0x20a) {
		pref = get64(zp + PREF_ADDRESS);
		need = get32(zp + INIT_SIZE);
	}
	if (zp[RELOCATABLE] && !im->entry32) {
		align = get32(zp + KERNEL_ALIGNMENT);
		if (align == 0 || align & (align - 1))
			return failx(-ENOEXEC, "%s: bad alignment %#" PRIx64,
				plan->image, align);
		im->load = pref < 0x100000 ? 0x100000 : pref;
		if (im->load < BOOT_4G)
			im->load = (im->load + align - 1) & ~(align - 1);
		pref = im->load;
	}
	if (pref < im->load)
		pref = im->load;
	if (pref >= BOOT_4G)
		return failx(-ENOEXEC,
			"%s: wants to run at %#" PRIx64 ", above 4 GiB",
			plan->image, pref);
	end = im->load + im->code_size;
	if (end < pref + need)
		end = pref + need;
	return boot_claim(plan, im->load, end - im->load, "the kernel");
}

static int
enter(struct boot_plan *plan, const struct image *im, uint64_t zp,
	struct cpu_state *cpu)
{
	int err;

	if (im->entry32)
		err = boot_protected_mode(plan, cpu, im->load);
	else
		err = boot_long_mode(plan, cpu, im->load + 0x200);
	cpu->gpr[RSI] = zp;
	return err;
}

int
boot_linux(struct mem *mem, const struct boot_params *bp, struct cpu_state *cpu)
{
	struct boot_plan plan;
	struct image im;
	uint64_t zp;
	int err;

	boot_plan_init(&plan, mem, bp->kernel.name);
	err = parse(bp, &im);
	if (err == 0)
		err = place(&plan, &im);
	if (err)
		return err;
	err = boot_copy(&plan, im.load, im.code, im.code_size, im.code_size);
	if (err)
		return err;
	put32(im.zp + CODE32_START, (uint32_t)im.load);
	err = boot_zero_page(&plan, bp, im.zp, &zp);
	if (err)
		return err;
	return enter(&plan, &im, zp, cpu);
}
