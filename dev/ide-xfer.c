/* SPDX-License-Identifier: MIT */
/*
 * A channel at work: data between the disk, the buffer, the data port and the
 * memory that the bus master names (ATA/ATAPI-7, volume 2, section 9: the
 * protocols of commands). Plain DMA goes straight to the guest's memory, all
 * else through the buffer.
 */
#include "dev/ide-int.h"

#include <errno.h>
#include <string.h>

#define DMA_MAX (32u << 20) /* bytes in one request */
#define RAW_AT 16 /* where a CD sector's data lie, before its frame */

static uint32_t
least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

/* ---- the disk ---- */

static void arrived(struct disk_req *, int err);

static void
submit(struct channel *c, enum disk_op op, uint64_t off, uint64_t len)
{
	struct drive *d = ide_selected(c);

	c->r->phase = PHASE_DISK;
	d->r->status = ST_BSY;
	c->busy = true;
	c->stale = false;
	c->req.op = op;
	c->req.patient = true;
	c->req.off = off;
	c->req.len = len;
	c->req.iov = c->iov;
	c->req.iovs = c->spans;
	c->req.done = arrived;
	disk_submit(d->disk, &c->req);
}

static void
submit_buffer(struct channel *c, enum disk_op op, uint32_t at, uint32_t len)
{
	c->iov[0] = (struct iovec){c->r->buf + at, len};
	c->spans = 1;
	submit(c, op, c->r->lba * ide_unit(c), len);
}

/* ---- the host ---- */

static void
offer(struct channel *c)
{
	struct drive *d = ide_selected(c);
	uint32_t n = least(c->r->have - c->r->at, c->r->limit);

	c->r->stop = c->r->at + n;
	c->r->phase = PHASE_IN;
	d->r->status = ST_READY | ST_DRQ;
	d->r->intrq = 1;
	if (!c->r->packet)
		return;
	d->r->count[0] = IR_IN;
	d->r->mid[0] = (uint8_t)n;
	d->r->high[0] = (uint8_t)(n >> 8);
}

static void
ask(struct channel *c)
{
	uint64_t n = (uint64_t)c->r->left * ATA_SECTOR;

	c->r->at = 0;
	c->r->have = c->r->stop = least(n, c->r->limit);
	c->r->phase = PHASE_OUT;
	ide_selected(c)->r->status = ST_READY | ST_DRQ;
}

static void
await_dma(struct channel *c)
{
	c->r->phase = PHASE_DMA;
	ide_selected(c)->r->status = ST_READY | ST_DRQ;
}

/* More memory, or false: it has to be waited for, or there is none. */
static bool
map(struct channel *c, uint64_t max, uint32_t unit)
{
	int n;

	if (!ide_dma_active(c)) {
		await_dma(c);
		return false;
	}
	n = ide_dma_map(c, least(max, DMA_MAX), unit);
	if (n > 0)
		return true;
	/* Too few descriptors: the drive waits, and the guest will see. */
	c->r->bm_status &= (uint8_t)~BM_ACTIVE;
	if (n == 0) {
		await_dma(c);
		return false;
	}
	c->r->bm_status |= BM_ERROR;
	if (c->r->packet)
		ide_packet_fails(c, 0x0b, 0x4b, 0); /* data phase error */
	else
		ide_fails(c, ER_ABRT);
	return false;
}

static void
dirty(struct channel *c)
{
	for (unsigned n = 0; n < c->spans; n++)
		mem_dirty(c->ide->mem, c->gpa[n], c->iov[n].iov_len);
}

/* The rest of the buffer to or from memory. */
static bool
move_buffer(struct channel *c, bool in)
{
	uint8_t *p;

	while (c->r->at < c->r->have) {
		if (!map(c, c->r->have - c->r->at, 1))
			return false;
		for (unsigned n = 0; n < c->spans; n++) {
			p = c->r->buf + c->r->at;
			if (in)
				memcpy(p, c->iov[n].iov_base,
					c->iov[n].iov_len);
			else
				memcpy(c->iov[n].iov_base, p,
					c->iov[n].iov_len);
			c->r->at += (uint32_t)c->iov[n].iov_len;
		}
		if (!in)
			dirty(c);
		ide_dma_advance(c);
	}
	return true;
}

