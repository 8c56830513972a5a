/* SPDX-License-Identifier: MIT */
/* Deadlines by CLOCK_MONOTONIC, clock_gettime(2). */
#include "lib/deadline.h"

#include <time.h>

int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
deadline_ms(int timeout_ms)
{
	return timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
}
