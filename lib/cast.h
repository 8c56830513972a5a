/* SPDX-License-Identifier: MIT */
/*
 * Recording what a terminal shows, as asciicast version 2 (asciinema's file
 * format): a header line, then an event a line, [seconds, kind, text].
 */
#ifndef LIB_CAST_H
#define LIB_CAST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cast {
	FILE *f; /* not owned */
	int64_t start, now; /* ns */
	unsigned columns, rows;
	unsigned char held[4]; /* a character whose end has not come yet */
	size_t n_held;
};

/* Begin one. Times are nanoseconds, of a clock that never goes back; began is
 * in seconds since 1970 UTC; title may be NULL. */
void cast_open(struct cast *, FILE *, unsigned columns, unsigned rows,
	int64_t now, int64_t began, const char *title);
/* Bytes as they were shown, in any pieces: text is UTF-8, a character that is
 * cut is kept until its end comes, and what is none becomes U+FFFD. */
void cast_output(struct cast *, int64_t now, const void *p, size_t n);
/* The terminal has another size; nothing if it has not. */
void cast_resize(struct cast *, int64_t now, unsigned columns, unsigned rows);
/* 0, or -EIO if the file could not be written (it is flushed, not closed). */
int cast_close(struct cast *);

#endif
