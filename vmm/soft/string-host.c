/* SPDX-License-Identifier: MIT */
/*
 * The host's string instructions, for runs of items that the guest may reach.
 */
#include "vmm/soft/string.h"

#define KEEP "\n\tlahf\n\tseto %%al"

void
host_movs(void *d, const void *s, uint64_t n, unsigned size, bool df)
{
#define MOVS(sfx)                                                              \
	if (df)                                                                \
		__asm__ volatile("std\n\trep movs" sfx "\n\tcld"               \
				 : "+D"(d), "+S"(s), "+c"(n)                   \
				 :                                             \
				 : "memory", "cc");                            \
	else                                                                   \
		__asm__ volatile("rep movs" sfx                                \
				 : "+D"(d), "+S"(s), "+c"(n)                   \
				 :                                             \
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

void
host_stos(void *d, uint64_t v, uint64_t n, unsigned size)
{
#define STOS(sfx)                                                              \
	__asm__ volatile("rep stos" sfx                                        \
			 : "+D"(d), "+c"(n)                                    \
			 : "a"(v)                                              \
			 : "memor"                                             \
			   "y")
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

uint64_t
host_cmps(const void *s, const void *d, uint64_t n, unsigned size, bool ne,
	uint16_t *flags)
{
	uint16_t f;

#define CMPS(rep, sfx)                                                         \
	__asm__ volatile(rep " cmps" sfx KEEP                                  \
			 : "+S"(s), "+D"(d), "+c"(n), "=a"(f)                  \
			 :                                                     \
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

uint64_t
host_scas(const void *d, uint64_t v, uint64_t n, unsigned size, bool ne,
	uint16_t *flags)
{
#define CMPS(rep, sfx)                                                         \
	__asm__ volatile(rep " scas" sfx KEEP                                  \
			 : "+D"(d), "+c"(n), "+a"(v)                           \
			 :                                                     \
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

uint16_t
host_cmp(uint64_t a, uint64_t b, unsigned size)
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
