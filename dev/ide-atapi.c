/* SPDX-License-Identifier: MIT */
/*
 * A CD-ROM drive's packet commands: SFF-8020i and MMC-3 (INCITS 360), sense as
 * in SPC-2. The medium is one session with one data track of 2048-byte sectors.
 * Left out: audio, the error correction code of READ CD (zeros), writing.
 */
#include "dev/ide-int.h"

#include <errno.h>
#include <string.h>

enum { /* of a command */
	MEDIUM = 1, /* needs one */
	ANYWAY = 2 /* also while there is a unit attention to be told */
};

/* ---- endings ---- */

void
ide_packet_ends(struct channel *c)
{
	struct drive *d = ide_selected(c);

	d->r->error = 0;
	d->r->status = ST_READY;
	d->r->count[0] = IR_IN | IR_COMMAND;
	d->r->intrq = 1;
	ide_stop(c);
}

void
ide_packet_fails(struct channel *c, uint8_t key, uint8_t asc, uint8_t ascq)
{
	struct drive *d = ide_selected(c);

	d->r->key = key;
	d->r->asc = asc;
	d->r->ascq = ascq;
	ide_packet_ends(c);
	d->r->error = (uint8_t)(key << 4 | ER_ABRT);
	d->r->status = ST_READY | ST_ERR;
}

void
ide_packet_no_medium(struct channel *c)
{
	ide_packet_fails(
		c, SENSE_NOT_READY, 0x3a, ide_selected(c)->r->tray ? 2 : 1);
}

void
ide_packet_io_error(struct channel *c, int err)
{
	if (err == -ENOMEDIUM)
		ide_packet_no_medium(c);
	else
		ide_packet_fails(
			c, SENSE_MEDIUM_ERROR, 0x11, 0); /* unrecovered */
}

void
ide_packet_bad_field(struct channel *c)
{
	ide_packet_fails(c, SENSE_ILLEGAL, 0x24, 0);
}

/* n bytes in the buffer, of which the host has room for some. */
void
ide_packet_reply(struct channel *c, uint32_t n, uint32_t room)
{
	if (n > room)
		n = room;
	if (!n)
		ide_packet_ends(c);
	else if (!c->r->dma && !c->r->limit)
		ide_packet_fails(c, SENSE_ILLEGAL, 0x24, 0);
	else
		ide_reply(c, n, c->r->dma, c->r->limit);
}

/* The same, where none means that what was asked for is not there. */
static void
reply_if(struct channel *c, uint32_t n, uint32_t room)
{
	if (n)
		ide_packet_reply(c, n, room);
	else
		ide_packet_bad_field(c);
}

/* ---- what there is ---- */

static void
cmd_nothing(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	(void)d;
	(void)cdb;
	ide_packet_ends(c);
}

static void
take_attention(struct drive *d)
{
	d->r->key = SENSE_ATTENTION;
	d->r->asc = d->r->attention & ATTENTION_RESET ? 0x29 : 0x28;
	d->r->ascq = 0;
	d->r->attention &= (uint8_t) ~(d->r->attention & ATTENTION_RESET
					       ? ATTENTION_RESET
					       : ATTENTION_MEDIUM);
}

static void
cmd_sense(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	uint8_t *p = c->r->buf;

	if (!d->r->key && d->r->attention)
		take_attention(d);
	p[0] = 0xf0;
	p[2] = d->r->key;
	p[7] = 10; /* bytes more */
	p[12] = d->r->asc;
	p[13] = d->r->ascq;
	d->r->key = d->r->asc = d->r->ascq = 0;
	ide_packet_reply(c, 18, cdb[4]);
}

static void
cmd_inquiry(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	(void)d;
	if (cdb[1] & 1 || cdb[2]) /* there are no vital product data */
		ide_packet_bad_field(c);
	else
		ide_packet_reply(
			c, ide_mmc_inquiry(c->r->buf), ide_be16(cdb + 3));
}

static void
cmd_mode_sense(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	uint8_t *p = c->r->buf, what = cdb[2] >> 6;
	uint32_t n;

	if (what == 3) { /* saved ones */
		ide_packet_fails(c, SENSE_ILLEGAL, 0x39, 0);
		return;
	}
	n = ide_mmc_mode_page(d, p + 8, cdb[2] & 0x3f, what == 1);
	if (!n) {
		ide_packet_bad_field(c);
		return;
	}
	p[1] = (uint8_t)(n + 6);
	p[2] = d->r->tray ? 0x71 : disk_present(d->disk) ? 0x01 : 0x70;
	ide_packet_reply(c, n + 8, ide_be16(cdb + 7));
}

