/* SPDX-License-Identifier: MIT */
/*
 * pvpanic (port 0x505): reads the events known (1), a write of 1 is a panic.
 * One bar of 1 byte.
 */
#ifndef DEV_PVPANIC_H
#define DEV_PVPANIC_H

#include "dev/dev.h"

struct dev *pvpanic_new(struct notify);

#endif
