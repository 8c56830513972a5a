/* SPDX-License-Identifier: MIT */
/*
 * Numbers, sizes and durations as people write them. Reading is strict: the
 * whole text must be one, and what is wrong is said in a sentence that quotes
 * it. All return 0, -EINVAL (not one) or -ERANGE (too large).
 */
#ifndef LIB_UNITS_H
#define LIB_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "512", "0x200". */
int units_parse_number(const char *s, uint64_t *out);
/* "4096", "512M": powers of 1024, suffixes K M G T and no others. */
int units_parse_size(const char *s, uint64_t *bytes);
/* "90", "90s", "500ms", "5m", "2h": nanoseconds, below 292 years. */
int units_parse_duration(const char *s, int64_t *ns);

enum { UNITS_MAX = 32 }; /* holds what the following print */

/* What units_parse_size() reads back as the same: "512M", "1000". */
const char *units_print_size(char buf[UNITS_MAX], uint64_t bytes);
/* The same for durations, cut to milliseconds: "90s", "5m", "1500ms". */
const char *units_print_duration(char buf[UNITS_MAX], int64_t ns);
/* For eyes, at most five columns: "1.5G", "512M", "1023K". */
const char *units_print_short(char buf[UNITS_MAX], uint64_t bytes);

#endif
