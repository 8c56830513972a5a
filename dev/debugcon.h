/* SPDX-License-Identifier: MIT */
/*
 * Debug console (port 0x402): reads 0xe9, writes go to a character back end.
 * One bar of 1 byte.
 */
#ifndef DEV_DEBUGCON_H
#define DEV_DEBUGCON_H

#include "dev/dev.h"
#include "lib/chr.h"

struct dev *debugcon_new(struct chr *); /* chr may be NULL */

#endif
