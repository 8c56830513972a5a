/* SPDX-License-Identifier: MIT */
/*
 * Which drives of the config are where on IDE: disks from the primary master
 * on, CD-ROM drives from the secondary master on, as other machines of this
 * kind have them.
 */
#include <errno.h>

#include "lib/err.h"
#include "vmm/board.h"

static int
give_place(struct ide_drive drive[IDE_DRIVES], const struct drive *d)
{
	static const uint8_t order[2][IDE_DRIVES] = {
		{0, 1, 3, 2}, /* disks */
		{2, 3, 1, 0}, /* CD-ROMs */
	};
	const uint8_t *at = order[d->config.cdrom];

	for (unsigned n = 0; n < IDE_DRIVES; n++) {
		if (drive[at[n]].disk)
			continue;
		drive[at[n]] = (struct ide_drive){
			.disk = d->disk,
			.cdrom = d->config.cdrom,
			.serial = d->config.serial,
		};
		return 0;
	}
	return failx(-ENOSPC, "%s: there is room for %d drives on IDE",
		disk_id(d->disk), IDE_DRIVES);
}

int
board_ide_drives(const struct board_host *h, struct ide_drive drive[IDE_DRIVES])
{
	const struct drive *d;
	int r = 0;

	for (unsigned n = 0; !r && h->drives && (d = drives_get(h->drives, n));
		n++)
		if (d->config.cdrom || d->config.bus == CONFIG_IDE)
			r = give_place(drive, d);
	return r;
}
