/* SPDX-License-Identifier: MIT */
/*
 * Debug exit port (0xf4): a write of v ends the machine with
 * (v << 1 | 1) & 255, through NOTICE_EXIT. One bar of 4 bytes.
 */
#ifndef DEV_DEBUGEXIT_H
#define DEV_DEBUGEXIT_H

#include "dev/dev.h"

struct dev *debugexit_new(struct notify);

#endif
