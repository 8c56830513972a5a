/* SPDX-License-Identifier: MIT */
/*
 * Questions about selectors, answered in ZF: LAR, LSL, VERR, VERW; and ARPL
 * (Intel SDM vol. 2; vol. 3A section 5.10).
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/prot.h"

static void
set_zf(struct cpu *c, bool z)
{
	c->cc = (uint16_t)((c->cc & ~(FL_ZF << 8)) | (z ? FL_ZF << 8 : 0));
}

/* A descriptor that the present CPL and the RPL may see, of these system types
 * or a segment. */
static bool
visible(struct cpu *c, const struct insn *i, uint16_t sel, unsigned types,
	struct desc *d)
{
	const struct cpu_seg *s = &d->seg;

	if (null_sel(sel) || !desc_load(c, i, sel, d))
		return false;
	if (!s->s && !(types >> s->type & 1))
		return false;
	if (is_code(s) && is_conforming(s))
		return true;
	return s->dpl >= c->cpl && s->dpl >= (sel & 3);
}

static bool NOINLINE
lar(struct cpu *c, const struct insn *i, uint64_t *v)
{
	unsigned types =
		1 << SYS_LDT | 1 << SYS_TSS | 1 << SYS_TSS_BUSY | 1 << SYS_CALL;
	struct desc d;

	need_prot(c, i);
	if (!long_mode(c))
		types |= 1 << SYS_TSS16 | 1 << SYS_TSS16_BUSY |
			 1 << SYS_CALL16 | 1 << SYS_TASK;
	if (!visible(c, i, (uint16_t)get_rm(c, i, 2), types, &d))
		return false;
	*v = d.raw >> 32 & 0xf0ff00;
	return true;
}

static bool NOINLINE
lsl(struct cpu *c, const struct insn *i, uint64_t *v)
{
	unsigned types = 1 << SYS_LDT | 1 << SYS_TSS | 1 << SYS_TSS_BUSY;
	struct desc d;

	need_prot(c, i);
	if (!long_mode(c))
		types |= 1 << SYS_TSS16 | 1 << SYS_TSS16_BUSY;
	if (!visible(c, i, (uint16_t)get_rm(c, i, 2), types, &d))
		return false;
	*v = d.seg.limit;
	return true;
}

#define QUESTION(name)                                                         \
	static void NOINLINE name##_do(struct cpu *c, const struct insn *i)    \
	{                                                                      \
		uint64_t v = 0;                                                \
		bool good = name(c, i, &v);                                    \
                                                                               \
		if (good)                                                      \
			set_reg(c, i->reg, i->size, v);                        \
		set_zf(c, good);                                               \
	}                                                                      \
	static void name##_re(struct cpu *c, const struct insn *i)             \
	{                                                                      \
		name##_do(c, i);                                               \
		DONE;                                                          \
	}                                                                      \
	handler *const x_##name##_re[8] = ALL8(name##_re)

QUESTION(lar);
QUESTION(lsl);

/* Could a data segment register with this selector be read, or written? */
static void NOINLINE
verify(struct cpu *c, const struct insn *i, bool write)
{
	const struct cpu_seg *s;
	struct desc d;
	bool good;

	need_prot(c, i);
	s = &d.seg;
	good = visible(c, i, (uint16_t)get_rm(c, i, 2), 0, &d);
	if (good && write)
		good = is_stack(s);
	else if (good)
		good = (s->type & (TYPE_CODE | TYPE_READ)) != TYPE_CODE;
	set_zf(c, good);
}

static void
verr_e(struct cpu *c, const struct insn *i)
{
	verify(c, i, false);
	DONE;
}

handler *const x_verr_e[8] = ALL8(verr_e);

static void
verw_e(struct cpu *c, const struct insn *i)
{
	verify(c, i, true);
	DONE;
}

handler *const x_verw_e[8] = ALL8(verw_e);

static void
arpl_er(struct cpu *c, const struct insn *i)
{
	uint64_t lin = 0;
	uint16_t v, rpl = (uint16_t)get_reg(c, i->reg, 2) & 3;
	bool raise;

	need_prot(c, i);
	if (i->flags & I_MEM) {
		lin = ea(c, i, 2, ACC_WRITE);
		v = ld16(c, i, lin);
	} else {
		v = (uint16_t)get_reg(c, i->rm, 2);
	}
	raise = (v & 3) < rpl;
	v = (uint16_t)((v & ~3) | rpl);
	if (raise && (i->flags & I_MEM))
		st16(c, i, lin, v);
	else if (raise)
		set_reg(c, i->rm, 2, v);
	set_zf(c, raise);
	DONE;
}

handler *const x_arpl_er[8] = ALL8(arpl_er);
