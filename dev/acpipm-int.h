/* SPDX-License-Identifier: MIT */
/* What the parts of power management share: registers, and PCI's side. */
#ifndef DEV_ACPIPM_INT_H
#define DEV_ACPIPM_INT_H

#include "dev/acpipm.h"

struct acpipm_regs {
	struct pci_regs pci;
	uint64_t ticks; /* of the timer, brought up to date when saved */
	uint64_t half; /* ticks >> HALF_SHIFT when TMR_STS was last set */
	uint16_t sts, en, cnt;
	uint16_t gpe_sts, gpe_en;
	uint8_t apmc, apms;
	uint8_t smb_sts, smb_cnt;
	uint16_t spare; /* always 0 */
};

struct acpipm {
	struct dev dev;
	struct pci_fn fn;
	struct acpipm_regs r;
	struct clock *clock;
	struct irq sci;
	struct notify power;
	struct timer timer;
	uint64_t zero; /* ticks when the clock was at 0 */
};

/* acpipm-pci.c: in _new(); put the ports where the registers say. */
void acpipm_pci_init(struct acpipm *);
void acpipm_pci_place(struct acpipm *);
uint64_t acpipm_smbus_read(struct acpipm *, uint64_t off);
void acpipm_smbus_write(struct acpipm *, uint64_t off, uint8_t);

#endif
