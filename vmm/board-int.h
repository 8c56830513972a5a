/* SPDX-License-Identifier: MIT */
/*
 * The pc board's parts: board-pc.c wires all of it, board-firmware.c adds
 * firmware, board-fwcfg.c tells it what there is.
 */
#ifndef VMM_BOARD_INT_H
#define VMM_BOARD_INT_H

#include "vmm/acpi.h"
#include "vmm/board.h"
#include "vmm/firmware.h"

/* Takes the device over; d may be NULL after a failed _new(). id is static. */
int board_own(
	struct board *, struct dev *d, const char *id, const struct log *);

/* ROM, windows, flash, if the machine has firmware; the engine is not open. */
int board_add_firmware(struct board *, const struct board_host *);
/* The graphics card, if the config has one, before the firmware's windows. */
int board_add_vga(struct board *, const struct board_host *);
void board_free_vga(struct board *);
/* Its BAR moved. */
void board_vga_moved(struct board *, unsigned n, uint64_t at, bool on);
/* pcihost's; to is the board. */
void board_pam(void *to, unsigned n, unsigned mode);

/* Fill fw_cfg, once all other devices are there. */
int board_fill_fwcfg(struct board *, const struct board_host *, struct dev *,
	const struct acpi_board *, const struct smbios_info *);

/* Its file "bootorder", of the drives in the order that the config says. */
int board_boot_order(
	const struct board *, const struct board_host *, struct dev *fwcfg);

#endif
