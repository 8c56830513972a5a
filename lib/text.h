/* SPDX-License-Identifier: MIT */
/*
 * Text for people, made safe: one line, no control characters (names come from
 * hostile images and guests, and sentences end up on terminals), and cut at a
 * character's border with "..." where it is too long.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* vsnprintf() into buf (size >= 4), then the above. Returns the length. */
size_t text_format(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* Control characters become '?', trailing newlines go. Returns the length. */
size_t text_clean(char *s);

#endif
