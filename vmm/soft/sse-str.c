/* SPDX-License-Identifier: MIT */
/*
 * SSE4.2's string comparisons and CRC32 (Intel SDM vol. 2, 4.1). The immediate
 * selects among 128 constants of the same instruction: a table holds each,
 * followed by RET, 8 bytes apart. Memory operands need no alignment. CRC32 uses
 * general registers only and knows no #NM.
 */
#include "vmm/soft/fp.h"

/* clang-format off */
#define TABLE(name)                                                            \
	__asm__(".pushsection .text\n\t.balign 16\n"                           \
		"soft_" #name ":\n"                                            \
		"\t.set soft_imm, 0\n"                                         \
		"\t.rept 128\n"                                                \
		"\t" #name " $soft_imm,%xmm1,%xmm0\n\tret\n\t.balign 8\n"      \
		"\t.set soft_imm, soft_imm + 1\n"                              \
		"\t.endr\n\t.popsection");                                     \
	extern const char soft_##name[] __attribute__((visibility("hidden")));
TABLE(pcmpestrm)
TABLE(pcmpestri)
TABLE(pcmpistrm)
TABLE(pcmpistri)
/* clang-format on */

/* EAX and EDX hold lengths (all of RAX and RDX with REX.W). Leaves flags. */
static NOINLINE uint32_t
compare(struct cpu *c, const struct insn *i, __m128i s, const char *table,
	bool mask)
{
	register __m128i a __asm__("xmm0") = xget(c, i->reg);
	register __m128i b __asm__("xmm1") = s;
	uint64_t ax = c->gpr[RAX], cx = 0, dx = c->gpr[RDX];
	const char *fn = table + 8 * (i->imm & 127);

	if (i->size == 8) {
		/* The lengths saturate at 16 whatever their width. */
		if ((int64_t)ax > 16 || (int64_t)ax < -16)
			ax = 16;
		if ((int64_t)dx > 16 || (int64_t)dx < -16)
			dx = 16;
	}
	/* The call must not hit the red zone. */
	__asm__ volatile("lea -128(%%rsp),%%rsp\n\t"
			 "call *%[fn]\n\t"
			 "lea 128(%%rsp),%%rsp\n\t"
			 "lahf\n\tseto %%al"
			 : "+a"(ax), "+c"(cx), "+x"(a)
			 : "d"(dx), "x"(b), [fn] "r"(fn)
			 : "cc", "memory");
	if (mask)
		xset(c, 0, a);
	c->cc = (uint16_t)ax;
	return (uint32_t)cx;
}

#define STR(name, result)                                                      \
	FP_REG(name##_r, sse,                                                  \
		result compare(c, i, xget(c, i->rm), soft_##name, MASK))       \
	FP_LOAD(name##_m, sse, u, result compare(c, i, v, soft_##name, MASK))  \
	handler *const x_##name##_vwi[8] = RM(name##_r, name##_m);
#define MASK true
STR(pcmpestrm, )
STR(pcmpistrm, )
#undef MASK
#define MASK false
STR(pcmpestri, c->gpr[RCX] =)
STR(pcmpistri, c->gpr[RCX] =)
#undef MASK

/* ---- CRC32: the sum's register is 32 bits, zero-extended ---- */

static INLINE bool
no_off(const struct cpu *c)
{
	(void)c;
	return false;
}
static INLINE void
no_ready(struct cpu *c, const struct insn *i)
{
	(void)c;
	(void)i;
}
#define FP_REG_no(fn, ...)                                                     \
	static void fn(struct cpu *c, const struct insn *i)                    \
	{                                                                      \
		__VA_ARGS__;                                                   \
		NEXT;                                                          \
	}

#define DO(suffix, src)                                                        \
	uint64_t d = (uint32_t)*gpr_of(c, i->reg);                             \
	__asm__("crc32" suffix : "+r"(d) : "r"(src));                          \
	*gpr_of(c, i->reg) = d
#define CRC(name, how, suffix, reg)                                            \
	FP_REG(name##_r, no, TYPE_##how v = (TYPE_##how)(reg); DO(suffix, v))  \
	FP_LOAD(name##_m, no, how, DO(suffix, v))
CRC(crc8, b, "b %1,%k0", get_reg(c, i->rm, 1))
CRC(crc16, w, "w %1,%k0", *gpr_of(c, i->rm))
CRC(crc32, d, "l %1,%k0", *gpr_of(c, i->rm))
CRC(crc64, q, "q %1,%q0", *gpr_of(c, i->rm))
handler *const x_crc32b_ge[8] = RM(crc8_r, crc8_m);
handler *const x_crc32_ge[8] = {
	crc16_r, crc16_r, crc32_r, crc64_r, crc16_m, crc16_m, crc32_m, crc64_m};
