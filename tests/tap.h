/* SPDX-License-Identifier: MIT */
/*
 * TAP for unit tests: one ok() a behaviour, done() at the end. A test that
 * runs longer than its deadline is killed by SIGALRM, which prove reports.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool
ok(bool good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	tap_failed += !good;
	return good;
}

/* Two integers are equal; says both when they are not. */
__attribute__((unused)) static bool
is_u64(uint64_t got, uint64_t want, const char *name)
{
	bool good = ok(got == want, "%s", name);

	if (!good)
		printf("# got %#" PRIx64 ", want %#" PRIx64 "\n", got, want);
	return good;
}

__attribute__((unused)) static bool
is_str(const char *got, const char *want, const char *name)
{
	bool good = ok(strcmp(got, want) == 0, "%s", name);

	if (!good)
		printf("# got  '%s'\n# want '%s'\n", got, want);
	return good;
}

__attribute__((format(printf, 1, 2), unused)) static void
skip_all(const char *fmt, ...)
{
	va_list ap;

	printf("1..0 # SKIP ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(0);
}

__attribute__((unused)) static void
deadline(unsigned seconds)
{
	alarm(seconds);
}

__attribute__((unused)) static int
done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
