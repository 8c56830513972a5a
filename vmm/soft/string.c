/* SPDX-License-Identifier: MIT */
/*
 * String instructions (SDM vol. 2: MOVS CMPS STOS LODS SCAS INS OUTS, REP).
 * Runs of items in one page of RAM go to the host's own REP instruction, whose
 * results for overlaps and flags are right by nature; all others go item by
 * item. RSI, RDI and RCX always tell what was done, so that a fault, or
 * leave() after some work to let interrupts in, can begin anew. CMPS and SCAS
 * change flags at their end only: a fault finds them as they were.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/rmw.h"

#define KEEP "\n\tlahf\n\tseto %%al"

enum { /* work before leave(): items, a run in one page counting as RUN */
	BUDGET = 4096,
	RUN = 256,
	IO_BUDGET = RUN,
};

static uint64_t
mask(const struct insn *i)
{
	return i->asize == 8 ? ~0ull : (1ull << i->asize * 8) - 1;
}

static uint64_t
get(const struct cpu *c, const struct insn *i, unsigned r)
{
	return c->gpr[r] & mask(i);
}

static void
set(struct cpu *c, const struct insn *i, unsigned r, uint64_t v)
{
	set_reg(c, r * 8, i->asize, v);
}

static void
advance(struct cpu *c, const struct insn *i, unsigned r, uint64_t items)
{
	uint64_t bytes = items * i->size;

	set(c, i, r, c->gpr[r] + (c->df ? -bytes : bytes));
}

static bool
repeated(const struct insn *i)
{
	return i->flags & (I_REP | I_REPNE);
}

/* Linear address of the next item at DS:rSI (or override), or ES:rDI. */
static uint64_t
source(struct cpu *c, const struct insn *i)
{
	return seg_lin(c, i, i->seg, get(c, i, RSI), i->size, ACC_READ);
}

static uint64_t
target(struct cpu *c, const struct insn *i, enum access a)
{
	return seg_lin(c, i, SEG_ES, get(c, i, RDI), i->size, a);
}

static uint64_t
min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * How many items from offset off (at lin, itself allowed) lie in this page and
 * segment before the offset wraps; 0 if even the first crosses the page.
 */
static uint64_t
items_ahead(const struct cpu *c, const struct insn *i, unsigned seg,
	uint64_t off, uint64_t lin)
{
	const struct cpu_seg *s = &c->seg[seg];
	uint64_t at = lin & ~PAGE_MASK, last = mask(i), room;
	unsigned size = i->size;

	if (at + size > PAGE)
		return 0;
	if (!(i->flags & I_MODE64)) {
		if ((s->type & 12) == 4) /* expands down */
			return 1;
		last = min(last, s->limit);
	}
	if (c->df)
		return min(at, off) / size + 1;
	room = last - off;
	if (off > last || room < size - 1u)
		return 1;
	return min((PAGE - at) / size, (room - (size - 1)) / size + 1);
}

/* Host address of a run of items, the first at lin; NULL: item by item. */
static void *
run_at(struct cpu *c, const struct insn *i, uint64_t lin, uint64_t items,
	enum access a)
{
	uint64_t bytes = items * i->size;
	uint8_t *p;

	if (items < 2)
		return NULL;
	p = host_ptr(c, c->df ? lin - (bytes - i->size) : lin, (unsigned)bytes,
		a);
	return p && c->df ? p + (bytes - i->size) : p;
}

/* How many of count items, the first at lin, may be done at once. With TF set
 * there is a trap after each. */
static uint64_t
run_length(const struct cpu *c, const struct insn *i, uint64_t count,
	unsigned seg, unsigned r, uint64_t lin)
{
	if (count < 2 || c->sysflags & FL_TF)
		return 1;
	return min(count, items_ahead(c, i, seg, get(c, i, r), lin));
}

/*
 * After some items: count what is left, and let others have their turn when the
 * budget is spent or something is to be reported.
 */
static void
account(struct cpu *c, const struct insn *i, uint64_t *count, uint64_t did,
	int *budget)
{
	*count -= did;
	set(c, i, RCX, *count);
	*budget -= did > 1 ? RUN : 1;
	if (*count && (*budget <= 0 || c->dr6_pend || c->sysflags & FL_TF))
		leave(c, i, false);
}

/*
 * Intel CPUs cut registers to 32 bits with a 32-bit address size even when REP
 * finds nothing to do: RCX, and for MOVS and STOS the pointers.
 */
