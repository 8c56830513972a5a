/* SPDX-License-Identifier: MIT */
/*
 * A CD-ROM drive's tray and lock, and the commands that read its medium: MMC-3
 * (INCITS 360), sections 5 and 6. Sectors are mode 1, 2048 bytes of data.
 */
#include <errno.h>
#include <string.h>

#include "dev/ide-int.h"

/* ---- the medium ---- */

bool
ide_cd_ready(struct drive *d)
{
	return !d->r->tray && disk_present(d->disk);
}

void
ide_cd_changed(void *to)
{
	struct drive *d = to;

	d->r->tray = !disk_present(d->disk);
	d->r->event = d->r->tray ? EVENT_GONE : EVENT_NEW;
	if (d->r->tray)
		d->r->locked = 0;
	else
		d->r->attention |= ATTENTION_MEDIUM;
}

bool
ide_cd_eject(void *to, bool force)
{
	struct drive *d = to;

	if (!d->r->locked || d->r->tray || force)
		return true;
	d->r->event = EVENT_EJECT;
	return false;
}

unsigned
ide_cd_tray(void *to)
{
	const struct drive *d = to;

	return (d->r->tray ? DISK_TRAY_OPEN : 0u) |
	       (d->r->locked ? DISK_TRAY_LOCKED : 0u);
}

void
ide_cd_start_stop(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	bool start = cdb[4] & 1, tray = cdb[4] & 2, open;

	if (cdb[4] >> 4 || !tray) { /* power conditions; spinning */
		if (start && !(cdb[4] >> 4) && !ide_cd_ready(d))
			ide_packet_no_medium(c);
		else
			ide_packet_ends(c);
		return;
	}
	if (!start && d->r->locked && !d->r->tray) {
		/* medium removal prevented */
		ide_packet_fails(c, SENSE_ILLEGAL, 0x53, 0x02);
		return;
	}
	if (!start && !d->r->tray) {
		d->r->event = EVENT_GONE;
	} else if (start && d->r->tray && disk_present(d->disk)) {
		d->r->event = EVENT_NEW;
		d->r->attention |= ATTENTION_MEDIUM;
	}
	open = d->r->tray;
	d->r->tray = !start;
	ide_packet_ends(c);
	if (open == start)
		disk_tray_moves(d->disk);
}

void
ide_cd_prevent(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	d->r->locked = cdb[4] & 1;
	ide_packet_ends(c);
}

/* ---- reading ---- */

static void
read_sectors(struct channel *c, enum ide_what what, uint32_t lba, uint32_t n)
{
	uint64_t size = ide_units(ide_selected(c));

	if (lba > size || n > size - lba)
		ide_packet_fails(c, SENSE_ILLEGAL, 0x21, 0); /* address */
	else if (!n)
		ide_packet_ends(c);
	else if (!c->r->dma && !c->r->limit)
		ide_packet_bad_field(c);
	else
		ide_begin(c, what, c->r->dma, lba, n, c->r->limit);
}

void
ide_cd_read10(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	(void)d;
	read_sectors(c, WHAT_READ, ide_be32(cdb + 2), ide_be16(cdb + 7));
}

void
ide_cd_read12(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	(void)d;
	read_sectors(c, WHAT_READ, ide_be32(cdb + 2), ide_be32(cdb + 6));
}

void
ide_cd_read_raw(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	uint32_t n = ide_be32(cdb + 5) & 0xffffff;
	uint8_t type = cdb[1] >> 2 & 7, parts = cdb[9] & 0xf8;

	(void)d;
	if (type != 0 && type != 2) { /* only mode 1 is on this track */
		ide_packet_fails(c, SENSE_ILLEGAL, 0x64, 0);
	} else if ((cdb[9] & 6) || (cdb[10] & 7)) {
		ide_packet_bad_field(c);
	} else if (!(parts & ~0x40)) { /* mode 1 has no subheader */
		read_sectors(c, WHAT_READ, ide_be32(cdb + 2), 0);
	} else {
		c->r->frame = parts;
		read_sectors(c, parts == 0x10 ? WHAT_READ : WHAT_RAW,
			ide_be32(cdb + 2), n);
	}
}

uint32_t
ide_cd_frame(uint8_t *buf, uint8_t parts, uint32_t lba)
{
	uint8_t head[16] = {0};
	uint32_t n = 0;

	memset(head + 1, 0xff, 10); /* sync */
	ide_msf(head + 12, lba);
	for (unsigned k = 12; k < 15; k++) /* in BCD here */
		head[k] = (uint8_t)(head[k] / 10 << 4 | head[k] % 10);
	head[15] = 1; /* mode */
	if (parts & 0x80) {
		memcpy(buf, head, 12);
		n = 12;
	}
	if (parts & 0x20) {
		memcpy(buf + n, head + 12, 4);
		n += 4;
	}
	if (parts & 0x10) {
		memmove(buf + n, buf + 16, CD_SECTOR);
		n += CD_SECTOR;
	}
	if (parts & 0x08) {
		memset(buf + n, 0, 288);
		n += 288;
	}
	return n;
}

void
ide_cd_capacity(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	(void)cdb;
	ide_put_be32(c->r->buf, (uint32_t)ide_units(d) - 1);
	ide_put_be32(c->r->buf + 4, CD_SECTOR);
	ide_packet_reply(c, 8, 8);
}

void
ide_cd_seek(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	if (ide_be32(cdb + 2) >= ide_units(d))
		ide_packet_fails(c, SENSE_ILLEGAL, 0x21, 0);
	else
		ide_packet_ends(c);
}
