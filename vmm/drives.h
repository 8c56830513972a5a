/* SPDX-License-Identifier: MIT */
/*
 * A machine's drives: the images that its config names, opened before anything
 * is made and before the process is confined, behind one pool of workers.
 * Drives that the config names stay for good; those attached later come and go.
 * All calls come from the loop's thread.
 */
#ifndef VMM_DRIVES_H
#define VMM_DRIVES_H

#include "lib/disk.h"
#include "lib/log.h"
#include "vmm/config.h"

struct drives;

struct drives_host { /* copied; nothing is owned */
	const struct config *config;
	int dir; /* the machine's directory; -1: none */
	struct clock *clock;
	const struct log *log;
	/* The host refused a request, which waits (kept: on-io-error = pause)
	 * or is reported to the guest; any thread. */
	void (*failed)(
		void *to, const char *id, enum disk_op, int err, bool kept);
	/* The guest moved a tray, disk_tray_moved() says which; any thread. */
	void (*moved)(void *to);
	void *to;
};

struct drive {
	struct disk *disk; /* its id is disk_id() */
	struct config_disk config; /* a copy */
	bool attached; /* not by the config */
	struct drive *next; /* drives.c */
};

/* -errno with a sentence; a file that is in use is -EBUSY. No thread yet. */
int drives_open(struct drives **, const struct drives_host *);
void drives_close(struct drives *);
/* Make the workers; each calls begins(to) first. */
int drives_start(struct drives *, int (*begins)(void *to), void *to);

/* Number n, NULL behind the last; by id, NULL: none. */
struct drive *drives_get(struct drives *, unsigned n);
struct drive *drives_find(struct drives *, const char *id);

/*
 * Open an image from descriptors: fd[0] the image, then its backing files, as
 * config says; all are taken over, success or not. The chain's headers are
 * checked against what was given.
 */
int drives_open_fds(const struct config_disk *config, const int *fd, unsigned n,
	struct image **);
/* One more drive, with that medium (may be NULL), both taken over; -EEXIST. */
int drives_attach(struct drives *, const struct config_disk *, struct image *,
	struct drive **);
/* After its device has gone; only one that was attached. */
void drives_detach(struct drives *, struct drive *);

/* Of all drives together, those that were detached included; waiting is 0. */
void drives_get_stats(struct drives *, struct disk_stats *);

/* Within so many ms, together; NULL, or the id of one whose host does not
 * answer. */
const char *drives_drain(struct drives *, int ms);
/* What is in flight is given up, see disk_abandon(); drives_close() then leaves
 * what cannot be freed. */
void drives_abandon(struct drives *);
void drives_reset(struct drives *);
void drives_retry(struct drives *);

#endif