static void
cut_for_nothing(struct cpu *c, const struct insn *i, bool si, bool di)
{
	if (i->asize != 4)
		return;
	set(c, i, RCX, 0);
	if (si)
		set(c, i, RSI, c->gpr[RSI]);
	if (di)
		set(c, i, RDI, c->gpr[RDI]);
}

/* ---- the host's instructions; they go up, unless df ---- */

static void
host_movs(void *d, const void *s, uint64_t n, unsigned size, bool df)
{
#define MOVS(sfx)                                                              \
	if (df)                                                                \
		__asm__ volatile("std\n\trep movs" sfx "\n\tcld"               \
			: "+D"(d), "+S"(s), "+c"(n)                            \
			:                                                      \
			: "memory", "cc");                                     \
	else                                                                   \
		__asm__ volatile("rep movs" sfx                                \
			: "+D"(d), "+S"(s), "+c"(n)                            \
			:                                                      \
			: "memory")
	switch (size) {
	case 1:
		MOVS("b");
		break;
	case 2:
		MOVS("w");
		break;
	case 4:
		MOVS("l");
		break;
	default:
		MOVS("q");
	}
#undef MOVS
}

static void
host_stos(void *d, uint64_t v, uint64_t n, unsigned size)
{
#define STOS(sfx)                                                              \
	__asm__ volatile("rep stos" sfx                                        \
		: "+D"(d), "+c"(n)                                             \
		: "a"(v)                                                       \
		: "memory")
	switch (size) {
	case 1:
		STOS("b");
		break;
	case 2:
		STOS("w");
		break;
	case 4:
		STOS("l");
		break;
	default:
		STOS("q");
	}
#undef STOS
}

/* Both return the items not looked at, and flags as c->cc has them. */
static uint64_t
host_cmps(const void *s, const void *d, uint64_t n, unsigned size, bool ne,
	uint16_t *flags)
{
	uint16_t f;

#define CMPS(rep, sfx)                                                         \
	__asm__ volatile(rep " cmps" sfx KEEP                                  \
		: "+S"(s), "+D"(d), "+c"(n), "=a"(f)                           \
		:                                                              \
		: "memory", "cc")
#define EITHER(sfx)                                                            \
	if (ne)                                                                \
		CMPS("repne", sfx);                                            \
	else                                                                   \
		CMPS("repe", sfx)
	switch (size) {
	case 1:
		EITHER("b");
		break;
	case 2:
		EITHER("w");
		break;
	case 4:
		EITHER("l");
		break;
	default:
		EITHER("q");
	}
	*flags = f;
	return n;
#undef CMPS
}

static uint64_t
host_scas(const void *d, uint64_t v, uint64_t n, unsigned size, bool ne,
	uint16_t *flags)
{
#define CMPS(rep, sfx)                                                         \
	__asm__ volatile(rep " scas" sfx KEEP                                  \
		: "+D"(d), "+c"(n), "+a"(v)                                    \
		:                                                              \
		: "memory", "cc")
	switch (size) {
	case 1:
		EITHER("b");
		break;
	case 2:
		EITHER("w");
		break;
	case 4:
		EITHER("l");
		break;
	default:
		EITHER("q");
	}
	*flags = (uint16_t)v;
	return n;
#undef CMPS
#undef EITHER
}

/* Flags of a - b. */
static uint16_t
compare(uint64_t a, uint64_t b, unsigned size)
{
	uint16_t f;

#define CMP(type, sfx)                                                         \
	__asm__("cmp" sfx " %[b], %[a]" KEEP                                   \
		: "=&a"(f)                                                     \
		: [a] "r"((type)a), [b] "r"((type)b)                           \
		: "cc")
	switch (size) {
	case 1:
		CMP(uint8_t, "b");
		break;
	case 2:
		CMP(uint16_t, "w");
		break;
	case 4:
		CMP(uint32_t, "l");
		break;
	default:
		CMP(uint64_t, "q");
	}
	return f;
#undef CMP
}

/* ---- MOVS ---- */

static uint64_t
move_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	uint64_t s = source(c, i), d, v = 0;
	uint64_t n = run_length(c, i, count, i->seg, RSI, s);
	void *from = run_at(c, i, s, n, ACC_READ), *to = NULL;

	if (!from) /* before the target's faults */
		v = ld_n(c, i, s, i->size);
	d = target(c, i, ACC_WRITE);
	if (from) {
		n = run_length(c, i, n, SEG_ES, RDI, d);
		to = run_at(c, i, d, n, ACC_WRITE);
		if (!to)
			v = ld_n(c, i, s, i->size);
	}
	if (to) {
		host_movs(to, from, n, i->size, c->df);
	} else {
		st_n(c, i, d, i->size, v);
		n = 1;
	}
	advance(c, i, RSI, n);
	advance(c, i, RDI, n);
	return n;
}

