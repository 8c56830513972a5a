/* SPDX-License-Identifier: MIT */
/*
 * What a CD-ROM drive says of itself and its medium: INQUIRY, mode pages,
 * features, events, table of contents, DVD structures (MMC-3, INCITS 360,
 * sections 5 and 6).
 */
#include "dev/ide-int.h"

#include <string.h>

#define SPEED (50 * 176) /* kB/s */
#define CD_MAX 405000u /* sectors of 90 minutes; what has more is a DVD */
#define PREGAP 150u /* frames before sector 0 */
#define LEAD_OUT 0xaa

void
ide_msf(uint8_t *p, uint32_t lba)
{
	lba += PREGAP;
	p[0] = (uint8_t)(lba / (60 * 75));
	p[1] = (uint8_t)(lba / 75 % 60);
	p[2] = (uint8_t)(lba % 75);
}

bool
ide_mmc_is_dvd(struct drive *d)
{
	return ide_units(d) > CD_MAX;
}

uint32_t
ide_mmc_inquiry(uint8_t *p)
{
	p[0] = 0x05; /* CD-ROM */
	p[1] = 0x80; /* removable */
	p[3] = 0x21; /* ATAPI, this format */
	p[4] = 31; /* bytes more */
	memcpy(p + 8, "VM-UTILSCD-ROM          1.0 ", 28);
	return 36;
}

/* ---- mode pages ---- */

static uint32_t
page_errors(uint8_t *p)
{
	p[0] = 0x01;
	p[1] = 6;
	p[3] = 5; /* retries */
	return 8;
}

static uint32_t
page_capabilities(struct drive *d, uint8_t *p)
{
	p[0] = 0x2a;
	p[1] = 18;
	p[2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
	p[4] = 0x70; /* sessions, mode 2 */
	p[6] = 0x29 | (d->r->locked ? 2 : 0); /* tray, ejects, locks */
	ide_put_be16(p + 8, SPEED);
	ide_put_be16(p + 12, 512); /* KiB of buffer */
	ide_put_be16(p + 14, SPEED);
	return 20;
}

uint32_t
ide_mmc_mode_page(struct drive *d, uint8_t *p, uint8_t page, bool changeable)
{
	uint32_t n = 0, k;

	if (page == 0x01 || page == 0x3f)
		n += page_errors(p);
	if (page == 0x2a || page == 0x3f)
		n += page_capabilities(d, p + n);
	if (!changeable)
		return n;
	for (k = 0; k < n; k += p[k + 1] + 2u)
		memset(p + k + 2, 0, p[k + 1]);
	return n;
}

/* ---- features and profiles ---- */

enum { PROFILE_NONE = 0x00, PROFILE_CD = 0x08, PROFILE_DVD = 0x10 };

static unsigned
profile(struct drive *d)
{
	if (!ide_cd_ready(d))
		return PROFILE_NONE;
	return ide_mmc_is_dvd(d) ? PROFILE_DVD : PROFILE_CD;
}

struct feature {
	uint16_t code;
	uint8_t flags; /* version, persistent */
	uint8_t n, data[8];
	uint8_t profile; /* that makes it current, beside persistence; 0: any */
};

static const struct feature features[] = {
	/* the list of profiles: the current one is marked below */
	{0x0000, 0x02, 8, {0, PROFILE_DVD, 0, 0, 0, PROFILE_CD}, 0},
	{0x0001, 0x0a, 8, {0, 0, 0, 2, 1}, 0}, /* core: ATAPI */
	{0x0002, 0x06, 4, {2}, 0}, /* morphing: events are polled */
	{0x0003, 0x02, 4, {0x29}, 0}, /* removable: tray, ejects, locks */
	{0x0010, 0x00, 8, {0, 0, 8, 0, 0, 16}, 0}, /* random readable */
	{0x001e, 0x08, 4, {0}, PROFILE_CD}, /* CD read */
	{0x001f, 0x00, 4, {0}, PROFILE_DVD}, /* DVD read */
};

static bool
is_current(const struct feature *f, unsigned now)
{
	if (f->flags & 2)
		return true;
	return f->profile ? now == f->profile : now != PROFILE_NONE;
}

/* select: 0 all from `from` on, 1 of these the current, 2 `from` alone. */
uint32_t
ide_mmc_config(struct drive *d, uint8_t *buf, unsigned from, unsigned select)
{
	unsigned now = profile(d);
	uint8_t *p = buf + 8;

	for (size_t k = 0; k < sizeof(features) / sizeof(features[0]); k++) {
		const struct feature *f = &features[k];
		bool current = is_current(f, now);

		if (f->code < from || (select == 2 && f->code != from) ||
			(select == 1 && !current))
			continue;
		ide_put_be16(p, f->code);
		p[2] = (uint8_t)(f->flags | current);
		p[3] = f->n;
		memcpy(p + 4, f->data, f->n);
		if (f->code == 0) {
			p[4 + 2] = now == PROFILE_DVD;
			p[8 + 2] = now == PROFILE_CD;
		}
		p += 4 + f->n;
	}
	ide_put_be32(buf, (uint32_t)(p - buf) - 4);
	ide_put_be16(buf + 6, now);
	return (uint32_t)(p - buf);
}

/* GET EVENT STATUS NOTIFICATION: of the classes asked for, media alone. */
uint32_t
ide_mmc_event(struct drive *d, uint8_t *p, uint8_t classes)
{
	p[3] = 0x10; /* classes that there are */
	if (!(classes & 0x10)) {
		p[1] = 2;
		p[2] = 0x80; /* none of these */
		return 4;
	}
	p[1] = 6;
	p[2] = 0x04;
	p[4] = d->r->event;
	p[5] = (uint8_t)(d->r->tray | (disk_present(d->disk) ? 2 : 0));
	d->r->event = EVENT_NONE;
	return 8;
}

/* ---- the medium ---- */

static void
put_address(uint8_t *p, uint32_t lba, bool msf)
{
	if (msf)
		ide_msf(p + 1, lba);
	else
		ide_put_be32(p, lba);
}

static uint32_t
toc_tracks(struct drive *d, uint8_t *buf, unsigned track, bool msf)
{
	uint8_t *p = buf + 4;

	if (track > 1 && track != LEAD_OUT)
		return 0;
	buf[2] = buf[3] = 1; /* first, last */
	if (track <= 1) {
		p[1] = 0x14; /* data */
		p[2] = 1;
		put_address(p + 4, 0, msf);
		p += 8;
	}
	p[1] = 0x14;
	p[2] = LEAD_OUT;
	put_address(p + 4, (uint32_t)ide_units(d), msf);
	p += 8;
	ide_put_be16(buf, (uint32_t)(p - buf) - 2);
	return (uint32_t)(p - buf);
}

static uint32_t
toc_session(uint8_t *p, bool msf)
{
	p[1] = 10;
	p[2] = p[3] = 1;
	p[5] = 0x14;
	p[6] = 1;
	put_address(p + 8, 0, msf);
	return 12;
}

/* All entries of the lead-in; addresses are always times. */
static uint32_t
toc_raw(struct drive *d, uint8_t *buf)
{
	static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 1};
	uint8_t *p = buf + 4;

	buf[2] = buf[3] = 1;
	for (unsigned k = 0; k < sizeof(points); k++, p += 11) {
		p[0] = 1; /* session */
		p[1] = 0x14;
		p[3] = points[k];
		if (points[k] == 0xa2)
			ide_msf(p + 8, (uint32_t)ide_units(d));
		else if (points[k] == 1)
			ide_msf(p + 8, 0);
		else
			p[8] = 1; /* the first track, the last */
	}
	ide_put_be16(buf, (uint32_t)(p - buf) - 2);
	return (uint32_t)(p - buf);
}

