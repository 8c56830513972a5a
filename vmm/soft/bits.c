/* SPDX-License-Identifier: MIT */
/*
 * Bit tests, scans, counts and BSWAP (SDM vol. 2). BT and its kin change CF
 * alone. BSF and BSR of 0 leave the destination alone, as all CPUs do; POPCNT
 * and the scans take their flags from the host.
 */
#include "vmm/soft/handlers.h"
#include "vmm/soft/rmw.h"

#define KEEP "\n\tlahf\n\tseto %%al"

static inline void
set_carry(struct cpu *c, bool on)
{
	c->cc = (uint16_t)((c->cc & ~(FL_CF << 8)) | (on ? FL_CF << 8 : 0));
}

/* ---- BT, BTS, BTR, BTC ---- */

/*
 * A bit offset in a register reaches beyond the memory operand: it is signed
 * and counts bits from there, in steps of whole operands.
 */
#define BIT_STRING(bits, shift)                                                \
	static inline uint64_t bit_ea##bits(                                   \
		struct cpu *c, const struct insn *i, enum access access)       \
	{                                                                      \
		int64_t at = (int##bits##_t)val##bits(c, i->reg);              \
		uint64_t off = ea_off(c, i) +                                  \
			       ((uint64_t)(at >> shift) << (shift - 3));       \
		if (unlikely(i->flags & I_SLOW))                               \
			return ea_slow(c, i, off, bits / 8, access);           \
		return off + c->segbase[i->seg];                               \
	}
BIT_STRING(16, 4)
BIT_STRING(32, 5)
BIT_STRING(64, 6)

#define BT(bits)                                                               \
	static void bt_er_r##bits(struct cpu *c, const struct insn *i)         \
	{                                                                      \
		set_carry(c, val##bits(c, i->rm) >> (val##bits(c, i->reg) &    \
							    (bits - 1)) &      \
				     1);                                       \
		NEXT;                                                          \
	}                                                                      \
	static void bt_er_m##bits(struct cpu *c, const struct insn *i)         \
	{                                                                      \
		uint##bits##_t v =                                             \
			ld##bits(c, i, bit_ea##bits(c, i, ACC_READ));          \
		set_carry(c, v >> (val##bits(c, i->reg) & (bits - 1)) & 1);    \
		NEXT;                                                          \
	}                                                                      \
	static void bt_ei_r##bits(struct cpu *c, const struct insn *i)         \
	{                                                                      \
		set_carry(                                                     \
			c, val##bits(c, i->rm) >> (i->imm & (bits - 1)) & 1);  \
		NEXT;                                                          \
	}                                                                      \
	static void bt_ei_m##bits(struct cpu *c, const struct insn *i)         \
	{                                                                      \
		uint##bits##_t v =                                             \
			ld##bits(c, i, ea(c, i, bits / 8, ACC_READ));          \
		set_carry(c, v >> (i->imm & (bits - 1)) & 1);                  \
		NEXT;                                                          \
	}

/* b < bits: the host's instruction stays inside the operand too. */
#define CHANGE_OP(name, bits, sfx)                                             \
	static inline bool name##_v##bits(uint##bits##_t *v, unsigned b)       \
	{                                                                      \
		bool was;                                                      \
		__asm__(#name sfx " %[b], %[v]\n\tsetc %[was]"                 \
			: [v] "+r"(*v), [was] "=q"(was)                        \
			: [b] "r"((uint##bits##_t)b)                           \
			: "cc");                                               \
		return was;                                                    \
	}                                                                      \
	static inline bool name##_p##bits(                                     \
		const struct insn *i, uint##bits##_t *p, unsigned b)           \
	{                                                                      \
		uint##bits##_t v;                                              \
		bool was;                                                      \
		if (unlikely(i->flags & I_LOCK)) {                             \
			__asm__ volatile("lock " #name sfx                     \
					 " %[b], %[m]\n\tsetc %[was]"          \
					 : [m] "+m"(*p), [was] "=q"(was)       \
					 : [b] "r"((uint##bits##_t)b)          \
					 : "cc", "memory");                    \
			return was;                                            \
		}                                                              \
		memcpy(&v, p, sizeof(v));                                      \
		was = name##_v##bits(&v, b);                                   \
		memcpy(p, &v, sizeof(v));                                      \
		return was;                                                    \
	}
#define CHANGE_FORM(name, form, bit, lin, bits)                                \
	static void name##_##form##_r##bits(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		uint##bits##_t v = val##bits(c, i->rm);                        \
		set_carry(c, name##_v##bits(&v, (bit) & (bits - 1)));          \
		put##bits(c, i->rm, v);                                        \
		NEXT;                                                          \
	}                                                                      \
	static void name##_##form##_m##bits(                                   \
		struct cpu *c, const struct insn *i)                           \
	{                                                                      \
		void *p;                                                       \
		bool slow = rmw_any(c, i, lin, bits / 8, &p);                  \
		set_carry(c, name##_p##bits(i, p, (bit) & (bits - 1)));        \
		if (unlikely(slow))                                            \
			rmw_end(c, i, bits / 8);                               \
		NEXT;                                                          \
	}
#define CHANGE_BITS(name, bits, sfx)                                           \
	CHANGE_OP(name, bits, sfx)                                             \
	CHANGE_FORM(name, er, (unsigned)val##bits(c, i->reg),                  \
		bit_ea##bits(c, i, ACC_WRITE), bits)                           \
	CHANGE_FORM(name, ei, (unsigned)i->imm, ea(c, i, bits / 8, ACC_WRITE), \
		bits)

#define TABLE(name, form)                                                      \
	handler *const x_##name##_##form[8] = {name##_##form##_r16,            \
		name##_##form##_r16, name##_##form##_r32, name##_##form##_r64, \
		name##_##form##_m16, name##_##form##_m16, name##_##form##_m32, \
		name##_##form##_m64};

#define CHANGE(name)                                                           \
	CHANGE_BITS(name, 16, "w")                                             \
	CHANGE_BITS(name, 32, "l")                                             \
	CHANGE_BITS(name, 64, "q")                                             \
	TABLE(name, er)                                                        \
	TABLE(name, ei)

BT(16)
BT(32)
BT(64)
TABLE(bt, er)
TABLE(bt, ei)
CHANGE(bts)
CHANGE(btr)
CHANGE(btc)

/* ---- BSF, BSR, POPCNT ---- */

#define SCAN_OP(name, bits, sfx, write)                                        \
	static inline void name##_to##bits(                                    \
		struct cpu *c, const struct insn *i, uint##bits##_t b)         \
	{                                                                      \
		uint##bits##_t a = 0;                                          \
		uint16_t f;                                                    \
		__asm__(#name sfx " %[b], %[a]" KEEP                           \
			: [a] "+&r"(a), "=&a"(f)                               \
			: [b] "r"(b)                                           \
			: "cc");                                               \
		c->cc = f;                                                     \
		if (write)                                                     \
			put##bits(c, i->reg, a);                               \
	}                                                                      \
	static void name##_re_r##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		name##_to##bits(c, i, val##bits(c, i->rm));                    \
		NEXT;                                                          \
	}                                                                      \
	static void name##_re_m##bits(struct cpu *c, const struct insn *i)     \
	{                                                                      \
		name##_to##bits(                                               \
			c, i, ld##bits(c, i, ea(c, i, bits / 8, ACC_READ)));   \
		NEXT;                                                          \
	}
#define SCAN(name, write)                                                      \
	SCAN_OP(name, 16, "w", write)                                          \
	SCAN_OP(name, 32, "l", write)                                          \
	SCAN_OP(name, 64, "q", write)                                          \
	TABLE(name, re)

SCAN(bsf, likely(b))
SCAN(bsr, likely(b))
SCAN(popcnt, true)

/* ---- BSWAP; of 16 bits: undefined, 0 as on all CPUs ---- */

static void
bswap16(struct cpu *c, const struct insn *i)
{
	put16(c, i->rm, 0);
	NEXT;
}

static void
bswap32(struct cpu *c, const struct insn *i)
{
	put32(c, i->rm, __builtin_bswap32(val32(c, i->rm)));
	NEXT;
}

static void
bswap64(struct cpu *c, const struct insn *i)
{
	put64(c, i->rm, __builtin_bswap64(val64(c, i->rm)));
	NEXT;
}

handler *const x_bswap_e[8] = {
	bswap16, bswap16, bswap32, bswap64, bswap16, bswap16, bswap32, bswap64};
