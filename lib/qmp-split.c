/* SPDX-License-Identifier: MIT */
/*
 * Cutting a stream of bytes into JSON objects (RFC 8259), without looking at
 * more than strings and brackets: what is inside is the parser's business.
 *
 * Where a stream has gone wrong it is found again at the next line: between
 * objects, and in a string, which cannot hold a line's end. The byte 0xff,
 * which no text has, always begins anew.
 */
#include <errno.h>

#include "lib/qmp.h"

enum { ANEW = 0xff };

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
begin(struct qmp_split *s)
{
	s->used = s->depth = 0;
	s->string = s->escape = s->bad = false;
}

/* Between objects. 1: one begins; -EINVAL: what was none ends here. */
static int
outside(struct qmp_split *s, char c)
{
	if (c == '{') {
		s->used = 0;
		return 1;
	}
	if (s->bad && c == '\n') {
		s->bad = false;
		return -EINVAL;
	}
	s->bad |= !blank(c);
	return 0;
}

/* Keep count of a byte inside. False: a string is cut off by its line's end. */
static bool
inside(struct qmp_split *s, char c)
{
	if (s->string) {
		if (c == '\n')
			return false;
		if (s->escape)
			s->escape = false;
		else if (c == '\\')
			s->escape = true;
		else if (c == '"')
			s->string = false;
		return true;
	}
	if (c == '"')
		s->string = true;
	else if (c == '{' || c == '[')
		s->bad |= ++s->depth > QMP_DEPTH_MAX;
	else if (c == '}' || c == ']')
		s->depth--;
	return true;
}

static int
take(struct qmp_split *s, char c)
{
	bool bad;
	int r;

	if ((unsigned char)c == ANEW) {
		bad = s->depth || s->bad;
		begin(s);
		return bad ? -EINVAL : 0;
	}
	if (!s->depth && (r = outside(s, c)) != 1)
		return r;
	if (s->used == QMP_VALUE_MAX)
		s->bad = true;
	if (!s->bad)
		s->buf[s->used++] = c;
	if (!inside(s, c)) {
		begin(s);
		return -EINVAL;
	}
	if (s->depth)
		return 0;
	bad = s->bad;
	s->bad = false;
	s->buf[s->used] = '\0';
	return bad ? -EINVAL : 1;
}

int
qmp_split(struct qmp_split *s, const char **p, size_t *n)
{
	while (*n) {
		char c = **p;
		int r;

		/* What ends with the beginning of an object leaves it there. */
		if (!s->depth && s->bad && c == '{') {
			s->bad = false;
			return -EINVAL;
		}
		++*p;
		--*n;
		r = take(s, c);
		if (r)
			return r;
	}
	return 0;
}
