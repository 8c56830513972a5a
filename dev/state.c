/* SPDX-License-Identifier: MIT */
/*
 * Saved state as text. The text is untrusted: names must be those of the field
 * tables, numbers must fit, and loaded() has the last word.
 */
#include "dev/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

struct span { /* a piece of the text */
	const char *p;
	size_t n;
};

static uint64_t
get(const struct dev *d, const struct field *f, size_t i)
{
	uint64_t v = 0;

	memcpy(&v, (const char *)d + f->at + i * f->size, f->size);
	return v;
}

static void
put(struct dev *d, const struct field *f, size_t i, uint64_t v)
{
	memcpy((char *)d + f->at + i * f->size, &v, f->size);
}

static bool
is_bytes(const struct field *f)
{
	return f->size == 1 && f->count > 1;
}

static void
save_field(struct dev *d, const struct field *f, FILE *to)
{
	size_t i;

	if (is_bytes(f)) {
		fprintf(to, "%s.%s ", d->id, f->name);
		for (i = 0; i < f->count; i++)
			fprintf(to, "%02" PRIx64, get(d, f, i));
		fputc('\n', to);
		return;
	}
	for (i = 0; i < f->count; i++) {
		fprintf(to, "%s.%s", d->id, f->name);
		if (f->count > 1)
			fprintf(to, "[%zu]", i);
		fprintf(to, " %" PRIx64 "\n", get(d, f, i));
	}
}

int
state_save(struct dev *d, FILE *to)
{
	const struct field *f;

	dev_lock(d);
	if (d->ops->saving)
		d->ops->saving(d);
	for (f = d->ops->fields; f && f->name; f++)
		save_field(d, f, to);
	dev_unlock(d);
	return ferror(to) ? fail(-EIO, "%s: cannot save", d->id) : 0;
}

static bool
same(struct span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* Cut s at the first c: what is before it. s keeps what is after. */
static bool
cut(struct span *s, char c, struct span *before)
{
	const char *at = memchr(s->p, c, s->n);

	if (!at)
		return false;
	before->p = s->p;
	before->n = (size_t)(at - s->p);
	s->n -= before->n + 1;
	s->p = at + 1;
	return true;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool
number(struct span s, unsigned base, uint64_t max, uint64_t *v)
{
	int dig;

	*v = 0;
	if (!s.n)
		return false;
	for (; s.n; s.p++, s.n--) {
		dig = digit(*s.p);
		if (dig < 0 || (unsigned)dig >= base || (unsigned)dig > max ||
			*v > (max - (unsigned)dig) / base)
			return false;
		*v = *v * base + (unsigned)dig;
	}
	return true;
}

static struct dev *
find_dev(struct dev *const *devs, size_t n, struct span id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (same(id, devs[i]->id))
			return devs[i];
	return NULL;
}

static const struct field *
find_field(const struct dev *d, struct span name)
{
	const struct field *f;

	for (f = d->ops->fields; f && f->name; f++)
		if (same(name, f->name))
			return f;
	return NULL;
}

static int
load_bytes(struct dev *d, const struct field *f, struct span val)
{
	struct span two = {val.p, 2};
	uint64_t v;
	size_t i;

	if (val.n != 2 * f->count)
		return -EINVAL;
	for (i = 0; i < f->count; i++, two.p += 2) {
		if (!number(two, 16, 0xff, &v))
			return -EINVAL;
		put(d, f, i, v);
	}
	return 0;
}

static int
load_value(struct dev *d, const struct field *f, struct span index,
	struct span val)
{
	uint64_t v, i = 0;

	if (is_bytes(f))
		return index.p ? -EINVAL : load_bytes(d, f, val);
	if ((index.p != NULL) != (f->count > 1))
		return -EINVAL;
	if (index.p && !number(index, 10, f->count - 1, &i))
		return -EINVAL;
	if (!number(val, 16, UINT64_MAX >> (64 - 8 * f->size), &v))
		return -EINVAL;
	put(d, f, (size_t)i, v);
	return 0;
}

/* "id.field value" or "id.field[index] value" */
static int
load_line(struct dev *const *devs, size_t n, struct span line)
{
	struct span id, name, index = {NULL, 0}, bracket;
	const struct field *f;
	struct dev *d;

	if (!cut(&line, '.', &id) || !(d = find_dev(devs, n, id)) ||
		!cut(&line, ' ', &name))
		return -EINVAL;
	bracket = name;
	if (cut(&bracket, '[', &name) &&
		!(cut(&bracket, ']', &index) && bracket.n == 0))
		return -EINVAL;
	f = find_field(d, name);
	return f ? load_value(d, f, index, line) : -EINVAL;
}

/* The line is untrusted and may go to a terminal. */
static int
bad_line(unsigned long no, struct span line)
{
	int n = 0;

	while (n < 60 && (size_t)n < line.n && line.p[n] >= ' ' &&
		line.p[n] <= '~')
		n++;
	return failx(-EINVAL, "saved state, line %lu: '%.*s'", no, n, line.p);
}

static int
load_text(struct dev *const *devs, size_t n, struct span text)
{
	struct span line;
	unsigned long no;

	for (no = 1; text.n; no++) {
		if (!cut(&text, '\n', &line)) {
			line = text;
			text.n = 0;
		}
		if (load_line(devs, n, line))
			return bad_line(no, line);
	}
	return 0;
}

static void
reset_all(struct dev *const *devs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		dev_reset(devs[i]);
}

int
state_load(struct dev *const *devs, size_t n, const char *text, size_t len)
{
	struct span all = {text, len};
	size_t i;
	int err;

	reset_all(devs, n);
	err = load_text(devs, n, all);
	for (i = 0; !err && i < n; i++)
		if (devs[i]->ops->loaded)
			err = devs[i]->ops->loaded(devs[i]);
	if (err)
		reset_all(devs, n);
	return err;
}
