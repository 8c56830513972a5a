/* SPDX-License-Identifier: MIT */
/*
 * libvmm: virtual machines for C programs. A machine is configured with keys
 * and values (the same as vm-run's --set takes; see vm-run(1)), then run in
 * the calling thread until it ends.
 *
 *	struct vmm *m = vmm_new();
 *	struct vmm_end end;
 *
 *	if (vmm_set(m, "kernel", "vmlinuz") || vmm_run(m, &end))
 *		errx(1, "%s", vmm_error());
 *	vmm_free(m);
 *
 * Functions that can fail return 0 or a negative errno, and vmm_error() says
 * why, in one sentence, for the calling thread. A process may hold several
 * machines. Unless said otherwise a machine is used from one thread.
 */
#ifndef VMM_H
#define VMM_H

#ifdef __cplusplus
extern "C" {
#endif

struct vmm; /* a machine */

struct vmm_end { /* how it ended */
	int code; /* as vm-run exits: 0 powered off, 110 reset, 111 panic,
		   * 112 triple fault, 113 halted for good, 114 stopped from
		   * outside, 124 timeout, 125 the engine failed; with the
		   * debug exit device, its code */
	char cause[160]; /* a sentence, "" if it powered off */
};

/* NULL only if out of memory. vmm_free(NULL) is fine. */
struct vmm *vmm_new(void);
void vmm_free(struct vmm *);

/* Set a key. "serial" adds a port each time; a machine without any has one
 * that nobody listens to. */
int vmm_set(struct vmm *, const char *key, const char *value);

/* Build the machine and run it to its end; once per machine. */
int vmm_run(struct vmm *, struct vmm_end *end);

/* From any thread or a signal's thread, while it runs: press the power
 * button; end it at once. */
void vmm_button(struct vmm *);
void vmm_quit(struct vmm *);

/* The first CPU's registers, as text, after the end. Returns the length. */
int vmm_registers(const struct vmm *, char *buf, int size);
/* The engine that runs it: "kvm" or "soft"; NULL before vmm_run(). */
const char *vmm_engine(const struct vmm *);

const char *vmm_error(void);
const char *vmm_version(void);

#ifdef __cplusplus
}
#endif

#endif
