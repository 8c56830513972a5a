/* SPDX-License-Identifier: MIT */
/*
 * The pages of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE: ATA/ATAPI-7, volume
 * 1, sections 6.17 and 6.18. Words that are not set here are 0.
 */
#include <string.h>

#include "dev/ide-int.h"

#define FIRMWARE "1.0"

void
ide_put_text(uint8_t *p, const char *text, unsigned len)
{
	unsigned n = 0;

	for (; n < len && text[n]; n++)
		p[n ^ 1] = (uint8_t)text[n];
	for (; n < len; n++)
		p[n ^ 1] = ' ';
}

static void
word(uint8_t *page, unsigned n, unsigned val)
{
	ide_put16(page + 2 * n, val);
}

static void
words(uint8_t *page, unsigned n, uint64_t val, unsigned count)
{
	for (unsigned k = 0; k < count; k++)
		word(page, n + k, (unsigned)(val >> 16 * k) & 0xffff);
}

static void
put_names(struct drive *d, uint8_t *page, const char *model)
{
	ide_put_text(page + 2 * 10, d->serial, 20);
	ide_put_text(page + 2 * 23, FIRMWARE, 8);
	ide_put_text(page + 2 * 27, model, 40);
}

/* The modes that it can, and which is set. */
static void
put_modes(struct drive *d, uint8_t *page)
{
	unsigned set = 0x100u << (d->r->mode & 7);

	word(page, 53, 0x0006); /* words 64 to 70 and 88 are valid */
	word(page, 63, 0x07 | (d->r->mode < 0x40 ? set : 0));
	word(page, 64, 0x03); /* PIO 3 and 4 */
	for (unsigned n = 65; n <= 68; n++)
		word(page, n, 120); /* ns a cycle */
	word(page, 88, 0x3f | (d->r->mode >= 0x40 ? set : 0));
	word(page, 93, 0x6001); /* 80 conductors; device 0 */
}

/* Words 47 on are told what the guest set, 54 to 58 what geometry. */
static void
put_geometry(struct drive *d, uint8_t *page)
{
	uint64_t size = ide_units(d), n;
	uint32_t track = (uint32_t)d->r->heads * d->r->sectors;

	n = size / (16 * 63);
	word(page, 1, n > 16383 ? 16383 : (unsigned)n);
	word(page, 3, 16);
	word(page, 6, 63);
	n = size / track;
	if (n > 0xffff)
		n = 0xffff;
	word(page, 54, (unsigned)n);
	word(page, 55, d->r->heads);
	word(page, 56, d->r->sectors);
	words(page, 57, n * track, 2);
	words(page, 60, size > 0x0fffffff ? 0x0fffffff : size, 2);
	words(page, 100, size, 4);
}

/* Of words 82 to 84, and 85 to 87: supported, and switched on. */
static void
put_features(uint8_t *page, unsigned first, unsigned second, unsigned cache)
{
	word(page, 82, first | cache | 0x4008); /* NOP, power */
	word(page, 83, second | 0x4000);
	word(page, 84, 0x4000);
	word(page, 85, first | 0x4008);
	word(page, 86, second);
	word(page, 87, 0x4000);
}

void
ide_identify(struct drive *d, uint8_t page[ATA_SECTOR])
{
	uint8_t sum = 0;

	memset(page, 0, ATA_SECTOR);
	word(page, 0, 0x0040); /* fixed */
	put_names(d, page, "VM-UTILS DISK");
	put_modes(d, page);
	put_geometry(d, page);
	word(page, 47, 0x8000 | IDE_MULTIPLE);
	word(page, 49, 0x0b00); /* IORDY, LBA, DMA */
	word(page, 50, 0x4000);
	word(page, 53, 0x0007);
	if (d->r->multiple)
		word(page, 59, 0x0100u | d->r->multiple);
	word(page, 80, 0x00f0); /* ATA-4 to 7 */
	/* FLUSH CACHE (EXT), 48 bits; write cache; forced unit access */
	put_features(page, d->r->cache ? 0x20 : 0, 0x3400, 0x20);
	word(page, 84, 0x4040);
	word(page, 87, 0x4040);
	word(page, 105, IDE_MULTIPLE); /* blocks of TRIM */
	word(page, 106, 0x4000);
	word(page, 169, 0x0001); /* TRIM */
	word(page, 217, 0x0001); /* does not rotate */
	page[510] = 0xa5;
	for (unsigned n = 0; n < ATA_SECTOR - 1; n++)
		sum = (uint8_t)(sum + page[n]);
	page[511] = (uint8_t)-sum;
}

void
ide_identify_packet(struct drive *d, uint8_t page[ATA_SECTOR])
{
	memset(page, 0, ATA_SECTOR);
	/* ATAPI, CD-ROM, removable, 12-byte packets 50 us after the command */
	word(page, 0, 0x85c0);
	put_names(d, page, "VM-UTILS CD-ROM");
	put_modes(d, page);
	word(page, 49, 0x0b00);
	word(page, 71, 30); /* ns: released in no time */
	word(page, 72, 30);
	word(page, 80, 0x00f0);
	put_features(page, 0x0210, 0, 0); /* DEVICE RESET, PACKET */
}
