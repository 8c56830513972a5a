/* SPDX-License-Identifier: MIT */
/* ATA disks through the data port: every family of commands, errors, resets,
 * interrupts. */
#include "tests/iderig.h"

#define SECTORS 20000u

static void
address28(struct rig *r, uint32_t lba, unsigned count)
{
	out(r, 6, 0xe0 | lba >> 24);
	out(r, 2, count);
	out(r, 3, lba & 0xff);
	out(r, 4, lba >> 8 & 0xff);
	out(r, 5, lba >> 16 & 0xff);
}

static void
address48(struct rig *r, uint64_t lba, unsigned count)
{
	out(r, 6, 0xe0);
	out(r, 2, count >> 8);
	out(r, 2, count & 0xff);
	for (unsigned n = 0; n < 3; n++) {
		out(r, 3 + n, lba >> (24 + 8 * n) & 0xff);
		out(r, 3 + n, lba >> 8 * n & 0xff);
	}
}

static bool
failed_with(struct rig *r, unsigned error)
{
	bool irq = interrupted(r);

	return irq && in(r, 7) == 0x51 && in(r, 1) == error;
}

static bool
done_well(struct rig *r)
{
	bool irq = interrupted(r);

	return irq && in(r, 7) == 0x50;
}

static void
up(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	rig_drive(r, 0, SECTORS, false);
	rig_up(r);
}

static unsigned
word(const uint8_t *p, unsigned n)
{
	return p[2 * n] | (unsigned)p[2 * n + 1] << 8;
}

static void
test_identify(void)
{
	uint8_t p[512], sum = 0;
	struct rig r;

	up(&r);
	out(&r, 6, 0xa0);
	out(&r, 7, 0xec);
	ok(r.line[0] && alt_status(&r) == 0x58,
		"IDENTIFY DEVICE: data and an interrupt");
	ok(interrupted(&r), "the status register takes the interrupt away");
	data_in(&r, p, 512);
	ok(in(&r, 7) == 0x50 && r.edges[0] == 1,
		"after the last word it is ready, without another one");
	ok(memcmp(p + 20, "NS1-32", 6) == 0,
		"its serial number, bytes swapped");
	ok(word(p, 60) == SECTORS && word(p, 100) == SECTORS,
		"its sectors, in 28 and 48 bits");
	ok(word(p, 1) == SECTORS / 1008 && word(p, 3) == 16 && word(p, 6) == 63,
		"its geometry");
	for (unsigned n = 0; n < 512; n++)
		sum = (uint8_t)(sum + p[n]);
	ok(!sum && p[510] == 0xa5, "the page's sum is right");
	out(&r, 7, 0xa1);
	ok(failed_with(&r, 4), "IDENTIFY PACKET DEVICE is not a disk's");
	rig_down(&r);
}

static void
test_read(void)
{
	uint8_t p[16 * 512];
	struct rig r;

	up(&r);
	address28(&r, 77, 3);
	out(&r, 7, 0x20);
	for (unsigned n = 0; n < 3; n++) {
		ok(interrupted(&r) && in(&r, 7) == 0x58,
			"READ SECTORS: an interrupt before sector %u", n);
		data_in(&r, p + n * 512, 512);
	}
	ok(!r.line[0] && in(&r, 7) == 0x50, "and none at the end");
	ok(memcmp(p, r.disk[0].data + 77 * 512, 3 * 512) == 0, "the data");
	address28(&r, SECTORS - 16, 16);
	out(&r, 7, 0xc4);
	ok(interrupted(&r), "READ MULTIPLE: an interrupt before the block");
	data_in(&r, p, sizeof(p));
	ok(in(&r, 7) == 0x50 && memcmp(p, r.disk[0].data + (SECTORS - 16) * 512,
					sizeof(p)) == 0,
		"a block of 16 sectors, up to the end of the disk");
	address48(&r, 0x1234, 2);
	out(&r, 7, 0x24);
	data_in(&r, p, 512);
	data_in(&r, p + 512, 512);
	ok(in(&r, 7) == 0x50 &&
			memcmp(p, r.disk[0].data + 0x1234 * 512, 1024) == 0,
		"READ SECTORS EXT");
	/* Cylinder 2, head 3, sector 4. */
	out(&r, 6, 0xa3);
	out(&r, 2, 1);
	out(&r, 3, 4);
	out(&r, 4, 2);
	out(&r, 5, 0);
	out(&r, 7, 0x21);
	bus_read_string(r.ports, r.base, 4, p, 128);
	ok(memcmp(p, r.disk[0].data + ((2 * 16 + 3) * 63 + 3) * 512, 512) == 0,
		"cylinders, heads and sectors; 32 bits at a time");
	address28(&r, 5, 40);
	out(&r, 7, 0x40);
	ok(done_well(&r) && r.disk[0].ops[DISK_READ] > 3,
		"READ VERIFY reads, and ends with one interrupt");
	rig_down(&r);
}

