/* SPDX-License-Identifier: MIT */
/*
 * The IDE function of a PIIX3: ports, resets, interrupts, configuration. The
 * timing registers are kept and change nothing; there is no SIDETIM check. An
 * absent drive answers zeros, whoever else is on the channel, so that no guest
 * waits for it. The UDMA registers at 0x48 and 0x4a are the PIIX4's, which
 * drivers of the family write without looking.
 */
#include "dev/ide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/ide-int.h"

enum { DATA, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS }; /* ports */
enum { IDETIM = 0x40, SIDETIM = 0x44, UDMACTL = 0x48, UDMATIM = 0x4a };

#define IDETIM_DECODE 0x8000

/* ---- interrupts ---- */

void
ide_line(struct channel *c, bool again)
{
	struct drive *d = ide_selected(c);
	bool level = d->disk && d->r->intrq && !(c->r->control & DC_NIEN);

	if (level && !c->level && !again)
		c->r->bm_status |= BM_INT;
	if (level != c->level || again)
		irq_set(c->irq, level);
	c->level = level;
}

void
ide_update(struct channel *c)
{
	ide_line(c, false);
}

/* ---- resets ---- */

void
ide_signature(struct drive *d)
{
	struct ide_drive_regs *r = d->r;

	memset(r->feature, 0, offsetof(struct ide_drive_regs, device));
	r->error = 1; /* passed */
	r->status = d->disk && !d->cdrom ? ST_READY : 0;
	r->intrq = 0;
	r->count[0] = r->low[0] = d->disk != NULL;
	if (d->cdrom) {
		r->mid[0] = 0x14;
		r->high[0] = 0xeb;
	}
}

static void
signatures(struct channel *c)
{
	for (unsigned n = 0; n < 2; n++) {
		ide_signature(&c->drive[n]);
		c->drive[n].r->device = 0;
	}
	c->r->select = 0;
}

void
ide_reset_ends(struct channel *c)
{
	ide_stop(c);
	if (c->r->resetting == RESET_HELD)
		return;
	if (c->r->resetting == RESET_WAIT)
		signatures(c);
	else
		ide_signature(ide_selected(c));
	c->r->resetting = RESET_NOT;
}

static void
control_write(struct channel *c, uint8_t val)
{
	c->r->control = val & (DC_NIEN | DC_SRST | DC_HOB);
	if (val & DC_SRST) {
		c->r->resetting = RESET_HELD;
		for (unsigned n = 0; n < 2; n++) {
			c->drive[n].r->status = c->drive[n].disk ? ST_BSY : 0;
			c->drive[n].r->intrq = 0;
		}
		if (!c->busy)
			ide_stop(c);
	} else if (c->r->resetting == RESET_HELD) {
		c->r->resetting = RESET_WAIT;
		if (!c->busy)
			ide_reset_ends(c);
	}
}

/* ---- ports ---- */

bool
ide_occupied(struct channel *c)
{
	return c->busy || c->r->resetting ||
	       (ide_selected(c)->r->status & (ST_BSY | ST_DRQ));
}

static uint8_t
port_read(struct channel *c, unsigned port)
{
	struct drive *d = ide_selected(c);
	struct ide_drive_regs *r = d->r;
	unsigned before = c->r->control & DC_HOB ? 1 : 0;

	if (!d->disk)
		return 0;
	switch (port) {
	case ERROR:
		return r->error;
	case COUNT:
		return r->count[before];
	case LOW:
		return r->low[before];
	case MID:
		return r->mid[before];
	case HIGH:
		return r->high[before];
	case DEVICE:
		return r->device | 0xa0;
	default:
		r->intrq = 0;
		return r->status;
	}
}

static void
shift(uint8_t pair[2], uint8_t val)
{
	pair[1] = pair[0];
	pair[0] = val;
}

static void
drive_write(struct ide_drive_regs *r, unsigned port, uint8_t val)
{
	if (port == ERROR)
		shift(r->feature, val);
	else if (port == COUNT)
		shift(r->count, val);
	else if (port == LOW)
		shift(r->low, val);
	else if (port == MID)
		shift(r->mid, val);
	else if (port == HIGH)
		shift(r->high, val);
	else
		r->device = val & (uint8_t)~0xa0;
}

static void
port_write(struct channel *c, unsigned port, uint8_t val)
{
	c->r->control &= (uint8_t)~DC_HOB;
	if (port == STATUS) {
		ide_ata_command(c, val);
		return;
	}
	if (ide_occupied(c))
		return;
	drive_write(c->drive[0].r, port, val);
	drive_write(c->drive[1].r, port, val);
	if (port == DEVICE)
		c->r->select = val & DV_SLAVE ? 1 : 0;
}

/* ---- accesses ---- */

static bool
decodes(struct ide *i, unsigned channel)
{
	return (pci_get16(&i->pci, PCI_COMMAND) & PCI_IO) &&
	       (pci_get16(&i->pci, IDETIM + 2 * channel) & IDETIM_DECODE);
}

static uint8_t
read_byte(struct ide *i, unsigned bar, unsigned off)
{
	struct channel *c;

	if (bar == 4)
		return ide_bm_read(&i->ch[off >> 3], off & 7);
	c = &i->ch[bar >> 1];
	if (bar & 1) /* the alternate status */
		return ide_selected(c)->disk ? ide_selected(c)->r->status : 0;
	return port_read(c, off);
}

static void
write_byte(struct ide *i, unsigned bar, unsigned off, uint8_t val)
{
	if (bar == 4)
		ide_bm_write(&i->ch[off >> 3], off & 7, val);
	else if (bar & 1)
		control_write(&i->ch[bar >> 1], val);
	else
		port_write(&i->ch[bar >> 1], off, val);
}

