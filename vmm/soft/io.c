/* SPDX-License-Identifier: MIT */
/*
 * Port I/O: IN, OUT and who may use a port (Intel SDM vol. 1 chapter 19): IOPL,
 * and the bitmap in the TSS, which also rules in vm86 mode.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

static bool
bitmap_allows(struct cpu *c, const struct insn *i, uint16_t port, unsigned size)
{
	const struct cpu_seg *tr = &c->seg[SEG_TR];
	uint64_t mask = long_mode(c) ? ~0ull : 0xffffffff;
	uint32_t at, bits;

	if (tr->unusable || !(tr->type & 8) || tr->limit < 0x67)
		return false;
	at = (uint32_t)sys_ld(c, i, (tr->base + 0x66) & mask, 2) + port / 8u;
	if (at + 1 > tr->limit) /* two bytes are read, always */
		return false;
	bits = (uint32_t)sys_ld(c, i, (tr->base + at) & mask, 2);
	return !(bits >> port % 8 & ((1u << size) - 1));
}

void NOINLINE
io_check(struct cpu *c, const struct insn *i, uint16_t port, unsigned size)
{
	if (unlikely(c->cpl > iopl(c) || vm86(c)) && protected_mode(c) &&
		!bitmap_allows(c, i, port, size))
		raise_gp(c, i, 0);
	if (unlikely(c->bp_data))
		bp_io(c, port, size);
}

/* IN and OUT have no 64-bit form. */
static unsigned
io_size(const struct insn *i)
{
	return i->size == 8 ? 4 : i->size;
}

static void
in(struct cpu *c, const struct insn *i, uint16_t port)
{
	unsigned n = io_size(i);

	io_check(c, i, port, n);
	set_reg(c, RAX * 8, n, bus_read(c->soft->cfg.ports, port, n));
}

static void
out(struct cpu *c, const struct insn *i, uint16_t port)
{
	unsigned n = io_size(i);

	io_check(c, i, port, n);
	bus_write(c->soft->cfg.ports, port, n, get_reg(c, RAX * 8, n));
}

static void
in_i(struct cpu *c, const struct insn *i)
{
	in(c, i, (uint8_t)i->imm);
	DONE;
}

handler *const x_in_i[8] = ALL8(in_i);

static void
in_z(struct cpu *c, const struct insn *i)
{
	in(c, i, (uint16_t)c->gpr[RDX]);
	DONE;
}

handler *const x_in_z[8] = ALL8(in_z);

static void
out_i(struct cpu *c, const struct insn *i)
{
	out(c, i, (uint8_t)i->imm);
	DONE;
}

handler *const x_out_i[8] = ALL8(out_i);

static void
out_z(struct cpu *c, const struct insn *i)
{
	out(c, i, (uint16_t)c->gpr[RDX]);
	DONE;
}

handler *const x_out_z[8] = ALL8(out_z);
