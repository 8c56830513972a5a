/* SPDX-License-Identifier: MIT */
/*
 * PCI devices that come and go while the machine runs. Which slots can is the
 * board's to say; the guest learns of it by ACPI.
 */
#include <errno.h>
#include <string.h>

#include "dev/pcihp.h"
#include "lib/err.h"
#include "vmm/board.h"

/* The function of a device in a slot that can change. */
static struct pci_fn *
function_of(struct board *b, const struct dev *d)
{
	struct pci_fn *f;

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		f = pci_bus_find(b->pci, slot, 0);
		if (f && f->dev == d && (BOARD_HOTPLUG >> slot & 1))
			return f;
	}
	return NULL;
}

static int
free_slot(struct board *b, unsigned *slot)
{
	for (*slot = 0; *slot < PCI_SLOTS; ++*slot)
		if ((BOARD_HOTPLUG >> *slot & 1) &&
			!pci_bus_find(b->pci, *slot, 0))
			return 0;
	return -ENOSPC;
}

int
board_plug(struct board *b, struct dev *d, struct pci_fn *f)
{
	unsigned slot;
	int r;

	if (b->devs == BOARD_DEVS || free_slot(b, &slot))
		return failx(-ENOSPC, "%s: no slot is free", d->id);
	r = pci_bus_add(b->pci, f, slot, 0);
	if (r)
		return r;
	b->dev[b->devs++] = d;
	pcihp_plug(b->hotplug, slot);
	return 0;
}

int
board_unplug_request(struct board *b, struct dev *d)
{
	struct pci_fn *f = function_of(b, d);

	if (!f)
		return failx(-ENOENT, "%s: not in a slot", d->id);
	pcihp_unplug(b->hotplug, f->slot);
	return 0;
}

void
board_remove(struct board *b, struct dev *d)
{
	struct pci_fn *f = function_of(b, d);
	unsigned n = 0;

	if (f) {
		pcihp_forget(b->hotplug, f->slot);
		pci_remove(f);
	}
	while (n < b->devs && b->dev[n] != d)
		n++;
	if (n == b->devs)
		return;
	b->devs--;
	memmove(b->dev + n, b->dev + n + 1, (b->devs - n) * sizeof(b->dev[0]));
}

void
board_ejected(void *to, uint32_t slots)
{
	struct board *b = to;
	struct pci_fn *f;

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		f = slots >> slot & 1 ? pci_bus_find(b->pci, slot, 0) : NULL;
		if (f && b->host.ejected)
			b->host.ejected(b->host.to, f->dev);
	}
}
