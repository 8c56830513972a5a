/* SPDX-License-Identifier: MIT */
/*
 * What the files of the IDE function share: its registers, and how the parts
 * of a channel speak to each other.
 *
 * A channel does one thing at a time, which its registers tell in full: `what`
 * is being moved, and `phase`, who has to act next. ide_next() takes the next
 * step, and is called again whenever the other side has acted; so a request
 * that was in flight at a save is made again by one call.
 */
#ifndef DEV_IDE_INT_H
#define DEV_IDE_INT_H

#include "dev/ide.h"

enum {
	ATA_SECTOR = 512,
	CD_SECTOR = 2048,
	IDE_MULTIPLE = 16, /* sectors of a block, at most */
	IDE_BUF = IDE_MULTIPLE * ATA_SECTOR,
	IDE_SPANS = 1024, /* pieces of memory in one request */
	IDE_CDB = 12,
	IDE_SERIAL = 20,
	IDE_COUNT_MAX = 0xfffe /* bytes that a drive may announce at once */
};

enum { /* status */
	ST_ERR = 0x01,
	ST_DRQ = 0x08,
	ST_DSC = 0x10,
	ST_DRDY = 0x40,
	ST_BSY = 0x80,
	ST_READY = ST_DRDY | ST_DSC
};
enum { /* error */
	ER_ABRT = 0x04,
	ER_IDNF = 0x10,
	ER_UNC = 0x40
};
enum { /* device */
	DV_SLAVE = 0x10,
	DV_LBA = 0x40
};
enum { /* device control */
	DC_NIEN = 0x02,
	DC_SRST = 0x04,
	DC_HOB = 0x80
};
enum { /* bus master command and status */
	BM_START = 0x01,
	BM_TO_MEM = 0x08,
	BM_ACTIVE = 0x01,
	BM_ERROR = 0x02,
	BM_INT = 0x04,
	BM_CAPABLE = 0x60
};
enum { /* interrupt reason, in the sector count of a packet command */
	IR_COMMAND = 1,
	IR_IN = 2
};

enum ide_phase {
	PHASE_IDLE,
	PHASE_IN, /* the host reads the data port */
	PHASE_OUT, /* the host writes it */
	PHASE_PACKET, /* the host writes a packet there */
	PHASE_DMA, /* the bus master has to be started */
	PHASE_DISK, /* a request is with the disk */
	PHASES
};

enum ide_what {
	WHAT_NOTHING,
	WHAT_REPLY, /* of the buffer */
	WHAT_READ,
	WHAT_RAW, /* CD sectors with their frame */
	WHAT_WRITE,
	WHAT_VERIFY,
	WHAT_FLUSH,
	WHAT_TRIM, /* a block of ranges comes in */
	WHAT_DISCARD, /* which are worked off */
	WHATS
};

enum ide_resetting {
	RESET_NOT,
	RESET_HELD, /* SRST is set */
	RESET_WAIT, /* for what is in flight, then SRST is done */
	RESET_DEVICE, /* the same for DEVICE RESET */
	RESETS
};

enum ide_attention { ATTENTION_RESET = 1, ATTENTION_MEDIUM = 2 };
enum ide_event { EVENT_NONE, EVENT_EJECT, EVENT_NEW, EVENT_GONE };

struct ide_drive_regs {
	/* The task file: [0] as written last, [1] the one before. */
	uint8_t feature[2], count[2], low[2], mid[2], high[2];
	uint8_t device, status, error;
	uint8_t intrq; /* wants the interrupt */
	uint8_t multiple; /* sectors; 0: not set */
	uint8_t mode; /* of transfers, as SET FEATURES said it */
	uint8_t cache; /* writes may be late */
	uint8_t asleep;
	uint8_t heads, sectors;
	/* CD-ROM */
	uint8_t key, asc, ascq; /* sense */
	uint8_t attention; /* bits of enum ide_attention */
	uint8_t event; /* enum ide_event */
	uint8_t tray; /* it is out */
	uint8_t locked;
	uint8_t spare[5]; /* always 0 */
};

struct ide_cursor { /* in the table of descriptors */
	uint32_t next; /* the one to fetch */
	uint32_t at, left; /* what is left of the one before */
	uint32_t last; /* which had no other behind it */
};

