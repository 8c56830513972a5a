/* SPDX-License-Identifier: MIT */
/*
 * "key = value" text. A line is copied before it is looked at, so that what was
 * checked is what the caller sees, whatever becomes of the text.
 */
#include "lib/kv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/utf8.h"

enum { KEY_MAX = 63 };

struct parse {
	const char *name;
	size_t line;
	int (*each)(void *to, const char *key, const char *value);
	void *to;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What is wrong with this line as text; NULL: nothing. */
static const char *
wrong_text(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;

	while (n) {
		size_t len = utf8_length(p, n);

		if (len == 0)
			return "not UTF-8";
		if ((*p < 0x20 && *p != '\t') || *p == 0x7f ||
			(*p == 0xc2 && p[1] < 0xa0))
			return "a control character";
		p += len;
		n -= len;
	}
	return NULL;
}

static bool
good_key(const char *key)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return *key >= 'a' && *key <= 'z' && n <= KEY_MAX && !key[n];
}

/* Cut the blanks off both ends. */
static char *
trim(char *s)
{
	size_t n;

	while (is_blank(*s))
		s++;
	for (n = strlen(s); n && is_blank(s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

/* line: ours to write to, n bytes and a NUL. */
static int
parse_line(const struct parse *p, char *line, size_t n)
{
	const char *wrong = wrong_text(line, n);
	char *key, *equals;
	int err;

	if (wrong)
		return failx(-EINVAL, "%s:%zu: %s", p->name, p->line, wrong);
	key = trim(line);
	if (!*key || *key == '#')
		return 0;
	equals = strchr(key, '=');
	if (!equals)
		return failx(
			-EINVAL, "%s:%zu: no = in this line", p->name, p->line);
	*equals = '\0';
	key = trim(key);
	if (!good_key(key))
		return failx(-EINVAL, "%s:%zu: not a key: %s", p->name, p->line,
			key);
	err = p->each(p->to, key, trim(equals + 1));
	if (err < 0)
		failx(err, "%s:%zu: %s", p->name, p->line, fail_text());
	return err;
}

int
kv_parse(const char *name, const char *text, size_t n,
	int (*each)(void *to, const char *key, const char *value), void *to)
{
	struct parse p = {.name = name, .each = each, .to = to};
	char *line;
	int err = 0;

	if (n > KV_TEXT_MAX)
		return failx(-EINVAL, "%s: longer than 1 MiB", name);
	line = malloc((n < KV_LINE_MAX ? n : KV_LINE_MAX) + 1);
	if (!line)
		return fail(-ENOMEM, "%s", name);
	while (n && !err) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;

		p.line++;
		if (len > KV_LINE_MAX) {
			err = failx(-EINVAL, "%s:%zu: longer than 64 KiB", name,
				p.line);
			break;
		}
		memcpy(line, text, len);
		line[len] = '\0';
		err = parse_line(&p, line, len);
		len += end != NULL;
		text += len;
		n -= len;
	}
	free(line);
	return err;
}

int
kv_check_value(const char *value)
{
	size_t n = strlen(value);
	const char *wrong = wrong_text(value, n);

	if (!wrong && n && (is_blank(value[0]) || is_blank(value[n - 1])))
		wrong = "a blank at its end";
	/* The longest key, " = " and the value are a line. */
	if (!wrong && n > KV_LINE_MAX - KEY_MAX - 3)
		wrong = "too long";
	return wrong ? failx(-EINVAL, "not a value: %s", wrong) : 0;
}

void
kv_print(FILE *f, const char *key, const char *value)
{
	fprintf(f, "%s = %s\n", key, value);
}
