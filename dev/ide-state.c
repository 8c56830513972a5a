/* SPDX-License-Identifier: MIT */
/*
 * The saved state of the IDE function: all registers by name, and what of them
 * is possible. Whatever is taken, no more than what a guest could have brought
 * about follows: offsets lie in the buffer, and a request is made again with
 * what the registers say.
 */
#include <errno.h>

#include "dev/ide-int.h"
#include "lib/err.h"

/* clang-format off */
#define ROW(prefix, from, member) \
	{ prefix #member, offsetof(struct ide, r.from.member), \
		sizeof(((struct ide *)0)->r.from.member), 1 }
#define BYTES(prefix, from, member) \
	{ prefix #member, offsetof(struct ide, r.from.member), 1, \
		sizeof(((struct ide *)0)->r.from.member) }
#define CURSOR(prefix, from) \
	{ prefix "prd_next", offsetof(struct ide, r.from.cur.next), 4, 1 }, \
	{ prefix "prd_at", offsetof(struct ide, r.from.cur.at), 4, 1 }, \
	{ prefix "prd_left", offsetof(struct ide, r.from.cur.left), 4, 1 }, \
	{ prefix "prd_last", offsetof(struct ide, r.from.cur.last), 4, 1 }
#define CHANNEL(p, c) \
	ROW(p, c, lba), ROW(p, c, left), ROW(p, c, at), ROW(p, c, stop), \
	ROW(p, c, have), ROW(p, c, limit), ROW(p, c, prd), CURSOR(p, c), \
	ROW(p, c, bm_command), ROW(p, c, bm_status), ROW(p, c, select), \
	ROW(p, c, control), ROW(p, c, phase), ROW(p, c, what), ROW(p, c, dma), \
	ROW(p, c, ext), ROW(p, c, packet), ROW(p, c, sync), ROW(p, c, frame), \
	ROW(p, c, resetting), BYTES(p, c, spare), BYTES(p, c, buf)
#define DRIVE(p, d) \
	BYTES(p, d, feature), BYTES(p, d, count), BYTES(p, d, low), \
	BYTES(p, d, mid), BYTES(p, d, high), ROW(p, d, device), \
	ROW(p, d, status), ROW(p, d, error), ROW(p, d, intrq), \
	ROW(p, d, multiple), ROW(p, d, mode), ROW(p, d, cache), \
	ROW(p, d, asleep), ROW(p, d, heads), ROW(p, d, sectors), \
	ROW(p, d, key), ROW(p, d, asc), ROW(p, d, ascq), \
	ROW(p, d, attention), ROW(p, d, event), ROW(p, d, tray), \
	ROW(p, d, locked), BYTES(p, d, spare)
/* clang-format on */

const struct field ide_fields[] = {
	PCI_FIELDS(struct ide, r),
	CHANNEL("ch0_", ch[0]),
	CHANNEL("ch1_", ch[1]),
	DRIVE("drive0_", drive[0]),
	DRIVE("drive1_", drive[1]),
	DRIVE("drive2_", drive[2]),
	DRIVE("drive3_", drive[3]),
	FIELD_END,
};

static bool
zeros(const uint8_t *p, size_t n)
{
	while (n && !*p++)
		n--;
	return !n;
}

static bool
drive_good(const struct drive *d)
{
	const struct ide_drive_regs *r = d->r;
	return r->heads >= 1 && r->heads <= 16 && r->sectors &&
	       r->multiple <= IDE_MULTIPLE &&
	       !(r->multiple & (r->multiple - 1)) && r->intrq <= 1 &&
	       r->cache <= 1 && r->asleep <= 1 &&
	       r->attention <= (ATTENTION_RESET | ATTENTION_MEDIUM) &&
	       r->event <= EVENT_GONE && r->tray <= 1 && r->locked <= 1 &&
	       zeros(r->spare, sizeof(r->spare));
}

/* Does what is being moved go that way, with that drive? */
static bool
work_good(struct channel *c)
{
	const struct ide_channel_regs *r = c->r;
	const struct drive *d = ide_selected(c);
	bool in = r->what == WHAT_REPLY || r->what == WHAT_READ ||
		  r->what == WHAT_RAW;

	if (r->phase == PHASE_IDLE)
		return r->what == WHAT_NOTHING;
	if (!d->disk || r->packet > d->cdrom)
		return false;
	if (r->phase == PHASE_PACKET)
		return r->what == WHAT_NOTHING && r->packet &&
		       r->at < r->stop && r->stop == IDE_CDB;
	if (d->cdrom && (!in || (!r->packet && r->what != WHAT_REPLY)))
		return false;
	if (!d->cdrom && (r->what == WHAT_RAW || r->what == WHAT_NOTHING))
		return false;
	if (r->phase == PHASE_DMA)
		return r->dma;
	if (r->phase == PHASE_DISK)
		return true;
	return !r->dma && r->at < r->stop && r->stop <= r->have && r->limit &&
	       (r->phase == PHASE_IN ? in : r->what == WHAT_WRITE);
}

static bool
channel_good(struct channel *c)
{
	const struct ide_channel_regs *r = c->r;

	return zeros(r->spare, sizeof(r->spare)) && r->select <= 1 &&
	       r->phase < PHASES && r->what < WHATS && r->resetting < RESETS &&
	       r->dma <= 1 && r->ext <= 1 && r->packet <= 1 && r->sync <= 1 &&
	       r->cur.last <= 1 && r->at <= r->have && r->have <= IDE_BUF &&
	       r->stop <= IDE_BUF &&
	       r->limit <= (r->packet ? 0xffff : IDE_BUF) &&
	       r->cur.left <= 0x10000 &&
	       !(r->bm_status &
		       ~(BM_ACTIVE | BM_ERROR | BM_INT | BM_CAPABLE)) &&
	       drive_good(&c->drive[0]) && drive_good(&c->drive[1]) &&
	       work_good(c);
}

int
ide_loaded(struct dev *dev)
{
	struct ide *i = (struct ide *)dev;
	int r = pci_loaded(&i->pci);

	for (unsigned n = 0; !r && n < IDE_CHANNELS; n++)
		if (!channel_good(&i->ch[n]))
			r = failx(-EINVAL, "%s: impossible state", dev->id);
	if (r)
		return r;
	for (unsigned n = 0; n < IDE_CHANNELS; n++) {
		struct channel *c = &i->ch[n];

		c->level = false;
		if (c->r->resetting == RESET_WAIT ||
			c->r->resetting == RESET_DEVICE)
			ide_reset_ends(c);
		else if (c->r->phase == PHASE_DISK)
			ide_next(c); /* again */
		ide_line(c, true);
	}
	return 0;
}
