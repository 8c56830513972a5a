/* SPDX-License-Identifier: MIT */
/* CD-ROM drives: packets through the data port and by DMA, sense, media that
 * come and go, what a drive says of itself. */
#include "tests/iderig.h"

#define CD_SECTORS 1000u

static void
up(struct rig *r, bool medium)
{
	memset(r, 0, sizeof(*r));
	rig_drive(r, 2, medium ? CD_SECTORS * 4 : 0, true);
	r->disk[2].read_only = true;
	rig_up(r);
	rig_channel(r, 1);
	out(r, 6, 0xa0);
}

static void
packet(struct rig *r, const uint8_t *cdb, unsigned limit, bool dma)
{
	out(r, 1, dma);
	out(r, 4, limit & 0xff);
	out(r, 5, limit >> 8);
	out(r, 7, 0xa0);
	data_out(r, cdb, 12);
}

/* Run it, and take at most n bytes; how many came, -1: check condition. */
static int
run(struct rig *r, const uint8_t *cdb, void *p, unsigned n, unsigned limit)
{
	uint8_t word[2];
	unsigned got = 0, block, k;

	packet(r, cdb, limit, false);
	while (in(r, 7) & 8) {
		block = in(r, 4) | (unsigned)in(r, 5) << 8;
		for (k = 0; k < block; k += 2) {
			data_in(r, word, 2);
			for (unsigned b = 0; b < 2 && k + b < block; b++)
				if (got + k + b < n)
					((uint8_t *)p)[got + k + b] = word[b];
		}
		got += block;
	}
	return in(r, 7) & 1 ? -1 : (int)got;
}

#define RUN(r, p, ...)                                                         \
	run(r, (const uint8_t[12]){__VA_ARGS__}, p, sizeof(p), 0xfffe)
#define DO(r, ...) run(r, (const uint8_t[12]){__VA_ARGS__}, NULL, 0, 0xfffe)

/* Sense key, code and qualifier as one number. */
static unsigned
sense(struct rig *r)
{
	uint8_t p[18] = {0};

	RUN(r, p, 0x03, 0, 0, 0, 18);
	return (unsigned)p[2] << 16 | (unsigned)p[12] << 8 | p[13];
}

/* The attention that follows a reset is told. */
static void
settled(struct rig *r)
{
	DO(r, 0);
	sense(r);
}

static void
test_signature(void)
{
	uint8_t p[512];
	struct rig r;

	up(&r, true);
	ok(in(&r, 7) == 0 && in(&r, 4) == 0x14 && in(&r, 5) == 0xeb,
		"a packet device's signature after power-on");
	out(&r, 4, 0);
	out(&r, 7, 0xec);
	ok(interrupted(&r) && (in(&r, 7) & 1) && in(&r, 1) == 4 &&
			in(&r, 4) == 0x14 && in(&r, 5) == 0xeb,
		"IDENTIFY DEVICE aborts with it");
	out(&r, 7, 0x20);
	ok((in(&r, 7) & 1) && in(&r, 4) == 0x14, "as READ SECTORS does");
	out(&r, 7, 0xa1);
	ok(interrupted(&r), "IDENTIFY PACKET DEVICE: data");
	data_in(&r, p, 512);
	ok(p[0] == 0xc0 && p[1] == 0x85 && memcmp(p + 20, "NS1-32", 6) == 0,
		"a removable CD-ROM drive with 12-byte packets");
	out(&r, 4, 0);
	out(&r, 7, 0x08);
	ok(in(&r, 7) == 0 && in(&r, 4) == 0x14 && !r.line[1],
		"DEVICE RESET: the signature, quietly");
	rig_down(&r);
}

static void
test_phases(void)
{
	uint8_t cdb[12] = {0x12, 0, 0, 0, 36}, p[36];
	struct rig r;

	up(&r, true);
	out(&r, 1, 0);
	out(&r, 4, 0xfe);
	out(&r, 5, 0xff);
	out(&r, 7, 0xa0);
	ok(in(&r, 7) == 0x58 && in(&r, 2) == 1 && !r.line[1],
		"PACKET asks for the packet, without an interrupt");
	data_out(&r, cdb, 12);
	ok(r.line[1] && alt_status(&r) == 0x58 && in(&r, 2) == 2 &&
			in(&r, 4) == 36,
		"data for the host: an interrupt, and how many");
	ok(interrupted(&r), "that the status takes away");
	data_in(&r, p, 36);
	ok(r.line[1] && alt_status(&r) == 0x50 && in(&r, 2) == 3,
		"the end: another interrupt, no data");
	ok(memcmp(p + 8, "VM-UTILSCD-ROM", 14) == 0 && p[0] == 5,
		"INQUIRY says what it is");
	rig_down(&r);
}

