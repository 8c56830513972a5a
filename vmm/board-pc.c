/* SPDX-License-Identifier: MIT */
/*
 * The pc board, wired: i440FX host bridge, PIIX-style ISA devices, the PIC pair
 * and one IOAPIC, up to four UARTs, ACPI power management. This page is the
 * only one that knows addresses and interrupt numbers.
 *
 * ISA interrupts go to the PIC and the IOAPIC alike; the timer's is GSI 2
 * there. PCI's go to the IOAPIC's upper inputs, and through PIIX3 to ISA's.
 * Slots: 0 host bridge; 1 PIIX3, function 1 IDE, 3 power management; 2 is
 * VGA's; from 3 on virtio. The A20 gate is always open: its latches exist, no
 * wire follows them.
 */
#include "vmm/board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev/acpipm.h"
#include "dev/debugcon.h"
#include "dev/debugexit.h"
#include "dev/fwcfg.h"
#include "dev/i8042.h"
#include "dev/ide.h"
#include "dev/ioapic.h"
#include "dev/pcihost.h"
#include "dev/pcihp.h"
#include "dev/pic.h"
#include "dev/piix3.h"
#include "dev/pit.h"
#include "dev/pvpanic.h"
#include "dev/resetctl.h"
#include "dev/rtc.h"
#include "dev/testdev.h"
#include "dev/uart.h"
#include "dev/virtio-blk.h"
#include "lib/err.h"
#include "vmm/acpi-pci.h"
#include "vmm/board-int.h"
#include "vmm/pci-setup.h"

#define PM_BASE 0x600
#define SMB_BASE 0x700
#define PCI_LOWEST 0x80000000u /* BARs, as firmware places them */
#define PCI_PORTS 0xc000 /* BARs, where no firmware says otherwise */
#define PCI_PORTS_END 0x10000
#define HOTPLUG 0xae00
#define DISKS_SLOT 4 /* of the first virtio disk */
#define DISK_QUEUES 4 /* as many CPUs are served at the same time */
#define SMI_CMD 0xb2
#define SCI 9
#define IOAPIC_ADDR 0xfec00000u
#define LAPIC_ADDR 0xfee00000u

static const uint16_t com_port[CONFIG_UARTS] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static const uint8_t com_irq[CONFIG_UARTS] = {4, 3, 4, 3};
static const char *const com_name[CONFIG_UARTS] = {
	"uart0", "uart1", "uart2", "uart3"};

/* ---- wires ---- */

static void
isa_irq(void *to, unsigned pin, bool level)
{
	struct board *b = to;

	if (pin < 16)
		pic_set(b->pic, pin, level);
	ioapic_set(b->ioapic, pin == 0 ? 2 : pin, level);
}

static struct irq
irq(struct board *b, unsigned pin)
{
	return (struct irq){isa_irq, b, pin};
}

static void
pic_intr(void *to, unsigned pin, bool level)
{
	struct board *b = to;

	(void)pin;
	if (b->engine)
		b->ops->extint(b->engine, level);
}

static void
ioapic_send(void *to, struct msi m)
{
	struct board *b = to;

	if (b->engine)
		b->ops->msi(b->engine, m);
}

static void
ioapic_route(void *to, unsigned pin, struct msi m, bool masked)
{
	struct board *b = to;

	if (b->engine)
		b->ops->route(b->engine, pin, m, masked);
}

unsigned
board_pic_ack(void *to)
{
	return pic_ack(((struct board *)to)->pic);
}

void
board_eoi(void *to, uint8_t vector)
{
	ioapic_eoi(((struct board *)to)->ioapic, vector);
}

static void
pci_line(void *to, unsigned n, bool level)
{
	struct board *b = to;

	ioapic_set(b->ioapic, acpi_pci_gsi(n, 0), level);
}

static void
pci_intx_to(void *to, unsigned slot, unsigned pin, bool level)
{
	struct board *b = to;

	piix3_intx(b->piix3, slot, pin, level);
}

static void
bar_moved(void *to, struct pci_fn *f, unsigned n, uint64_t at, bool on)
{
	struct board *b = to;

	if (b->vga.dev == f->dev)
		board_vga_moved(b, n, at, on);
	if (b->host.moved)
		b->host.moved(b->host.to, f, n, at, on);
}

static void
hotplug_event(void *to)
{
	acpipm_gpe(((struct board *)to)->pm, ACPI_PCI_GPE);
}

/* ---- devices ---- */

int
board_own(struct board *b, struct dev *d, const char *id, const struct log *log)
{
	if (!d)
		return fail(-ENOMEM, "%s", id);
	d->id = id;
	d->log = log;
	b->dev[b->devs++] = d;
	return 0;
}

