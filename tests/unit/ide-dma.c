/* SPDX-License-Identifier: MIT */
/* The bus master of an IDE channel: descriptors, its status, what stops it. */
#include "tests/iderig.h"

#define SECTORS 20000u

static void
command(struct rig *r, unsigned code, uint32_t lba, unsigned count)
{
	out(r, 6, 0xe0 | lba >> 24);
	for (unsigned n = 2; n < 6; n++) /* the upper half of 48 bits */
		out(r, n, 0);
	out(r, 2, count);
	out(r, 3, lba & 0xff);
	out(r, 4, lba >> 8 & 0xff);
	out(r, 5, lba >> 16 & 0xff);
	out(r, 7, code);
}

static void
up(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	rig_drive(r, 0, SECTORS, false);
	rig_up(r);
}

static const uint8_t *
sector(struct rig *r, uint32_t lba)
{
	return r->disk[0].data + lba * 512;
}

static void
test_read(void)
{
	struct rig r;

	up(&r);
	prd(&r, 0, 0x20000, 1536, false);
	prd(&r, 1, 0x30000, 512, false);
	prd(&r, 2, 0x18000, 2048, true);
	command(&r, 0xc8, 300, 8);
	ok(in(&r, 7) == 0x58 && !r.line[0], "READ DMA waits for the start");
	bm_start(&r, true);
	ok(r.line[0] && bm_status(&r) == 4,
		"at the end: an interrupt, not active any more");
	ok(interrupted(&r) && in(&r, 7) == 0x50, "and the drive is ready");
	ok(ram_is(&r, 0x20000, sector(&r, 300), 1536) &&
			ram_is(&r, 0x30000, sector(&r, 303), 512) &&
			ram_is(&r, 0x18000, sector(&r, 304), 2048),
		"the data lie where the descriptors say");
	ok(r.disk[0].ops[DISK_READ] == 1, "by one request");
	bus_write(r.ports, r.bm + 2, 1, 4);
	ok(bm_status(&r) == 0, "the interrupt bit is cleared by writing 1");
	rig_down(&r);
}

static void
test_write(void)
{
	struct rig r;
	uint8_t *ram;

	up(&r);
	ram = mem_span(r.mem, 0x20000, 1024);
	memset(ram, 0x5a, 1024);
	prd(&r, 0, 0x20000, 1024, true);
	bm_start(&r, false);
	ok(bm_status(&r) == 1, "it may be started before the command");
	command(&r, 0xca, 5, 2);
	ok(interrupted(&r) && memcmp(sector(&r, 5), ram, 1024) == 0,
		"WRITE DMA writes what lies in memory");
	prd(&r, 0, 0x20000, 512, true);
	command(&r, 0x3d, 7, 1);
	ok(in(&r, 7) == 0x58, "a command after that has to be started again");
	bm_start(&r, false);
	ok(interrupted(&r) && r.disk[0].ops[DISK_FLUSH] == 1,
		"WRITE DMA FUA EXT flushes");
	rig_down(&r);
}

static void
test_lengths(void)
{
	struct rig r;

	up(&r);
	prd(&r, 0, 0x20000, 4096, true);
	command(&r, 0xc8, 0, 2);
	bm_start(&r, true);
	ok(r.line[0] && bm_status(&r) == 5,
		"more memory than data: still active, and an interrupt");
	in(&r, 7);
	bus_write(r.ports, r.bm, 1, 0);
	prd(&r, 0, 0x20000, 512, true);
	command(&r, 0xc8, 10, 3);
	bm_start(&r, true);
	ok(!r.line[0] && bm_status(&r) == 0 && (in(&r, 7) & 8),
		"less: not active, no interrupt, the drive still waits");
	prd(&r, 0, 0x28000, 1024, true);
	bm_start(&r, true);
	ok(interrupted(&r) && ram_is(&r, 0x20000, sector(&r, 10), 512) &&
			ram_is(&r, 0x28000, sector(&r, 11), 1024),
		"a new table lets it go on");
	prd(&r, 0, 0x40000, 0, false);
	prd(&r, 1, 0x50000, 0, true);
	command(&r, 0xc8, 0, 0);
	bm_start(&r, true);
	ok(interrupted(&r) && bm_status(&r) == 4 &&
			ram_is(&r, 0x40000, sector(&r, 0), 0x20000),
		"a length of 0 is 64 KiB; 256 sectors, memory merged");
	rig_down(&r);
}