static uint64_t
ide_read(struct dev *dev, unsigned bar, uint64_t off, unsigned size)
{
	struct ide *i = (struct ide *)dev;
	unsigned n = bar == 4 ? (unsigned)(off >> 3) : bar >> 1;
	uint64_t val = 0;

	if (bar > 4 || (bar < 4 && !decodes(i, n)))
		return UINT64_MAX;
	if (bar < 4 && !(bar & 1) && off == DATA)
		val = ide_data_read(&i->ch[n], size);
	else
		for (unsigned k = 0; k < size; k++)
			val |= (uint64_t)read_byte(i, bar, (unsigned)off + k)
			       << k * 8;
	ide_update(&i->ch[n]);
	return val;
}

static void
ide_write(struct dev *dev, unsigned bar, uint64_t off, unsigned size,
	uint64_t val)
{
	struct ide *i = (struct ide *)dev;
	unsigned n = bar == 4 ? (unsigned)(off >> 3) : bar >> 1;

	if (bar > 4 || (bar < 4 && !decodes(i, n)))
		return;
	if (bar < 4 && !(bar & 1) && off == DATA)
		ide_data_write(&i->ch[n], size, (uint32_t)val);
	else
		for (unsigned k = 0; k < size; k++)
			write_byte(i, bar, (unsigned)off + k,
				(uint8_t)(val >> k * 8));
	ide_update(&i->ch[n]);
}

/* The guest lets us reach memory: what waited for that goes on. */
static void
config_written(struct dev *dev, unsigned at, unsigned n)
{
	struct ide *i = (struct ide *)dev;

	if (at > PCI_COMMAND || at + n <= PCI_COMMAND)
		return;
	for (unsigned k = 0; k < IDE_CHANNELS; k++) {
		if (i->ch[k].r->phase == PHASE_DMA)
			ide_next(&i->ch[k]);
		ide_update(&i->ch[k]);
	}
}

/* ---- life ---- */

static void
drive_reset(struct drive *d)
{
	struct ide_drive_regs *r = d->r;

	memset(r, 0, sizeof(*r));
	ide_signature(d);
	r->multiple = IDE_MULTIPLE;
	r->mode = 0x22; /* multiword DMA 2 */
	r->cache = 1;
	r->heads = 16;
	r->sectors = 63;
	if (d->cdrom)
		r->attention = ATTENTION_RESET;
}

static void
ide_reset(struct dev *dev)
{
	struct ide *i = (struct ide *)dev;

	pci_reset(&i->pci);
	for (unsigned n = 0; n < IDE_CHANNELS; n++) {
		struct channel *c = &i->ch[n];

		memset(c->r, 0, sizeof(*c->r));
		c->busy = false;
		drive_reset(&c->drive[0]);
		drive_reset(&c->drive[1]);
		ide_line(c, true);
	}
}

static void
ide_free(struct dev *dev)
{
	struct ide *i = (struct ide *)dev;

	for (unsigned n = 0; n < IDE_DRIVES; n++)
		if (i->ch[n / 2].drive[n % 2].disk)
			disk_attach(i->ch[n / 2].drive[n % 2].disk, NULL);
	pci_remove(&i->pci);
	free(i);
}

static const struct dev_ops ops = {
	.name = "ide",
	.fields = ide_fields,
	DEV_REGS(struct ide, r),
	.widest = 4,
	.read = ide_read,
	.write = ide_write,
	.reset = ide_reset,
	.loaded = ide_loaded,
	.free = ide_free,
};

static const struct pci_id id = {
	.vendor = 0x8086,
	.device = 0x7010,
	.class = 0x010180, /* compatibility mode, with a bus master */
};

static void
add_config(struct pci_fn *p)
{
	pci_writable(p, IDETIM, 0xffff);
	pci_writable(p, IDETIM + 2, 0xffff);
	pci_writable(p, SIDETIM, 0xff);
	pci_writable(p, UDMACTL, 0xff);
	pci_writable(p, UDMATIM, 0xffff);
	pci_add_bar(p, 4, (struct pci_bar){.size = 16, .io = true});
	p->written = config_written;
}

static void
add_drive(struct ide *i, unsigned n, const struct ide_drive *from)
{
	struct channel *c = &i->ch[n / 2];
	struct drive *d = &c->drive[n % 2];
	struct disk_user user = {.lock = &i->dev.lock, .to = d};

	d->channel = c;
	d->r = &i->r.drive[n];
	if (!from->disk)
		return;
	d->disk = from->disk;
	d->cdrom = from->cdrom;
	snprintf(d->serial, sizeof(d->serial), "%s",
		from->serial ? from->serial : disk_id(from->disk));
	if (d->cdrom) {
		user.changed = ide_cd_changed;
		user.eject = ide_cd_eject;
		user.tray = ide_cd_tray;
	}
	disk_attach(d->disk, &user);
}

struct dev *
ide_new(const struct irq irq[IDE_CHANNELS], struct mem *mem,
	const struct ide_drive drive[IDE_DRIVES])
{
	struct ide *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	dev_init(&i->dev, &ops);
	i->mem = mem;
	pci_init(&i->pci, &i->dev, &i->r.pci, &id);
	add_config(&i->pci);
	for (unsigned n = 0; n < IDE_CHANNELS; n++) {
		i->ch[n].ide = i;
		i->ch[n].r = &i->r.ch[n];
		i->ch[n].irq = irq[n];
	}
	for (unsigned n = 0; n < IDE_DRIVES; n++)
		add_drive(i, n, &drive[n]);
	ide_reset(&i->dev);
	return &i->dev;
}

struct pci_fn *
ide_pci(struct dev *dev)
{
	return &((struct ide *)dev)->pci;
}
