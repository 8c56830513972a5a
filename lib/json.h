/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON (RFC 8259), compact and on one line. Key is NULL in an array and
 * at the top. Text is UTF-8; bytes that are not become U+FFFD. The caller keeps
 * objects and arrays balanced; json_close() notices when not.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH = 32 };

struct json {
	FILE *f;
	unsigned depth;
	uint32_t array; /* bit n: level n is an array */
	uint32_t comma; /* bit n: level n has an element */
	bool wrong; /* unbalanced, or a key where none belongs */
};

void json_open(struct json *, FILE *);
/* Ends the line. 0, -EIO if f failed, -EINVAL if what was written is wrong. */
int json_close(struct json *);

void json_put_object(struct json *, const char *key);
void json_put_array(struct json *, const char *key);
void json_put_end(struct json *); /* of the innermost object or array */

void json_put_string(struct json *, const char *key, const char *s);
void json_put_bytes(struct json *, const char *key, const void *p, size_t n);
void json_put_int(struct json *, const char *key, int64_t n);
void json_put_uint(struct json *, const char *key, uint64_t n);
/* A duration in seconds, as a decimal fraction: 1.25. */
void json_put_seconds(struct json *, const char *key, int64_t ns);
void json_put_bool(struct json *, const char *key, bool b);
void json_put_null(struct json *, const char *key);

#endif