/* ---- steps ---- */

static void
next_direct(struct channel *c)
{
	uint32_t unit = ide_unit(c);
	bool write = c->r->what == WHAT_WRITE;

	if (!c->r->left)
		ide_ends(c);
	else if (map(c, (uint64_t)c->r->left * unit, unit))
		submit(c, write ? DISK_WRITE : DISK_READ, c->r->lba * unit,
			c->cut);
}

static void
fetch(struct channel *c)
{
	uint32_t unit = ide_unit(c);

	if (c->r->what == WHAT_RAW)
		submit_buffer(c, DISK_READ, RAW_AT, unit);
	else
		submit_buffer(c, DISK_READ, 0,
			least(c->r->left, IDE_BUF / unit) * unit);
}

static void
next_buffered(struct channel *c)
{
	if (c->r->at < c->r->have && c->r->dma && !move_buffer(c, false))
		return;
	if (c->r->at < c->r->have)
		offer(c);
	else if (c->r->left)
		fetch(c);
	else
		ide_ends(c);
}

static void
next_write(struct channel *c)
{
	if (c->r->have && c->r->at == c->r->have)
		submit_buffer(c, DISK_WRITE, 0, c->r->have);
	else if (c->r->left)
		ask(c);
	else
		ide_ends(c);
}

static void
next_flush(struct channel *c)
{
	c->spans = 0;
	if (c->r->left)
		submit(c, DISK_FLUSH, 0, 0);
	else
		ide_ends(c);
}

static void
next_discard(struct channel *c)
{
	uint64_t lba;
	uint32_t n;
	int r = ide_trim_range(c, &lba, &n);

	c->spans = 0;
	if (r > 0)
		submit(c, DISK_DISCARD, lba * ATA_SECTOR,
			(uint64_t)n * ATA_SECTOR);
	else if (r < 0)
		ide_fails(c, ER_ABRT);
	else
		ide_ends(c);
}

static void
next_trim(struct channel *c)
{
	if (!move_buffer(c, true))
		return;
	c->r->what = WHAT_DISCARD;
	c->r->at = 0;
	next_discard(c);
}

void
ide_next(struct channel *c)
{
	enum ide_what what = c->r->what;

	if (what == WHAT_FLUSH)
		next_flush(c);
	else if (what == WHAT_TRIM)
		next_trim(c);
	else if (what == WHAT_DISCARD)
		next_discard(c);
	else if (c->r->dma && (what == WHAT_READ || what == WHAT_WRITE))
		next_direct(c);
	else if (what == WHAT_WRITE)
		next_write(c);
	else if (what == WHAT_VERIFY && c->r->left)
		fetch(c);
	else if (what == WHAT_VERIFY)
		ide_ends(c);
	else if (what != WHAT_NOTHING)
		next_buffered(c);
}

/* What the request was for is done: count it. */
static void
count(struct channel *c)
{
	uint32_t n = (uint32_t)(c->req.len / ide_unit(c));

	if (c->r->what == WHAT_FLUSH) {
		c->r->left = 0;
		return;
	}
	if (c->r->what == WHAT_DISCARD) {
		c->r->at += 8;
		return;
	}
	c->r->at = c->r->have = 0;
	if (c->r->what == WHAT_RAW)
		c->r->have = ide_cd_frame(
			c->r->buf, c->r->frame, (uint32_t)c->r->lba);
	else if (c->r->what == WHAT_READ && !c->r->dma)
		c->r->have = (uint32_t)c->req.len;
	c->r->lba += n;
	c->r->left -= n;
	if (c->r->dma && c->r->what != WHAT_RAW && !c->stale)
		ide_dma_advance(c);
	if (c->r->what == WHAT_WRITE && !c->r->dma && c->r->left)
		ide_selected(c)->r->intrq = 1;
}

