/* SPDX-License-Identifier: MIT */
/*
 * virtio over PCI, modern only: virtio 1.2, 4.1. One 64-bit memory BAR holds
 * the common configuration, the ISR, the device's configuration and a doorbell
 * of its own for each queue; another one the MSI-X table. The configuration
 * access capability reaches the first without mapping it.
 */
#include "dev/virtio.h"

#include <errno.h>
#include <string.h>

#include "lib/err.h"

enum { VENDOR = 0x1af4, DEVICE = 0x1040, SUBDEVICE = 0x1100 };
enum { CAP_VENDOR = 9, CAP_LEN = 16 }; /* struct virtio_pci_cap */
enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };
enum { CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_EXTRA = 16 };
enum { NOTIFY_STEP = 4 };

enum common { /* 4.1.4.3 */
	FEATURE_SEL = 0x00,
	FEATURES = 0x04,
	GUEST_FEATURE_SEL = 0x08,
	GUEST_FEATURES = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	STATUS = 0x14,
	GENERATION = 0x15,
	QUEUE_SEL = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_AVAIL = 0x28,
	QUEUE_USED = 0x30,
	COMMON_END = 0x40
};

/* ---- configuration space ---- */

static const struct part {
	uint8_t type, extra;
	uint32_t at, len;
} parts[] = {
	{CFG_COMMON, 0, VIRTIO_COMMON, COMMON_END},
	{CFG_ISR, 0, VIRTIO_ISR, 4},
	{CFG_DEVICE, 0, VIRTIO_CONFIG, 0x1000},
	{CFG_NOTIFY, 4, VIRTIO_NOTIFY, VIRTQ_COUNT *NOTIFY_STEP},
	{CFG_PCI, 4, 0, 0},
};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static void written(struct dev *, unsigned at, unsigned n);
static void reading(struct dev *, unsigned at, unsigned n);

void
virtio_pci_init(struct virtio *v)
{
	unsigned i, at;

	v->id = (struct pci_id){.vendor = VENDOR,
		.device = (uint16_t)(DEVICE + v->ops->id),
		.subvendor = VENDOR,
		.subdevice = SUBDEVICE,
		.class = v->ops->pci_class,
		.revision = 1,
		.pin = 1};
	pci_init(&v->pci, &v->dev, &v->r->pci, &v->id);
	v->pci.written = written;
	v->pci.reading = reading;
	pci_add_bar(
		&v->pci, 0, (struct pci_bar){.size = VIRTIO_BAR, .wide = true});
	pci_add_bar(&v->pci, VIRTIO_MSIX_BAR, (struct pci_bar){.size = 4096});
	pci_add_msix(&v->pci, v->queues + 1, VIRTIO_MSIX_BAR, 0);
	for (i = 0; i < PARTS; i++) {
		at = pci_add_cap(&v->pci, CAP_VENDOR,
			CAP_LEN + (unsigned)parts[i].extra);
		v->cap[i] = (uint8_t)at;
		if (parts[i].type != CFG_PCI)
			continue;
		v->pci.writable[at + CAP_BAR] = 0xff;
		memset(v->pci.writable + at + CAP_OFFSET, 0xff, 12);
	}
}

static uint8_t
access_cap(const struct virtio *v)
{
	return v->cap[PARTS - 1];
}

static void
fill_cap(struct virtio *v, unsigned at, const struct part *p)
{
	unsigned len = CAP_LEN + (unsigned)p->extra, i;

	pci_put16(&v->pci, at + 2, (uint16_t)(len | (unsigned)p->type << 8));
	for (i = CAP_BAR; i < len; i += 4)
		pci_put32(&v->pci, at + i, 0);
	pci_put32(&v->pci, at + CAP_OFFSET, p->at);
	pci_put32(&v->pci, at + CAP_LENGTH, p->len);
	if (p->type == CFG_NOTIFY)
		pci_put32(&v->pci, at + CAP_EXTRA, NOTIFY_STEP);
}

uint64_t
virtio_doorbell(unsigned n)
{
	return VIRTIO_NOTIFY + n * (uint64_t)NOTIFY_STEP;
}

void
virtio_pci_reset(struct virtio *v)
{
	unsigned i;

	pci_reset(&v->pci);
	for (i = 0; i < PARTS; i++)
		fill_cap(v, v->cap[i], &parts[i]);
}

/* The access that the capability describes: its size, 0: none that is good. */
static unsigned
described(const struct virtio *v, uint64_t *off)
{
	unsigned at = access_cap(v);
	uint32_t len = pci_get32(&v->pci, at + CAP_LENGTH);

	*off = pci_get32(&v->pci, at + CAP_OFFSET);
	if (v->r->pci.config[at + CAP_BAR] ||
		(len != 1 && len != 2 && len != 4) || *off % len ||
		*off >= VIRTIO_BAR)
		return 0;
	return len;
}