static int
own(struct board *b, struct dev *d, const char *id, const struct log *log)
{
	return board_own(b, d, id, log);
}

static int
place(struct dev *d, struct bus *bus, uint64_t base, uint64_t len, unsigned bar)
{
	return bus_add(bus, base, len, d, bar);
}

static int
add_chips(struct board *b, const struct board_host *h)
{
	struct ioapic_out out = {ioapic_send, ioapic_route, b};
	struct dev *pit;
	int r;

	if ((r = own(b, b->pic = pic_new((struct irq){pic_intr, b, 0}), "pic0",
		     h->log)) ||
		(r = own(b, b->ioapic = ioapic_new(out), "ioapic0", h->log)) ||
		(r = own(b, pit = pit_new(h->clock, irq(b, 0)), "pit0",
			 h->log)))
		return r;
	if ((r = place(b->pic, h->ports, 0x20, 2, 0)) ||
		(r = place(b->pic, h->ports, 0xa0, 2, 1)) ||
		(r = place(b->pic, h->ports, 0x4d0, 2, 2)) ||
		(r = place(b->ioapic, h->mmio, IOAPIC_ADDR, 4096, 0)) ||
		(r = place(pit, h->ports, 0x40, 4, 0)))
		return r;
	return place(pit, h->ports, 0x61, 1, 1);
}

static void
preset_cmos(struct dev *rtc, const struct mem *m)
{
	uint64_t low = mem_low(m), high = mem_high(m);
	uint64_t ext = low > 1 << 20 ? (low - (1 << 20)) >> 10 : 0;
	uint64_t above16 = low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0;

	if (ext > 0xffff)
		ext = 0xffff;
	rtc_preset(rtc, 0x14, 0x06); /* equipment: FPU, mouse */
	rtc_preset(rtc, 0x15, 640 & 0xff);
	rtc_preset(rtc, 0x16, 640 >> 8);
	rtc_preset(rtc, 0x17, (uint8_t)ext);
	rtc_preset(rtc, 0x18, (uint8_t)(ext >> 8));
	rtc_preset(rtc, 0x30, (uint8_t)ext);
	rtc_preset(rtc, 0x31, (uint8_t)(ext >> 8));
	rtc_preset(rtc, 0x34, (uint8_t)above16);
	rtc_preset(rtc, 0x35, (uint8_t)(above16 >> 8));
	rtc_preset(rtc, 0x5b, (uint8_t)(high >> 16));
	rtc_preset(rtc, 0x5c, (uint8_t)(high >> 24));
	rtc_preset(rtc, 0x5d, (uint8_t)(high >> 32));
}

static int
add_isa(struct board *b, const struct board_host *h)
{
	struct irq none = {NULL, NULL, 0};
	struct i8042_out kbc = {
		irq(b, 1), irq(b, 12), none, h->notify, h->input};
	struct dev *rtc, *ctl;
	int r;

	if ((r = own(b, rtc = rtc_new(h->clock, irq(b, 8)), "rtc0", h->log)) ||
		(r = own(b, b->i8042 = i8042_new(kbc), "i8042", h->log)) ||
		(r = own(b, ctl = resetctl_new(h->notify, none), "resetctl",
			 h->log)))
		return r;
	preset_cmos(rtc, h->mem);
	if ((r = place(rtc, h->ports, 0x70, 2, 0)) ||
		(r = place(b->i8042, h->ports, 0x60, 1, 0)) ||
		(r = place(b->i8042, h->ports, 0x64, 1, 1)) ||
		(r = place(ctl, h->ports, 0x92, 1, 1)))
		return r;
	pcihost_pass(b->pcihost, ctl); /* port 0xcf9 */
	return 0;
}

static int
add_pci(struct board *b, const struct board_host *h)
{
	struct pci_host host = {
		h->ports, h->mmio, pci_intx_to, ioapic_send, bar_moved, b};
	struct pcihost_out pam = {board_pam, b};
	struct piix3_out piix3 = {isa_irq, pci_line, b};
	struct pcihp_out hp = {hotplug_event, board_ejected, b};
	int r;

	if ((r = pci_bus_new(&b->pci, &host)) ||
		(r = own(b, b->pcihost = pcihost_new(pam), "pcihost",
			 h->log)) ||
		(r = own(b, b->piix3 = piix3_new(piix3), "piix3", h->log)) ||
		(r = own(b,
			 b->pm = acpipm_new(h->clock, irq(b, SCI), h->notify),
			 "pm0", h->log)) ||
		(r = own(b, b->hotplug = pcihp_new(BOARD_HOTPLUG, hp), "pcihp",
			 h->log)))
		return r;
	pcihost_bus(b->pcihost, b->pci);
	if ((r = place(b->pcihost, h->ports, 0xcf8, 4, 0)) ||
		(r = place(b->pcihost, h->ports, 0xcfc, 4, 1)) ||
		(r = place(b->pm, h->ports, SMI_CMD, 2, 1)) ||
		(r = place(b->hotplug, h->ports, HOTPLUG, PCIHP_LENGTH, 0)) ||
		(r = pci_bus_add(b->pci, pcihost_fn(b->pcihost), 0, 0)) ||
		(r = pci_bus_add(b->pci, piix3_fn(b->piix3), 1, 0)))
		return r;
	return pci_bus_add(b->pci, acpipm_fn(b->pm), 1, 3);
}