static __attribute__((noinline)) void
rep_movs(struct cpu *c, const struct insn *i)
{
	uint64_t count = get(c, i, RCX);
	int budget = BUDGET;

	if (!count)
		cut_for_nothing(c, i, true, true);
	while (count)
		account(c, i, &count, move_some(c, i, count), &budget);
}

static void
movs(struct cpu *c, const struct insn *i)
{
	if (repeated(i)) {
		rep_movs(c, i);
		end_insn(c, i);
		return;
	}
	move_some(c, i, 1);
	NEXT;
}

/* ---- STOS ---- */

static uint64_t
store_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	uint64_t d = target(c, i, ACC_WRITE);
	uint64_t n = run_length(c, i, count, SEG_ES, RDI, d);
	void *to = NULL;

	if (!c->df)
		to = run_at(c, i, d, n, ACC_WRITE);
	if (to) {
		host_stos(to, c->gpr[RAX], n, i->size);
	} else {
		st_n(c, i, d, i->size, c->gpr[RAX]);
		n = 1;
	}
	advance(c, i, RDI, n);
	return n;
}

static __attribute__((noinline)) void
rep_stos(struct cpu *c, const struct insn *i)
{
	uint64_t count = get(c, i, RCX);
	int budget = BUDGET;

	if (!count)
		cut_for_nothing(c, i, false, true);
	while (count)
		account(c, i, &count, store_some(c, i, count), &budget);
}

static void
stos(struct cpu *c, const struct insn *i)
{
	if (repeated(i)) {
		rep_stos(c, i);
		end_insn(c, i);
		return;
	}
	store_some(c, i, 1);
	NEXT;
}

/* ---- LODS ---- */

static void
load_one(struct cpu *c, const struct insn *i)
{
	set_reg(c, RAX * 8, i->size, ld_n(c, i, source(c, i), i->size));
	advance(c, i, RSI, 1);
}

static __attribute__((noinline)) void
rep_lods(struct cpu *c, const struct insn *i)
{
	uint64_t count = get(c, i, RCX);
	int budget = BUDGET;

	if (!count)
		cut_for_nothing(c, i, false, false);
	while (count) {
		load_one(c, i);
		account(c, i, &count, 1, &budget);
	}
}

static void
lods(struct cpu *c, const struct insn *i)
{
	if (repeated(i)) {
		rep_lods(c, i);
		end_insn(c, i);
		return;
	}
	load_one(c, i);
	NEXT;
}

/* ---- CMPS ---- */

/* Compares one item or more, up to the one that ends the repetition. */
static uint64_t
compare_some(struct cpu *c, const struct insn *i, uint64_t count,
	uint16_t *flags)
{
	uint64_t s = source(c, i), d, v = 0;
	uint64_t n = run_length(c, i, count, i->seg, RSI, s);
	const void *sp = c->df ? NULL : run_at(c, i, s, n, ACC_READ);
	const void *dp = NULL;

	if (!sp) /* before the other's faults */
		v = ld_n(c, i, s, i->size);
	d = target(c, i, ACC_READ);
	if (sp) {
		n = run_length(c, i, n, SEG_ES, RDI, d);
		dp = run_at(c, i, d, n, ACC_READ);
		if (!dp)
			v = ld_n(c, i, s, i->size);
	}
	if (dp) {
		n -= host_cmps(sp, dp, n, i->size, i->flags & I_REPNE, flags);
	} else {
		*flags = compare(v, ld_n(c, i, d, i->size), i->size);
		n = 1;
	}
	advance(c, i, RSI, n);
	advance(c, i, RDI, n);
	return n;
}

/* Do these flags end the repetition? */
static bool
found(const struct insn *i, uint16_t flags)
{
	return !(flags & FL_ZF << 8) == !(i->flags & I_REPNE);
}

static __attribute__((noinline)) void
rep_cmps(struct cpu *c, const struct insn *i)
{
	uint64_t count = get(c, i, RCX), n;
	int budget = BUDGET;
	uint16_t f = c->cc;

	if (!count)
		cut_for_nothing(c, i, false, false);
	while (count) {
		n = compare_some(c, i, count, &f);
		if (found(i, f)) {
			set(c, i, RCX, count - n);
			break;
		}
		account(c, i, &count, n, &budget);
	}
	c->cc = f;
}

static __attribute__((noinline)) void
one_cmps(struct cpu *c, const struct insn *i)
{
	uint16_t f;

	compare_some(c, i, 1, &f);
	c->cc = f;
}

