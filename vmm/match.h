/* SPDX-License-Identifier: MIT */
/*
 * Watch a stream of bytes for a text, across any split into pieces.
 */
#ifndef VMM_MATCH_H
#define VMM_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct match {
	const char *text; /* at most MATCH_MAX bytes, static storage */
	size_t len, at;
	uint8_t back[64]; /* where to go on after a mismatch */
};
#define MATCH_MAX 64

void match_init(struct match *, const char *text);
/* True if the text ended within these bytes. */
bool match_feed(struct match *, const uint8_t *p, size_t n);

#endif
