/* SPDX-License-Identifier: MIT */
/*
 * The state directory: machines as directories. vm-state(5) is the interface;
 * this is what the tools do to it.
 *
 * A machine runs as long as a process holds an open-file-description write lock
 * on byte 0 of NAME/lock; nothing else says so, and nobody repairs anything. A
 * second byte is locked while the config is changed. Names appear and go by
 * one rename each: .new/ID becomes NAME, NAME becomes .trash/ID. Leftovers of
 * both whose lock is free may be swept by anybody.
 *
 * Everything that changes the disk goes through lib/calls.h. Errors are
 * sentences: "NAME: no such machine".
 */
#ifndef LIB_HOME_H
#define LIB_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/calls.h"

struct home; /* an open state root; outlives what was opened in it */
struct home_vm; /* the open directory of a machine */

enum home_state {
	HOME_STOPPED, /* never ran, or ended well */
	HOME_STARTING, /* locked, not yet in the guest */
	HOME_RUNNING,
	HOME_PAUSED,
	HOME_STOPPING, /* the button was pressed, or it is being put away */
	HOME_CRASHED, /* the guest failed (panic, triple fault, halted), or the
		       * process went without a word */
	HOME_ERROR /* our own failure */
};
enum { HOME_STATES = HOME_ERROR + 1 };
/* "stopped"...; -1 for no such word. */
const char *home_state_name(enum home_state);
int home_state_find(const char *name);

enum home_keep { HOME_KEEP_ALWAYS, HOME_KEEP_FAILURE, HOME_KEEP_NEVER };

/*
 * The root. path NULL: $VM_HOME, else ${XDG_DATA_HOME:-$HOME/.local/share}/vm
 * (the home directory from the user database where $HOME is unset), for root
 * /var/lib/vm. make: made with what is missing above it, mode 0700; else one
 * that is not there is -ENOENT (for listing: no machines). Refused, -EPERM: it
 * is not ours, others may write to it, it is on a network file system (unless
 * $VM_HOME_NETWORK is "yes"). calls may be NULL, and must outlive it.
 */
int home_open(
	struct home **, const char *path, bool make, const struct calls *calls);
void home_close(struct home *);
const char *home_path(const struct home *);

/* 0, or -EINVAL with a sentence: [A-Za-z0-9][A-Za-z0-9_.-]{0,62}. */
int home_check_name(const char *name);

/* All names in the root, sorted; one allocation, free(). Whatever does not look
 * like a machine (no "lock" in it) is not listed. *n may be 0. */
int home_names(struct home *, char ***names, size_t *n);

/*
 * Make a machine, complete or not at all. -EEXIST: the name is taken. config is
 * its text. locked: it appears locked by this process, so nobody else runs
 * it; made for a run that leaves nothing, it is not synced to the disk either.
 */
int home_create(struct home *, const char *name, const char *config,
	size_t size, bool locked, struct home_vm **);
/*
 * The same, unlocked and synced, with what fill() puts into its directory and
 * syncs itself, but for the directory's own entries: 0 or -errno with a
 * sentence. fill may be NULL.
 */
int home_create_with(struct home *, const char *name, const char *config,
	size_t size, int (*fill)(void *to, int dir), void *to,
	struct home_vm **);
/* What was made locked is to be kept after all: synced now, and not swept if
 * its status is lost. Call it before the run; home_leave() does where need be.
 * Nothing happens to any other machine. */
int home_sync(struct home_vm *);
/* -ENOENT: "NAME: no such machine". -EINVAL: bad name, or not a machine's
 * directory, or a format that we do not know. */
int home_find(struct home *, const char *name, struct home_vm **);
/* Also gives up the locks, unless a child of ours has them too. NULL is fine.
 */