static void
test_count_of_zero(void)
{
	uint8_t p[512];
	struct rig r;
	unsigned n;

	up(&r);
	address28(&r, 0, 0);
	out(&r, 7, 0x20);
	for (n = 0; in(&r, 7) & 8 && n < 1000; n++)
		data_in(&r, p, 512);
	ok(n == 256, "a count of 0 is 256 sectors");
	rig_down(&r);
}

static void
test_write(void)
{
	uint8_t p[16 * 512];
	struct rig r;

	up(&r);
	for (unsigned n = 0; n < sizeof(p); n++)
		p[n] = (uint8_t)(n * 3);
	address28(&r, 9, 2);
	out(&r, 7, 0x30);
	ok(!r.line[0] && in(&r, 7) == 0x58,
		"WRITE SECTORS asks for the first one without an interrupt");
	data_out(&r, p, 512);
	ok(interrupted(&r) && in(&r, 7) == 0x58, "for the next one with it");
	data_out(&r, p + 512, 512);
	ok(done_well(&r), "and ends with one");
	ok(memcmp(p, r.disk[0].data + 9 * 512, 1024) == 0, "the data is there");
	address48(&r, 100, 24);
	out(&r, 7, 0x39);
	data_out(&r, p, sizeof(p));
	ok(interrupted(&r) && in(&r, 7) == 0x58,
		"WRITE MULTIPLE EXT: an interrupt a block");
	data_out(&r, p, 8 * 512);
	ok(done_well(&r) && r.disk[0].ops[DISK_WRITE] == 4 &&
			memcmp(p, r.disk[0].data + 100 * 512, sizeof(p)) == 0 &&
			memcmp(p, r.disk[0].data + 116 * 512, 4096) == 0,
		"the last block may be a part");
	ok(r.disk[0].ops[DISK_FLUSH] == 0, "nothing is flushed unasked");
	out(&r, 7, 0xe7);
	ok(done_well(&r) && r.disk[0].ops[DISK_FLUSH] == 1, "FLUSH CACHE does");
	out(&r, 1, 0x82);
	out(&r, 7, 0xef);
	address28(&r, 0, 1);
	out(&r, 7, 0x30);
	data_out(&r, p, 512);
	ok(done_well(&r) && r.disk[0].ops[DISK_FLUSH] == 3,
		"without a write cache every write is flushed");
	rig_down(&r);
}

static void
test_bounds(void)
{
	struct rig r;

	up(&r);
	address28(&r, SECTORS, 1);
	out(&r, 7, 0x20);
	ok(failed_with(&r, 0x10), "behind the end: IDNF");
	address28(&r, SECTORS - 1, 2);
	out(&r, 7, 0x30);
	ok(failed_with(&r, 0x10) && (in(&r, 3) | in(&r, 4) << 8) == SECTORS,
		"across the end: IDNF, with the first address that is not");
	address48(&r, 0xffffffffffff, 0);
	out(&r, 7, 0x24);
	ok(failed_with(&r, 0x10), "the last address of 48 bits: IDNF");
	out(&r, 6, 0xa0);
	out(&r, 3, 0);
	out(&r, 7, 0x20);
	ok(failed_with(&r, 0x10), "sector 0 of a track: IDNF");
	ok(r.disk[0].ops[DISK_READ] + r.disk[0].ops[DISK_WRITE] == 0,
		"and the disk hears of none of it");
	rig_down(&r);
}

static void
test_errors(void)
{
	uint8_t p[512] = {0};
	struct rig r;

	up(&r);
	r.disk[0].err = -EIO;
	address28(&r, 0x123, 1);
	out(&r, 7, 0x20);
	ok(failed_with(&r, 0x40) && in(&r, 3) == 0x23 && in(&r, 4) == 1,
		"what cannot be read: UNC, and where");
	address28(&r, 8, 1);
	out(&r, 7, 0x30);
	r.disk[0].err = -EIO;
	data_out(&r, p, 512);
	ok(failed_with(&r, 4), "what cannot be written: ABRT");
	r.disk[0].err = -EIO;
	out(&r, 7, 0xe7);
	ok(failed_with(&r, 4), "what cannot be flushed: ABRT");
	out(&r, 7, 0x60);
	ok(failed_with(&r, 4), "a command that is not there: ABRT");
	out(&r, 7, 0x00);
	ok(failed_with(&r, 4), "NOP: ABRT");
	out(&r, 7, 0xa0);
	ok(failed_with(&r, 4), "PACKET: ABRT");
	rig_down(&r);
}