static bool
touches(unsigned at, unsigned n, unsigned from, unsigned len)
{
	return at < from + len && from < at + n;
}

static void
reading(struct dev *d, unsigned at, unsigned n)
{
	struct virtio *v = (struct virtio *)d;
	unsigned data = access_cap(v) + CAP_EXTRA, size;
	uint64_t off;

	if (touches(at, n, data, 4) && (size = described(v, &off)))
		pci_put32(
			&v->pci, data, (uint32_t)virtio_read(d, 0, off, size));
}

static void
written(struct dev *d, unsigned at, unsigned n)
{
	struct virtio *v = (struct virtio *)d;
	unsigned data = access_cap(v) + CAP_EXTRA, size, i;
	uint64_t off;

	if (touches(at, n, data, 4) && (size = described(v, &off)))
		virtio_write(d, 0, off, size,
			pci_get32(&v->pci, data) &
				(UINT32_MAX >> (32 - 8 * size)));
	/* What waited for the bus goes on. */
	if (touches(at, n, PCI_COMMAND, 2) && virtio_running(v) &&
		pci_master(&v->pci))
		for (i = 0; i < v->queues; i++)
			if (v->r->queue.enabled[i])
				virtio_kicked(v, i);
}

void
virtio_interrupt(struct virtio *v, uint8_t isr, unsigned vector)
{
	if (pci_msix_on(&v->pci)) {
		pci_msix(&v->pci, vector); /* NO_VECTOR is none */
		return;
	}
	v->r->isr |= isr;
	pci_intx(&v->pci, true);
}

/* ---- BAR 0 ---- */

/* The features in 32 bits of 64. */
static uint32_t
half(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> (32 * sel)) : 0;
}

static uint32_t
pair(unsigned low, unsigned high)
{
	return low | (uint32_t)high << 16;
}

static uint32_t
queue_word(const struct virtio *v, unsigned off)
{
	const struct virtq_regs *r = &v->r->queue;
	unsigned n = v->r->queue_sel;

	if (n >= v->queues)
		return off == QUEUE_SIZE ? pair(0, VIRTQ_NO_VECTOR) : 0;
	switch (off) {
	case QUEUE_SIZE:
		return pair(r->size[n], r->vector[n]);
	case QUEUE_ENABLE:
		return pair(r->enabled[n], n);
	case QUEUE_DESC:
		return (uint32_t)r->desc[n];
	case QUEUE_DESC + 4:
		return (uint32_t)(r->desc[n] >> 32);
	case QUEUE_AVAIL:
		return (uint32_t)r->avail[n];
	case QUEUE_AVAIL + 4:
		return (uint32_t)(r->avail[n] >> 32);
	case QUEUE_USED:
		return (uint32_t)r->used[n];
	case QUEUE_USED + 4:
		return (uint32_t)(r->used[n] >> 32);
	}
	return 0;
}

static uint32_t
common_word(const struct virtio *v, unsigned off)
{
	const struct virtio_regs *r = v->r;

	switch (off) {
	case FEATURE_SEL:
		return r->feature_sel;
	case FEATURES:
		return half(v->features, r->feature_sel);
	case GUEST_FEATURE_SEL:
		return r->guest_feature_sel;
	case GUEST_FEATURES:
		return half(r->guest_features, r->guest_feature_sel);
	case CONFIG_VECTOR:
		return pair(r->config_vector, v->queues);
	case STATUS:
		return pair(r->status | r->generation << 8, r->queue_sel);
	}
	return queue_word(v, off);
}

static uint16_t
vector(const struct virtio *v, uint64_t val)
{
	return val < v->pci.vectors ? (uint16_t)val : VIRTQ_NO_VECTOR;
}

static void
put_features(struct virtio *v, uint32_t val)
{
	unsigned shift = 32 * v->r->guest_feature_sel;
	uint64_t *f = &v->r->guest_features;

	if (v->r->status & VIRTIO_FEATURES_OK)
		dev_odd(&v->dev, "features changed after FEATURES_OK");
	else if (shift < 64)
		*f = (*f & ~(0xffffffffull << shift)) | (uint64_t)val << shift;
}

static void
put_half(uint64_t *reg, bool high, uint32_t val)
{
	if (high)
		*reg = (uint32_t)*reg | (uint64_t)val << 32;
	else
		*reg = *reg >> 32 << 32 | val;
}