static void
arrived(struct disk_req *req, int err)
{
	struct channel *c =
		(struct channel *)((char *)req - offsetof(struct channel, req));

	if (!c->busy)
		return; /* forgotten by a reset */
	c->busy = false;
	if (c->r->what == WHAT_READ && c->r->dma)
		dirty(c);
	if (c->r->resetting) {
		ide_reset_ends(c);
	} else if (err && c->r->packet) {
		ide_packet_io_error(c, err);
	} else if (err) {
		ide_ata_where(ide_selected(c), c->r->lba);
		ide_fails(c, req->op == DISK_READ ? ER_UNC : ER_ABRT);
	} else {
		count(c);
		ide_next(c);
	}
	ide_update(c);
}

/* ---- begin and end ---- */

void
ide_begin(struct channel *c, enum ide_what what, bool dma, uint64_t lba,
	uint32_t units, uint32_t limit)
{
	c->r->what = (uint8_t)what;
	c->r->dma = dma;
	c->r->lba = lba;
	c->r->left = units;
	c->r->limit = limit;
	ide_next(c);
}

void
ide_reply(struct channel *c, uint32_t n, bool dma, uint32_t limit)
{
	c->r->at = 0;
	c->r->have = n;
	ide_begin(c, WHAT_REPLY, dma, 0, 0, limit);
}

void
ide_stop(struct channel *c)
{
	struct ide_channel_regs *r = c->r;

	r->phase = PHASE_IDLE;
	r->what = WHAT_NOTHING;
	r->lba = 0;
	r->left = r->at = r->stop = r->have = r->limit = 0;
	r->dma = r->ext = r->packet = r->sync = r->frame = 0;
}

void
ide_ends(struct channel *c)
{
	struct drive *d = ide_selected(c);
	bool in = c->r->what == WHAT_REPLY || c->r->what == WHAT_READ;

	if (c->r->sync && c->r->what == WHAT_WRITE) {
		c->r->what = WHAT_FLUSH;
		c->r->left = 1;
		ide_next(c);
		return;
	}
	if (c->r->dma)
		ide_dma_ends(c);
	if (c->r->packet) {
		ide_packet_ends(c);
		return;
	}
	/* The host has read all of it: it needs no other interrupt. */
	if (!in || c->r->dma)
		d->r->intrq = 1;
	d->r->status = ST_READY;
	ide_stop(c);
}

void
ide_fails(struct channel *c, uint8_t error)
{
	struct drive *d = ide_selected(c);

	d->r->error = error;
	d->r->status = ST_READY | ST_ERR;
	d->r->intrq = 1;
	ide_stop(c);
}

/* ---- the data port ---- */

uint32_t
ide_data_read(struct channel *c, unsigned size)
{
	struct ide_channel_regs *r = c->r;
	uint32_t val = 0, n = size < 2 ? 2 : size;

	if (r->phase != PHASE_IN)
		return 0xffffffff;
	n = least(r->stop - r->at, n);
	memcpy(&val, r->buf + r->at, n);
	r->at += n;
	if (r->at == r->stop)
		ide_next(c);
	return val;
}

void
ide_data_write(struct channel *c, unsigned size, uint32_t val)
{
	struct ide_channel_regs *r = c->r;
	uint32_t n = size < 2 ? 2 : size;

	if (r->phase != PHASE_OUT && r->phase != PHASE_PACKET)
		return;
	n = least(r->stop - r->at, n);
	memcpy(r->buf + r->at, &val, n);
	r->at += n;
	if (r->at < r->stop)
		return;
	if (r->phase == PHASE_PACKET)
		ide_packet(c);
	else
		ide_next(c);
}