static void
test_modes(void)
{
	uint8_t p[512];
	struct rig r;

	up(&r);
	out(&r, 2, 3);
	out(&r, 7, 0xc6);
	ok(failed_with(&r, 4), "SET MULTIPLE MODE: not 3");
	out(&r, 2, 0);
	out(&r, 7, 0xc6);
	ok(done_well(&r), "0 switches it off");
	address28(&r, 0, 1);
	out(&r, 7, 0xc4);
	ok(failed_with(&r, 4), "then READ MULTIPLE is not possible");
	out(&r, 1, 3);
	out(&r, 2, 0x44);
	out(&r, 7, 0xef);
	ok(done_well(&r), "SET FEATURES: Ultra DMA 4");
	out(&r, 7, 0xec);
	data_in(&r, p, 512);
	ok(word(p, 88) == 0x103f && word(p, 63) == 7 && !word(p, 59),
		"IDENTIFY says what is set");
	out(&r, 1, 3);
	out(&r, 2, 0x47);
	out(&r, 7, 0xef);
	ok(failed_with(&r, 4), "Ultra DMA 7 is not possible");
	out(&r, 6, 0xa7);
	out(&r, 2, 32);
	out(&r, 7, 0x91);
	ok(done_well(&r), "INITIALIZE DEVICE PARAMETERS");
	out(&r, 6, 0xa1);
	out(&r, 2, 1);
	out(&r, 3, 2);
	out(&r, 4, 1);
	out(&r, 5, 0);
	out(&r, 7, 0x20);
	data_in(&r, p, 512);
	ok(memcmp(p, r.disk[0].data + ((8 + 1) * 32 + 1) * 512, 512) == 0,
		"changes where a cylinder begins");
	rig_down(&r);
}

static void
test_power(void)
{
	struct rig r;

	up(&r);
	out(&r, 7, 0xe5);
	ok(done_well(&r) && in(&r, 2) == 0xff, "CHECK POWER MODE: awake");
	out(&r, 7, 0xe0);
	ok(done_well(&r) && r.disk[0].ops[DISK_FLUSH] == 1,
		"STANDBY IMMEDIATE flushes");
	out(&r, 7, 0xe5);
	ok(in(&r, 2) == 0, "CHECK POWER MODE: asleep");
	out(&r, 7, 0xe1);
	out(&r, 7, 0xe5);
	ok(in(&r, 2) == 0xff, "IDLE IMMEDIATE wakes it");
	out(&r, 7, 0x10);
	ok(done_well(&r), "RECALIBRATE");
	out(&r, 7, 0x70);
	ok(done_well(&r), "SEEK");
	address28(&r, 0, 0);
	out(&r, 7, 0xf8);
	ok(done_well(&r) && (in(&r, 3) | in(&r, 4) << 8 | in(&r, 5) << 16) ==
				    SECTORS - 1,
		"READ NATIVE MAX ADDRESS");
	rig_down(&r);
}

static void
test_hob(void)
{
	struct rig r;

	up(&r);
	out(&r, 6, 0xe0);
	out(&r, 3, 0x12);
	out(&r, 3, 0x34);
	control(&r, 0x80);
	ok(in(&r, 3) == 0x12, "HOB shows what was written before");
	out(&r, 4, 0);
	ok(in(&r, 3) == 0x34, "until the next write of a register");
	rig_down(&r);
}

static void
test_interrupts(void)
{
	struct rig r;

	up(&r);
	control(&r, 2);
	out(&r, 7, 0x10);
	ok(!r.line[0], "nIEN: no interrupt");
	control(&r, 0);
	ok(r.line[0], "it comes once that is cleared");
	alt_status(&r);
	ok(r.line[0], "the alternate status leaves it");
	out(&r, 7, 0x10);
	ok(r.line[0] && r.edges[0] == 1, "one more command keeps it up");
	in(&r, 7);
	ok(!r.line[0], "the status takes it away");
	rig_down(&r);
}

