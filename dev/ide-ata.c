/* SPDX-License-Identifier: MIT */
/*
 * ATA commands: ATA/ATAPI-7, volume 1, section 6, and DATA SET MANAGEMENT of
 * ATA8-ACS-2. Left out: SMART, security, host protected areas, removable media,
 * streaming, queued commands, long and buffer commands; those abort.
 */
#include "dev/ide-int.h"

struct command {
	uint8_t code;
	uint8_t flags;
	void (*run)(struct channel *, struct drive *, unsigned flags);
};

/* ---- what a drive is, and its modes ---- */

static void
cmd_identify(struct channel *c, struct drive *d, unsigned flags)
{
	if (!(flags & (d->cdrom ? CMD_CD : CMD_DISK))) {
		if (d->cdrom)
			ide_signature(d);
		ide_fails(c, ER_ABRT);
		return;
	}
	if (d->cdrom)
		ide_identify_packet(d, c->r->buf);
	else
		ide_identify(d, c->r->buf);
	ide_reply(c, ATA_SECTOR, false, ATA_SECTOR);
}

/* A CD-ROM drive answers with its signature, as to IDENTIFY DEVICE. */
static void
cmd_read(struct channel *c, struct drive *d, unsigned flags)
{
	if (d->cdrom)
		cmd_identify(c, d, CMD_DISK);
	else
		ide_ata_move(c, d, flags);
}

static void
cmd_native_max(struct channel *c, struct drive *d, unsigned flags)
{
	uint64_t last = ide_units(d) - 1;

	c->r->ext = flags & CMD_EXT ? 1 : 0;
	if (!(flags & CMD_EXT) && last > 0x0fffffff)
		last = 0x0fffffff;
	if (!(d->r->device & DV_LBA) || !ide_units(d)) {
		ide_fails(c, ER_ABRT);
		return;
	}
	ide_ata_where(d, last);
	ide_ends(c);
}

static void
cmd_multiple(struct channel *c, struct drive *d, unsigned flags)
{
	uint8_t n = d->r->count[0];

	(void)flags;
	if (n > IDE_MULTIPLE || (n & (n - 1))) {
		ide_fails(c, ER_ABRT);
		return;
	}
	d->r->multiple = n;
	ide_ends(c);
}

static void
cmd_geometry(struct channel *c, struct drive *d, unsigned flags)
{
	(void)flags;
	if (!d->r->count[0]) {
		ide_fails(c, ER_ABRT);
		return;
	}
	d->r->sectors = d->r->count[0];
	d->r->heads = (uint8_t)((d->r->device & 15) + 1);
	ide_ends(c);
}

static bool
mode_known(uint8_t mode)
{
	return mode <= 1 || (mode >= 0x08 && mode <= 0x0c) ||
	       (mode >= 0x20 && mode <= 0x22) || (mode >= 0x40 && mode <= 0x45);
}

static void
cmd_features(struct channel *c, struct drive *d, unsigned flags)
{
	uint8_t what = d->r->feature[0], mode = d->r->count[0];

	(void)flags;
	if (what == 0x03 && mode_known(mode)) {
		if (mode >= 0x20)
			d->r->mode = mode;
	} else if (what == 0x82 && !d->cdrom) {
		d->r->cache = 0;
		ide_ata_flush(c, d, 0);
		return;
	} else if (what == 0x02 && !d->cdrom) {
		d->r->cache = 1;
	} else if (what != 0x55 && what != 0xaa && what != 0x66 &&
		   what != 0xcc) { /* look ahead; defaults after a reset */
		ide_fails(c, ER_ABRT);
		return;
	}
	ide_ends(c);
}

/* ---- the rest ---- */

static void
cmd_nothing(struct channel *c, struct drive *d, unsigned flags)
{
	(void)d;
	(void)flags;
	ide_ends(c);
}

static void
cmd_abort(struct channel *c, struct drive *d, unsigned flags)
{
	(void)d;
	(void)flags;
	ide_fails(c, ER_ABRT);
}

static void
cmd_idle(struct channel *c, struct drive *d, unsigned flags)
{
	(void)flags;
	d->r->asleep = 0;
	ide_ends(c);
}

static void
cmd_standby(struct channel *c, struct drive *d, unsigned flags)
{
	d->r->asleep = 1;
	if (d->cdrom)
		ide_ends(c);
	else
		ide_ata_flush(c, d, flags);
}

static void
cmd_power(struct channel *c, struct drive *d, unsigned flags)
{
	(void)flags;
	d->r->count[0] = d->r->asleep ? 0x00 : 0xff;
	ide_ends(c);
}

static void
cmd_diagnose(struct channel *c, struct drive *d, unsigned flags)
{
	(void)d;
	(void)flags;
	for (unsigned n = 0; n < 2; n++)
		ide_signature(&c->drive[n]);
	c->r->select = 0;
	ide_stop(c);
	ide_selected(c)->r->intrq = ide_selected(c)->disk != NULL;
}

static void
cmd_reset(struct channel *c, struct drive *d, unsigned flags)
{
	(void)flags;
	d->r->status = ST_BSY;
	c->r->resetting = RESET_DEVICE;
	if (!c->busy)
		ide_reset_ends(c);
}

