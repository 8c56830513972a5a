/* SPDX-License-Identifier: MIT */
/* Sizes, durations and numbers as people write them. */
#include "lib/units.h"

#include <errno.h>

#include "lib/err.h"
#include "tests/tap.h"

#define G (1ULL << 30)

static void
test_size(void)
{
	static const struct {
		const char *s;
		uint64_t want;
	} good[] = {{"0", 0}, {"1", 1}, {"4096", 4096}, {"1K", 1024},
		{"512M", 512 << 20}, {"4G", 4 * G}, {"2T", 2048 * G},
		{"007", 7}, {"18446744073709551615", UINT64_MAX}};
	static const char *const bad[] = {"", "M", "-1", "+1", " 1", "1 ", "1m",
		"1MB", "1MiB", "1B", "1.5G", "0x10", "1e3", "M1", "1MM",
		"\xd9\xa1"};
	static const char *const large[] = {"18446744073709551616", "16777216T",
		"99999999999999999999999999999999999K"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t n = 12345;

		ok(units_parse_size(good[i].s, &n) == 0 && n == good[i].want,
			"size '%s'", good[i].s);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t n = 12345;

		fail_clear();
		ok(units_parse_size(bad[i], &n) == -EINVAL && n == 12345 &&
				strstr(fail_text(), bad[i]) && *fail_text(),
			"size '%s' is refused in words", bad[i]);
	}
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		uint64_t n = 12345;

		ok(units_parse_size(large[i], &n) == -ERANGE && n == 12345 &&
				strstr(fail_text(), "too large"),
			"size '%s' is too large", large[i]);
	}
}

static void
test_duration(void)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {{"90", 90000}, {"90s", 90000}, {"5m", 300000},
		{"2h", 7200000}, {"500ms", 500}, {"0", 0}};
	static const char *const bad[] = {
		"", "s", "5 m", "-1s", "1d", "1M", "1.5s", "5m3s", "ms"};
	int64_t n = 7;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(units_parse_duration(good[i].s, &n) == 0 &&
				n == good[i].ms * 1000000,
			"duration '%s'", good[i].s);
	n = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(units_parse_duration(bad[i], &n) == -EINVAL && n == 7,
			"duration '%s' is refused", bad[i]);
	ok(units_parse_duration("9223372036", &n) == 0, "292 years are fine");
	ok(units_parse_duration("9223372037", &n) == -ERANGE,
		"293 years are not");
	ok(units_parse_duration("99999999h", &n) == -ERANGE,
		"a factor may not overflow");
}

static void
test_number(void)
{
	uint64_t n = 0;

	ok(units_parse_number("010", &n) == 0 && n == 10, "no octal");
	ok(units_parse_number("0xFf", &n) == 0 && n == 255, "hexadecimal");
	ok(units_parse_number("0x", &n) == -EINVAL, "0x alone is no number");
	ok(units_parse_number("12a", &n) == -EINVAL, "nor are other letters");
	ok(units_parse_number("0x10000000000000000", &n) == -ERANGE,
		"65 bits are too many");
}

static void
test_print(void)
{
	char b[UNITS_MAX];

	is_str(units_print_size(b, 512 << 20), "512M", "print 512M");
	is_str(units_print_size(b, 1536), "1536", "print 1536, exactly");
	is_str(units_print_size(b, 0), "0", "print 0");
	is_str(units_print_size(b, 4096 * G), "4T", "print 4T");
	is_str(units_print_size(b, UINT64_MAX), "18446744073709551615",
		"print the largest");
	is_str(units_print_duration(b, 90000000000), "90s", "print 90s");
	is_str(units_print_duration(b, 300000000000), "5m", "print 5m");
	is_str(units_print_duration(b, 1500999999), "1500ms", "print 1500ms");
	is_str(units_print_duration(b, 0), "0s", "print 0s");
	is_str(units_print_duration(b, 999), "0s", "print less than can be");
	is_str(units_print_short(b, 0), "0", "short 0");
	is_str(units_print_short(b, 1023), "1023", "short 1023");
	is_str(units_print_short(b, 3 * G / 2), "1.5G", "short 1.5G");
	is_str(units_print_short(b, 512 << 20), "512M", "short 512M");
	is_str(units_print_short(b, (10 << 20) + 1), "11M", "short rounds up");
	is_str(units_print_short(b, UINT64_MAX), "16777216T",
		"short of the largest");
}

int
main(void)
{
	deadline(10);
	test_size();
	test_duration();
	test_number();
	test_print();
	return done();
}
