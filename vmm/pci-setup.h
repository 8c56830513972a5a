/* SPDX-License-Identifier: MIT */
/*
 * What firmware does with PCI before it starts an operating system, for
 * machines that boot a kernel without firmware: addresses for BARs, interrupt
 * lines and their routing, decoding on.
 */
#ifndef VMM_PCI_SETUP_H
#define VMM_PCI_SETUP_H

#include "dev/bus.h"
#include "dev/pci.h"

struct pci_setup {
	struct pci_bus *pci;
	struct bus *ports; /* ELCR is behind it */
	uint64_t mem, mem_end; /* BARs go to [mem, mem_end), below 4 GiB, */
	uint32_t io, io_end; /* and to ports [io, io_end) */
	uint16_t pm_base, smb_base; /* PIIX4's */
};

/* The ISA interrupt that it routes a slot's pin (0..3) to. */
unsigned pci_setup_irq(unsigned slot, unsigned pin);
/* After a reset, while no vCPU runs. BARs that find no room stay off. */
void pci_setup(const struct pci_setup *);

#endif
