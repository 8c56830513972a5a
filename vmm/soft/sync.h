/* SPDX-License-Identifier: MIT */
/*
 * What vCPUs tell each other about code pages, and how they sleep and wake.
 *
 * A vCPU that decodes a page first has the others drop their write entries for
 * it, and waits until those that run guest code have; from then on every write
 * takes the slow way, which tells all vCPUs to drop the page's blocks. One
 * that does not run guest code looks at its requests before it does.
 */
#ifndef VMM_SOFT_SYNC_H
#define VMM_SOFT_SYNC_H

#include "vmm/soft/soft.h"

int sync_new(struct cpu *);
void sync_free(struct cpu *);
/* Around guest code; enter serves what was asked meanwhile. */
void sync_enter(struct cpu *);
void sync_leave(struct cpu *);
/* Serve requests now (PEND_INVAL). */
void sync_serve(struct cpu *);
/* All others drop their write entries for the page before this returns. */
void sync_protect(struct cpu *, uint64_t pa);
/* All vCPUs but c (NULL: all) will drop the page's blocks. */
void sync_invalidate(struct soft *, const struct cpu *c, uint64_t pa);
/* [pa, pa+len) shows another thing: the vCPU of this thread follows at once,
 * others when they end a block. Nobody is waited for: the caller holds a
 * device's lock, which another vCPU may want. */
void sync_remap(struct soft *s, uint64_t pa, uint64_t len);
/* Set pending bits; wake it if it sleeps. From any thread. */
void sync_wake(struct cpu *, uint32_t pending);
/* Sleep until any bit is pending. */
void sync_sleep(struct cpu *);
bool sync_asleep(const struct cpu *);

#endif
