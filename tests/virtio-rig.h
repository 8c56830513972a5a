/* SPDX-License-Identifier: MIT */
/*
 * A virtio device on a PCI bus of its own, and a driver for it, step by step:
 * for the tests of virtio devices.
 */
#ifndef TESTS_VIRTIO_RIG_H
#define TESTS_VIRTIO_RIG_H

#include <stdio.h>
#include <stdlib.h>

#include "dev/bus.h"
#include "dev/virtio.h"
#include "tests/ring.h"

enum {
	RIG_RAM = 0x400000,
	RIG_RINGS = 0x100000, /* queue n's from here, 64 KiB each */
	RIG_BUFS = 0x300000, /* buffers */
	RIG_BAR = 0x10000000,
	RIG_TABLE = 0x10010000,
	RIG_SLOT = 5
};

/* The common configuration, 4.1.4.3. */
enum {
	C_FEATURE_SEL = 0x00,
	C_FEATURES = 0x04,
	C_GUEST_SEL = 0x08,
	C_GUEST = 0x0c,
	C_CONFIG_VECTOR = 0x10,
	C_QUEUES = 0x12,
	C_STATUS = 0x14,
	C_GENERATION = 0x15,
	C_QUEUE = 0x16,
	C_SIZE = 0x18,
	C_VECTOR = 0x1a,
	C_ENABLE = 0x1c,
	C_NOTIFY = 0x1e,
	C_DESC = 0x20,
	C_AVAIL = 0x28,
	C_USED = 0x30
};

struct vrig {
	struct mem *m;
	struct bus *mmio;
	struct pci_bus *pci;
	struct virtio *v;
	struct ring ring[VIRTQ_COUNT];
	bool line; /* INTA# */
	unsigned msis; /* sent so far, and the last */
	struct msi msi;
};

static inline void
vrig_line(void *to, unsigned slot, unsigned pin, bool level)
{
	(void)slot, (void)pin;
	((struct vrig *)to)->line = level;
}

static inline void
vrig_msi(void *to, struct msi m)
{
	struct vrig *g = to;

	g->msis++;
	g->msi = m;
}

static inline uint32_t
vrig_pci_read(struct vrig *g, unsigned at, unsigned size)
{
	return pci_bus_read(g->pci, 0, RIG_SLOT << 3, at, size);
}

static inline void
vrig_pci_write(struct vrig *g, unsigned at, unsigned size, uint32_t val)
{
	pci_bus_write(g->pci, 0, RIG_SLOT << 3, at, size, val);
}

static inline uint32_t
vrig_read(struct vrig *g, uint64_t off, unsigned size)
{
	return (uint32_t)bus_read(g->mmio, RIG_BAR + off, size);
}

static inline void
vrig_write(struct vrig *g, uint64_t off, unsigned size, uint64_t val)
{
	bus_write(g->mmio, RIG_BAR + off, size, val);
}

/* The memory, before the device is made of it. */
static inline void
vrig_init(struct vrig *g)
{
	struct pci_host host = {.intx = vrig_line, .msi = vrig_msi, .to = g};

	memset(g, 0, sizeof(*g));
	if (mem_new(&g->m, RIG_RAM) || bus_new(&g->mmio, "mmio", 1ull << 40))
		exit(1);
	host.mmio = g->mmio;
	if (pci_bus_new(&g->pci, &host))
		exit(1);
}

/* The device on the bus, its BARs mapped. */
static inline void
vrig_add(struct vrig *g, struct dev *d)
{
	g->v = (struct virtio *)d;
	if (!d || pci_bus_add(g->pci, &g->v->pci, RIG_SLOT, 0))
		exit(1);
	dev_reset(d);
	vrig_pci_write(g, PCI_BAR0, 4, RIG_BAR);
	vrig_pci_write(g, PCI_BAR0 + 4, 4, 0);
	vrig_pci_write(g, PCI_BAR0 + 4 * VIRTIO_MSIX_BAR, 4, RIG_TABLE);
	vrig_pci_write(g, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
}

static inline void
vrig_free(struct vrig *g)
{
	dev_free(&g->v->dev);
	pci_bus_free(g->pci);
	bus_free(g->mmio);
	mem_free(g->m);
}

static inline uint64_t
vrig_features(struct vrig *g)
{
	uint64_t f;

	vrig_write(g, C_FEATURE_SEL, 4, 1);
	f = (uint64_t)vrig_read(g, C_FEATURES, 4) << 32;
	vrig_write(g, C_FEATURE_SEL, 4, 0);
	return f | vrig_read(g, C_FEATURES, 4);
}

static inline uint8_t
vrig_status(struct vrig *g)
{
	return (uint8_t)vrig_read(g, C_STATUS, 1);
}

/* Reset, and up to FEATURES_OK; what status says then. */
static inline uint8_t
vrig_negotiate(struct vrig *g, uint64_t features)
{
	vrig_write(g, C_STATUS, 1, 0);
	vrig_write(g, C_STATUS, 1, VIRTIO_ACKNOWLEDGE);
	vrig_write(g, C_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	vrig_write(g, C_GUEST_SEL, 4, 0);
	vrig_write(g, C_GUEST, 4, (uint32_t)features);
	vrig_write(g, C_GUEST_SEL, 4, 1);
	vrig_write(g, C_GUEST, 4, features >> 32);
	vrig_write(g, C_STATUS, 1,
		VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return vrig_status(g);
}

static inline void
vrig_put64(struct vrig *g, uint64_t off, uint64_t val)
{
	vrig_write(g, off, 4, (uint32_t)val);
	vrig_write(g, off + 4, 4, val >> 32);
}

static inline void
vrig_queue(struct vrig *g, unsigned n, unsigned size)
{
	struct ring *r = &g->ring[n];

	ring_at(r, g->m, RIG_RINGS + 0x10000ull * n, size);
	vrig_write(g, C_QUEUE, 2, n);
	vrig_write(g, C_SIZE, 2, size);
	vrig_put64(g, C_DESC, r->desc);
	vrig_put64(g, C_AVAIL, r->avail);
	vrig_put64(g, C_USED, r->used);
	vrig_write(g, C_ENABLE, 2, 1);
}

static inline void
vrig_driver_ok(struct vrig *g)
{
	vrig_write(g, C_STATUS, 1,
		VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
			VIRTIO_DRIVER_OK);
}

/* All of that: the device runs, its queues of that size. */
static inline void
vrig_start(struct vrig *g, uint64_t features, unsigned size)
{
	unsigned n;

	vrig_negotiate(g, features | VIRTIO_F_VERSION_1);
	for (n = 0; n < g->v->queues; n++)
		vrig_queue(g, n, size);
	vrig_driver_ok(g);
}

static inline void
vrig_notify(struct vrig *g, unsigned n)
{
	vrig_write(g, VIRTIO_NOTIFY + 4ull * n, 2, n);
}

/* One buffer, offered and notified of. */
static inline void
vrig_give(struct vrig *g, unsigned n, unsigned head, uint64_t gpa, uint32_t len,
	bool write)
{
	ring_desc(&g->ring[n], head, gpa, len, write ? D_WRITE : 0, 0);
	ring_offer(&g->ring[n], (uint16_t)head);
	vrig_notify(g, n);
}

#endif
