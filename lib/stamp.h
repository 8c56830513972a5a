/* SPDX-License-Identifier: MIT */
/*
 * Times as text: RFC 3339 in UTC, whole seconds, "2031-05-06T07:08:09Z". The C
 * library's functions look for time zone files, which a confined process must
 * not. Years 1970 to 9999.
 */
#ifndef LIB_STAMP_H
#define LIB_STAMP_H

#include <stdint.h>

enum { STAMP_MAX = 24 };

/* seconds since 1970; what is out of range is taken to its end. */
const char *stamp_print(char buf[STAMP_MAX], int64_t seconds);
/* 0, or -EINVAL without a sentence. */
int stamp_parse(const char *text, int64_t *seconds);

#endif
