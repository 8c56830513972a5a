/* SPDX-License-Identifier: MIT */
/* What the parts of PCI share: the function, its MSI-X, the bus. */
#ifndef DEV_PCI_INT_H
#define DEV_PCI_INT_H

#include "dev/pci.h"

enum { MSIX_ENABLE = 0x8000, MSIX_MASK = 0x4000, MSIX_SIZE = 4096 };

/* pci.c: the line's level anew; even if it seems the same. */
void pci_drive(struct pci_fn *);
/* pci-msix.c: config bytes were written; the table of a reset function; what
 * was loaded. */
void pci_msix_written(struct pci_fn *, unsigned at, unsigned n);
void pci_msix_reset(struct pci_fn *);
bool pci_msix_sane(const struct pci_fn *);
/* pci-bus.c: put a window where it belongs; nothing when it is there. */
void pci_bus_map(struct pci_fn *, unsigned n, const struct mapped *);
/* A message, if it is one. */
void pci_bus_msi(struct pci_fn *, struct msi);

#endif
