/* SPDX-License-Identifier: MIT */
/* Random numbers that are the same in each run: xorshift64*. */
#ifndef TESTS_RND_H
#define TESTS_RND_H

#include <stdbool.h>
#include <stdint.h>

static uint64_t rnd_state = 1;

static inline uint64_t
rnd(void)
{
	rnd_state ^= rnd_state >> 12;
	rnd_state ^= rnd_state << 25;
	rnd_state ^= rnd_state >> 27;
	return rnd_state * 0x2545f4914f6cdd1d;
}

static inline unsigned
below(unsigned n)
{
	return (unsigned)((rnd() >> 33) % n);
}

static inline bool
percent(unsigned n)
{
	return below(100) < n;
}

/* Often one that is special. */
static inline uint64_t
value(void)
{
	static const uint64_t special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff,
		0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
		0xffffffff80000000};

	switch (below(8)) {
	case 0:
		return special[below(sizeof(special) / sizeof(*special))];
	case 1:
		return below(256);
	case 2:
		return rnd() >> below(64);
	case 3:
		return (uint64_t)((int64_t)rnd() >> below(64));
	default:
		return rnd();
	}
}

#endif
