/* SPDX-License-Identifier: MIT */
/*
 * The plan of guest memory while a kernel is loaded, and the CPU states that
 * boot protocols start from. A range is claimed before a byte of it is
 * written, so that no part of an image can land on another part, on the tables
 * below 1 MiB or in a hole.
 */
#include "vmm/boot-common.h"

#include <errno.h>
#include <inttypes.h>

#include "lib/err.h"

void
boot_plan_init(struct boot_plan *plan, struct mem *mem, const char *image)
{
	memset(plan, 0, sizeof(*plan));
	plan->mem = mem;
	plan->image = image ? image : "kernel";
	plan->maps = boot_e820(mem, plan->map);
}

/* The range of usable RAM that holds all of [addr, addr+size). */
static bool
is_ram(const struct boot_plan *plan, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < plan->maps; i++) {
		const struct e820 *e = &plan->map[i];

		if (e->type == E820_RAM && addr >= e->addr &&
			addr - e->addr < e->size &&
			size <= e->size - (addr - e->addr))
			return true;
	}
	return false;
}

/* addr + size does not overflow: both lie in RAM. */
static const struct boot_range *
taken(const struct boot_plan *plan, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < plan->n; i++) {
		const struct boot_range *r = &plan->used[i];

		if (addr < r->addr + r->size && r->addr < addr + size)
			return r;
	}
	return NULL;
}