static void
test_attention(void)
{
	struct rig r;

	up(&r, true);
	ok(DO(&r, 0) == -1 && in(&r, 1) >> 4 == 6 && sense(&r) == 0x062900,
		"the first command after power-on: unit attention");
	ok(sense(&r) == 0 && DO(&r, 0) == 0, "which is told once");
	ok(DO(&r, 0xc9) == -1 && sense(&r) == 0x052000,
		"a command that is not there: illegal request");
	rig_down(&r);
}

static void
test_read(void)
{
	static uint8_t p[40 * 2048];
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(RUN(&r, p, 0x25) == 8 && p[2] == (CD_SECTORS - 1) >> 8 &&
			p[3] == ((CD_SECTORS - 1) & 255) && p[6] == 8,
		"READ CAPACITY");
	ok(run(&r, (const uint8_t[12]){0x28, 0, 0, 0, 0, 100, 0, 0, 40}, p,
		   sizeof(p), 0xfffe) == 40 * 2048 &&
			!memcmp(p, r.disk[2].data + 100 * 2048, sizeof(p)),
		"READ(10)");
	memset(p, 0, sizeof(p));
	ok(run(&r, (const uint8_t[12]){0xa8, 0, 0, 0, 3, 0, 0, 0, 0, 5}, p,
		   sizeof(p), 1000) == 5 * 2048 &&
			!memcmp(p, r.disk[2].data + 768 * 2048, 5 * 2048),
		"READ(12), in blocks of 1000 bytes");
	ok(DO(&r, 0x28, 0, 0, 0, 3, 0xe8, 0, 0, 1) == -1 &&
			sense(&r) == 0x052100,
		"behind the end: illegal address");
	ok(DO(&r, 0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 1) == -1,
		"far behind it, too");
	ok(DO(&r, 0x28, 0, 0, 0, 0, 1, 0, 0, 0) == 0, "no sectors: no data");
	ok(run(&r, (const uint8_t[12]){0x28, 0, 0, 0, 0, 1, 0, 0, 1}, NULL, 0,
		   0) == -1,
		"a limit of 0 bytes is refused");
	r.disk[2].err = -EIO;
	ok(DO(&r, 0x28, 0, 0, 0, 0, 1, 0, 0, 1) == -1 && sense(&r) == 0x031100,
		"what cannot be read: medium error");
	rig_down(&r);
}

static void
test_dma(void)
{
	uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 3};
	uint8_t inquiry[12] = {0x12, 0, 0, 0, 36};
	struct rig r;

	up(&r, true);
	settled(&r);
	prd(&r, 0, 0x20000, 2048, false);
	prd(&r, 1, 0x30000, 4096, true);
	packet(&r, cdb, 0, true);
	ok((in(&r, 7) & 0x89) == 8 && !r.line[1], "READ(10) by DMA waits");
	bm_start(&r, true);
	ok(r.line[1] && bm_status(&r) == 4 && in(&r, 7) == 0x50 &&
			in(&r, 2) == 3,
		"until it is started, and ends with an interrupt");
	ok(ram_is(&r, 0x20000, r.disk[2].data + 9 * 2048, 2048) &&
			ram_is(&r, 0x30000, r.disk[2].data + 10 * 2048, 4096),
		"the data lie where they should");
	prd(&r, 0, 0x20000, 36, true);
	packet(&r, inquiry, 0, true);
	bm_start(&r, true);
	ok(r.line[1] && bm_status(&r) == 4 &&
			ram_is(&r, 0x20008, "VM-UTILS", 8),
		"small replies go by DMA, too");
	cdb[0] = 0xbe;
	cdb[6] = 0;
	cdb[8] = 2;
	cdb[9] = 0xf8;
	prd(&r, 0, 0x20000, 2352 * 2, true);
	packet(&r, cdb, 0, true);
	bm_start(&r, true);
	ok(r.line[1] && bm_status(&r) == 4 &&
			ram_is(&r, 0x20000 + 2352 + 16,
				r.disk[2].data + 10 * 2048, 2048),
		"and raw sectors");
	rig_down(&r);
}

