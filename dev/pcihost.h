/* SPDX-License-Identifier: MIT */
/*
 * i440FX host bridge, PCI configuration mechanism 1. Bar 0: the address
 * register, 4 bytes at port 0xcf8, only 4-byte accesses count. Bar 1: the data
 * window, 4 bytes at port 0xcfc. Function 00:00.0 answers as 8086:1237; the
 * rest of the bus is empty (all ones).
 */
#ifndef DEV_PCIHOST_H
#define DEV_PCIHOST_H

#include "dev/dev.h"

struct dev *pcihost_new(void);
/* Byte accesses at offset 1 of bar 0 (port 0xcf9) go to that device's bar 0. */
void pcihost_pass(struct dev *pcihost, struct dev *behind);

#endif
