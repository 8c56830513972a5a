/* SPDX-License-Identifier: MIT */
/*
 * A driver that does anything: random writes to a virtio device's registers and
 * configuration space, rings and descriptors that are half right. For tests
 * that want to see what a device makes of it.
 */
#ifndef TESTS_VIRTIO_POKE_H
#define TESTS_VIRTIO_POKE_H

#include "dev/virtio.h"
#include "tests/ring.h"

/* xorshift64* */
static inline uint64_t
poke_rnd(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717u;
}

static inline void
poke_write(struct virtio *v, uint64_t off, unsigned size, uint64_t val)
{
	dev_lock(&v->dev);
	virtio_write(&v->dev, 0, off, size, val);
	dev_unlock(&v->dev);
}

static inline void
poke_config(struct virtio *v, unsigned at, unsigned size, uint32_t val)
{
	dev_lock(&v->dev);
	pci_config_write(&v->pci, at, size, val);
	dev_unlock(&v->dev);
}

/* An address that may be good, of memory of so many bytes. */
static inline uint64_t
poke_gpa(uint64_t *s, uint64_t size)
{
	uint64_t a = poke_rnd(s);

	if (a % 64 == 0)
		return poke_rnd(s);
	if (a % 64 == 1)
		return size - (a >> 8) % 64;
	return (a >> 8) % size & (a & 1 ? ~15ull : ~0ull);
}

enum poke_kind { POKE_READ, POKE_WRITE, POKE_BOTH, POKE_KINDS };

/* Descriptor n of a table of so many at gpa; may be good. */
static inline void
poke_desc(struct mem *m, uint64_t *s, uint64_t table, unsigned n,
	unsigned entries, enum poke_kind kind)
{
	uint64_t a = poke_rnd(s), b = poke_rnd(s);
	struct ring_desc d = {
		.gpa = poke_gpa(s, mem_size(m)),
		.len = (uint32_t)(a % 64 == 0 ? a >> 8 : a >> 8 & 0x1ff),
		.flags = kind == POKE_WRITE || (kind == POKE_BOTH && n % 2)
				 ? D_WRITE
				 : 0,
		.next = (uint16_t)(n + 1),
	};

	if (n + 1 < entries && (kind == POKE_BOTH ? n % 2 == 0 : b % 4 == 0))
		d.flags |= D_NEXT;
	if (b >> 8 & 1)
		d.gpa &= 0x7fff;
	if ((b >> 16) % 32 == 0)
		d.next = (uint16_t)(b >> 24);
	if ((b >> 32) % 16 == 0) {
		d.flags = D_INDIRECT;
		d.len = 16u << (a >> 32 & 3);
	}
	if ((b >> 40) % 128 == 0)
		d.flags = (uint16_t)(b >> 48);
	mem_write(m, table + 16 * n, &d, sizeof(d));
}

/* Fill a ring as a driver might, and say how far it is. */
static inline void
poke_ring(struct virtio *v, uint64_t *s, unsigned n)
{
	struct virtq_regs *q = &v->r->queue;
	struct ring r = {v->mem, q->desc[n], q->avail[n], q->used[n],
		q->size[n], q->last_avail[n]};
	enum poke_kind kind = poke_rnd(s) % POKE_KINDS;
	unsigned i;

	if (!q->enabled[n])
		return;
	for (i = 0; i < r.size && i < 32; i++)
		poke_desc(v->mem, s, r.desc, i, r.size, kind);
	for (i = (unsigned)poke_rnd(s) % 8; i; i--)
		ring_offer(&r, (uint16_t)(poke_rnd(s) % (r.size + (i == 7))));
	ring_set_used_event(&r, (uint16_t)poke_rnd(s));
	if (poke_rnd(s) % 64 == 0)
		ring_put16(&r, r.avail + 2, (uint16_t)poke_rnd(s));
	poke_write(v, VIRTIO_NOTIFY + 4 * n, 2, n);
}

/* As a driver does it, but for a slip here and there. */
static inline void
poke_start(struct virtio *v, uint64_t *s)
{
	static const uint8_t steps[] = {0, 1, 3, 11, 15};
	uint64_t f = v->features & (poke_rnd(s) | VIRTIO_F_VERSION_1);
	unsigned i, n;

	poke_config(v, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	for (i = 0; i < sizeof(steps); i++) {
		if (i == 3) {
			poke_write(v, 8, 4, 0);
			poke_write(v, 12, 4, (uint32_t)f);
			poke_write(v, 8, 4, 1);
			poke_write(v, 12, 4, f >> 32);
		}
		for (n = 0; i == 4 && n < v->queues; n++) {
			poke_write(v, 0x16, 2, n);
			poke_write(v, 0x18, 2, 1u << poke_rnd(s) % 6);
			poke_write(v, 0x20, 4,
				poke_gpa(s, mem_size(v->mem)) & ~15u);
			poke_write(v, 0x28, 4,
				poke_gpa(s, mem_size(v->mem)) & ~15u);
			poke_write(v, 0x30, 4,
				poke_gpa(s, mem_size(v->mem)) & ~15u);
			if (poke_rnd(s) % 8)
				poke_write(v, 0x1c, 2, 1);
		}
		if (poke_rnd(s) % 32)
			poke_write(v, 0x14, 1, steps[i]);
	}
}

/* Something, decided by random. */
static inline void
virtio_poke(struct virtio *v, uint64_t random)
{
	uint64_t s = random * 2 + 1, a = poke_rnd(&s);
	unsigned size = 1u << (a >> 8) % 3, n;

	if (a >> 60 < 8 && v->r->status & VIRTIO_BROKEN)
		poke_start(v, &s);
	switch (a % 16) {
	case 0:
		poke_start(v, &s);
		/* fallthrough */
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		for (n = 0; n < v->queues; n++)
			poke_ring(v, &s, n);
		break;
	case 6:
		poke_config(v, (unsigned)(a >> 16) & 0xfc, size,
			(uint32_t)poke_rnd(&s));
		break;
	case 7:
		poke_config(v, v->cap[4] + 4u * ((unsigned)(a >> 16) & 3) + 4,
			4, (uint32_t)poke_rnd(&s) & 0x3fff);
		dev_lock(&v->dev);
		pci_config_read(&v->pci, v->cap[4] + 16u, size);
		dev_unlock(&v->dev);
		break;
	case 8:
		poke_write(v, VIRTIO_CONFIG + (a >> 16 & 0x3c), size,
			poke_rnd(&s) & 0xffffffff);
		break;
	case 9:
		poke_write(v, VIRTIO_NOTIFY + (a >> 16 & 0x7c), size, a >> 40);
		break;
	case 10:
		poke_config(v, PCI_COMMAND, 2, (uint32_t)(a >> 16 & 0x407));
		break;
	default:
		poke_write(v, (a >> 16 & 0x3f) & ~(uint64_t)(size - 1), size,
			poke_rnd(&s) & (a & 0x100000 ? 0xf : 0xffffffff));
	}
}

#endif
