/* SPDX-License-Identifier: MIT */
/*
 * What a machine takes of the host, written to its metrics file
 * (lib/metrics.h): once a second while somebody looks, whatever he does, and
 * otherwise never.
 */
#ifndef VMM_METER_H
#define VMM_METER_H

#include "vmm/machine.h"

struct meter;

/* Before confinement: its files are made in dir, which outlives it, as the
 * machine does. The clock is the host's. */
int meter_new(struct meter **, int dir, struct machine *, struct loop *,
	struct clock *);
void meter_free(struct meter *); /* the files go; NULL is fine */

#endif
