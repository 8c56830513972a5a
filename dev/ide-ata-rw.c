/* SPDX-License-Identifier: MIT */
/*
 * ATA commands that reach the medium: addresses in 28 and 48 bits and as
 * cylinder, head and sector; reading, writing, verifying, flushing, trimming
 * (ATA/ATAPI-7, volume 1, section 6; ATA8-ACS-2 for DATA SET MANAGEMENT).
 */
#include <errno.h>
#include <string.h>

#include "dev/ide-int.h"

/* ---- addresses ---- */

static uint32_t
le24(const struct ide_drive_regs *r, unsigned n)
{
	return r->low[n] | (uint32_t)r->mid[n] << 8 |
	       (uint32_t)r->high[n] << 16;
}

static unsigned
cylinders(struct drive *d)
{
	uint64_t n = ide_units(d) / ((uint32_t)d->r->heads * d->r->sectors);

	return n > 0xffff ? 0xffff : (unsigned)n;
}

/* The first sector; false: there is no such address. */
static bool
address(struct drive *d, unsigned flags, uint64_t *lba)
{
	const struct ide_drive_regs *r = d->r;
	unsigned cylinder = r->mid[0] | (unsigned)r->high[0] << 8;
	unsigned head = r->device & 15;

	*lba = le24(r, 0);
	if (flags & CMD_EXT)
		*lba |= (uint64_t)le24(r, 1) << 24;
	else if (r->device & DV_LBA)
		*lba |= (uint64_t)head << 24;
	else if (!r->low[0] || r->low[0] > r->sectors || head >= r->heads ||
		 cylinder >= cylinders(d))
		return false;
	else
		*lba = ((uint64_t)cylinder * r->heads + head) * r->sectors +
		       r->low[0] - 1;
	return true;
}

static uint32_t
sectors(const struct ide_drive_regs *r, unsigned flags)
{
	uint32_t n = r->count[0], all = 256;

	if (flags & CMD_EXT) {
		n |= (uint32_t)r->count[1] << 8;
		all = 65536;
	}
	return n ? n : all;
}

void
ide_ata_where(struct drive *d, uint64_t lba)
{
	struct ide_drive_regs *r = d->r;
	uint64_t head = lba >> 24 & 15, track;

	if (!(r->device & DV_LBA) && !d->channel->r->ext) {
		track = lba / r->sectors;
		r->low[0] = (uint8_t)(lba % r->sectors + 1);
		head = track % r->heads;
		lba = track / r->heads << 8 | r->low[0];
	}
	r->low[0] = (uint8_t)lba;
	r->mid[0] = (uint8_t)(lba >> 8);
	r->high[0] = (uint8_t)(lba >> 16);
	r->low[1] = (uint8_t)(lba >> 24);
	r->mid[1] = (uint8_t)(lba >> 32);
	r->high[1] = (uint8_t)(lba >> 40);
	if (!d->channel->r->ext)
		r->device = (uint8_t)((r->device & 0xf0) | head);
}

/* ---- reading and writing ---- */

static enum ide_what
moves(unsigned flags)
{
	if (flags & CMD_VERIFY)
		return WHAT_VERIFY;
	return flags & CMD_WRITE ? WHAT_WRITE : WHAT_READ;
}

void
ide_ata_move(struct channel *c, struct drive *d, unsigned flags)
{
	uint64_t lba, size = ide_units(d);
	uint32_t n = sectors(d->r, flags), block = ATA_SECTOR;

	d->r->asleep = 0;
	c->r->ext = flags & CMD_EXT ? 1 : 0;
	if (flags & CMD_BLOCKS)
		block *= d->r->multiple;
	if (!block || ((flags & CMD_EXT) && !(d->r->device & DV_LBA))) {
		ide_fails(c, ER_ABRT);
		return;
	}
	if (!address(d, flags, &lba)) {
		ide_fails(c, ER_IDNF);
		return;
	}
	if (lba >= size || n > size - lba) {
		ide_ata_where(d, lba > size ? lba : size);
		ide_fails(c, ER_IDNF);
		return;
	}
	c->r->sync =
		(flags & CMD_WRITE) && ((flags & CMD_SYNC) || !d->r->cache);
	ide_begin(c, moves(flags), flags & CMD_DMA, lba, n, block);
}

void
ide_ata_flush(struct channel *c, struct drive *d, unsigned flags)
{
	(void)d;
	(void)flags;
	ide_begin(c, WHAT_FLUSH, false, 0, 1, 0);
}

void
ide_ata_trim(struct channel *c, struct drive *d, unsigned flags)
{
	uint32_t n = sectors(d->r, flags);

	if (!(d->r->feature[0] & 1) || n > IDE_MULTIPLE) {
		ide_fails(c, ER_ABRT);
		return;
	}
	c->r->ext = 1;
	c->r->have = n * ATA_SECTOR;
	ide_begin(c, WHAT_TRIM, true, 0, 0, 0);
}

int
ide_trim_range(struct channel *c, uint64_t *lba, uint32_t *n)
{
	uint64_t size = ide_units(ide_selected(c)), range;

	for (; c->r->at + 8 <= c->r->have; c->r->at += 8) {
		memcpy(&range, c->r->buf + c->r->at, 8);
		*lba = range & 0xffffffffffff;
		*n = (uint32_t)(range >> 48);
		if (!*n)
			continue;
		return *lba < size && *n <= size - *lba ? 1 : -EINVAL;
	}
	return 0;
}
