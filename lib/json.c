/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON (RFC 8259). Valid UTF-8 is that of RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF. Floating point is left out.
 */
#include "lib/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Bytes of the character at p, 0 if it is none. */
static size_t
utf8_length(const uint8_t *p, size_t n)
{
	size_t len = *p < 0x80   ? 1
		     : *p < 0xc2 ? 0
		     : *p < 0xe0 ? 2
		     : *p < 0xf0 ? 3
		     : *p < 0xf5 ? 4
				 : 0;

	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
		(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static void
put_ascii(FILE *f, uint8_t c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		fprintf(f, "\\%c", to[at - from]);
	else if (c < 0x20 || c == 0x7f)
		fprintf(f, "\\u%04x", c);
	else
		putc(c, f);
}

static void
put_text(FILE *f, const uint8_t *p, size_t n)
{
	putc('"', f);
	while (n) {
		size_t len = utf8_length(p, n);

		if (len == 0) {
			fputs("\xef\xbf\xbd", f);
			len = 1;
		} else if (len == 1) {
			put_ascii(f, *p);
		} else {
			fwrite(p, 1, len, f);
		}
		p += len;
		n -= len;
	}
	putc('"', f);
}

/* What precedes a value: a comma, a key. */
static void
start(struct json *j, const char *key)
{
	uint32_t bit = 1u << j->depth;
	bool object = j->depth && !(j->array & bit);

	if (object != (key != NULL) || (!j->depth && j->comma & bit))
		j->wrong = true;
	if (j->comma & bit)
		putc(',', j->f);
	j->comma |= bit;
	if (!key)
		return;
	put_text(j->f, (const uint8_t *)key, strlen(key));
	putc(':', j->f);
}

static void
enter(struct json *j, const char *key, bool array)
{
	uint32_t bit;

	start(j, key);
	if (j->depth + 1 >= JSON_DEPTH) {
		j->wrong = true;
		return;
	}
	bit = 1u << ++j->depth;
	j->comma &= ~bit;
	j->array = array ? j->array | bit : j->array & ~bit;
	putc(array ? '[' : '{', j->f);
}

void
json_open(struct json *j, FILE *f)
{
	*j = (struct json){.f = f};
}

int
json_close(struct json *j)
{
	putc('\n', j->f);
	if (j->wrong || j->depth)
		return -EINVAL;
	return ferror(j->f) ? -EIO : 0;
}

void
json_object(struct json *j, const char *key)
{
	enter(j, key, false);
}

void
json_array(struct json *j, const char *key)
{
	enter(j, key, true);
}

void
json_end(struct json *j)
{
	if (!j->depth) {
		j->wrong = true;
		return;
	}
	putc(j->array & 1u << j->depth ? ']' : '}', j->f);
	j->depth--;
}

void
json_bytes(struct json *j, const char *key, const void *p, size_t n)
{
	start(j, key);
	put_text(j->f, p, n);
}

void
json_string(struct json *j, const char *key, const char *s)
{
	json_bytes(j, key, s, strlen(s));
}

void
json_int(struct json *j, const char *key, int64_t n)
{
	start(j, key);
	fprintf(j->f, "%" PRId64, n);
}

void
json_uint(struct json *j, const char *key, uint64_t n)
{
	start(j, key);
	fprintf(j->f, "%" PRIu64, n);
}

void
json_bool(struct json *j, const char *key, bool b)
{
	start(j, key);
	fputs(b ? "true" : "false", j->f);
}

void
json_null(struct json *j, const char *key)
{
	start(j, key);
	fputs("null", j->f);
}
