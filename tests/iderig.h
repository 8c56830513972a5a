/* SPDX-License-Identifier: MIT */
/*
 * An IDE function under test: its ports on a bus of its own, RAM, wires that
 * are watched, and disks that answer when told, in place of lib/disk.c.
 */
#ifndef TESTS_IDERIG_H
#define TESTS_IDERIG_H

#include <errno.h>

#include "dev/ide.h"
#include "tests/tap.h"

#define RIG_RAM (1u << 20)
#define RIG_QUEUE 4

/* ---- disks ---- */

struct disk {
	uint8_t *data;
	uint64_t size;
	bool present, read_only;
	struct disk_user user;
	struct disk_req *queue[RIG_QUEUE];
	unsigned n, bad; /* bad: more requests at once than may be */
	int err; /* of the next one */
	unsigned ops[DISK_ZERO + 1]; /* how many of each */
	unsigned moves; /* of its tray, by the guest */
	uint64_t off, len; /* of the last one */
};

const char *
disk_id(const struct disk *d)
{
	(void)d;
	return "disk0";
}

void
disk_attach(struct disk *d, const struct disk_user *user)
{
	d->user = user ? *user : (struct disk_user){0};
}

uint64_t
disk_size(const struct disk *d)
{
	return d->present ? d->size : 0;
}

bool
disk_present(const struct disk *d)
{
	return d->present;
}

bool
disk_writable(const struct disk *d)
{
	return !d->read_only;
}

void
disk_tray_moves(struct disk *d)
{
	d->moves++;
}

void
disk_submit(struct disk *d, struct disk_req *q)
{
	d->bad += d->n > 0;
	if (d->n < RIG_QUEUE)
		d->queue[d->n++] = q;
}

static int
rig_perform(struct disk *d, struct disk_req *q)
{
	uint64_t at = q->off, len = 0;
	int err = d->err;

	d->err = 0;
	d->ops[q->op]++;
	d->off = q->off;
	d->len = q->len;
	if (err)
		return err;
	if (!d->present)
		return -ENOMEDIUM;
	if (q->op == DISK_FLUSH)
		return 0;
	if (q->op != DISK_READ && d->read_only)
		return -EROFS;
	if (q->off > d->size || q->len > d->size - q->off)
		return -EINVAL;
	if (q->op == DISK_DISCARD)
		memset(d->data + q->off, 0, q->len);
	for (unsigned n = 0; q->op <= DISK_WRITE && n < q->iovs; n++) {
		len += q->iov[n].iov_len;
		if (len > q->len)
			return -EINVAL;
		if (q->op == DISK_READ)
			memcpy(q->iov[n].iov_base, d->data + at,
				q->iov[n].iov_len);
		else
			memcpy(d->data + at, q->iov[n].iov_base,
				q->iov[n].iov_len);
		at += q->iov[n].iov_len;
	}
	return q->op <= DISK_WRITE && len != q->len ? -EINVAL : 0;
}

/* One request that waits is done; false: none waits. */
__attribute__((unused)) static bool
rig_disk_step(struct disk *d)
{
	struct disk_req *q = d->queue[0];
	int err;

	if (!d->n)
		return false;
	d->n--;
	memmove(d->queue, d->queue + 1, d->n * sizeof(d->queue[0]));
	err = rig_perform(d, q);
	pthread_mutex_lock(d->user.lock);
	q->done(q, err);
	pthread_mutex_unlock(d->user.lock);
	return true;
}

/* As the machine does. */
__attribute__((unused)) static void
rig_change(struct disk *d, bool present)
{
	pthread_mutex_lock(d->user.lock);
	d->present = present;
	if (d->user.changed)
		d->user.changed(d->user.to);
	pthread_mutex_unlock(d->user.lock);
}

__attribute__((unused)) static bool
rig_eject(struct disk *d, bool force)
{
	bool may;

	pthread_mutex_lock(d->user.lock);
	may = d->user.eject(d->user.to, force);
	pthread_mutex_unlock(d->user.lock);
	return may;
}

__attribute__((unused)) static unsigned
rig_tray(struct disk *d)
{
	unsigned bits;

	pthread_mutex_lock(d->user.lock);
	bits = d->user.tray(d->user.to);
	pthread_mutex_unlock(d->user.lock);
	return bits;
}

/* ---- the rig ---- */

struct rig {
	struct bus *ports;
	struct mem *mem;
	struct dev *dev;
	struct disk disk[IDE_DRIVES];
	bool there[IDE_DRIVES], cdrom[IDE_DRIVES];
	bool line[IDE_CHANNELS];
	unsigned edges[IDE_CHANNELS];
	unsigned base, control, bm; /* ports of the channel in use */
	bool lazy; /* requests wait for rig_step() */
};

static void
rig_wire(void *to, unsigned pin, bool level)
{
	struct rig *r = to;

	r->edges[pin] += level && !r->line[pin];
	r->line[pin] = level;
}

__attribute__((unused)) static void
rig_channel(struct rig *r, unsigned n)
{
	r->base = n ? 0x170 : 0x1f0;
	r->control = n ? 0x376 : 0x3f6;
	r->bm = n ? 0xc008 : 0xc000;
}

