/* SPDX-License-Identifier: MIT */
/* What the files of lib/home share. */
#ifndef LIB_HOME_INT_H
#define LIB_HOME_INT_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/home.h"

struct home {
	char *path; /* absolute */
	int fd;
	const struct calls *calls;
	char boot[40]; /* this boot of the host; "" unknown */
};

struct home_vm {
	struct home *home;
	char *name, *path;
	int dir;
	/* Open while byte 0, or byte 1, of "lock" is ours; else -1. Two
	 * descriptions, so that neither knows of the other's. */
	int run_fd, config_fd;
	bool torn; /* the last line of events.jsonl may lack its end */
};

enum {
	HOME_BYTE_RUN,
	HOME_BYTE_CONFIG,
	HOME_CONFIG_MS = 5000, /* how long to wait for the latter */

	/* How to open what a hostile process may have put there: no symbolic
	 * link, no waiting for the other end of a FIFO, no new terminal. */
	HOME_SAFE = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
	HOME_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
};

/* --- home.c --- */
bool home_is_name(const char *name);
/* /proc/sys/kernel/random/boot_id; "" if it cannot be read. */
void home_boot_id(char boot[40]);
/* A file of at most max bytes, NUL-terminated, free(): 0 or -errno, silent.
 * -EFBIG: it has more. -EINVAL: it is no file. */
int home_read(int dir, const char *name, size_t max, char **text, size_t *size);

/* --- home-vm.c --- */
/* Open a machine's directory, or what is left of one: -errno, silent. */
int home_vm_open(struct home *, const char *name, struct home_vm **);
/* The same from an open directory, which it then owns; -ENOMEM. */
int home_vm_new(struct home *, const char *name, int dir, struct home_vm **);
/* Is this directory parent/name? */
bool home_is_at(int dir, int parent, const char *name);
/*
 * Take byte 0 of the lock of a directory that is parent/name, never waiting:
 * its descriptor. Silent. -EAGAIN: held. -ESTALE: it is there no more.
 * -ENOENT: there is no lock.
 */
int home_claim(int dir, int parent, const char *name);
/* Take byte 1: its descriptor, or -errno, silent. -EAGAIN: it was held all the
 * time. */
int home_take_config(int dir, unsigned wait_ms);
/* Does anybody hold byte 0: 1, 0, -errno. */
int home_dir_held(int dir);

/* --- home-status.c --- */
/* The status as it stands: 0, -ENOENT if there is none or it is garbled. */
int home_get_status(int dir, struct home_status *);
/* The same, and the file, open; -1 if there is none. */
int home_open_status(int dir, struct home_status *, int *fd);
int home_put_status(const struct calls *, int dir, const struct home_status *);

/* --- home-holder.c --- */
/* Is it known that this process holds byte 0? Never waits. */
bool home_is_holder(int dir, pid_t pid);

/* --- home-config.c --- */
/* Replace a file of a machine, written as "aside" first: silent. sync: old or
 * new, whole, also after a power failure. */
int home_replace(const struct calls *, int dir, const char *name,
	const char *aside, const char *text, size_t size, bool sync);

/* --- home-make.c --- */
/*
 * "parent/NAME", a directory for what is being made or removed; made if need
 * be. A descriptor or -errno.
 */
int home_aside(struct home *, const char *which);
/* A name that is not likely to be taken. */
enum { HOME_ID_MAX = 24 };
void home_id(char id[HOME_ID_MAX]);
/* rename that replaces nothing: 0 or -errno, -EEXIST. */
int home_move(const struct home *, int from_dir, const char *from, int to_dir,
	const char *to);

/* --- home-remove.c --- */
/* Put root/name, which is dir and locked, aside and delete it. sync: its name
 * is gone for good before the first file is. moved: whether its name is gone.
 */
int home_trash(
	struct home *, const char *name, int dir, bool sync, bool *moved);
/* Delete parent/id, which is dir and locked. -EAGAIN: somebody still changes
 * its config after wait_ms. */
int home_discard(const struct home *, int parent, const char *id, int dir,
	unsigned wait_ms);

/* --- home-tree.c --- */
/* Empty a directory but for some names (NULL-terminated; NULL: nothing is
 * spared). plain: with no calls but those that a confined process may make. */
int home_clear(
	const struct calls *, int dir, const char *const *except, bool plain);
/* Where a file of ours is to be there is a directory: away with it. 0 or
 * -errno, -ENOTDIR: it is none. */
int home_drop_dir(const struct calls *, int dir, const char *name, bool plain);
/* The same for all names that a run needs; what cannot be is told later. */
void home_tidy(const struct calls *, int dir);

/* --- home-sweep.c --- */
/* If that name is of a machine that was not to be kept and is not running,
 * remove it: true. */
bool home_sweep_name(struct home *, const char *name);

#endif
