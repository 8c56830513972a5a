/* SPDX-License-Identifier: MIT */
/*
 * The boot order as SeaBIOS and OVMF read it from fw_cfg: a line for each
 * drive, its path in the way of Open Firmware (IEEE 1275, PCI bus binding).
 */
#include <stdio.h>
#include <string.h>

#include "dev/fwcfg.h"
#include "dev/virtio.h"
#include "vmm/board-int.h"

#define PATH_MAX_LEN 64

struct order {
	char text[CONFIG_DISKS * PATH_MAX_LEN + 8];
	size_t n;
};

static void
add_line(struct order *o, const char *line)
{
	size_t n = strlen(line);

	if (n >= sizeof(o->text) - o->n - 1)
		return;
	memcpy(o->text + o->n, line, n);
	o->text[o->n + n] = '\n';
	o->n += n + 1;
}

/* Where it is on IDE: 0, 1 primary; 2, 3 secondary. */
static bool
ide_path(const struct board_host *h, const struct drive *d, char *path)
{
	struct ide_drive drive[IDE_DRIVES] = {{NULL, false, NULL}};

	if (board_ide_drives(h, drive))
		return false;
	for (unsigned n = 0; n < IDE_DRIVES; n++) {
		if (drive[n].disk != d->disk)
			continue;
		snprintf(path, PATH_MAX_LEN,
			"/pci@i0cf8/ide@1,1/drive@%u/disk@%u", n / 2, n % 2);
		return true;
	}
	return false;
}

static bool
virtio_path(const struct board *b, const struct drive *d, char *path)
{
	for (unsigned n = 0; n < b->devs; n++) {
		const struct dev *dev = b->dev[n];

		if (strcmp(dev->id, disk_id(d->disk)))
			continue;
		snprintf(path, PATH_MAX_LEN, "/pci@i0cf8/scsi@%x/disk@0,0",
			((const struct virtio *)dev)->pci.slot);
		return true;
	}
	return false;
}

static void
add_kind(struct order *o, const struct board *b, const struct board_host *h,
	bool cdrom)
{
	const struct drive *d;
	char path[PATH_MAX_LEN];

	for (unsigned n = 0; h->drives && (d = drives_get(h->drives, n)); n++) {
		bool ide = d->config.cdrom || d->config.bus == CONFIG_IDE;

		if (d->config.cdrom == cdrom &&
			(ide ? ide_path(h, d, path) : virtio_path(b, d, path)))
			add_line(o, path);
	}
}

int
board_boot_order(
	const struct board *b, const struct board_host *h, struct dev *fwcfg)
{
	static const enum config_boot standard[] = {
		CONFIG_BOOT_DISK, CONFIG_BOOT_CDROM};
	const struct config *c = h->config;
	const enum config_boot *boot = c->boots ? c->boot : standard;
	unsigned boots = c->boots ? c->boots : 2;
	struct order o = {.n = 0};

	for (unsigned n = 0; n < boots; n++)
		add_kind(&o, b, h, boot[n] == CONFIG_BOOT_CDROM);
	/* SeaBIOS: and from nothing else. OVMF would not understand it. */
	if (!h->firmware->vars)
		add_line(&o, "HALT");
	/* The NUL counts. */
	return fwcfg_add_file(fwcfg, "bootorder", o.text, o.n + (o.n > 0));
}