static int
add_uarts(struct board *b, const struct board_host *h)
{
	int r;

	for (unsigned n = 0; n < h->config->serials; n++) {
		struct dev *u =
			uart_new(h->clock, irq(b, com_irq[n]), h->serial[n]);

		if ((r = own(b, u, com_name[n], h->log)) ||
			(r = place(u, h->ports, com_port[n], 8, 0)))
			return r;
		b->uarts++;
	}
	return 0;
}

/* What the tables say of it. */
static void
describe(const struct board *b, const struct board_host *h,
	struct acpi_board *acpi, struct smbios_info *smbios)
{
	uint64_t low = mem_low(h->mem);

	*acpi = (struct acpi_board){
		.cpus = (unsigned)h->config->cpus,
		.pm_base = PM_BASE,
		.smi_cmd = SMI_CMD,
		.sci = SCI,
		.uarts = b->uarts,
		.i8042 = true,
		.pvpanic = b->pvpanic,
		.pci_hole = MEM_HOLE,
		.ioapic_addr = IOAPIC_ADDR,
		.lapic_addr = LAPIC_ADDR,
		.hotplug_port = HOTPLUG,
		.hotplug_slots = BOARD_HOTPLUG,
	};
	*smbios = (struct smbios_info){
		.cpus = (unsigned)h->config->cpus,
		.memory = mem_size(h->mem),
		.uuid = h->config->uuid,
		.version = VERSION,
	};
	if (b->firmware) /* which puts BARs where it likes */
		acpi->pci_hole = low > PCI_LOWEST ? low : PCI_LOWEST;
}

static int
add_fwcfg(struct board *b, const struct board_host *h)
{
	struct dev *f = fwcfg_new(h->mem);
	struct smbios_info smbios;
	struct acpi_board acpi;
	int r = own(b, f, "fwcfg", h->log);

	describe(b, h, &acpi, &smbios);
	if (r || (r = board_fill_fwcfg(b, h, f, &acpi, &smbios)) ||
		(r = place(f, h->ports, 0x510, 2, 0)))
		return r;
	return place(f, h->ports, 0x514, 8, 1);
}

/* In the config's order, as the guest names them. */
static int
add_disks(struct board *b, const struct board_host *h)
{
	unsigned slot = DISKS_SLOT;
	const struct drive *d;
	int r;

	for (unsigned n = 0; h->drives && (d = drives_get(h->drives, n)); n++) {
		struct dev *dev;

		if (d->config.bus != CONFIG_VIRTIO || d->config.cdrom)
			continue;
		dev = board_new_disk(b, h, d);
		if ((r = own(b, dev, disk_id(d->disk), h->log)) ||
			(r = pci_bus_add(b->pci, &((struct virtio *)dev)->pci,
				 slot++, 0)))
			return r;
	}
	return 0;
}

static int
add_ide(struct board *b, const struct board_host *h)
{
	struct irq wires[IDE_CHANNELS] = {irq(b, 14), irq(b, 15)};
	struct ide_drive drive[IDE_DRIVES] = {{NULL, false, NULL}};
	int r = board_ide_drives(h, drive);
	struct dev *d;

	if (r ||
		(r = own(b, d = ide_new(wires, h->mem, drive), "ide0",
			 h->log)) ||
		(r = place(d, h->ports, 0x1f0, 8, 0)) ||
		(r = place(d, h->ports, 0x3f6, 1, 1)) ||
		(r = place(d, h->ports, 0x170, 8, 2)) ||
		(r = place(d, h->ports, 0x376, 1, 3)))
		return r;
	return pci_bus_add(b->pci, ide_pci(d), 1, 1);
}