struct ide_channel_regs {
	uint64_t lba; /* the next unit */
	uint32_t left; /* units that are still to be moved */
	uint32_t at, stop, have; /* the buffer: moved, to be moved in this
				  * block, filled (or to be filled) */
	uint32_t limit; /* bytes of a block */
	uint32_t prd; /* as written */
	struct ide_cursor cur;
	uint8_t bm_command, bm_status;
	uint8_t select; /* 1: the slave */
	uint8_t control;
	uint8_t phase, what;
	uint8_t dma; /* or through the data port */
	uint8_t ext; /* a command with 48-bit addresses */
	uint8_t packet; /* a packet command runs */
	uint8_t sync; /* a flush ends it */
	uint8_t frame; /* READ CD: the parts of a sector */
	uint8_t resetting;
	uint8_t spare[4]; /* always 0 */
	uint8_t buf[IDE_BUF];
};

struct ide_regs {
	struct pci_regs pci;
	struct ide_channel_regs ch[IDE_CHANNELS];
	struct ide_drive_regs drive[IDE_DRIVES];
};

struct channel;

struct drive {
	struct channel *channel;
	struct ide_drive_regs *r;
	struct disk *disk; /* NULL: no drive */
	bool cdrom;
	char serial[IDE_SERIAL + 1];
};

struct channel {
	struct ide *ide;
	struct ide_channel_regs *r;
	struct drive drive[2];
	struct irq irq;
	bool level; /* of irq, as last driven */
	bool busy; /* req is with the disk */
	struct disk_req req;
	bool stale; /* the bus master was started anew while it is */
	unsigned spans; /* in iov */
	uint32_t cut; /* bytes there */
	struct ide_cursor after; /* that */
	uint32_t gpa[IDE_SPANS]; /* of each in iov */
	struct iovec iov[IDE_SPANS];
};

struct ide {
	struct dev dev;
	struct pci_fn pci;
	struct mem *mem;
	struct channel ch[IDE_CHANNELS];
	struct ide_regs r;
};

static inline struct drive *
ide_selected(struct channel *c)
{
	return &c->drive[c->r->select];
}

static inline uint32_t
ide_unit(const struct channel *c)
{
	return c->drive[c->r->select].cdrom ? CD_SECTOR : ATA_SECTOR;
}

/* Units of the medium. */
static inline uint64_t
ide_units(struct drive *d)
{
	return d->disk ? disk_size(d->disk) /
				 (d->cdrom ? CD_SECTOR : ATA_SECTOR)
		       : 0;
}

static inline void
ide_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline uint32_t
ide_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t
ide_be32(const uint8_t *p)
{
	return ide_be16(p) << 16 | ide_be16(p + 2);
}

static inline void
ide_put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
ide_put_be32(uint8_t *p, uint32_t v)
{
	ide_put_be16(p, v >> 16);
	ide_put_be16(p + 2, v);
}

/* Text in an IDENTIFY page: bytes swapped, padded with blanks. */
void ide_put_text(uint8_t *p, const char *text, unsigned len);

/* ---- ide.c ---- */

/* The drive works on a command: it takes no other, and no registers. */
bool ide_occupied(struct channel *);
/* What a drive's registers say after a reset. */
void ide_signature(struct drive *);
/* A reset that waited for the disk is over. */
void ide_reset_ends(struct channel *);
/* Interrupt lines follow the registers. */
void ide_update(struct channel *);
/* again: driven after a reset or a load, which is no edge. */
void ide_line(struct channel *, bool again);

/* ---- ide-state.c ---- */

extern const struct field ide_fields[];
int ide_loaded(struct dev *);

/* ---- ide-xfer.c: a channel at work ---- */

/* Begin: what, and units from lba, in blocks of limit bytes. */
void ide_begin(struct channel *, enum ide_what, bool dma, uint64_t lba,
	uint32_t units, uint32_t limit);
/* n bytes of the buffer go to the host. */
void ide_reply(struct channel *, uint32_t n, bool dma, uint32_t limit);
void ide_next(struct channel *);
/* The command is over: well, or with ATA's error. Asks for the interrupt. */
void ide_ends(struct channel *);
void ide_fails(struct channel *, uint8_t error);
/* Forget what is going on. */
void ide_stop(struct channel *);
uint32_t ide_data_read(struct channel *, unsigned size);
void ide_data_write(struct channel *, unsigned size, uint32_t val);

/* ---- ide-dma.c: the bus master ---- */

uint8_t ide_bm_read(struct channel *, unsigned off);
void ide_bm_write(struct channel *, unsigned off, uint8_t val);
/*
 * Set iov, gpa and cut to the memory that descriptors name next: at most max
 * bytes, a multiple of unit. 0: they name no more. -EFAULT: not memory.
 */
