/* SPDX-License-Identifier: MIT */
/* The DSDT's terms about PCI, each for its place in there. */
#ifndef VMM_ACPI_PCI_H
#define VMM_ACPI_PCI_H

#include "vmm/acpi.h"
#include "vmm/aml.h"

enum { ACPI_PCI_GPE = 1 }; /* the event that says "look at pcihp" */

void acpi_pci_mode(struct aml *); /* at the root: PIC or APIC */
void acpi_pci_root(struct aml *); /* in PCI0: routing */
void acpi_pci_slots(struct aml *, const struct acpi_board *); /* in PCI0 */
void acpi_pci_isa(struct aml *); /* in PIIX3: its routing registers */
void acpi_pci_links(struct aml *); /* in _SB, after PCI0: link devices */
void acpi_pci_event(struct aml *); /* at the root: hotplug */

#endif
