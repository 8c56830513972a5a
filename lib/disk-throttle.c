/* SPDX-License-Identifier: MIT */
/* A disk's throttle: see disk-throttle.h. Knows no clock, and no requests. */
#include "lib/disk-throttle.h"

enum { BURST_PART = 10 }; /* of a second */
static const int64_t burst = NS_PER_S / BURST_PART;
static const int64_t longest = 3600 * 24 * NS_PER_S;

void
throttle_set(struct throttle *t, const struct disk_limits *l)
{
	*t = (struct throttle){.limits = *l};
}

int64_t
throttle_wait(const struct throttle *t, int64_t now)
{
	int64_t bytes = t->limits.bytes_per_s ? t->bytes_at - now - burst : 0;
	int64_t reqs = t->limits.reqs_per_s ? t->reqs_at - now - burst : 0;
	int64_t wait = bytes > reqs ? bytes : reqs;

	return wait > 0 ? wait : 0;
}

/* amount more at rate a second, from a bucket that is full at `at`. */
static int64_t
later(int64_t at, int64_t now, uint64_t amount, uint64_t rate)
{
	unsigned __int128 ns;

	if (at < now)
		at = now;
	if (!rate)
		return at;
	ns = (unsigned __int128)amount * (uint64_t)NS_PER_S / rate;
	return at + (ns < (uint64_t)longest ? (int64_t)ns : longest);
}

void
throttle_take(struct throttle *t, int64_t now, uint64_t bytes)
{
	t->bytes_at = later(t->bytes_at, now, bytes, t->limits.bytes_per_s);
	t->reqs_at = later(t->reqs_at, now, 1, t->limits.reqs_per_s);
}
