/* SPDX-License-Identifier: MIT */
/*
 * The test device of public conformance suites (the protocol of QEMU's
 * pc-testdev). Bars: 0 storage (4 bytes, port 0xe0), 1 flush page (4 bytes,
 * port 0xe4: drop and remake the mapping of the written gpa), 2 interrupt lines
 * (24 bytes, ports 0x2000: a write sets line n), 3 memory-mapped storage (64
 * KiB at 0xff000000).
 */
#ifndef DEV_TESTDEV_H
#define DEV_TESTDEV_H

#include "dev/dev.h"

struct dev *testdev_new(
	struct irq first, struct notify flush); /* pins first.pin+n */

#endif
