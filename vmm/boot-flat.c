/* SPDX-License-Identifier: MIT */
/*
 * A flat image: copied to an address below 640 KiB and entered in real mode at
 * its first byte. The stack grows down from there, and there is no firmware
 * to call.
 */
#include "vmm/boot-common.h"

#include <errno.h>
#include <inttypes.h>

#include "lib/err.h"

int
boot_flat(struct mem *mem, const struct boot_params *bp, struct cpu_state *cpu)
{
	uint64_t at = bp->flat_addr;
	struct cpu_seg *cs = &cpu->seg[SEG_CS];
	struct boot_plan plan;
	int err;

	boot_plan_init(&plan, mem, bp->kernel.name);
	if (at >= 0x10000 && at % 16)
		return failx(-EINVAL,
			"%s: cannot start at %#" PRIx64
			": not a multiple of 16",
			plan.image, at);
	if (at >= 0x100000)
		return failx(-EINVAL,
			"%s: cannot start at %#" PRIx64 " in real mode",
			plan.image, at);
	err = boot_claim(&plan, at, bp->kernel.size, "the flat image");
	if (err == 0)
		err = boot_copy(&plan, at, bp->kernel.p, bp->kernel.size,
			bp->kernel.size);
	if (err)
		return err;
	cs->sel = at < 0x10000 ? 0 : (uint16_t)(at >> 4);
	cs->base = (uint64_t)cs->sel << 4;
	cpu->rip = at - cs->base;
	cpu->gpr[RSP] = at < 0x10000 ? at & ~3ull : 0x7c00;
	return 0;
}