/* What is there only when asked for, and what talks to the host. */
static int
add_extras(struct board *b, const struct board_host *h)
{
	struct dev *d;
	int r;

	if ((r = own(b, d = pvpanic_new(h->notify), "pvpanic", h->log)) ||
		(r = place(d, h->ports, 0x505, 1, 0)))
		return r;
	if (h->debugcon && ((r = own(b, d = debugcon_new(h->debugcon),
				     "debugcon", h->log)) ||
				   (r = place(d, h->ports, 0x402, 1, 0))))
		return r;
	if (h->config->debug_exit &&
		((r = own(b, d = debugexit_new(h->notify), "debugexit",
			  h->log)) ||
			(r = place(d, h->ports, 0xf4, 4, 0))))
		return r;
	if (!h->config->test_device)
		return 0;
	if ((r = own(b, d = testdev_new(irq(b, 0), h->notify), "testdev",
		     h->log)) ||
		(r = place(d, h->ports, 0xe0, 4, 0)) ||
		(r = place(d, h->ports, 0xe4, 4, 1)) ||
		(r = place(d, h->ports, 0x2000, 24, 2)))
		return r;
	return place(d, h->mmio, 0xff000000, 0x10000, 3);
}

int
board_pc_new(struct board **out, const struct board_host *h)
{
	struct board *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return fail(-ENOMEM, "board");
	b->mem = h->mem;
	b->host = h->pci;
	b->pvpanic = true;
	b->vga.dir = -1;
	r = add_chips(b, h);
	if (!r)
		r = add_pci(b, h);
	if (!r)
		r = add_isa(b, h);
	if (!r)
		r = add_uarts(b, h);
	if (!r)
		r = add_ide(b, h);
	if (!r)
		r = add_disks(b, h);
	if (!r)
		r = add_extras(b, h);
	if (!r)
		r = board_add_virtio(b, h);
	if (!r)
		r = board_add_vga(b, h);
	if (!r)
		r = board_add_firmware(b, h);
	if (!r)
		r = add_fwcfg(b, h); /* which tells of all the others */
	if (r) {
		board_free(b);
		return r;
	}
	*out = b;
	return 0;
}

struct dev *
board_new_disk(
	struct board *b, const struct board_host *h, const struct drive *d)
{
	unsigned cpus = (unsigned)h->config->cpus;
	struct virtio_blk_options o = {
		.disk = d->disk,
		.serial =
			d->config.serial ? d->config.serial : disk_id(d->disk),
		.queues = d->config.queues,
	};
	struct dev *dev;

	if (!o.queues)
		o.queues = cpus < DISK_QUEUES ? cpus : DISK_QUEUES;
	dev = virtio_blk_new(b->mem, &o);
	if (dev)
		virtio_pace((struct virtio *)dev, h->clock);
	return dev;
}

void
board_free(struct board *b)
{
	if (!b)
		return;
	b->engine = NULL;
	pci_bus_free(b->pci);
	while (b->devs)
		dev_free(b->dev[--b->devs]);
	board_free_vga(b);
	free(b);
}

/* What firmware would do, where there is none. */
static void
setup_pci(struct board *b, const struct board_host *h)
{
	struct pci_setup s = {
		.pci = b->pci,
		.ports = h->ports,
		.mem = MEM_HOLE,
		.mem_end = IOAPIC_ADDR,
		.io = PCI_PORTS,
		.io_end = PCI_PORTS_END,
		.pm_base = PM_BASE,
		.smb_base = SMB_BASE,
	};

	pci_setup(&s);
}

/* What SeaBIOS sets itself, and EDK2 finds set: power management's ports are
 * where the tables say, IDE's are decoded. */
static void
preset_pci(struct board *b)
{
	const struct pci_fn *pm = acpipm_fn(b->pm);
	unsigned at = pm->slot << 3 | pm->function, ide = 1 << 3 | 1;

	pci_bus_write(b->pci, 0, at, ACPIPM_PMBASE, 4, PM_BASE);
	pci_bus_write(b->pci, 0, at, ACPIPM_PMREGMISC, 1, 1);
	pci_bus_write(b->pci, 0, ide, 0x40, 4, 0x80008000);
}

int
board_reset(struct board *b, const struct board_host *h)
{
	uint32_t going = pcihp_going(b->hotplug);
	struct smbios_info smbios;
	struct acpi_board acpi;
	int r;

	for (unsigned n = 0; n < b->devs; n++)
		dev_reset(b->dev[n]);
	board_ejected(b, going); /* who was asked is no more */
	b->rsdp = 0;
	if (b->firmware) {
		preset_pci(b);
		return 0;
	}
	setup_pci(b, h);
	describe(b, h, &acpi, &smbios);
	if (mem_low(h->mem) < 1 << 20)
		return 0; /* no room where firmware would put tables */
	r = acpi_write(h->mem, &acpi, &b->rsdp);
	return r ? r : smbios_write(h->mem, &smbios);
}

void
board_button(struct board *b)
{
	acpipm_button(b->pm);
}
