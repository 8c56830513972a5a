/* SPDX-License-Identifier: MIT */
/*
 * Prints the frequency of the TSC in kHz. A Linux in QEMU that is left to
 * measure it on a busy host is wrong by any factor; it is told instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* The two clocks at one instant: the closest of many tries. */
static double
both(uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;
	double ms = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t a = __builtin_ia32_rdtsc(), b;
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC, &t);
		b = __builtin_ia32_rdtsc();
		if (b - a >= best)
			continue;
		best = b - a;
		*tsc = a + best / 2;
		ms = (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
	}
	return ms;
}

int
main(void)
{
	struct timespec nap = {.tv_nsec = 50000000};
	uint64_t a = 0, b = 0;
	double from = both(&a), to;

	nanosleep(&nap, NULL);
	to = both(&b);
	printf("%.0f\n", (double)(b - a) / (to - from));
	return 0;
}