int ide_dma_map(struct channel *, uint32_t max, uint32_t unit);
/* That memory is used. */
void ide_dma_advance(struct channel *);
/* All is moved: the bus master may be done, too. */
void ide_dma_ends(struct channel *);
bool ide_dma_active(const struct channel *);

/* ---- ide-ata.c ---- */

enum { /* which drives know a command */
	CMD_DISK = 0x01,
	CMD_CD = 0x02,
	CMD_BOTH = CMD_DISK | CMD_CD,
	/* and how it moves data */
	CMD_WRITE = 0x04,
	CMD_VERIFY = 0x08,
	CMD_DMA = 0x10,
	CMD_BLOCKS = 0x20, /* of as many sectors as SET MULTIPLE MODE said */
	CMD_EXT = 0x40,
	CMD_SYNC = 0x80 /* forced unit access */
};

void ide_ata_command(struct channel *, uint8_t command);

/* ---- ide-ata-rw.c ---- */

void ide_ata_move(struct channel *, struct drive *, unsigned flags);
void ide_ata_flush(struct channel *, struct drive *, unsigned flags);
void ide_ata_trim(struct channel *, struct drive *, unsigned flags);
/* The sector where it went wrong, in the task file. */
void ide_ata_where(struct drive *, uint64_t lba);
/* The buffer holds ranges to trim: the next one that has sectors, from at on.
 * 0: there is none; -EINVAL: not on this disk. */
int ide_trim_range(struct channel *, uint64_t *lba, uint32_t *sectors);

/* ---- ide-identify.c ---- */

void ide_identify(struct drive *, uint8_t page[ATA_SECTOR]);
void ide_identify_packet(struct drive *, uint8_t page[ATA_SECTOR]);

/* ---- ide-atapi.c ---- */

enum { /* sense keys */
	SENSE_NOT_READY = 2,
	SENSE_MEDIUM_ERROR = 3,
	SENSE_ILLEGAL = 5,
	SENSE_ATTENTION = 6
};

/* The packet is in the buffer. */
void ide_packet(struct channel *);
/* It is over: well, or with this sense. */
void ide_packet_ends(struct channel *);
void ide_packet_fails(struct channel *, uint8_t key, uint8_t asc, uint8_t ascq);
void ide_packet_io_error(struct channel *, int err);
void ide_packet_no_medium(struct channel *);
void ide_packet_bad_field(struct channel *);
/* n bytes in the buffer, of which the host has room for some. */
void ide_packet_reply(struct channel *, uint32_t n, uint32_t room);

/* ---- ide-cd.c ---- */

bool ide_cd_ready(struct drive *);
/* For struct disk_user; to is the struct drive. */
void ide_cd_changed(void *to);
bool ide_cd_eject(void *to, bool force);
unsigned ide_cd_tray(void *to);
/* A sector of 2048 bytes, at buf + 16, gets the frame asked for; returns its
 * length, from buf on. */
uint32_t ide_cd_frame(uint8_t *buf, uint8_t parts, uint32_t lba);
void ide_cd_start_stop(struct channel *, struct drive *, const uint8_t *cdb);
void ide_cd_prevent(struct channel *, struct drive *, const uint8_t *cdb);
void ide_cd_read10(struct channel *, struct drive *, const uint8_t *cdb);
void ide_cd_read12(struct channel *, struct drive *, const uint8_t *cdb);
void ide_cd_read_raw(struct channel *, struct drive *, const uint8_t *cdb);
void ide_cd_capacity(struct channel *, struct drive *, const uint8_t *cdb);
void ide_cd_seek(struct channel *, struct drive *, const uint8_t *cdb);

/* ---- ide-mmc.c: what a drive says of itself and its medium ---- */

/* Replies are made in buf, zeroed; they return the length, 0: not such one. */
uint32_t ide_mmc_inquiry(uint8_t *buf);
uint32_t ide_mmc_mode_page(
	struct drive *, uint8_t *buf, uint8_t page, bool changeable);
uint32_t ide_mmc_config(
	struct drive *, uint8_t *buf, unsigned from, unsigned select);
uint32_t ide_mmc_toc(struct drive *, uint8_t *buf, unsigned format,
	unsigned track, bool msf);
uint32_t ide_mmc_disc(uint8_t *buf);
uint32_t ide_mmc_track(struct drive *, uint8_t *buf);
uint32_t ide_mmc_dvd(struct drive *, uint8_t *buf, unsigned format);
uint32_t ide_mmc_event(struct drive *, uint8_t *buf, uint8_t classes);
bool ide_mmc_is_dvd(struct drive *);
void ide_msf(uint8_t *p, uint32_t lba); /* minute, second, frame */

#endif
