/* SPDX-License-Identifier: MIT */
/*
 * The bus: one for ports, one for memory. It finds the device, takes its
 * lock, splits what is misaligned or crosses a border, answers holes with all
 * ones and drops writes to them. Any thread may access it; regions may be
 * added and removed while others access it. A device that was removed may still
 * see an access that began before: free it while no vCPU runs.
 *
 * The device sees offsets inside its bar, in accesses of 1, 2, 4 or 8 bytes (at
 * most ops->widest) that are aligned to their size and lie inside the region,
 * with its lock held.
 */
#ifndef DEV_BUS_H
#define DEV_BUS_H

#include "dev/dev.h"

struct bus;

int bus_new(
	struct bus **, const char *name, uint64_t size); /* addresses < size */
void bus_free(struct bus *); /* not the devices */

/* Region [base, base+len) is the device's bar. -EEXIST: overlap; -ERANGE. */
int bus_add(
	struct bus *, uint64_t base, uint64_t len, struct dev *, unsigned bar);
void bus_remove(struct bus *, struct dev *, unsigned bar);

/* size 1..8, any alignment; the value is zero-extended. */
uint64_t bus_read(struct bus *, uint64_t addr, unsigned size);
void bus_write(struct bus *, uint64_t addr, unsigned size, uint64_t val);

/* String I/O: count items of size bytes at one address, to or from p. */
void bus_read_string(
	struct bus *, uint64_t addr, unsigned size, void *p, size_t count);
void bus_write_string(struct bus *, uint64_t addr, unsigned size, const void *p,
	size_t count);

#endif