static void
cmd_packet(struct channel *c, struct drive *d, unsigned flags)
{
	uint32_t limit = d->r->mid[0] | (uint32_t)d->r->high[0] << 8;

	(void)flags;
	if (d->r->feature[0] & 2) { /* overlapped */
		ide_fails(c, ER_ABRT);
		return;
	}
	c->r->dma = d->r->feature[0] & 1;
	/* Only the last block may be of an odd length. */
	c->r->limit = limit == 0xffff ? IDE_COUNT_MAX : limit;
	if (c->r->limit > 1)
		c->r->limit &= ~1u;
	c->r->packet = 1;
	c->r->at = 0;
	c->r->stop = c->r->have = IDE_CDB;
	c->r->phase = PHASE_PACKET;
	d->r->count[0] = IR_COMMAND;
	d->r->status = ST_READY | ST_DRQ;
}

static const struct command commands[] = {
	{0x00, CMD_BOTH, cmd_abort}, /* NOP */
	{0x06, CMD_DISK | CMD_EXT, ide_ata_trim},
	{0x08, CMD_CD, cmd_reset},
	{0x20, CMD_BOTH, cmd_read},
	{0x21, CMD_BOTH, cmd_read},
	{0x24, CMD_DISK | CMD_EXT, ide_ata_move},
	{0x25, CMD_DISK | CMD_EXT | CMD_DMA, ide_ata_move},
	{0x27, CMD_DISK | CMD_EXT, cmd_native_max},
	{0x29, CMD_DISK | CMD_EXT | CMD_BLOCKS, ide_ata_move},
	{0x30, CMD_DISK | CMD_WRITE, ide_ata_move},
	{0x31, CMD_DISK | CMD_WRITE, ide_ata_move},
	{0x34, CMD_DISK | CMD_WRITE | CMD_EXT, ide_ata_move},
	{0x35, CMD_DISK | CMD_WRITE | CMD_EXT | CMD_DMA, ide_ata_move},
	{0x39, CMD_DISK | CMD_WRITE | CMD_EXT | CMD_BLOCKS, ide_ata_move},
	{0x3d, CMD_DISK | CMD_WRITE | CMD_EXT | CMD_DMA | CMD_SYNC,
		ide_ata_move},
	{0x40, CMD_DISK | CMD_VERIFY, ide_ata_move},
	{0x41, CMD_DISK | CMD_VERIFY, ide_ata_move},
	{0x42, CMD_DISK | CMD_VERIFY | CMD_EXT, ide_ata_move},
	{0x90, CMD_BOTH, cmd_diagnose},
	{0x91, CMD_DISK, cmd_geometry},
	{0x94, CMD_BOTH, cmd_standby}, /* the power commands of ATA-3 */
	{0x95, CMD_BOTH, cmd_idle},
	{0x96, CMD_BOTH, cmd_standby},
	{0x97, CMD_BOTH, cmd_idle},
	{0x98, CMD_BOTH, cmd_power},
	{0x99, CMD_BOTH, cmd_standby},
	{0xa0, CMD_CD, cmd_packet},
	{0xa1, CMD_CD, cmd_identify},
	{0xc4, CMD_DISK | CMD_BLOCKS, ide_ata_move},
	{0xc5, CMD_DISK | CMD_WRITE | CMD_BLOCKS, ide_ata_move},
	{0xc6, CMD_DISK, cmd_multiple},
	{0xc8, CMD_DISK | CMD_DMA, ide_ata_move},
	{0xc9, CMD_DISK | CMD_DMA, ide_ata_move},
	{0xca, CMD_DISK | CMD_WRITE | CMD_DMA, ide_ata_move},
	{0xcb, CMD_DISK | CMD_WRITE | CMD_DMA, ide_ata_move},
	{0xce, CMD_DISK | CMD_WRITE | CMD_EXT | CMD_BLOCKS | CMD_SYNC,
		ide_ata_move},
	{0xe0, CMD_BOTH, cmd_standby},
	{0xe1, CMD_BOTH, cmd_idle}, /* IDLE IMMEDIATE */
	{0xe2, CMD_BOTH, cmd_standby},
	{0xe3, CMD_BOTH, cmd_idle}, /* IDLE */
	{0xe5, CMD_BOTH, cmd_power},
	{0xe6, CMD_BOTH, cmd_standby}, /* SLEEP, which any command ends */
	{0xe7, CMD_DISK, ide_ata_flush},
	{0xea, CMD_DISK | CMD_EXT, ide_ata_flush},
	{0xec, CMD_DISK, cmd_identify},
	{0xef, CMD_BOTH, cmd_features},
	{0xf8, CMD_DISK, cmd_native_max},
};

static const struct command *
find(uint8_t code)
{
	static const struct command recalibrate = {0x10, CMD_DISK, cmd_nothing};
	static const struct command seek = {0x70, CMD_DISK, cmd_nothing};

	if ((code & 0xf0) == recalibrate.code)
		return &recalibrate;
	if ((code & 0xf0) == seek.code)
		return &seek;
	for (size_t n = 0; n < sizeof(commands) / sizeof(commands[0]); n++)
		if (commands[n].code == code)
			return &commands[n];
	return NULL;
}

void
ide_ata_command(struct channel *c, uint8_t code)
{
	struct drive *d = ide_selected(c);
	const struct command *cmd = find(code);

	if ((!d->disk && code != 0x90) || c->r->resetting)
		return;
	d->r->intrq = 0;
	if (code == 0x08 && d->cdrom) { /* it waits for nothing */
		cmd_reset(c, d, 0);
		return;
	}
	if (ide_occupied(c))
		return;
	ide_stop(c);
	d->r->error = 0;
	if (!cmd)
		ide_fails(c, ER_ABRT);
	else if (cmd->run == cmd_identify ||
		 (cmd->flags & (d->cdrom ? CMD_CD : CMD_DISK)))
		cmd->run(c, d, cmd->flags);
	else
		ide_fails(c, ER_ABRT);
}