static void
cmps(struct cpu *c, const struct insn *i)
{
	if (repeated(i)) {
		rep_cmps(c, i);
		end_insn(c, i);
		return;
	}
	one_cmps(c, i);
	NEXT;
}

/* ---- SCAS ---- */

static uint64_t
scan_some(struct cpu *c, const struct insn *i, uint64_t count, uint16_t *flags)
{
	uint64_t d = target(c, i, ACC_READ), a = c->gpr[RAX];
	uint64_t n = run_length(c, i, count, SEG_ES, RDI, d);
	const void *p = NULL;

	if (!c->df)
		p = run_at(c, i, d, n, ACC_READ);
	if (p) {
		n -= host_scas(p, a, n, i->size, i->flags & I_REPNE, flags);
	} else {
		*flags = compare(a, ld_n(c, i, d, i->size), i->size);
		n = 1;
	}
	advance(c, i, RDI, n);
	return n;
}

static __attribute__((noinline)) void
rep_scas(struct cpu *c, const struct insn *i)
{
	uint64_t count = get(c, i, RCX), n;
	int budget = BUDGET;
	uint16_t f = c->cc;

	if (!count)
		cut_for_nothing(c, i, false, false);
	while (count) {
		n = scan_some(c, i, count, &f);
		if (found(i, f)) {
			set(c, i, RCX, count - n);
			break;
		}
		account(c, i, &count, n, &budget);
	}
	c->cc = f;
}

static __attribute__((noinline)) void
one_scas(struct cpu *c, const struct insn *i)
{
	uint16_t f;

	scan_some(c, i, 1, &f);
	c->cc = f;
}

static void
scas(struct cpu *c, const struct insn *i)
{
	if (repeated(i)) {
		rep_scas(c, i);
		end_insn(c, i);
		return;
	}
	one_scas(c, i);
	NEXT;
}

/* ---- INS, OUTS: always end a block ---- */

/* Permission first, then memory, then the port: reading it may have effects. */
static uint64_t
in_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	struct bus *ports = c->soft->cfg.ports;
	uint16_t port = (uint16_t)c->gpr[RDX];
	uint64_t d, n;
	void *to = NULL;

	io_check(c, i, port, i->size);
	d = target(c, i, ACC_WRITE);
	n = run_length(c, i, count, SEG_ES, RDI, d);
	if (!c->df)
		to = run_at(c, i, d, n, ACC_WRITE);
	if (to) {
		bus_read_string(ports, port, i->size, to, n);
	} else {
		probe_write(c, i, d, i->size);
		st_n(c, i, d, i->size, bus_read(ports, port, i->size));
		n = 1;
	}
	advance(c, i, RDI, n);
	return n;
}

static uint64_t
out_some(struct cpu *c, const struct insn *i, uint64_t count)
{
	struct bus *ports = c->soft->cfg.ports;
	uint16_t port = (uint16_t)c->gpr[RDX];
	uint64_t s, n;
	const void *from = NULL;

	io_check(c, i, port, i->size);
	s = source(c, i);
	n = run_length(c, i, count, i->seg, RSI, s);
	if (!c->df)
		from = run_at(c, i, s, n, ACC_READ);
	if (from) {
		bus_write_string(ports, port, i->size, from, n);
	} else {
		bus_write(ports, port, i->size, ld_n(c, i, s, i->size));
		n = 1;
	}
	advance(c, i, RSI, n);
	return n;
}

static void
port_string(struct cpu *c, const struct insn *i,
	uint64_t (*some)(struct cpu *, const struct insn *, uint64_t))
{
	uint64_t count = get(c, i, RCX);
	int budget = IO_BUDGET;

	if (!repeated(i)) {
		some(c, i, 1);
		return;
	}
	if (!count)
		cut_for_nothing(c, i, false, false);
	while (count)
		account(c, i, &count, some(c, i, count), &budget);
}

static void
ins(struct cpu *c, const struct insn *i)
{
	port_string(c, i, in_some);
	end_insn(c, i);
}

static void
outs(struct cpu *c, const struct insn *i)
{
	port_string(c, i, out_some);
	end_insn(c, i);
}

handler *const x_movs_z[8] = ALL8(movs);
handler *const x_cmps_z[8] = ALL8(cmps);
handler *const x_stos_z[8] = ALL8(stos);
handler *const x_lods_z[8] = ALL8(lods);
handler *const x_scas_z[8] = ALL8(scas);
handler *const x_ins_z[8] = ALL8(ins);
handler *const x_outs_z[8] = ALL8(outs);
