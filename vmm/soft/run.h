/* SPDX-License-Identifier: MIT */
/*
 * The run loop's own interface.
 */
#ifndef VMM_SOFT_RUN_H
#define VMM_SOFT_RUN_H

#include "vmm/soft/soft.h"

enum stop cpu_run(struct cpu *c);
/* Nothing but NMI, INIT or SIPI can wake it. */
bool cpu_dead(const struct cpu *c);

#endif
