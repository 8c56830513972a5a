/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a machine, in the public interface, lib/vmm.h.
 */
#include <errno.h>

#include "lib/err.h"
#include "vmm/api-int.h"
#include "vmm/wait.h"

int
vmm_wait(
	struct vmm_home *h, const char *name, const char *state, int timeout_ms)
{
	struct wait_want want = {.name = name};
	int r = wait_states(state, &want.states);

	if (r)
		return r;
	r = wait_for(h->home, &want, 1,
		timeout_ms < 0 ? -1 : timeout_ms * 1000000LL);
	if (r)
		return r;
	return want.result ? failx(want.result, "%s", want.why) : 0;
}
