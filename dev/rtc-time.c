/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock's bytes: seconds since 1970 to and from what the guest
 * sees, in BCD or binary, with 12 or 24 hours, and when an alarm rings. What
 * makes no sense is carried over (32 April is 2 May) or never rings.
 */
#include "dev/rtc-int.h"

/* Days since 1970-01-01 in the Gregorian calendar; m 1..12, d any. */
static int64_t
days(int64_t y, int64_t m, int64_t d)
{
	int64_t of_year = ((m + 9) % 12 * 153 + 2) / 5; /* from March on */

	y -= m <= 2;
	return 365 * y + y / 4 - y / 100 + y / 400 + of_year + d - 1 - 719468;
}

struct date {
	int64_t year, month, day;
};

/* day >= 0 */
static struct date
date_of(int64_t day)
{
	struct date r;
	int64_t y;

	/* a guess, never too late, a year early every few centuries */
	y = 1970 + day / 366;
	while (days(y + 1, 1, 1) <= day)
		y++;
	r.year = y;
	for (r.month = 12; days(y, r.month, 1) > day; r.month--)
		;
	r.day = day - days(y, r.month, 1) + 1;
	return r;
}

/* Bytes as the guest sees them: BCD or binary, 12 or 24 hours. */

static uint8_t
encode(const uint8_t *c, int64_t v)
{
	if (c[REG_B] & B_BINARY)
		return (uint8_t)v;
	return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

static int
decode(const uint8_t *c, uint8_t v)
{
	return c[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t
encode_hour(const uint8_t *c, int64_t h)
{
	uint8_t pm = h >= 12 ? 0x80 : 0;

	if (c[REG_B] & B_24H)
		return encode(c, h);
	return encode(c, h % 12 ? h % 12 : 12) | pm;
}

static int
decode_hour(const uint8_t *c, uint8_t v)
{
	int h;

	if (c[REG_B] & B_24H)
		return decode(c, v);
	h = decode(c, v & 0x7f);
	if (h > 12)
		return h; /* no such hour */
	return h % 12 + (v & 0x80 ? 12 : 0);
}

void
rtc_show(uint8_t *c, int64_t s)
{
	int64_t day, in_day;
	struct date date;

	if (s < 0)
		s = 0;
	day = s / DAY_S;
	in_day = s % DAY_S;
	date = date_of(day);
	c[SEC] = encode(c, in_day % 60);
	c[MIN] = encode(c, in_day / 60 % 60);
	c[HOUR] = encode_hour(c, in_day / 3600);
	c[WDAY] = encode(c, (day + 4) % 7 + 1); /* 1970 began on a Thursday */
	c[DAY] = encode(c, date.day);
	c[MONTH] = encode(c, date.month);
	c[YEAR] = encode(c, date.year % 100);
	c[CENTURY] = encode(c, date.year / 100);
}

int64_t
rtc_seconds(const uint8_t *c)
{
	int64_t y = decode(c, c[CENTURY]) * 100 + decode(c, c[YEAR]);
	int64_t m = decode(c, c[MONTH]);

	if (m < 1 || m > 12)
		m = 1;
	return days(y, m, decode(c, c[DAY])) * DAY_S +
	       decode_hour(c, c[HOUR]) * 3600 + decode(c, c[MIN]) * 60 +
	       decode(c, c[SEC]);
}

static bool
any(uint8_t alarm)
{
	return (alarm & 0xc0) == 0xc0;
}

int64_t
rtc_next_alarm(const uint8_t *c, int64_t s)
{
	int64_t end = ++s + DAY_S;

	if ((!any(c[HOUR_ALARM]) && decode_hour(c, c[HOUR_ALARM]) > 23) ||
		(!any(c[MIN_ALARM]) && decode(c, c[MIN_ALARM]) > 59) ||
		(!any(c[SEC_ALARM]) && decode(c, c[SEC_ALARM]) > 59))
		return -1;
	while (s <= end) {
		int64_t in_day = s % DAY_S;

		if (!any(c[HOUR_ALARM]) &&
			in_day / 3600 != decode_hour(c, c[HOUR_ALARM]))
			s += 3600 - in_day % 3600;
		else if (!any(c[MIN_ALARM]) &&
			 in_day / 60 % 60 != decode(c, c[MIN_ALARM]))
			s += 60 - in_day % 60;
		else if (!any(c[SEC_ALARM]) &&
			 in_day % 60 != decode(c, c[SEC_ALARM]))
			s++;
		else
			return s;
	}
	return -1;
}