uint32_t
ide_mmc_toc(struct drive *d, uint8_t *buf, unsigned format, unsigned track,
	bool msf)
{
	if (format == 0)
		return toc_tracks(d, buf, track, msf);
	if (format == 1)
		return toc_session(buf, msf);
	return format == 2 ? toc_raw(d, buf) : 0;
}

uint32_t
ide_mmc_disc(uint8_t *p)
{
	p[1] = 32; /* bytes more */
	p[2] = 0x0e; /* complete, as its last session */
	p[3] = p[4] = p[5] = p[6] = 1; /* first track, sessions, last tracks */
	p[7] = 0x20; /* for use without restriction */
	memset(p + 16, 0xff, 8); /* no more lead-in nor lead-out */
	return 34;
}

uint32_t
ide_mmc_track(struct drive *d, uint8_t *p)
{
	p[1] = 34; /* bytes more */
	p[2] = p[3] = 1; /* track, session */
	p[5] = 0x04; /* data */
	p[6] = 0x01; /* mode 1 */
	ide_put_be32(p + 24, (uint32_t)ide_units(d));
	return 36;
}

/* Physical format, copyright, manufacturer. */
uint32_t
ide_mmc_dvd(struct drive *d, uint8_t *p, unsigned format)
{
	uint32_t last = (uint32_t)ide_units(d) - 1;
	uint32_t n = format == 0 || format == 4 ? 2048 : format == 1 ? 4 : 0;

	if (!n)
		return 0;
	ide_put_be16(p, n + 2);
	if (format == 0) {
		p[4] = 0x01; /* DVD-ROM, part version 1 */
		p[5] = 0x0f; /* 120 mm, rate not said */
		p[6] = 0x01; /* one layer, read-only */
		ide_put_be32(p + 8, 0x30000);
		ide_put_be32(p + 12, 0x30000 + last);
	}
	return n + 4;
}