static void
test_read_cd(void)
{
	uint8_t p[3 * 2352];
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(RUN(&r, p, 0xbe, 0, 0, 0, 0, 75, 0, 0, 2, 0xf8) == 2 * 2352,
		"READ CD of whole sectors");
	ok(p[0] == 0 && p[1] == 0xff && p[10] == 0xff && p[11] == 0 &&
			p[12] == 0 && p[13] == 3 && p[14] == 0 && p[15] == 1 &&
			!memcmp(p + 16, r.disk[2].data + 75 * 2048, 2048) &&
			p[2352 + 14] == 1,
		"with sync and header");
	ok(RUN(&r, p, 0xbe, 0, 0, 0, 0, 7, 0, 0, 3, 0x10) == 3 * 2048 &&
			!memcmp(p, r.disk[2].data + 7 * 2048, 3 * 2048),
		"of their data alone");
	ok(RUN(&r, p, 0xbe, 0, 0, 0, 0, 7, 0, 0, 3, 0) == 0, "of nothing");
	ok(RUN(&r, p, 0xbe, 4, 0, 0, 0, 7, 0, 0, 1, 0x10) == -1,
		"there is no audio");
	rig_down(&r);
}

static void
test_toc(void)
{
	uint8_t p[64];
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(RUN(&r, p, 0x43, 0, 0, 0, 0, 0, 0, 0, 64) == 20 && p[1] == 18 &&
			p[2] == 1 && p[3] == 1 && p[5] == 0x14 && p[6] == 1 &&
			p[14] == 0xaa && p[18] == 3 && p[19] == 0xe8,
		"READ TOC: one data track, and where it ends");
	ok(RUN(&r, p, 0x43, 2, 0, 0, 0, 0, 0, 0, 64) == 20 && p[9] == 0 &&
			p[10] == 2 && p[11] == 0,
		"as minute, second and frame");
	ok(RUN(&r, p, 0x43, 0, 0, 0, 0, 0, 0, 0, 12) == 12,
		"no more than there is room for");
	ok(RUN(&r, p, 0x43, 0, 1, 0, 0, 0, 0, 0, 64) == 12 && p[6] == 1,
		"sessions");
	ok(RUN(&r, p, 0x43, 2, 2, 0, 0, 0, 0, 0, 64) == 48 && p[7] == 0xa0,
		"the whole lead-in");
	ok(DO(&r, 0x43, 0, 0, 0, 0, 0, 7, 0, 64) == -1 && sense(&r) == 0x052400,
		"there is no track 7");
	ok(RUN(&r, p, 0x51, 0, 0, 0, 0, 0, 0, 0, 64) == 34 && p[2] == 0x0e,
		"READ DISC INFORMATION: complete");
	rig_down(&r);
}

static void
test_about(void)
{
	uint8_t p[128];
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(RUN(&r, p, 0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128) == 28 && p[1] == 26 &&
			p[8] == 0x2a && p[9] == 18 && (p[14] & 8),
		"MODE SENSE(10): capabilities");
	ok(RUN(&r, p, 0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 128) == 36 && p[8] == 1 &&
			p[16] == 0x2a,
		"all pages");
	ok(DO(&r, 0x5a, 0, 0x05, 0, 0, 0, 0, 0, 128) == -1, "no others");
	ok(RUN(&r, p, 0x46, 0, 0, 0, 0, 0, 0, 0, 128) > 8 && p[7] == 8 &&
			p[10] == 3,
		"GET CONFIGURATION: a CD-ROM is in");
	ok(RUN(&r, p, 0x46, 2, 0, 0x1f, 0, 0, 0, 0, 128) == 16 && p[9] == 0x1f,
		"one feature");
	ok(RUN(&r, p, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8) == 8 && !p[1] &&
			p[5] == 1,
		"MECHANISM STATUS: the tray is in");
	ok(DO(&r, 0xbb) == 0 && DO(&r, 0x2b, 0, 0, 0, 0, 9) == 0,
		"SET CD SPEED, SEEK");
	ok(DO(&r, 0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8) == -1,
		"events only by polling");
	rig_down(&r);
}

