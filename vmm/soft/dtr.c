/* SPDX-License-Identifier: MIT */
/*
 * The descriptor table registers: LGDT, LIDT, SGDT, SIDT (Intel SDM vol. 2).
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

static unsigned
dtr_size(const struct insn *i)
{
	return i->flags & I_MODE64 ? 8 : 4;
}

/* In 64-bit code 2 + 8 bytes; else 2 + 4. */
static void
store_dtr(struct cpu *c, const struct insn *i, const struct cpu_dtr *t)
{
	unsigned n = dtr_size(i);
	uint64_t lin;

	check_umip(c, i);
	lin = ea(c, i, n + 2, ACC_WRITE);
	probe_write(c, i, lin, n + 2);
	st16(c, i, lin, t->limit);
	st_n(c, i, lin + 2, n, t->base);
}

/* With a 16-bit operand size the base has 24 bits. */
static void
load_dtr(struct cpu *c, const struct insn *i, struct cpu_dtr *t)
{
	unsigned n = dtr_size(i);
	uint64_t lin, base;
	uint16_t limit;

	need_cpl0(c, i);
	lin = ea(c, i, n + 2, ACC_READ);
	limit = ld16(c, i, lin);
	base = ld_n(c, i, lin + 2, n);
	if (n == 8 && !canonical(base))
		raise_gp(c, i, 0);
	if (i->size == 2)
		base &= 0xffffff;
	t->limit = limit;
	t->base = base;
}

static void
sgdt_e(struct cpu *c, const struct insn *i)
{
	store_dtr(c, i, &c->gdt);
	DONE;
}

handler *const x_sgdt_e[8] = ALL8(sgdt_e);

static void
sidt_e(struct cpu *c, const struct insn *i)
{
	store_dtr(c, i, &c->idt);
	DONE;
}

handler *const x_sidt_e[8] = ALL8(sidt_e);

static void
lgdt_e(struct cpu *c, const struct insn *i)
{
	load_dtr(c, i, &c->gdt);
	DONE;
}

handler *const x_lgdt_e[8] = ALL8(lgdt_e);

static void
lidt_e(struct cpu *c, const struct insn *i)
{
	load_dtr(c, i, &c->idt);
	DONE;
}

handler *const x_lidt_e[8] = ALL8(lidt_e);