/* What firmware does. */
static void
rig_enable(struct rig *r)
{
	struct pci_fn *f = ide_pci(r->dev);

	pthread_mutex_lock(&r->dev->lock);
	pci_config_write(f, 0x40, 4, 0x80008000);
	pci_config_write(f, PCI_COMMAND, 2, PCI_IO | PCI_MASTER);
	pthread_mutex_unlock(&r->dev->lock);
}

/* sectors of 512 bytes; 0: no drive. A CD-ROM drive may be empty. */
__attribute__((unused)) static void
rig_drive(struct rig *r, unsigned n, uint64_t sectors, bool cdrom)
{
	struct disk *d = &r->disk[n];

	r->there[n] = sectors || cdrom;
	r->cdrom[n] = cdrom;
	d->size = sectors * 512;
	d->present = sectors != 0;
	d->data = calloc(1, d->size + 1);
	for (uint64_t k = 0; k < d->size; k++)
		d->data[k] = (uint8_t)(k / 512 * 7 + k % 509);
}

static void
rig_up(struct rig *r)
{
	struct irq irq[IDE_CHANNELS] = {{rig_wire, r, 0}, {rig_wire, r, 1}};
	struct ide_drive drive[IDE_DRIVES];

	memset(drive, 0, sizeof(drive));
	for (unsigned n = 0; n < IDE_DRIVES; n++)
		if (r->there[n])
			drive[n] = (struct ide_drive){
				&r->disk[n], r->cdrom[n], "SN-1234"};
	if (bus_new(&r->ports, "port", 0x10000) || mem_new(&r->mem, RIG_RAM))
		exit(1);
	r->dev = ide_new(irq, r->mem, drive);
	if (!r->dev || bus_add(r->ports, 0x1f0, 8, r->dev, 0) ||
		bus_add(r->ports, 0x3f6, 1, r->dev, 1) ||
		bus_add(r->ports, 0x170, 8, r->dev, 2) ||
		bus_add(r->ports, 0x376, 1, r->dev, 3) ||
		bus_add(r->ports, 0xc000, 16, r->dev, 4))
		exit(1);
	rig_enable(r);
	rig_channel(r, 0);
}

static void
rig_down(struct rig *r)
{
	dev_free(r->dev);
	bus_free(r->ports);
	mem_free(r->mem);
	for (unsigned n = 0; n < IDE_DRIVES; n++)
		free(r->disk[n].data);
}

/* All that waits for a disk. */
__attribute__((unused)) static void
rig_settle(struct rig *r)
{
	for (unsigned n = 0; n < IDE_DRIVES; n++)
		while (rig_disk_step(&r->disk[n]))
			n = 0;
}

static uint8_t
in(struct rig *r, unsigned port)
{
	return (uint8_t)bus_read(r->ports, r->base + port, 1);
}

static void
out(struct rig *r, unsigned port, unsigned val)
{
	bus_write(r->ports, r->base + port, 1, val);
	if (!r->lazy)
		rig_settle(r);
}

__attribute__((unused)) static uint8_t
alt_status(struct rig *r)
{
	return (uint8_t)bus_read(r->ports, r->control, 1);
}

__attribute__((unused)) static void
control(struct rig *r, unsigned val)
{
	bus_write(r->ports, r->control, 1, val);
}

/* Words of the data port. */
__attribute__((unused)) static void
data_in(struct rig *r, void *p, unsigned bytes)
{
	bus_read_string(r->ports, r->base, 2, p, bytes / 2);
	if (!r->lazy)
		rig_settle(r);
}

__attribute__((unused)) static void
data_out(struct rig *r, const void *p, unsigned bytes)
{
	bus_write_string(r->ports, r->base, 2, p, bytes / 2);
	if (!r->lazy)
		rig_settle(r);
}

/* The interrupt is there; reading the status takes it away. */
__attribute__((unused)) static bool
interrupted(struct rig *r)
{
	unsigned n = r->base == 0x170;
	bool was = r->line[n];

	in(r, 7);
	return was && !r->line[n];
}

/* ---- the bus master ---- */

__attribute__((unused)) static void
put32(struct rig *r, uint32_t at, uint32_t val)
{
	mem_write(r->mem, at, &val, 4);
}

/* A descriptor, number n of the table at 0x1000. */
__attribute__((unused)) static void
prd(struct rig *r, unsigned n, uint32_t at, uint32_t bytes, bool last)
{
	put32(r, 0x1000 + 8 * n, at);
	put32(r, 0x1004 + 8 * n, (bytes & 0xffff) | (last ? 0x80000000 : 0));
}

__attribute__((unused)) static void
bm_start(struct rig *r, bool to_memory)
{
	bus_write(r->ports, r->bm, 1, 0);
	bus_write(r->ports, r->bm + 2, 1, 6);
	bus_write(r->ports, r->bm + 4, 4, 0x1000);
	bus_write(r->ports, r->bm, 1, to_memory ? 8 : 0);
	bus_write(r->ports, r->bm, 1, to_memory ? 9 : 1);
	if (!r->lazy)
		rig_settle(r);
}

__attribute__((unused)) static uint8_t
bm_status(struct rig *r)
{
	return (uint8_t)bus_read(r->ports, r->bm + 2, 1);
}

__attribute__((unused)) static bool
ram_is(struct rig *r, uint32_t at, const void *p, uint32_t n)
{
	void *got = mem_span(r->mem, at, n);

	return got && memcmp(got, p, n) == 0;
}

#endif