static void
test_busy(void)
{
	struct rig r;

	up(&r);
	r.lazy = true;
	address28(&r, 1, 1);
	out(&r, 7, 0x20);
	ok(in(&r, 7) == 0x80, "while the disk works the drive is busy");
	out(&r, 3, 0x99);
	out(&r, 7, 0xec);
	out(&r, 6, 0xb0);
	ok(r.disk[0].n == 1 && in(&r, 7) == 0x80,
		"it takes no command and no register then");
	ok(bus_read(r.ports, r.base, 2) == 0xffff, "the data port has nothing");
	rig_settle(&r);
	ok(interrupted(&r) && in(&r, 7) == 0x58 && in(&r, 3) == 1,
		"then come the data");
	rig_down(&r);
}

static bool
has_signature(struct rig *r)
{
	return in(r, 1) == 1 && in(r, 2) == 1 && in(r, 3) == 1 &&
	       in(r, 4) == 0 && in(r, 5) == 0 && in(r, 7) == 0x50;
}

static void
test_reset(void)
{
	struct rig r;

	up(&r);
	ok(has_signature(&r), "a disk's signature after power-on");
	out(&r, 4, 0x55);
	control(&r, 4);
	ok(in(&r, 7) == 0x80, "SRST: busy while it is set");
	control(&r, 0);
	ok(has_signature(&r) && !r.line[0], "then the signature, quietly");
	r.lazy = true;
	address28(&r, 1, 1);
	out(&r, 7, 0x20);
	control(&r, 4);
	control(&r, 0);
	ok(in(&r, 7) == 0x80, "SRST waits for what the disk does");
	out(&r, 7, 0xec);
	ok(in(&r, 7) == 0x80 && r.disk[0].n == 1, "and takes no command");
	rig_settle(&r);
	ok(has_signature(&r) && !r.line[0], "whose result is dropped");
	r.lazy = false;
	out(&r, 7, 0x90);
	ok(interrupted(&r) && has_signature(&r),
		"EXECUTE DEVICE DIAGNOSTIC: the signature, and an interrupt");
	out(&r, 7, 0x08);
	ok(failed_with(&r, 4), "DEVICE RESET is not a disk's");
	rig_down(&r);
}

static void
test_absent(void)
{
	struct rig r;

	up(&r);
	out(&r, 6, 0xb0);
	out(&r, 2, 0x55);
	ok(in(&r, 7) == 0 && in(&r, 2) != 0x55,
		"there is no slave: zeros, no register holds a value");
	out(&r, 7, 0xec);
	ok(in(&r, 7) == 0 && !r.line[0], "and no command does anything");
	out(&r, 6, 0xa0);
	ok(in(&r, 7) == 0x50, "the master is still there");
	rig_channel(&r, 1);
	out(&r, 6, 0xa0);
	ok(in(&r, 7) == 0, "an empty channel is never busy");
	rig_down(&r);
}

static void
test_two_drives(void)
{
	uint8_t p[512];
	struct rig r;

	memset(&r, 0, sizeof(r));
	rig_drive(&r, 2, 2000, false);
	rig_drive(&r, 3, 3000, false);
	rig_up(&r);
	rig_channel(&r, 1);
	out(&r, 6, 0xb0);
	out(&r, 7, 0xec);
	data_in(&r, p, 512);
	ok(word(p, 60) == 3000, "the slave of the secondary channel");
	ok(r.line[1] && !r.line[0], "uses that channel's interrupt");
	out(&r, 6, 0xa0);
	ok(!r.line[1], "which only shows while it is selected");
	out(&r, 7, 0xec);
	data_in(&r, p, 512);
	ok(word(p, 60) == 2000, "its master is another disk");
	rig_down(&r);
}

static void
test_decode(void)
{
	struct pci_fn *f;
	struct rig r;

	up(&r);
	f = ide_pci(r.dev);
	ok(pci_config_read(f, 0, 4) == 0x70108086 &&
			pci_config_read(f, 8, 4) >> 8 == 0x010180,
		"a PIIX3 IDE function in compatibility mode");
	pci_config_write(f, 0x40, 2, 0);
	ok(in(&r, 7) == 0xff, "without IDETIM's decode bit there are no ports");
	pci_config_write(f, 0x40, 2, 0x8000);
	pci_config_write(f, PCI_COMMAND, 2, PCI_MASTER);
	ok(in(&r, 7) == 0xff, "nor without I/O space");
	pci_config_write(f, PCI_COMMAND, 2, PCI_IO);
	ok(in(&r, 7) == 0x50, "with both there are");
	rig_down(&r);
}

int
main(void)
{
	deadline(60);
	test_identify();
	test_read();
	test_count_of_zero();
	test_write();
	test_bounds();
	test_errors();
	test_modes();
	test_power();
	test_hob();
	test_interrupts();
	test_busy();
	test_reset();
	test_absent();
	test_two_drives();
	test_decode();
	return done();
}