static void
test_odd_pieces(void)
{
	struct rig r;
	unsigned n;
	bool good = true;

	up(&r);
	/* 2-byte pieces far from each other, at odd addresses. */
	for (n = 0; n < 256; n++)
		prd(&r, n, 0x20001 + 64 * n, 2, n == 255);
	command(&r, 0xc8, 50, 1);
	bm_start(&r, true);
	ok(interrupted(&r) && bm_status(&r) == 4, "a sector in 256 pieces");
	for (n = 0; n < 256; n++)
		good &= ram_is(&r, 0x20000 + 64 * n, sector(&r, 50) + 2 * n, 2);
	ok(good, "each is where it belongs");
	for (n = 0; n < 3; n++)
		prd(&r, n, 0x20000 + 0x1000 * n, n == 1 ? 824 : 100, n == 2);
	command(&r, 0xc8, 60, 2);
	bm_start(&r, true);
	ok(interrupted(&r) && ram_is(&r, 0x20000, sector(&r, 60), 100) &&
			ram_is(&r, 0x21000, sector(&r, 60) + 100, 824) &&
			ram_is(&r, 0x22000, sector(&r, 60) + 924, 100),
		"sectors across pieces");
	rig_down(&r);
}

static void
test_many_pieces(void)
{
	struct rig r;
	unsigned n;
	bool good = true;

	/* 2048 pieces are more than one request takes. */
	up(&r);
	for (n = 0; n < 2048; n++)
		prd(&r, n, 0x20000 + 256 * n, 64, n == 2047);
	command(&r, 0xc8, 0, 0);
	bm_start(&r, true);
	for (n = 0; n < 2048; n++)
		good &= ram_is(
			&r, 0x20000 + 256 * n, sector(&r, 0) + 64 * n, 64);
	ok(interrupted(&r) && good && r.disk[0].ops[DISK_READ] == 2,
		"more pieces than one request takes: two requests");
	rig_down(&r);
}

static void
test_not_memory(void)
{
	struct rig r;

	up(&r);
	prd(&r, 0, 0x20000, 512, false);
	prd(&r, 1, 0xfee00000, 512, true);
	command(&r, 0xc8, 0, 2);
	bm_start(&r, true);
	ok((bm_status(&r) & 3) == 2 && interrupted(&r) && in(&r, 7) == 0x51,
		"a piece that is no RAM: an error, and the command aborts");
	ok(r.disk[0].ops[DISK_READ] == 0, "and nothing is read");
	command(&r, 0xc8, 0, 1);
	bus_write(r.ports, r.bm, 1, 0);
	bus_write(r.ports, r.bm + 4, 4, 0xf0000000);
	bus_write(r.ports, r.bm, 1, 9);
	ok((bm_status(&r) & 3) == 2 && interrupted(&r),
		"nor may the table lie elsewhere");
	rig_down(&r);
}

static void
test_endless(void)
{
	struct rig r;

	/* A table without an end, that wraps in its 64 KiB. */
	up(&r);
	for (unsigned n = 0; n < 0x10000; n += 8) {
		put32(&r, 0x10000 + n, 0x40000);
		put32(&r, 0x10004 + n, 2);
	}
	command(&r, 0x25, 0, 0);
	bus_write(r.ports, r.bm + 4, 4, 0x1fff8);
	bus_write(r.ports, r.bm, 1, 9);
	rig_settle(&r);
	ok(interrupted(&r) && bm_status(&r) == 5,
		"a table without an end wraps, and serves the transfer");
	rig_down(&r);
}

static void
test_master(void)
{
	struct rig r;

	up(&r);
	pci_config_write(ide_pci(r.dev), PCI_COMMAND, 2, PCI_IO);
	prd(&r, 0, 0x20000, 512, true);
	command(&r, 0xc8, 0, 1);
	bm_start(&r, true);
	ok(!r.line[0] && !r.disk[0].ops[DISK_READ],
		"no bus master, no transfer");
	pci_config_write(ide_pci(r.dev), PCI_COMMAND, 2, PCI_IO | PCI_MASTER);
	rig_settle(&r);
	ok(interrupted(&r) && ram_is(&r, 0x20000, sector(&r, 0), 512),
		"it goes on when it may");
	rig_down(&r);
}

