/* SPDX-License-Identifier: MIT */
/* RFC 3339 times, section 5.6, of which only UTC and no fractions. */
#include "lib/stamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { DAY = 86400 };
static const int64_t LAST = 253402300799; /* the end of 9999 */

static bool
leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned
month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && leap(year) ? 29 : days[month - 1];
}

static unsigned
year_days(unsigned year)
{
	return leap(year) ? 366 : 365;
}

const char *
stamp_print(char buf[STAMP_MAX], int64_t seconds)
{
	int64_t t = seconds < 0 ? 0 : seconds > LAST ? LAST : seconds;
	unsigned days = (unsigned)(t / DAY), s = (unsigned)(t % DAY);
	unsigned year = 1970, month = 1;

	for (; days >= year_days(year); year++)
		days -= year_days(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	snprintf(buf, STAMP_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000,
		month % 100, (days + 1) % 100, s / 3600 % 100, s / 60 % 60,
		s % 60);
	return buf;
}

/* Digits where the pattern has a 0, the same character elsewhere. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return !*text;
}

static unsigned
number(const char *text, unsigned digits)
{
	unsigned n = 0;

	while (digits--)
		n = n * 10 + (unsigned)(*text++ - '0');
	return n;
}

int
stamp_parse(const char *text, int64_t *seconds)
{
	unsigned year, month, day, h, m, s;
	int64_t days = 0;

	if (!has_form(text, "0000-00-00T00:00:00Z"))
		return -EINVAL;
	year = number(text, 4);
	month = number(text + 5, 2);
	day = number(text + 8, 2);
	h = number(text + 11, 2);
	m = number(text + 14, 2);
	s = number(text + 17, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 ||
		day > month_days(year, month) || h > 23 || m > 59 || s > 59)
		return -EINVAL;
	for (unsigned y = 1970; y < year; y++)
		days += year_days(y);
	for (unsigned i = 1; i < month; i++)
		days += month_days(year, i);
	*seconds = (days + day - 1) * DAY + h * 3600 + m * 60 + s;
	return 0;
}
