/* SPDX-License-Identifier: MIT */
/*
 * What an 8254 counter shows at a given age: mode definitions of the data sheet
 * (231164, "Mode Definitions"). Counts of 1 in modes 2 and 3, which it forbids,
 * leave the output high.
 */
#include "dev/pit-counter.h"

unsigned
counter_mode(const struct counter *c)
{
	unsigned m = c->ctl >> 1 & 7;

	return m > 5 ? m - 4 : m;
}

bool
counter_periodic(const struct counter *c)
{
	return counter_mode(c) == 2 || counter_mode(c) == 3;
}

bool
counter_triggered(const struct counter *c)
{
	return counter_mode(c) == 1 || counter_mode(c) == 5;
}

uint32_t
counter_high(uint32_t n)
{
	return (n + 1) / 2;
}

static int64_t
wrap(const struct counter *c)
{
	return c->ctl & CTL_BCD ? 10000 : 65536;
}

static uint32_t
square_count(uint32_t n, uint32_t at)
{
	uint32_t high = counter_high(n);

	if (at >= high)
		at -= high;
	return n - (n & 1) - 2 * at;
}

uint32_t
counter_count(const struct counter *c, int64_t e)
{
	uint32_t v, at = (uint32_t)(e % c->n);

	if (counter_mode(c) == 2)
		v = c->n - at;
	else if (counter_mode(c) == 3)
		v = square_count(c->n, at);
	else
		v = (uint32_t)(c->n + wrap(c) - e % wrap(c));
	v %= (uint32_t)wrap(c);
	if (c->ctl & CTL_BCD)
		v = v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 |
		    v / 1000 << 12;
	return v;
}

bool
counter_output(const struct counter *c, int64_t e)
{
	if (c->run == STOPPED)
		return counter_mode(c) != 0;
	if (counter_periodic(c) && (c->run == FROZEN || c->n == 1))
		return true;
	switch (counter_mode(c)) {
	case 2:
		return e % c->n != c->n - 1;
	case 3:
		return e % c->n < counter_high(c->n);
	case 4:
	case 5:
		return e != c->n;
	default:
		return e >= c->n;
	}
}

uint32_t
counter_decode(const struct counter *c, uint32_t v)
{
	if (c->ctl & CTL_BCD)
		v = (v >> 12) * 1000 + (v >> 8 & 15) * 100 +
		    (v >> 4 & 15) * 10 + (v & 15);
	return v ? v : (uint32_t)wrap(c);
}
