/* SPDX-License-Identifier: MIT */
/*
 * Memory types: MTRRs and PAT (Intel SDM vol. 3A chapter 12). Values are
 * checked and kept; guest memory is cached all the same.
 */
#include "vmm/soft/msr.h"
#include "vmm/soft/prot.h"

static bool
mtrr_type(uint64_t t)
{
	return t < 7 && (0x73 >> t & 1); /* UC WC WT WP WB */
}

static bool
mtrr_types(uint64_t v)
{
	for (unsigned n = 0; n < 8; n++)
		if (!mtrr_type(v >> n * 8 & 0xff))
			return false;
	return true;
}

bool
pat_valid(uint64_t v)
{
	for (unsigned n = 0; n < 8; n++) {
		uint64_t t = v >> n * 8 & 0xff;

		if (!mtrr_type(t) && t != 7) /* UC- */
			return false;
	}
	return true;
}

static bool
mtrr_var_valid(bool mask, uint64_t v)
{
	if (v >> PHYS_BITS)
		return false;
	return mask ? !(v & 0x7ff) : !(v & 0xf00) && mtrr_type(v & 0xff);
}

/* Which of mtrr_fix[] an index is: -1 none. */
static int
mtrr_fixed(uint32_t index)
{
	if (index == MSR_MTRR_FIX64K)
		return 0;
	if (index == MSR_MTRR_FIX16K || index == MSR_MTRR_FIX16K + 1)
		return (int)(index - MSR_MTRR_FIX16K) + 1;
	if (index >= MSR_MTRR_FIX4K && index < MSR_MTRR_FIX4K + 8)
		return (int)(index - MSR_MTRR_FIX4K) + 3;
	return -1;
}

int
mtrr_read(const struct cpu *c, uint32_t index, uint64_t *v)
{
	int fix = mtrr_fixed(index);

	if (fix >= 0)
		*v = c->mtrr_fix[fix];
	else if (index >= MSR_MTRR_VAR && index < MSR_MTRR_VAR + 16)
		*v = c->mtrr_var[index - MSR_MTRR_VAR];
	else if (index == MSR_MTRR_DEF)
		*v = c->mtrr_def;
	else
		return -1;
	return 0;
}

int
mtrr_write(struct cpu *c, uint32_t index, uint64_t v)
{
	int fix = mtrr_fixed(index);

	if (fix >= 0) {
		if (!mtrr_types(v))
			return -1;
		c->mtrr_fix[fix] = v;
	} else if (index >= MSR_MTRR_VAR && index < MSR_MTRR_VAR + 16) {
		if (!mtrr_var_valid(index & 1, v))
			return -1;
		c->mtrr_var[index - MSR_MTRR_VAR] = v;
	} else if (index == MSR_MTRR_DEF) {
		if ((v & ~0xcffull) || !mtrr_type(v & 0xff))
			return -1;
		c->mtrr_def = v;
	} else {
		return -1;
	}
	return 0;
}