/* For messages. */
static uint64_t
kib(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

static bool
in_mib(const struct boot_plan *plan)
{
	return mem_size(plan->mem) % (1 << 20) == 0;
}

static uint64_t
amount(const struct boot_plan *plan)
{
	return mem_size(plan->mem) >> (in_mib(plan) ? 20 : 10);
}

static const char *
unit(const struct boot_plan *plan)
{
	return in_mib(plan) ? "MiB" : "KiB";
}

static int
add(struct boot_plan *plan, uint64_t addr, uint64_t size, const char *what)
{
	if (plan->n == BOOT_PLANNED)
		return failx(-ENOEXEC, "%s: in too many parts", plan->image);
	plan->used[plan->n++] = (struct boot_range){addr, size, what};
	return 0;
}

int
boot_claim(
	struct boot_plan *plan, uint64_t addr, uint64_t size, const char *what)
{
	const struct boot_range *r;

	if (size == 0)
		return 0;
	if (!is_ram(plan, addr, size))
		return failx(-ENOMEM,
			"%s: %s: %" PRIu64 " KiB at %#" PRIx64
			" do not fit into the guest's memory of %" PRIu64 " %s",
			plan->image, what, kib(size), addr, amount(plan),
			unit(plan));
	r = taken(plan, addr, size);
	if (r)
		return failx(-ENOEXEC, "%s: %s at %#" PRIx64 " overlaps %s",
			plan->image, what, addr, r->what);
	return add(plan, addr, size, what);
}

/* The highest free place in one range of RAM, going down past what is taken. */
static bool
place_in(const struct boot_plan *plan, const struct e820 *e, uint64_t size,
	uint64_t align, uint64_t lo, uint64_t hi, uint64_t *at)
{
	const struct boot_range *r;
	uint64_t end = e->addr + e->size;

	if (e->type != E820_RAM)
		return false;
	if (end > hi)
		end = hi;
	if (lo < e->addr)
		lo = e->addr;
	while (end > lo && end - lo >= size) {
		*at = (end - size) & ~(align - 1);
		if (*at < lo)
			return false;
		r = taken(plan, *at, size);
		if (!r)
			return true;
		end = r->addr;
	}
	return false;
}

int
boot_place(struct boot_plan *plan, uint64_t size, uint64_t align, uint64_t lo,
	uint64_t hi, const char *what, uint64_t *addr)
{
	for (unsigned i = plan->maps; i-- > 0;)
		if (size && place_in(plan, &plan->map[i], size, align, lo, hi,
				    addr))
			return add(plan, *addr, size, what);
	return failx(-ENOMEM,
		"%s: no room for %s (%" PRIu64 " KiB) beside the kernel in the "
		"guest's memory of %" PRIu64 " %s",
		plan->image, what, kib(size), amount(plan), unit(plan));
}

int
boot_copy(struct boot_plan *plan, uint64_t addr, const void *p, uint64_t size,
	uint64_t total)
{
	int err = 0;

	if (size)
		err = mem_write(plan->mem, addr, p, size);
	if (err == 0 && total > size)
		err = mem_fill(plan->mem, addr + size, 0, total - size);
	if (err)
		return fail(
			err, "%s: cannot load at %#" PRIx64, plan->image, addr);
	return 0;
}

/* Low memory, or below 4 GiB where the kernel itself is in low memory. */
static int
place_low(struct boot_plan *plan, uint64_t size, uint64_t align,
	const char *what, uint64_t *addr)
{
	int err;

	err = boot_place(
		plan, size, align, BOOT_LOW_MIN, BOOT_LOW_MAX, what, addr);
	if (err)
		err = boot_place(
			plan, size, align, BOOT_LOW_MIN, BOOT_4G, what, addr);
	return err;
}

int
boot_put(struct boot_plan *plan, const void *p, uint64_t size, uint64_t align,
	const char *what, uint64_t *addr)
{
	int err;

	err = place_low(plan, size, align, what, addr);
	if (err)
		return err;
	return boot_copy(plan, *addr, p, size, size);
}

int
boot_put_string(
	struct boot_plan *plan, const char *s, const char *what, uint64_t *addr)
{
	return boot_put(plan, s, strlen(s) + 1, 16, what, addr);
}

int
boot_put_blob(struct boot_plan *plan, const struct blob *b, uint64_t end,
	const char *what, uint64_t *addr)
{
	int err;

	err = boot_place(plan, b->size, 4096, 1 << 20, end, what, addr);
	if (err)
		return err;
	return boot_copy(plan, *addr, b->p, b->size, b->size);
}

static const struct cpu_seg flat_data = {.limit = 0xffffffff,
	.sel = 0x18,
	.type = 3,
	.s = true,
	.present = true,
	.db = true,
	.g = true};

/* A GDT of four: 0x10 is code, 0x18 is data, as Linux asks for. */
static int
segments(struct boot_plan *plan, struct cpu_state *cpu, bool long_mode)
{
	uint8_t gdt[32] = {0};
	uint64_t at;
	int err;

	put64(gdt + 0x10, long_mode ? 0x00af9b000000ffff : 0x00cf9b000000ffff);
	put64(gdt + 0x18, 0x00cf93000000ffff);
	err = boot_put(plan, gdt, sizeof(gdt), 16, "the GDT", &at);
	if (err)
		return err;
	cpu->gdt = (struct cpu_dtr){at, sizeof(gdt) - 1};
	cpu->idt = (struct cpu_dtr){0, 0x3ff}; /* as real mode left it */
	for (unsigned i = SEG_ES; i <= SEG_GS; i++)
		cpu->seg[i] = flat_data;
	cpu->seg[SEG_CS].sel = 0x10;
	cpu->seg[SEG_CS].type = 11;
	cpu->seg[SEG_CS].l = long_mode;
	cpu->seg[SEG_CS].db = !long_mode;
	cpu->seg[SEG_TR] =
		(struct cpu_seg){.limit = 0x67, .type = 11, .present = true};
	return 0;
}

static void
start_at(struct cpu_state *cpu, uint64_t entry)
{
	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	cpu->rip = entry;
	cpu->rflags = 2;
	put16(cpu->xsave, 0x37f); /* as FNINIT leaves it */
	cpu->xsave[4] = 0;
	boot_firmware_msrs(cpu);
}

int
boot_protected_mode(
	struct boot_plan *plan, struct cpu_state *cpu, uint64_t entry)
{
	start_at(cpu, entry);
	cpu->cr0 = 0x11; /* PE, ET */
	cpu->cr4 = 0;
	cpu->efer = 0;
	return segments(plan, cpu, false);
}

/* 2 MiB pages for the low 4 GiB: PML4, PDPT, four page directories. */
static int
identity_map(struct boot_plan *plan, uint64_t *cr3)
{
	uint8_t page[4096] = {0};
	uint64_t at;
	int err;

	err = place_low(plan, 6 * 4096, 4096, "the page tables", &at);
	if (err)
		return err;
	*cr3 = at;
	put64(page, (at + 4096) | 3); /* present, writable */
	err = boot_copy(plan, at, page, 4096, 4096);
	for (unsigned i = 0; i < 4; i++)
		put64(page + 8 * i, (at + 4096 * (2 + i)) | 3);
	if (err == 0)
		err = boot_copy(plan, at + 4096, page, 4096, 4096);
	for (unsigned i = 0; i < 4 && err == 0; i++) {
		for (uint64_t j = 0; j < 512; j++)
			put64(page + 8 * j, (i * 512 + j) << 21 | 0x83);
		err = boot_copy(plan, at + 4096 * (2 + i), page, 4096, 4096);
	}
	return err;
}

int
boot_long_mode(struct boot_plan *plan, struct cpu_state *cpu, uint64_t entry)
{
	int err;

	start_at(cpu, entry);
	err = identity_map(plan, &cpu->cr3);
	if (err)
		return err;
	cpu->cr0 = 0x80000011; /* PG, PE, ET */
	cpu->cr4 = 0x20; /* PAE */
	cpu->efer = 0x500; /* LME, LMA */
	return segments(plan, cpu, true);
}
