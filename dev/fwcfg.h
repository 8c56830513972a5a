/* SPDX-License-Identifier: MIT */
/*
 * fw_cfg, the selector and data ports of QEMU's firmware configuration device
 * (ports 0x510 and 0x511), without DMA. Bar 0: 2 bytes; a 16-bit write at 0
 * selects, byte reads at 1 deliver. Items: signature and id from the start; RAM
 * size (8 bytes), CPU counts (2 bytes) when added.
 */
#ifndef DEV_FWCFG_H
#define DEV_FWCFG_H

#include "dev/dev.h"

struct dev *fwcfg_new(void);
/* Item key (< 0x100) is a copy of n bytes. -ERANGE, -EEXIST, -ENOMEM. Not while
 * the guest runs. */
int fwcfg_add(struct dev *, unsigned key, const void *p, size_t n);

#define FWCFG_SIGNATURE 0
#define FWCFG_ID 1
#define FWCFG_RAM_SIZE 3
#define FWCFG_NB_CPUS 5
#define FWCFG_MAX_CPUS 15

#endif
