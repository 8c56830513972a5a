/* SPDX-License-Identifier: MIT */
/*
 * asciicast v2 (docs.asciinema.org, "asciicast v2"): newline-delimited JSON.
 * Events "o" and "r" are written; "i" and "m" are left out, and so are the
 * header's idle limit, command and theme.
 */
#include "lib/cast.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"

enum { VERSION_2 = 2 };

void
cast_open(struct cast *c, FILE *f, unsigned columns, unsigned rows, int64_t now,
	int64_t began, const char *title)
{
	struct json j;

	*c = (struct cast){.f = f,
		.start = now,
		.now = now,
		.columns = columns,
		.rows = rows};
	json_open(&j, f);
	json_put_object(&j, NULL);
	json_put_uint(&j, "version", VERSION_2);
	json_put_uint(&j, "width", columns);
	json_put_uint(&j, "height", rows);
	json_put_int(&j, "timestamp", began);
	if (title)
		json_put_string(&j, "title", title);
	json_put_end(&j);
	json_close(&j);
}

/* Our writer has no fractions: the array is made by hand around a string. */
static void
event(struct cast *c, int64_t now, char kind, const void *p, size_t n)
{
	struct json j;
	int64_t us;

	if (now > c->now)
		c->now = now;
	us = (c->now - c->start) / 1000;
	fprintf(c->f, "[%" PRId64 ".%06" PRId64 ", \"%c\", ", us / 1000000,
		us % 1000000, kind);
	json_open(&j, c->f);
	json_put_bytes(&j, NULL, p, n);
	fputs("]\n", c->f);
}

/* The length of the character that begins so; 1 for what begins none. */
static size_t
length(unsigned char lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
}

/* How many bytes at the end are a character that is not whole yet. */
static size_t
cut(const unsigned char *p, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char b = p[n - back];

		if ((b & 0xc0) != 0x80)
			return length(b) > back ? back : 0;
	}
	return 0;
}

/* Complete the character that is held, from the n bytes; returns how many of
 * them it took. Once whole, or broken, it is an event of its own. */
static size_t
complete(struct cast *c, int64_t now, const unsigned char *p, size_t n)
{
	size_t want = length(c->held[0]), took = 0;

	while (took < n && c->n_held < want && (p[took] & 0xc0) == 0x80)
		c->held[c->n_held++] = p[took++];
	if (c->n_held == want || took < n) {
		event(c, now, 'o', c->held, c->n_held);
		c->n_held = 0;
	}
	return took;
}

void
cast_output(struct cast *c, int64_t now, const void *data, size_t n)
{
	const unsigned char *p = data;
	size_t took = 0, keep;

	if (c->n_held)
		took = complete(c, now, p, n);
	p += took;
	n -= took;
	keep = cut(p, n);
	if (n > keep)
		event(c, now, 'o', p, n - keep);
	if (keep) {
		memcpy(c->held, p + n - keep, keep);
		c->n_held = keep;
	}
}

void
cast_resize(struct cast *c, int64_t now, unsigned columns, unsigned rows)
{
	char size[32];

	if (columns == c->columns && rows == c->rows)
		return;
	c->columns = columns;
	c->rows = rows;
	snprintf(size, sizeof(size), "%ux%u", columns, rows);
	event(c, now, 'r', size, strlen(size));
}

int
cast_close(struct cast *c)
{
	if (c->n_held)
		event(c, c->now, 'o', c->held, c->n_held);
	c->n_held = 0;
	return fflush(c->f) == 0 && !ferror(c->f) ? 0 : -EIO;
}
