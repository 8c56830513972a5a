/* SPDX-License-Identifier: MIT */
/*
 * A direct-mapped cache of pages of a file. A page with changes is never thrown
 * out by one that is only read, which then is not kept.
 */
#include "lib/image/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

struct meta_page {
	uint64_t number;
	unsigned from, to; /* the bytes that changed; from == to: none */
	uint8_t data[META_PAGE];
};

/* The place for a page, made if it must. NULL: no memory. */
static struct meta_page *
place(struct meta *m, uint64_t number)
{
	struct meta_page **p = &m->page[number % META_PAGES];

	if (!*p) {
		*p = malloc(sizeof(**p));
		if (!*p)
			return NULL;
		(*p)->from = (*p)->to = 0;
		(*p)->number = UINT64_MAX;
	}
	return *p;
}

/* The page, from the file if need be. *page NULL and 0: no room for it now. */
static int
load(struct meta *m, uint64_t number, struct meta_page **page)
{
	struct meta_page *p = place(m, number);
	int err;

	*page = p;
	if (!p)
		return fail(-ENOMEM, "%s", m->file->name);
	if (p->number == number)
		return 0;
	if (p->from != p->to) {
		*page = NULL;
		return 0;
	}
	p->number = UINT64_MAX;
	err = file_read(m->file, number * META_PAGE, p->data, META_PAGE);
	if (!err)
		p->number = number;
	return err;
}

int
meta_read(struct meta *m, uint64_t off, void *out, size_t n)
{
	uint8_t *to = out;
	int err = 0;

	while (n && !err) {
		unsigned at = (unsigned)(off % META_PAGE);
		size_t here = META_PAGE - at < n ? META_PAGE - at : n;
		struct meta_page *p;

		err = load(m, off / META_PAGE, &p);
		if (!err && p)
			memcpy(to, p->data + at, here);
		else if (!err)
			err = file_read(m->file, off, to, here);
		off += here;
		to += here;
		n -= here;
	}
	return err;
}

int
meta_write(struct meta *m, uint64_t off, const void *in, size_t n)
{
	unsigned at = (unsigned)(off % META_PAGE);
	struct meta_page *p;
	int err = load(m, off / META_PAGE, &p);

	if (err || !p)
		return err ? err : -EAGAIN;
	memcpy(p->data + at, in, n);
	if (p->from == p->to) {
		m->dirty++;
		p->from = at;
		p->to = at + (unsigned)n;
	}
	if (at < p->from)
		p->from = at;
	if (at + n > p->to)
		p->to = at + (unsigned)n;
	return 0;
}

int
meta_flush(struct meta *m)
{
	for (size_t k = 0; m->dirty && k < META_PAGES; k++) {
		struct meta_page *p = m->page[k];
		int err;

		if (!p || p->from == p->to)
			continue;
		err = file_write(m->file, p->number * META_PAGE + p->from,
			p->data + p->from, p->to - p->from);
		if (err)
			return err;
		p->from = p->to = 0;
		m->dirty--;
	}
	return 0;
}

void
meta_free(struct meta *m)
{
	for (size_t k = 0; k < META_PAGES; k++) {
		free(m->page[k]);
		m->page[k] = NULL;
	}
	m->dirty = 0;
}
