/* SPDX-License-Identifier: MIT */
/*
 * The IDE function of a PIIX3 (Intel 82371SB, 290550, section 2.3; Programming
 * Interface for Bus Master IDE Controller, revision 1.0): two channels in
 * compatibility mode with two drives each, ATA disks (ATA/ATAPI-7) and CD-ROM
 * drives (SFF-8020i, MMC-3).
 *
 * Bars: 0 and 1 are the command and control ports of the primary channel (0x1f0
 * and 8 bytes, 0x3f6 and 1), 2 and 3 those of the secondary (0x170, 0x376);
 * the board places these. BAR 4 is the bus master's, 16 bytes.
 */
#ifndef DEV_IDE_H
#define DEV_IDE_H

#include "dev/mem.h"
#include "dev/pci.h"
#include "lib/disk.h"

enum { IDE_CHANNELS = 2, IDE_DRIVES = 4 };

struct ide_drive { /* all zeros: no drive there */
	struct disk *disk; /* not owned; in use until the device is freed */
	bool cdrom;
	const char *serial; /* up to 20 characters, copied; NULL: the id */
};

/*
 * Drives in this order: primary master and slave, secondary master and slave.
 * irq: of each channel, ISA 14 and 15. NULL: no memory.
 */
struct dev *ide_new(const struct irq irq[IDE_CHANNELS], struct mem *,
	const struct ide_drive drive[IDE_DRIVES]);
struct pci_fn *ide_pci(struct dev *);

#endif
