/* SPDX-License-Identifier: MIT */
/*
 * ACPI power management: PM1 event and control blocks, PM timer, GPE 0, and the
 * power button, as in PIIX4's function 3 (8086:7113). Bar 0: 64 bytes (0
 * PM1_STS, 2 PM1_EN, 4 PM1_CNT, 8 PM_TMR, 0x0c GPE0), at the ports that PMBASE
 * in the function's configuration says. Bar 1: SMI command port (1 byte at
 * 0xb2) and status (0xb3). Bar 2: 16 bytes of SMBus host, at SMBBA; nothing
 * answers there.
 */
#ifndef DEV_ACPIPM_H
#define DEV_ACPIPM_H

#include "dev/pci.h"

#define ACPIPM_TMR_HZ 3579545
#define ACPIPM_TMR_BITS 24 /* so TMR_VAL_EXT in the FADT is clear */
#define ACPIPM_SLP_TYP_S5 0 /* as _S5 in the DSDT says */
#define ACPIPM_ENABLE 0xf1 /* APMC values, as in the FADT */
#define ACPIPM_DISABLE 0xf0

enum { /* its configuration registers, as firmware sets them */
	ACPIPM_PMBASE = 0x40,
	ACPIPM_PMREGMISC = 0x80, /* bit 0: PMBASE is decoded */
	ACPIPM_SMBBA = 0x90,
	ACPIPM_SMBHSTCFG = 0xd2 /* bit 0: SMBBA is decoded */
};

/* SCI_EN is set at reset (hardware-reduced firmware need not switch). */
struct dev *acpipm_new(struct clock *, struct irq sci, struct notify power);
struct pci_fn *acpipm_fn(struct dev *);
/* Press the power button; locks itself. */
void acpipm_button(struct dev *);
/* General-purpose event n, 0..15, happened; locks itself. */
void acpipm_gpe(struct dev *, unsigned n);
/* Where its ports are; 0: they are not decoded. Locks itself. */
uint16_t acpipm_base(struct dev *);

#endif
