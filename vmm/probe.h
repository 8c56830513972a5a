/* SPDX-License-Identifier: MIT */
/*
 * Which engine runs on this host. Opening /dev/kvm proves little: a nested KVM
 * without hardware help emulates the guest's ring 0 one instruction at a time.
 * So a loop of a few thousand instructions is run in ring 0 and timed; that
 * takes less than 5 ms, and nothing is remembered between two calls.
 */
#ifndef VMM_PROBE_H
#define VMM_PROBE_H

#include "vmm/engine.h"

/* Below this many million instructions a second, ring 0 is emulated by the
 * host's KVM; probe.c has the figures behind it. */
#define PROBE_SLOW_MIPS 20.0

enum probe_why {
	PROBE_GOOD,
	PROBE_NO_CPU, /* no device, and the CPU shows no VT-x or AMD-V */
	PROBE_NO_MODULE, /* no device, though the CPU could */
	PROBE_PERMISSION, /* not ours to open */
	PROBE_BUSY, /* another hypervisor holds the CPU's extension */
	PROBE_OLD, /* a KVM without what the engine needs */
	PROBE_SLOW, /* ring 0 is emulated */
	PROBE_BROKEN, /* anything else: see err and reason */
};

struct probe {
	bool present; /* the device exists */
	bool accessible; /* it opens for reading and writing */
	bool usable; /* the kvm engine should run on it */
	enum probe_why why;
	int err; /* the errno behind it, 0 if none */
	double ring0_mips; /* million instructions a second; 0: not measured */
	uint64_t exit_ns; /* an exit to us and back; 0: not measured */
	unsigned mode; /* permission bits of the device */
	char group[32]; /* its group, a name or a number */
	char reason[256]; /* one sentence for people, whatever the outcome */
};

/* The device: $VM_KVM_DEVICE, or /dev/kvm. */
const char *probe_device(void);

/* Look, and measure. 0 when usable, else a -errno; *p is filled always. */
int probe_kvm(struct probe *p);

/* The engine for accel: "auto" (also NULL) looks and measures, "kvm" and "soft"
 * are taken at their word. 0, or -EINVAL with a sentence: no such name. *p is
 * filled where kvm was looked at, else zeroed; it may be NULL. */
int probe_choose(
	const char *accel, struct probe *p, const struct engine_ops **);

/* "good", "no-cpu", "no-module", ...: the name of a cause, for programs. */
const char *probe_why_name(enum probe_why);

#endif
