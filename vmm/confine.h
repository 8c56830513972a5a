/* SPDX-License-Identifier: MIT */
/*
 * Confinement of the VM process: after it has opened all that it needs, before
 * the guest's first instruction. The order is fixed: namespaces (where allowed,
 * single-threaded), capabilities (libcap-ng; dropped, cleared, re-read),
 * no_new_privs, not dumpable, no core, Landlock on the machine's directory;
 * then each thread loads a seccomp filter of its kind. See S1 in SPEC.md.
 *
 * What fails and may fail (no Landlock in this kernel, user namespaces refused)
 * is reported, not an error; what must hold (capabilities, no_new_privs,
 * seccomp) is -errno with a sentence.
 */
#ifndef VMM_CONFINE_H
#define VMM_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/json.h"

enum confine_kind {
	CONFINE_LOOP, /* the event loop: sockets, files of the directory */
	CONFINE_KVM, /* a vCPU of the kvm engine */
	CONFINE_SOFT /* a vCPU of the soft engine */
};

struct confine {
	int dir; /* the machine's directory */
	/* Directories outside in which it may remove (its own sockets), opened
	 * O_PATH; closed by nobody here. */
	const int *remove;
	size_t removes;
};

struct confine_report {
	bool user_ns, net_ns, ipc_ns, uts_ns;
	int landlock; /* ABI; 0: not in this kernel */
	char text[160]; /* for people: "caps seccomp landlock-7 userns" */
};

/* The process, while it has one thread. */
int confine_process(const struct confine *, struct confine_report *);
/* The calling thread: the last thing before it works. */
int confine_thread(enum confine_kind);

/* What the process can tell of itself: "descriptors" (an array of strings, kind
 * and where known path), "landlock" (whether opening "/" is refused, tried
 * now), "environment" (count of variables left). Members, no braces. Runs in
 * the loop's thread under its filter. */
void confine_audit(struct json *);

#endif