static void
test_stop(void)
{
	struct rig r;

	up(&r);
	r.lazy = true;
	prd(&r, 0, 0x20000, 1024, true);
	command(&r, 0xc8, 0, 2);
	bm_start(&r, true);
	ok(in(&r, 7) == 0x80 && bm_status(&r) == 1, "a transfer in flight");
	bus_write(r.ports, r.bm, 1, 8);
	ok(bm_status(&r) == 0 && in(&r, 7) == 0x80,
		"stopped: the drive stays busy until the disk is done");
	prd(&r, 0, 0x28000, 1024, true);
	bm_start(&r, true);
	rig_settle(&r);
	ok(interrupted(&r), "a start meanwhile harms nothing");
	rig_down(&r);
}

static void
test_disk_error(void)
{
	struct rig r;

	up(&r);
	r.disk[0].err = -EIO;
	prd(&r, 0, 0x20000, 1024, true);
	command(&r, 0xc8, 40, 2);
	bm_start(&r, true);
	ok(interrupted(&r) && in(&r, 7) == 0x51 && in(&r, 1) == 0x40 &&
			in(&r, 3) == 40,
		"a disk's error ends the command");
	ok(bm_status(&r) == 5, "the bus master is still active");
	rig_down(&r);
}

static void
test_trim(void)
{
	struct rig r;

	up(&r);
	mem_fill(r.mem, 0x20000, 0, 512);
	put32(&r, 0x20000, 100);
	put32(&r, 0x20004, 8u << 16);
	put32(&r, 0x20010, 1000);
	put32(&r, 0x20014, 1u << 16);
	prd(&r, 0, 0x20000, 512, true);
	out(&r, 1, 1);
	command(&r, 0x06, 0, 1);
	bm_start(&r, false);
	ok(interrupted(&r) && r.disk[0].ops[DISK_DISCARD] == 2 &&
			r.disk[0].off == 1000 * 512 && r.disk[0].len == 512 &&
			!sector(&r, 100)[7] && !sector(&r, 107)[511],
		"DATA SET MANAGEMENT: ranges are discarded, holes skipped");
	put32(&r, 0x20000, SECTORS - 1);
	put32(&r, 0x20004, 2u << 16);
	out(&r, 1, 1);
	command(&r, 0x06, 0, 1);
	bm_start(&r, false);
	ok(interrupted(&r) && in(&r, 7) == 0x51, "behind the end: an error");
	out(&r, 1, 0);
	command(&r, 0x06, 0, 1);
	ok(interrupted(&r) && in(&r, 1) == 4, "nothing but TRIM is there");
	rig_down(&r);
}

static void
test_around(void)
{
	struct rig r;

	/* Pieces that merge, so that few would be as long as 32 MiB. */
	up(&r);
	for (unsigned n = 0; n < 0x10000; n += 8) {
		put32(&r, 0x10000 + n, 0x40000 + n / 4);
		put32(&r, 0x10004 + n, 2);
	}
	command(&r, 0xc8, 0, 0);
	bus_write(r.ports, r.bm + 4, 4, 0x10000);
	bus_write(r.ports, r.bm, 1, 9);
	rig_settle(&r);
	ok(interrupted(&r) && r.disk[0].ops[DISK_READ] == 8,
		"one request follows such a table once around");
	rig_down(&r);
}

static void
test_registers(void)
{
	struct rig r;

	up(&r);
	bus_write(r.ports, r.bm + 2, 1, 0x60);
	ok(bm_status(&r) == 0x60, "the drives' capability bits are kept");
	bus_write(r.ports, r.bm + 4, 4, 0xffffffff);
	ok(bus_read(r.ports, r.bm + 4, 4) == 0xfffffffc,
		"a table is aligned to 4 bytes");
	bus_write(r.ports, r.bm + 8 + 5, 1, 0x12);
	ok(bus_read(r.ports, r.bm + 8 + 4, 4) == 0x1200,
		"the other channel has its own; by bytes");
	rig_down(&r);
}

int
main(void)
{
	deadline(60);
	test_read();
	test_write();
	test_lengths();
	test_odd_pieces();
	test_many_pieces();
	test_not_memory();
	test_endless();
	test_master();
	test_stop();
	test_disk_error();
	test_trim();
	test_around();
	test_registers();
	return done();
}