/* Registers of the selected queue, which is not enabled. */
static void
queue_write(struct virtio *v, unsigned n, unsigned off, uint32_t val)
{
	struct virtq_regs *r = &v->r->queue;

	switch (off) {
	case QUEUE_SIZE:
		if (val && val <= v->q[n].max && !(val & (val - 1)))
			r->size[n] = (uint16_t)val;
		else
			dev_odd(&v->dev, "queue %u of %u entries", n, val);
		break;
	case QUEUE_ENABLE:
		if (val == 1)
			virtio_enable(v, n);
		break;
	case QUEUE_DESC:
	case QUEUE_DESC + 4:
		put_half(&r->desc[n], off & 4, val);
		break;
	case QUEUE_AVAIL:
	case QUEUE_AVAIL + 4:
		put_half(&r->avail[n], off & 4, val);
		break;
	case QUEUE_USED:
	case QUEUE_USED + 4:
		put_half(&r->used[n], off & 4, val);
		break;
	}
}

/* The bytes of a register that is written as a whole; 0: there is none. */
static unsigned
width(unsigned off)
{
	if (off == STATUS)
		return 1;
	if (off == CONFIG_VECTOR || (off >= QUEUE_SEL && off <= QUEUE_ENABLE))
		return off & 1 ? 0 : 2;
	if (off <= GUEST_FEATURES ||
		(off >= QUEUE_DESC && off < QUEUE_USED + 8))
		return off & 3 ? 0 : 4;
	return 0;
}

static void
common_write(struct virtio *v, unsigned off, unsigned size, uint32_t val)
{
	struct virtio_regs *r = v->r;
	unsigned n = r->queue_sel;

	if (width(off) != size) {
		dev_odd(&v->dev, "%u bytes to register %#x", size, off);
		return;
	}
	if (v->resetting && off != STATUS)
		return;
	if (off == FEATURE_SEL)
		r->feature_sel = val;
	else if (off == GUEST_FEATURE_SEL)
		r->guest_feature_sel = val;
	else if (off == GUEST_FEATURES)
		put_features(v, val);
	else if (off == CONFIG_VECTOR)
		r->config_vector = vector(v, val);
	else if (off == STATUS)
		virtio_set_status(v, (uint8_t)val);
	else if (off == QUEUE_SEL)
		r->queue_sel = (uint16_t)val;
	else if (off < QUEUE_SIZE || n >= v->queues)
		return;
	else if (off == QUEUE_VECTOR)
		r->queue.vector[n] = vector(v, val);
	else if (r->queue.enabled[n] || (r->status & VIRTIO_DRIVER_OK))
		dev_odd(&v->dev, "queue %u is frozen", n);
	else
		queue_write(v, n, off, val);
}

/* What of the device's configuration is not there reads as 0. */
static uint32_t
config_read(struct virtio *v, unsigned at, unsigned size)
{
	unsigned end = v->ops->config_size;
	uint32_t val = 0;

	if (!v->ops->config_read || at >= end)
		return 0;
	if (size <= end - at)
		return v->ops->config_read(v, at, size);
	for (unsigned i = 0; i < end - at; i++)
		val |= v->ops->config_read(v, at + i, 1) << 8 * i;
	return val;
}

static uint8_t
take_isr(struct virtio *v)
{
	uint8_t isr = v->r->isr;

	v->r->isr = 0;
	pci_intx(&v->pci, false);
	return isr;
}

uint64_t
virtio_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct virtio *v = (struct virtio *)d;
	unsigned at = (unsigned)off;
	uint64_t val = 0;

	if (pci_msix_read(&v->pci, bar, off, size, &val) || bar)
		return val;
	if (at < COMMON_END)
		val = common_word(v, at & ~3u) >> 8 * (at & 3);
	else if (at == VIRTIO_ISR)
		val = take_isr(v);
	else if (at >= VIRTIO_CONFIG && at < VIRTIO_NOTIFY)
		val = config_read(v, at - VIRTIO_CONFIG, size);
	return val & (UINT64_MAX >> (64 - 8 * size));
}

static void
ring(struct virtio *v, unsigned n)
{
	v->by_cpu = true;
	virtio_kicked(v, n);
	v->by_cpu = false;
}

void
virtio_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct virtio *v = (struct virtio *)d;
	unsigned at = (unsigned)off;

	if (pci_msix_write(&v->pci, bar, off, size, val) || bar)
		return;
	if (at < COMMON_END)
		common_write(v, at, size, (uint32_t)val);
	else if (at >= VIRTIO_NOTIFY)
		ring(v, (at - VIRTIO_NOTIFY) / NOTIFY_STEP);
	else if (at >= VIRTIO_CONFIG && v->ops->config_write && !v->resetting &&
		 at - VIRTIO_CONFIG + size <= v->ops->config_size)
		v->ops->config_write(
			v, at - VIRTIO_CONFIG, size, (uint32_t)val);
}
