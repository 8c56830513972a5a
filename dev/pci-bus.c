/* SPDX-License-Identifier: MIT */
/*
 * PCI bus 0: finds functions, puts what they decode on the machine's buses, ORs
 * the lines of a slot's functions. Where two want the same addresses the first
 * has them, until it goes away.
 */
#include <errno.h>
#include <stdlib.h>

#include "dev/pci-int.h"
#include "lib/err.h"

struct pci_bus {
	struct pci_host host;
	pthread_mutex_t lock; /* all below, and the functions' mapped[] */
	struct pci_fn *fn[PCI_SLOTS][PCI_FUNCTIONS];
	unsigned refused; /* windows that have no place */
	uint8_t lines[PCI_SLOTS][4]; /* a bit per function */
};

int
pci_bus_new(struct pci_bus **out, const struct pci_host *host)
{
	struct pci_bus *b = calloc(1, sizeof(*b));

	if (!b)
		return fail(-ENOMEM, "PCI bus");
	b->host = *host;
	pthread_mutex_init(&b->lock, NULL);
	*out = b;
	return 0;
}

void
pci_bus_free(struct pci_bus *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++)
		if (b->fn[i / PCI_FUNCTIONS][i % PCI_FUNCTIONS])
			pci_remove(b->fn[i / PCI_FUNCTIONS][i % PCI_FUNCTIONS]);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* ---- where things lie ---- */

static struct bus *
side(struct pci_bus *b, const struct mapped *m)
{
	return m->io ? b->host.ports : b->host.mmio;
}

static void
tell(struct pci_fn *f, unsigned n)
{
	struct pci_bus *b = f->bus;

	if (b->host.moved)
		b->host.moved(
			b->host.to, f, n, f->mapped[n].at, f->mapped[n].there);
}

static void
place(struct pci_fn *f, unsigned n)
{
	struct mapped *m = &f->mapped[n];
	struct bus *to = side(f->bus, m);

	m->there = to && bus_add(to, m->at, m->size, f->dev, n) == 0;
	if (m->there)
		tell(f, n);
	else
		f->bus->refused++;
}

/* Addresses became free: who waits for them? */
static void
retry(struct pci_bus *b)
{
	struct pci_fn *f;

	b->refused = 0;
	for (unsigned i = 0; i < PCI_SLOTS * PCI_FUNCTIONS; i++) {
		f = b->fn[i / PCI_FUNCTIONS][i % PCI_FUNCTIONS];
		for (unsigned n = 0; f && n < PCI_WINDOWS; n++)
			if (f->mapped[n].on && !f->mapped[n].there)
				place(f, n);
	}
}

static void
displace(struct pci_fn *f, unsigned n)
{
	struct mapped *m = &f->mapped[n];

	if (m->on && !m->there)
		f->bus->refused--;
	if (m->there) {
		bus_remove(side(f->bus, m), f->dev, n);
		m->there = false;
		tell(f, n);
	}
	m->on = false;
}

static void
move(struct pci_fn *f, unsigned n, const struct mapped *to)
{
	struct mapped *m = &f->mapped[n];
	bool freed = m->there;

	displace(f, n);
	*m = *to;
	m->there = false;
	if (m->on)
		place(f, n);
	if (freed && f->bus->refused)
		retry(f->bus);
}

void
pci_bus_map(struct pci_fn *f, unsigned n, const struct mapped *to)
{
	struct mapped *m = &f->mapped[n];

	if (!f->bus) {
		*m = *to;
		return;
	}
	pthread_mutex_lock(&f->bus->lock);
	if (m->on != to->on || (to->on && (m->at != to->at || m->io != to->io ||
						  m->size != to->size)))
		move(f, n, to);
	pthread_mutex_unlock(&f->bus->lock);
}

/* ---- interrupts ---- */

