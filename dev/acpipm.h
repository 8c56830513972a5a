/* SPDX-License-Identifier: MIT */
/*
 * ACPI power management: PM1 event and control blocks, PM timer, and the power
 * button, as on PIIX4. Bar 0: 64 bytes (0 PM1_STS, 2 PM1_EN, 4 PM1_CNT, 8
 * PM_TMR, 0x0c GPE0). Bar 1: SMI command port (1 byte at 0xb2) and status
 * (0xb3).
 */
#ifndef DEV_ACPIPM_H
#define DEV_ACPIPM_H

#include "dev/dev.h"

#define ACPIPM_TMR_HZ 3579545
#define ACPIPM_TMR_BITS 24 /* so TMR_VAL_EXT in the FADT is clear */
#define ACPIPM_SLP_TYP_S5 0 /* as _S5 in the DSDT says */
#define ACPIPM_ENABLE 0xf1 /* APMC values, as in the FADT */
#define ACPIPM_DISABLE 0xf0

/* SCI_EN is set at reset (hardware-reduced firmware need not switch). */
struct dev *acpipm_new(struct clock *, struct irq sci, struct notify power);
/* Press the power button; locks itself. */
void acpipm_button(struct dev *);

#endif
