/* SPDX-License-Identifier: MIT */
/*
 * Where interrupt messages go. Intel SDM vol. 3A, "Determining IPI
 * Destination", "Logical Destination Mode in x2APIC Mode" and "Message
 * Signalled Interrupts". Left out: the extended destination id of MSIs.
 */
#include "dev/lapic-int.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/err.h"

struct lapic_net {
	_Atomic unsigned n; /* members; readers need no lock */
	_Atomic unsigned turn;
	_Atomic bool extint; /* the PIC's wire, for those who join later */
	struct lapic *l[LAPIC_MAX_ID + 1];
};

struct lapic_net *
lapic_net_new(void)
{
	return calloc(1, sizeof(struct lapic_net));
}

void
lapic_net_free(struct lapic_net *net)
{
	free(net);
}

int
lapic_net_join(struct lapic_net *net, struct lapic *l)
{
	unsigned n = atomic_load(&net->n);

	if (l->id > LAPIC_MAX_ID)
		return fail(-ERANGE, "APIC id %u", l->id);
	for (unsigned i = 0; i < n; i++)
		if (net->l[i]->id == l->id)
			return fail(-EEXIST, "APIC id %u", l->id);
	l->r.line = atomic_load(&net->extint);
	net->l[n] = l;
	atomic_store(&net->n, n + 1);
	return 0;
}

void
lapic_net_leave(struct lapic_net *net, struct lapic *l)
{
	unsigned n = atomic_load(&net->n);

	for (unsigned i = 0; i < n; i++) {
		if (net->l[i] != l)
			continue;
		net->l[i] = net->l[n - 1];
		atomic_store(&net->n, n - 1);
		return;
	}
}

static bool
logical(const struct lapic *l, uint32_t dest)
{
	uint32_t ldr = lapic_x2_ldr(l);

	if (lapic_x2(l))
		return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff);
	if (dest > 0xff)
		return false;
	ldr = l->r.ldr >> 24;
	if (l->r.dfr >> 28 == 0xf) /* flat */
		return ldr & dest;
	if (l->r.dfr >> 28 != 0) /* neither flat nor cluster */
		return false;
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

static bool
matches(const struct lapic *l, const struct ipi *i, const struct lapic *from)
{
	if (!lapic_on(l))
		return false;
	if (i->shorthand)
		return i->shorthand == 2 || (i->shorthand == 1) == (l == from);
	if (i->dest == (i->x2 ? UINT32_MAX : 0xff))
		return true;
	return i->logical ? logical(l, i->dest) : i->dest == l->id;
}

/* The target of lowest priority; they take turns among equals. */
static struct lapic *
lowest(struct lapic_net *net, const struct ipi *i, struct lapic *from)
{
	unsigned n = atomic_load(&net->n), best = UINT32_MAX, ppr;
	unsigned first = atomic_fetch_add(&net->turn, 1);
	struct lapic *to = NULL;

	for (unsigned k = 0; k < n; k++) {
		struct lapic *l = net->l[(first + k) % n];

		lapic_lock(l);
		ppr = lapic_ppr(l);
		if (ppr < best && (l->r.svr & SVR_ENABLE) &&
			matches(l, i, from)) {
			best = ppr;
			to = l;
		}
		lapic_unlock(l);
	}
	return to;
}

/* One at a time: a lapic's lock is never held when another's is taken. */
void
lapic_net_ipi(struct lapic_net *net, struct lapic *from, struct ipi i)
{
	struct lapic *one = i.lowest ? lowest(net, &i, from) : NULL;
	unsigned n = atomic_load(&net->n);

	for (unsigned k = 0; k < n; k++) {
		struct lapic *l = net->l[k];

		if (i.lowest && l != one)
			continue;
		lapic_lock(l);
		if (matches(l, &i, from))
			lapic_message(l, &i);
		lapic_unlock(l);
	}
}

void
lapic_net_send(struct lapic_net *net, struct msi m)
{
	bool redirect = m.addr & 8;
	struct ipi i = {
		.dest = m.addr >> 12 & 0xff,
		.vector = (uint8_t)m.data,
		.mode = m.data >> 8 & 7,
		.logical = m.addr & 4,
		.level = m.data & (1 << 15),
	};

	i.lowest = i.mode == DM_LOWEST ||
		   (i.mode == DM_FIXED && redirect && i.logical);
	lapic_net_ipi(net, NULL, i);
}

void
lapic_net_extint(void *to, unsigned pin, bool level)
{
	struct lapic_net *net = to;
	unsigned n = atomic_load(&net->n);

	(void)pin;
	atomic_store(&net->extint, level);
	for (unsigned k = 0; k < n; k++) {
		lapic_lock(net->l[k]);
		lapic_line(net->l[k], level);
		lapic_unlock(net->l[k]);
	}
}
