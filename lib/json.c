/* SPDX-License-Identifier: MIT */
/*
 * Writing JSON (RFC 8259). Numbers but for integers and durations are left out.
 */
#include "lib/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/utf8.h"

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
json_put_object(struct json *j, const char *key)
{
	enter(j, key, false);
}

void
json_put_array(struct json *j, const char *key)
{
	enter(j, key, true);
}

void
json_put_end(struct json *j)
{
	if (!j->depth) {
		j->wrong = true;
		return;
	}
	putc(j->array & 1u << j->depth ? ']' : '}', j->f);
	j->depth--;
}

void
json_put_bytes(struct json *j, const char *key, const void *p, size_t n)
{
	start(j, key);
	put_text(j->f, p, n);
}

void
json_put_string(struct json *j, const char *key, const char *s)
{
	json_put_bytes(j, key, s, strlen(s));
}

void
json_put_int(struct json *j, const char *key, int64_t n)
{
	start(j, key);
	fprintf(j->f, "%" PRId64, n);
}

void
json_put_uint(struct json *j, const char *key, uint64_t n)
{
	start(j, key);
	fprintf(j->f, "%" PRIu64, n);
}

void
json_put_seconds(struct json *j, const char *key, int64_t ns)
{
	uint64_t n = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t part = n % 1000000000;
	int digits = 9;

	for (; digits > 1 && part % 10 == 0; digits--)
		part /= 10;
	start(j, key);
	fprintf(j->f, "%s%" PRIu64 ".%0*" PRIu64, ns < 0 ? "-" : "",
		n / 1000000000, digits, part);
}

void
json_put_bool(struct json *j, const char *key, bool b)
{
	start(j, key);
	fputs(b ? "true" : "false", j->f);
}

void
json_put_null(struct json *j, const char *key)
{
	start(j, key);
	fputs("null", j->f);
}