static void
cmd_config(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	if ((cdb[1] & 3) == 3)
		ide_packet_bad_field(c);
	else
		ide_packet_reply(c,
			ide_mmc_config(
				d, c->r->buf, ide_be16(cdb + 2), cdb[1] & 3),
			ide_be16(cdb + 7));
}

static void
cmd_event(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	if (!(cdb[1] & 1)) /* only polling */
		ide_packet_bad_field(c);
	else
		ide_packet_reply(c, ide_mmc_event(d, c->r->buf, cdb[4]),
			ide_be16(cdb + 7));
}

static void
cmd_toc(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	/* SFF-8020i had the format elsewhere. */
	unsigned format = cdb[2] & 15 ? cdb[2] & 15 : cdb[9] >> 6;

	reply_if(c, ide_mmc_toc(d, c->r->buf, format, cdb[6], cdb[1] & 2),
		ide_be16(cdb + 7));
}

static void
cmd_disc(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	(void)d;
	if (cdb[1] & 7)
		ide_packet_bad_field(c);
	else
		ide_packet_reply(c, ide_mmc_disc(c->r->buf), ide_be16(cdb + 7));
}

static void
cmd_track(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	ide_packet_reply(c, ide_mmc_track(d, c->r->buf), ide_be16(cdb + 7));
}

static void
cmd_dvd(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	if (!ide_mmc_is_dvd(d))
		ide_packet_fails(c, SENSE_ILLEGAL, 0x30, 0x02); /* format */
	else
		reply_if(c, ide_mmc_dvd(d, c->r->buf, cdb[7]),
			ide_be16(cdb + 8));
}

static void
cmd_mechanism(struct channel *c, struct drive *d, const uint8_t *cdb)
{
	c->r->buf[1] = d->r->tray ? 0x10 : 0;
	c->r->buf[5] = 1; /* slots */
	ide_packet_reply(c, 8, ide_be16(cdb + 8));
}

static const struct command {
	uint8_t code, flags;
	void (*run)(struct channel *, struct drive *, const uint8_t *cdb);
} commands[] = {
	{0x00, MEDIUM, cmd_nothing}, /* TEST UNIT READY */
	{0x03, ANYWAY, cmd_sense},
	{0x12, ANYWAY, cmd_inquiry},
	{0x1b, 0, ide_cd_start_stop},
	{0x1e, 0, ide_cd_prevent},
	{0x25, MEDIUM, ide_cd_capacity},
	{0x28, MEDIUM, ide_cd_read10},
	{0x2b, MEDIUM, ide_cd_seek},
	{0x43, MEDIUM, cmd_toc},
	{0x46, ANYWAY, cmd_config},
	{0x4a, ANYWAY, cmd_event},
	{0x51, MEDIUM, cmd_disc},
	{0x52, MEDIUM, cmd_track},
	{0x5a, 0, cmd_mode_sense},
	{0xa8, MEDIUM, ide_cd_read12},
	{0xad, MEDIUM, cmd_dvd},
	{0xbb, 0, cmd_nothing}, /* SET CD SPEED */
	{0xbd, 0, cmd_mechanism},
	{0xbe, MEDIUM, ide_cd_read_raw},
};

static const struct command *
find(uint8_t code)
{
	for (size_t n = 0; n < sizeof(commands) / sizeof(commands[0]); n++)
		if (commands[n].code == code)
			return &commands[n];
	return NULL;
}

void
ide_packet(struct channel *c)
{
	struct drive *d = ide_selected(c);
	const struct command *cmd = find(c->r->buf[0]);
	uint8_t cdb[IDE_CDB];

	memcpy(cdb, c->r->buf, sizeof(cdb));
	memset(c->r->buf, 0, sizeof(c->r->buf));
	c->r->at = c->r->stop = c->r->have = 0;
	d->r->asleep = 0;
	if (cdb[0] != 0x03)
		d->r->key = d->r->asc = d->r->ascq = 0;
	if (d->r->attention && !(cmd && (cmd->flags & ANYWAY))) {
		take_attention(d);
		ide_packet_fails(c, d->r->key, d->r->asc, d->r->ascq);
	} else if (!cmd) {
		ide_packet_fails(c, SENSE_ILLEGAL, 0x20, 0);
	} else if ((cmd->flags & MEDIUM) && !ide_cd_ready(d)) {
		ide_packet_no_medium(c);
	} else {
		cmd->run(c, d, cdb);
	}
}
