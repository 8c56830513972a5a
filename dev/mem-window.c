/* SPDX-License-Identifier: MIT */
/*
 * What lies over guest memory, and changes while the guest runs: windows, which
 * show one thing or another, and areas, which move about. See mem.h.
 */
#include "dev/mem-int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/err.h"

#define AREA_MIN 0x10000ull

/* What shows the view of a piece; NULL: nothing. */
static const struct mem_slot *
view_of(const struct mem *m, unsigned n, enum mem_view v)
{
	return m->view[n][v].host ? &m->view[n][v] : NULL;
}

/* RAM around a window: piece old becomes what is above it, which is most. */
static void
split(struct mem *m, struct piece *old, uint64_t gpa, uint64_t size)
{
	uint64_t end = old->gpa + old->size, from = old->gpa;
	struct mem_slot *s = m->view[old - m->piece];

	if (from < gpa) {
		struct mem_slot *low = m->view[m->pieces];

		low[MEM_RAM] = (struct mem_slot){
			from, gpa - from, m->ram + from, false, false};
		mem_add_piece(m, from, gpa - from, &low[MEM_RAM]);
	}
	from = gpa + size;
	s[MEM_RAM] = (struct mem_slot){
		from, end - from, m->ram + from, false, false};
	old->gpa = from;
	old->size = end - from;
	atomic_store(&old->now, &s[MEM_RAM]);
}

int
mem_add_window(struct mem *m, uint64_t gpa, uint64_t size, uint8_t *rom,
	enum mem_view first, unsigned *window)
{
	int err = mem_check_place(m, "window", gpa, size);
	struct piece *other;
	struct mem_slot *v;

	if (err)
		return err;
	other = mem_in_the_way(m, gpa, size);
	/* RAM that stays above it: there is more of it than windows. */
	if (other &&
		(other->window || other->gpa > gpa || gpa + size >= m->low ||
			gpa + size >= other->gpa + other->size))
		return mem_overlaps("window", gpa, size, other);
	if (other)
		split(m, other, gpa, size);
	*window = m->pieces;
	v = m->view[m->pieces];
	if (other) {
		v[MEM_RAM] = (struct mem_slot){
			gpa, size, m->ram + gpa, false, false};
		v[MEM_RAM_RO] =
			(struct mem_slot){gpa, size, m->ram + gpa, true, false};
	}
	v[MEM_ROM] = (struct mem_slot){gpa, size, rom, true, false};
	mem_add_piece(m, gpa, size, view_of(m, *window, first));
	m->piece[*window].window = true;
	return 0;
}

void
mem_window_device(struct mem *m, unsigned n, uint8_t *host)
{
	const struct piece *p = &m->piece[n];

	m->view[n][MEM_DEVICE] =
		(struct mem_slot){p->gpa, p->size, host, false, true};
}

void
mem_show(struct mem *m, unsigned n, enum mem_view v)
{
	const struct mem_slot *s = view_of(m, n, v);
	struct piece *p = &m->piece[n];

	if (atomic_exchange(&p->now, s) != s && m->remapped)
		m->remapped(m->remap_to, n, p->gpa, p->size);
}

/* ---- areas ---- */

int
mem_add_area(struct mem *m, uint8_t *host, uint64_t size, unsigned *area)
{
	struct area *a = &m->area[m->areas];

	if (size < AREA_MIN || size & (size - 1) || size > MEM_AREA_END)
		return failx(-EINVAL, "area of %#" PRIx64 " bytes", size);
	if (m->areas == MEM_AREAS || m->pieces == MEM_PIECES)
		return failx(-ENOSPC, "area: too many");
	a->at = calloc(MEM_AREA_END / size, sizeof(*a->at));
	if (!a->at)
		return fail(-ENOMEM, "area");
	a->host = host;
	a->size = size;
	a->piece = m->pieces;
	mem_add_piece(m, 0, 0, NULL); /* it holds no address by itself */
	*area = m->areas++;
	return 0;
}

static void
show_area(struct mem *m, unsigned piece, const struct mem_slot *s)
{
	const struct mem_slot *old = atomic_exchange(&m->piece[piece].now, s);

	if (old != s && m->remapped) {
		if (old)
			m->remapped(m->remap_to, piece, old->gpa, old->size);
		if (s)
			m->remapped(m->remap_to, piece, s->gpa, s->size);
	}
}

static bool
area_in_the_way(struct mem *m, const struct area *a, uint64_t gpa)
{
	const struct mem_slot *s;

	for (unsigned i = 0; i < m->areas; i++) {
		s = atomic_load(&m->piece[m->area[i].piece].now);
		if (&m->area[i] != a && s && gpa < s->gpa + s->size &&
			s->gpa < gpa + a->size)
			return true;
	}
	return false;
}

int
mem_place(struct mem *m, unsigned n, uint64_t gpa)
{
	struct area *a = &m->area[n];
	struct mem_slot *s = NULL;
	struct piece *other;
	int r = 0;

	if (gpa % a->size || gpa > MEM_AREA_END - a->size)
		r = failx(-ERANGE, "area at %#" PRIx64, gpa);
	else if (gpa && (other = mem_in_the_way(m, gpa, a->size)))
		r = mem_overlaps("area", gpa, a->size, other);
	else if (gpa && area_in_the_way(m, a, gpa))
		r = failx(-EEXIST, "area at %#" PRIx64 ": another is", gpa);
	else if (gpa)
		s = &a->at[gpa / a->size];
	if (s && !s->host)
		*s = (struct mem_slot){gpa, a->size, a->host, false, true};
	show_area(m, a->piece, s);
	return r;
}
