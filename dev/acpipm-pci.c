/* SPDX-License-Identifier: MIT */
/*
 * PIIX4's function 3, power management, as PCI sees it: Intel's 82371AB, "PCI
 * Configuration Registers (Function 3)". There are no SMIs, so DEVACTB says
 * that they are set up already: firmware would wait for one for ever. The SMBus
 * has a host's registers and nothing behind them.
 */
#include <string.h>

#include "dev/acpipm-int.h"

#define DEVACTB 0x58
#define APMC_EN 0x0200 /* bit 25 of it, in its upper half */
#define SMB_ERROR 0x04 /* nobody acknowledged */
#define SMB_START 0x40

/* ---- SMBus: a host that hears nobody ---- */

uint64_t
acpipm_smbus_read(struct acpipm *a, uint64_t off)
{
	if (off == 0)
		return a->r.smb_sts;
	return off == 2 ? a->r.smb_cnt : 0;
}

void
acpipm_smbus_write(struct acpipm *a, uint64_t off, uint8_t v)
{
	if (off == 0)
		a->r.smb_sts &= (uint8_t)~v;
	if (off != 2)
		return;
	a->r.smb_cnt = v & 0x1f;
	if (v & SMB_START)
		a->r.smb_sts |= SMB_ERROR;
}

/* ---- PCI ---- */

static const struct pci_id id = {
	.vendor = 0x8086,
	.device = 0x7113,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class = 0x068000,
	.revision = 3,
	.pin = 1, /* says it; the SCI is wired */
};

void
acpipm_pci_place(struct acpipm *a)
{
	const uint8_t *c = a->r.pci.config;

	pci_window(&a->fn, 0, true, pci_get16(&a->fn, ACPIPM_PMBASE) & ~63u, 64,
		c[ACPIPM_PMREGMISC] & 1);
	pci_window(&a->fn, 2, true, pci_get16(&a->fn, ACPIPM_SMBBA) & ~15u, 16,
		c[ACPIPM_SMBHSTCFG] & 1);
}

static void
written(struct dev *d, unsigned at, unsigned n)
{
	(void)at, (void)n;
	acpipm_pci_place((struct acpipm *)d);
}

static void
registers(struct pci_fn *f)
{
	memset(f->writable + PCI_COMMAND, 0, 2);
	pci_writable(f, PCI_COMMAND, PCI_IO);
	pci_put16(f, PCI_STATUS, 0x0280);
	pci_put16(f, ACPIPM_PMBASE, 1);
	pci_writable(f, ACPIPM_PMBASE, 0xffc0);
	for (unsigned at = 0x44; at < 0x80; at += 2)
		pci_writable(f, at, 0xffff); /* timers, resources: stored */
	f->writable[DEVACTB + 3] = (uint8_t) ~(APMC_EN >> 8);
	pci_put16(f, DEVACTB + 2, APMC_EN);
	pci_writable(f, ACPIPM_PMREGMISC, 1);
	pci_put16(f, ACPIPM_SMBBA, 1);
	pci_writable(f, ACPIPM_SMBBA, 0xfff0);
	pci_writable(f, ACPIPM_SMBHSTCFG, 0xff0f);
	pci_writable(f, ACPIPM_SMBHSTCFG + 2, 0xffff);
}

void
acpipm_pci_init(struct acpipm *a)
{
	pci_init(&a->fn, &a->dev, &a->r.pci, &id);
	registers(&a->fn);
	a->fn.written = written;
}