static void
intx(void *to, unsigned pin, bool level)
{
	struct pci_fn *f = to;
	struct pci_bus *b = f->bus;
	uint8_t *line = &b->lines[f->slot][pin],
		bit = (uint8_t)(1u << f->function);

	pthread_mutex_lock(&b->lock);
	*line = (uint8_t)(level ? *line | bit : *line & ~bit);
	if (b->host.intx)
		b->host.intx(b->host.to, f->slot, pin, *line);
	pthread_mutex_unlock(&b->lock);
}

/* A message is a write to where the local APICs listen; one that goes elsewhere
 * would be DMA, and is none of ours. */
void
pci_bus_msi(struct pci_fn *f, struct msi m)
{
	if (!pci_master(f))
		return;
	if (m.addr >> 20 != 0xfee)
		dev_odd(f->dev, "MSI-X to %#llx", (unsigned long long)m.addr);
	else if (f->bus && f->bus->host.msi)
		f->bus->host.msi(f->bus->host.to, m);
}

/* ---- functions ---- */

static int
check(struct pci_bus *b, unsigned slot, unsigned function)
{
	if (slot >= PCI_SLOTS || function >= PCI_FUNCTIONS)
		return -ERANGE;
	if (b->fn[slot][function])
		return -EEXIST;
	return function && !b->fn[slot][0] ? -EINVAL : 0;
}

static void
enter(struct pci_bus *b, struct pci_fn *f)
{
	struct pci_fn *first = b->fn[f->slot][0];

	f->bus = b;
	if (f->id->pin)
		f->wire = (struct irq){intx, f, f->id->pin - 1u};
	if (f->function) {
		first->initial[PCI_HEADER] |= 0x80;
		first->r->config[PCI_HEADER] |= 0x80;
	}
	for (unsigned n = 0; n < PCI_WINDOWS; n++)
		if (f->mapped[n].on)
			place(f, n);
	b->fn[f->slot][f->function] = f;
}

int
pci_bus_add(
	struct pci_bus *b, struct pci_fn *f, unsigned slot, unsigned function)
{
	int r;

	pthread_mutex_lock(&b->lock);
	r = check(b, slot, function);
	if (!r) {
		f->slot = slot;
		f->function = function;
		enter(b, f);
	}
	pthread_mutex_unlock(&b->lock);
	return r ? failx(r, "PCI %02x.%u: %s", slot, function, f->dev->id) : 0;
}

void
pci_remove(struct pci_fn *f)
{
	struct pci_bus *b = f->bus;

	if (!b)
		return;
	if (f->driven)
		irq_set(f->wire, false);
	pthread_mutex_lock(&b->lock);
	b->fn[f->slot][f->function] = NULL;
	for (unsigned n = 0; n < PCI_WINDOWS; n++)
		displace(f, n);
	retry(b);
	pthread_mutex_unlock(&b->lock);
	f->bus = NULL;
	f->wire = (struct irq){NULL, NULL, 0};
}

struct pci_fn *
pci_bus_find(struct pci_bus *b, unsigned slot, unsigned function)
{
	struct pci_fn *f;

	if (slot >= PCI_SLOTS || function >= PCI_FUNCTIONS)
		return NULL;
	pthread_mutex_lock(&b->lock);
	f = b->fn[slot][function];
	pthread_mutex_unlock(&b->lock);
	return f;
}

uint32_t
pci_bus_read(struct pci_bus *b, unsigned bus, unsigned devfn, unsigned at,
	unsigned size)
{
	struct pci_fn *f = bus ? NULL : pci_bus_find(b, devfn >> 3, devfn & 7);
	uint32_t v = UINT32_MAX >> (32 - 8 * size);

	if (!f)
		return v;
	dev_lock(f->dev);
	v = pci_config_read(f, at, size);
	dev_unlock(f->dev);
	return v;
}

void
pci_bus_write(struct pci_bus *b, unsigned bus, unsigned devfn, unsigned at,
	unsigned size, uint32_t val)
{
	struct pci_fn *f = bus ? NULL : pci_bus_find(b, devfn >> 3, devfn & 7);

	if (!f)
		return;
	dev_lock(f->dev);
	pci_config_write(f, at, size, val);
	dev_unlock(f->dev);
}