void home_vm_close(struct home_vm *);
const char *home_vm_name(const struct home_vm *);
const char *home_vm_path(const struct home_vm *); /* absolute */
int home_vm_fd(const struct home_vm *); /* its directory, O_PATH no */
int home_vm_root(const struct home_vm *); /* the directory it lies in */

/*
 * Take byte 0, never waiting, and see that the directory still bears its name
 * (-ENOENT: it does not, any more). -EBUSY: "NAME: already running, process
 * 123" (or "... is being removed" and the like, as well as we know). The lock
 * is not inherited by exec, and goes with home_vm_close().
 */
int home_lock(struct home_vm *);
/* Give byte 0 up again, the directory stays open. */
void home_unlock(struct home_vm *);
bool home_is_locked(const struct home_vm *); /* by this process */
/* Does anybody hold byte 0? Takes nothing, never waits. 1, 0, -errno. */
int home_held(const struct home_vm *);
/* Byte 1, for changing the config; waits up to 5 s, then -EBUSY. */
int home_lock_config(struct home_vm *);
void home_unlock_config(struct home_vm *);

/* These three want home_lock() first (-EPERM without). */
int home_remove(struct home_vm *);
int home_rename(struct home_vm *, const char *to); /* -EEXIST */
/* It ends as its keep says: removed or kept, unlocked in any case. */
int home_leave(struct home_vm *, enum home_keep, bool failed);

/* The config's text, at most KV_TEXT_MAX; free(). NUL-terminated too. */
int home_config(const struct home_vm *, char **text, size_t *size);
int home_set_config(struct home_vm *, const char *text, size_t size);

/*
 * status: small, replaced by rename, for reading, never trusted for signalling.
 * Written by the VM process alone.
 */
struct home_status {
	enum home_state phase;
	pid_t pid;
	uint64_t start; /* of the process, /proc/PID/stat field 22 */
	char boot[40]; /* /proc/sys/kernel/random/boot_id */
	char engine[16]; /* "" unknown yet */
	uint64_t cpus, memory; /* bytes */
	int64_t since; /* this phase began; seconds since 1970 UTC */
	int64_t started; /* this run, or the last one; 0 never */
	int64_t ended; /* the last run; 0 */
	int exit; /* vm-run's exit code; -1 none yet */
	char cause[160];
	char confined[160]; /* what confinement is in force, for people */
	enum home_keep keep;
};
int home_set_status(struct home_vm *, const struct home_status *);
/* Fills pid, start and boot for this process. */
void home_status_self(struct home_status *);

/*
 * What a machine looks like from outside, without opening or contacting it.
 * state is the truth: a held lock under an ended phase is STARTING (or
 * STOPPING, as long as the process that ended there still is), a free one under
 * a live phase CRASHED (cause then says "the process ended without a word", or
 * that the host was started anew). A garbled status is as none.
 */
struct home_look {
	enum home_state state;
	bool held;
	struct home_status status; /* as it stands in the file; zeroed, with
				    * exit -1, if not */
	int64_t created; /* seconds since 1970 */
};
int home_look(struct home *, const char *name, struct home_look *);
int home_vm_look(const struct home_vm *, struct home_look *);

/* Is this still the process of that status: pidfd, or -ESRCH. Never by pid
 * alone: start time and boot id agree, and it is seen to hold the lock (by its
 * descriptors, or, where those are not ours to see, as who listens at "ctl").
 */
int home_pidfd(const struct home_vm *, const struct home_status *);

/*
 * events.jsonl: one object a line, appended: {"time":"...Z","event":"RESET",
 * ...}. members: further members as JSON text (`"exit": 0, "cause": ""`), or
 * NULL. Rotated to events.jsonl.1 at 4 MiB. Failures are not reported: a
 * machine does not stop for a full disk.
 */
void home_event(struct home_vm *, const char *event, const char *members);

/* Remove leftovers in .new, .trash, and crashed machines whose keep is never.
 * Cheap when there are none; errors are nobody's business. */
void home_sweep(struct home *);

#endif
