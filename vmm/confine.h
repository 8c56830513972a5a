/* SPDX-License-Identifier: MIT */
/*
 * Confinement of the VM process: after it has opened all that it needs, before
 * the guest's first instruction. The order is fixed: namespaces (where allowed,
 * single-threaded), capabilities (libcap-ng; dropped, cleared, re-read),
 * no_new_privs, not dumpable, no core, no environment, Landlock on the
 * machine's directory; then each thread loads a seccomp filter of its kind. See
 * S1 in SPEC.md.
 *
 * What fails and may fail (no Landlock in this kernel, user namespaces refused)
 * is reported, not an error; what must hold (capabilities, no_new_privs,
 * seccomp) is -errno with a sentence.
 *
 * Not done: a network namespace. Making one takes 0.5 ms at rest and over 10 ms
 * when machines start and end in numbers (S11 gives all of this 2 ms), and
 * takes nothing away: no thread can make or connect a socket, says seccomp, and
 * none binds or connects TCP, says Landlock. A user namespace is made only
 * where the others need it: not for root, whose files it would not protect.
 *
 * A sanitizer's run-time library opens files, forks and traces as it pleases:
 * in a build with one, Landlock and seccomp are left out, and the report says
 * so.
 */
#ifndef VMM_CONFINE_H
#define VMM_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

struct json;

enum confine_kind {
	CONFINE_LOOP, /* the event loop: sockets, files of the directory */
	CONFINE_KVM, /* a vCPU of the kvm engine */
	CONFINE_SOFT, /* a vCPU of the soft engine */
	CONFINE_WORKER /* reads and writes images */
};

struct confine {
	int dir; /* the machine's directory */
	/* Directories outside in which it may remove (its own sockets), opened
	 * O_PATH; closed by nobody here. */
	const int *remove;
	size_t removes;
	/* A directory outside in which it may remove empty directories (its own
	 * at the end), likewise; 0 or -1: none. */
	int home;
};

struct confine_report {
	bool user_ns, net_ns, ipc_ns, uts_ns; /* net_ns: never, see above */
	bool bounding; /* the capability bounding set is empty too */
	int landlock; /* ABI; 0: not in this kernel */
	bool seccomp; /* threads will have it */
	char text[160]; /* for people: "caps seccomp landlock-7 userns" */
};

/*
 * The process, while it has one thread (-EBUSY: it has more). All variables of
 * the environment are gone afterwards, and what getenv() returned earlier is
 * overwritten with NULs. Descriptors above 2 that exec would not close were
 * inherited, and are closed. A system call that a filter refuses ends the
 * process with a line on stderr and exit code 125 (or by SIGABRT, where that
 * has a handler: it may have a terminal to restore).
 */
int confine_process(const struct confine *, struct confine_report *);
/* The calling thread: the last thing before it works. */
int confine_thread(enum confine_kind);

/*
 * What the process can tell of itself: "descriptors" (an array of strings, see
 * confine_descriptor()), "landlock" (whether opening "/" is refused, tried
 * now), "environment" (count of variables left), "dumpable". Members, no
 * braces. Runs in the loop's thread under its filter.
 */
void confine_audit(struct json *);

/*
 * "FD KIND ACCESS TARGET": FD as given, ACCESS of r, w, rw, path; KIND one of
 * memory, epoll, eventfd, timerfd, signalfd, kvm, kvm-vm, kvm-vcpu, socket,
 * pipe, anon, file; TARGET as /proc/PID/fd/FD has it (link). flags: its
 * O_ACCMODE and O_PATH.
 */
void confine_descriptor(
	char *to, size_t size, int fd, const char *link, int flags);

#endif
