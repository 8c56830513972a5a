/* SPDX-License-Identifier: MIT */
/*
 * The disks in a machine's directory: "disk=10G" makes one there, and
 * vm-clone(1) copies them.
 */
#ifndef BIN_TOOL_DISK_H
#define BIN_TOOL_DISK_H

#include "vmm/config.h"

struct tool_disk { /* to be made */
	struct config_disk config; /* its first backing file is the image's */
	uint64_t size;
	bool made;
};

struct tool_disks {
	int dir; /* of the machine; -1: there is none yet */
	struct tool_disk disk[CONFIG_DISKS];
	unsigned n;
};

/* Is it "SIZE", or with options behind it? */
bool tool_disk_is_new(const char *value);
/* Plan one: *out is what the config is to say of it, free(). c: the config so
 * far. 0 or -errno with a sentence. */
int tool_disks_plan(struct tool_disks *, const struct config *c,
	const char *value, char **out);
/* Make what was planned in dir, for good but for the name of disks/ itself. to
 * is a struct tool_disks: for api_create(). After a failure none is left. */
int tool_disks_make(void *to, int dir);
/* Remove what was made: the config will not have it. */
void tool_disks_drop(struct tool_disks *, int dir);
void tool_disks_free(struct tool_disks *);

/* Has the machine in that directory anything that a clone is to have too? */
bool tool_disks_any(int dir);
/* Copy that, holes and shared blocks included where the file system can. A file
 * that is in use is -EBUSY. */
int tool_disks_copy(int from, int to);

#endif
