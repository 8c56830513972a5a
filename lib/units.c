/* SPDX-License-Identifier: MIT */
/*
 * Numbers, sizes and durations. strtoull() is not used: it takes blanks, signs
 * and octal.
 */
#include "lib/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_SEC 1000000000ULL

struct unit {
	const char *name;
	uint64_t factor;
};

/* From large to small: printing takes the first that divides. */
static const struct unit sizes[] = {
	{"T", 1ULL << 40},
	{"G", 1ULL << 30},
	{"M", 1ULL << 20},
	{"K", 1ULL << 10},
	{"", 1},
	{NULL, 0},
};

static const struct unit durations[] = {
	{"h", 3600 * NS_PER_SEC},
	{"m", 60 * NS_PER_SEC},
	{"s", NS_PER_SEC},
	{"ms", NS_PER_MS},
	{NULL, 0},
};

/* Digits at *s, which moves past them. -EINVAL if there are none. */
static int
digits(const char **s, unsigned base, uint64_t *out)
{
	static const char set[] = "0123456789abcdef";
	const char *p = *s, *at;
	uint64_t n = 0;
	bool over = false;

	for (; *p; p++) {
		char c = *p >= 'A' && *p <= 'F' ? (char)(*p | 0x20) : *p;

		at = memchr(set, c, base);
		if (!at)
			break;
		over |= __builtin_mul_overflow(n, (uint64_t)base, &n);
		over |= __builtin_add_overflow(n, (uint64_t)(at - set), &n);
	}
	if (p == *s)
		return -EINVAL;
	*s = p;
	*out = n;
	return over ? -ERANGE : 0;
}

static const struct unit *
find(const struct unit *u, const char *name)
{
	while (u->name && strcmp(u->name, name) != 0)
		u++;
	return u->name ? u : NULL;
}

static int
parse(const char *s, const struct unit *units, const char *bare,
	const char *what, uint64_t *out)
{
	const struct unit *u;
	const char *p = s;
	uint64_t n = 0;
	int err = digits(&p, 10, &n);

	u = find(units, *p ? p : bare);
	if (err == -EINVAL || !u)
		return failx(-EINVAL, "'%s' is not %s", s, what);
	if (err || __builtin_mul_overflow(n, u->factor, &n))
		return failx(-ERANGE, "'%s' is too large", s);
	*out = n;
	return 0;
}

int
units_parse_number(const char *s, uint64_t *out)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *p = hex ? s + 2 : s;
	uint64_t n = 0;
	int err = digits(&p, hex ? 16 : 10, &n);

	if (err == -EINVAL || *p)
		return failx(-EINVAL, "'%s' is not a number", s);
	if (err)
		return failx(err, "'%s' is too large", s);
	*out = n;
	return 0;
}

int
units_parse_size(const char *s, uint64_t *bytes)
{
	return parse(s, sizes, "",
		"a size (a number of bytes, or with K, M, G or T)", bytes);
}

int
units_parse_duration(const char *s, int64_t *ns)
{
	uint64_t n = 0;
	int err = parse(
		s, durations, "s", "a duration (like 90, 5m, 2h or 500ms)", &n);

	if (err)
		return err;
	if (n > INT64_MAX)
		return failx(-ERANGE, "'%s' is too large", s);
	*ns = (int64_t)n;
	return 0;
}

static const char *
print(char *buf, const struct unit *u, uint64_t n)
{
	while (u[1].name && (n % u->factor || !n))
		u++;
	snprintf(buf, UNITS_MAX, "%llu%s", (unsigned long long)(n / u->factor),
		u->name);
	return buf;
}

const char *
units_print_size(char buf[UNITS_MAX], uint64_t bytes)
{
	return print(buf, sizes, bytes);
}

const char *
units_print_duration(char buf[UNITS_MAX], int64_t ns)
{
	uint64_t n = ns > 0 ? (uint64_t)ns : 0;

	n -= n % NS_PER_MS;
	if (!n)
		return strcpy(buf, "0s");
	return print(buf, durations, n);
}

const char *
units_print_short(char buf[UNITS_MAX], uint64_t bytes)
{
	const struct unit *u = sizes;
	uint64_t tenths;

	while (u->factor > 1 && bytes < u->factor)
		u++;
	/* Rounded up: what is there must not look like less. */
	tenths = bytes / u->factor * 10 +
		 (bytes % u->factor * 10 + u->factor - 1) / u->factor;
	if (tenths < 100 && tenths % 10)
		snprintf(buf, UNITS_MAX, "%u.%u%s", (unsigned)(tenths / 10),
			(unsigned)(tenths % 10), u->name);
	else
		snprintf(buf, UNITS_MAX, "%llu%s",
			(unsigned long long)((tenths + 9) / 10), u->name);
	return buf;
}