static unsigned
event(struct rig *r)
{
	uint8_t p[8] = {0};

	RUN(r, p, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
	return (unsigned)p[4] << 8 | p[5];
}

static void
test_empty(void)
{
	struct rig r;

	up(&r, false);
	settled(&r);
	ok(DO(&r, 0) == -1 && sense(&r) == 0x023a01,
		"no medium: not ready, the tray is in");
	ok(DO(&r, 0x28, 0, 0, 0, 0, 0, 0, 0, 1) == -1 && sense(&r) == 0x023a01,
		"and nothing to read");
	rig_down(&r);
}

static void
test_change(void)
{
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(event(&r) == 2, "no event; a medium is in");
	rig_change(&r.disk[2], false);
	ok(DO(&r, 0) == -1 && sense(&r) == 0x023a02,
		"the medium was taken: not ready, the tray is out");
	ok(event(&r) == 0x301, "an event: it has gone");
	r.disk[2].size = 2048 * 50;
	rig_change(&r.disk[2], true);
	ok(event(&r) == 0x202, "another is in: an event");
	ok(DO(&r, 0) == -1 && sense(&r) == 0x062800, "and unit attention");
	ok(DO(&r, 0) == 0 && DO(&r, 0x28, 0, 0, 0, 0, 49, 0, 0, 1) == 2048 &&
			DO(&r, 0x28, 0, 0, 0, 0, 50, 0, 0, 1) == -1,
		"it has its own size");
	rig_down(&r);
}

static void
test_lock(void)
{
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(rig_eject(&r.disk[2], false), "an unlocked medium may go");
	DO(&r, 0x1e, 0, 0, 0, 1);
	ok(!rig_eject(&r.disk[2], false), "a locked one may not");
	is_u64(rig_tray(&r.disk[2]), DISK_TRAY_LOCKED, "and the host sees why");
	ok(event(&r) == 0x102, "the guest hears of the request");
	ok(DO(&r, 0x1b, 0, 0, 0, 2) == -1 && sense(&r) == 0x055302,
		"nor may the guest eject it");
	is_u64(r.disk[2].moves, 0, "what is refused moves no tray");
	ok(rig_eject(&r.disk[2], true), "force takes it nevertheless");
	DO(&r, 0x1e);
	ok(DO(&r, 0x1b, 0, 0, 0, 2) == 0 && DO(&r, 0) == -1 &&
			sense(&r) == 0x023a02,
		"unlocked, the guest ejects it");
	is_u64(rig_tray(&r.disk[2]), DISK_TRAY_OPEN, "the tray is out");
	DO(&r, 0x1b, 0, 0, 0, 2);
	DO(&r, 0x1b, 0, 0, 0, 1);
	is_u64(r.disk[2].moves, 1, "the host hears of that, once");
	ok(DO(&r, 0x1b, 0, 0, 0, 3) == 0 && DO(&r, 0) == -1 &&
			sense(&r) == 0x062800 && DO(&r, 0) == 0,
		"and loads it again");
	is_u64(r.disk[2].moves, 2, "the host hears of that, too");
	rig_change(&r.disk[2], false);
	is_u64(r.disk[2].moves, 2, "what the host does itself it is not told");
	rig_down(&r);
}

static void
test_reset_in_flight(void)
{
	uint8_t cdb[12] = {0x28, 0, 0, 0, 0, 9, 0, 0, 3};
	struct rig r;

	up(&r, true);
	settled(&r);
	r.lazy = true;
	packet(&r, cdb, 2048, false);
	ok(in(&r, 7) == 0x80, "busy with a read");
	out(&r, 7, 0x08);
	ok(in(&r, 7) == 0x80, "DEVICE RESET waits for the disk");
	rig_settle(&r);
	ok(in(&r, 7) == 0 && in(&r, 4) == 0x14 && !r.line[1],
		"and drops what it read");
	rig_down(&r);
}

static void
test_dvd(void)
{
	uint8_t p[64];
	struct rig r;

	up(&r, true);
	settled(&r);
	ok(DO(&r, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 64) == -1, "a CD is no DVD");
	r.disk[2].size = 4096ull << 20;
	rig_change(&r.disk[2], true);
	settled(&r);
	ok(RUN(&r, p, 0x46, 0, 0, 0, 0, 0, 0, 0, 64) == 64 && p[7] == 0x10,
		"a big medium is a DVD");
	ok(RUN(&r, p, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 64) == 64 && p[4] == 1 &&
			p[9] == 3,
		"which says how it is laid out");
	rig_down(&r);
}

int
main(void)
{
	deadline(60);
	test_signature();
	test_phases();
	test_attention();
	test_read();
	test_dma();
	test_read_cd();
	test_toc();
	test_about();
	test_empty();
	test_change();
	test_lock();
	test_reset_in_flight();
	test_dvd();
	return done();
}
