/* SPDX-License-Identifier: MIT */
/*
 * Text of "key = value" lines, as in a machine's config and status. Blanks
 * around key and value do not count, nor do empty lines and lines that begin
 * with #. A value ends with its line and is taken as it stands: no quotes, no
 * escapes, no comment behind it.
 */
#ifndef LIB_KV_H
#define LIB_KV_H

#include <stddef.h>
#include <stdio.h>

enum { KV_TEXT_MAX = 1 << 20, KV_LINE_MAX = 64 << 10 };

/*
 * Call each() for every pair, in order; what it returns but 0 ends the parse
 * and is returned, after "NAME:LINE: " has been put before its sentence. NUL
 * bytes, other control characters, bytes that are no UTF-8, a line without "="
 * or with a bad key ([a-z][a-z0-9-]*, at most 63), and text over KV_TEXT_MAX
 * are -EINVAL with a sentence. name: for sentences.
 */
int kv_parse(const char *name, const char *text, size_t n,
	int (*each)(void *to, const char *key, const char *value), void *to);

/* 0 if this can be a value: one line of UTF-8 without control characters (tab
 * may be), no blanks at its ends. Else -EINVAL with a sentence. */
int kv_check_value(const char *value);

/* "key = value\n" */
void kv_print(FILE *, const char *key, const char *value);

#endif
