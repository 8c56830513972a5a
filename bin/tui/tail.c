/* SPDX-License-Identifier: MIT */
/*
 * Escape sequences (ECMA-48): ESC [ ... final, ESC ] ... BEL or ESC \, ESC and
 * one character; a line is what stands behind its last carriage return.
 */
#include "bin/tui/tail.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/console-follow.h"

enum { BYTES = 16 << 10 };

void
tail_free(struct tail *t)
{
	free(t->text);
	free(t->line);
	*t = (struct tail){0};
}

/* Behind an escape sequence; p is behind its ESC. */
static const char *
skip_escape(const char *p, const char *end)
{
	if (p == end)
		return p;
	if (*p == '[') {
		for (p++; p < end && (*p < 0x40 || *p > 0x7e); p++)
			if (*p == '\n')
				return p;
		return p < end ? p + 1 : p;
	}
	if (*p == ']' || *p == 'P' || *p == '_' || *p == '^') {
		for (p++; p < end && *p != '\a' && *p != '\n'; p++)
			if (*p == 0x1b)
				return p + 1 < end ? p + 2 : end;
		return p < end && *p == '\a' ? p + 1 : p;
	}
	while (p < end && *p >= 0x20 && *p < 0x30) /* ESC ( B */
		p++;
	return p < end && *p != '\n' ? p + 1 : p;
}

/* In place; lines end with NUL. Returns how long it is now. */
static size_t
plain(char *text, size_t n)
{
	const char *p = text, *end = text + n;
	char *out = text, *line = text;

	while (p < end) {
		char c = *p++;

		if (c == 0x1b) {
			p = skip_escape(p, end);
		} else if (c == '\r') {
			if (p < end && *p != '\n' && *p != '\r')
				out = line;
		} else if (c == '\b') {
			out -= out > line;
		} else if (c == '\n') {
			*out++ = '\0';
			line = out;
		} else if (c == '\t') {
			*out++ = ' ';
		} else if ((unsigned char)c >= 0x20) {
			*out++ = c;
		}
	}
	*out++ = '\0';
	return (size_t)(out - text);
}

static void
split(struct tail *t, size_t n, unsigned most)
{
	char *p = t->text, *end = t->text + n;
	unsigned all = 0, left;

	for (char *q = p; q < end; q += strlen(q) + 1)
		all++;
	/* An empty one at the end is where the next begins. */
	if (all && !end[-1] && (n == 1 || !end[-2]))
		all--;
	t->line = calloc(most, sizeof(*t->line));
	if (!t->line)
		return;
	left = all > most ? all - most : 0;
	for (unsigned i = 0; i < all; i++, p += strlen(p) + 1)
		if (i >= left)
			t->line[t->n++] = p;
}

void
tail_read(struct tail *t, int dir, unsigned lines)
{
	struct console_follow f;
	size_t n = 0;
	ssize_t got;

	tail_free(t);
	if (console_follow_open(&f, dir, lines, BYTES))
		return;
	t->text = malloc(BYTES + 1);
	while (t->text && n < BYTES &&
		(got = console_follow_read(&f, t->text + n, BYTES - n)) > 0)
		n += (size_t)got;
	console_follow_close(&f);
	if (t->text && n)
		split(t, plain(t->text, n), lines);
}
