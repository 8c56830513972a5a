/* SPDX-License-Identifier: MIT */
/*
 * What tools share that make and change machines: key=value on the command
 * line, and configuration files. Each function says itself what is wrong, and
 * returns 0 or the code to end with.
 */
#ifndef BIN_TOOL_CONFIG_H
#define BIN_TOOL_CONFIG_H

#include "bin/tool-disk.h"
#include "lib/vmm.h"
#include "vmm/config.h"

/* Names that no machine can have are misuse. */
int tool_check_name(const char *name);

/* The state directory; make: where it is missing, else that is said as a
 * machine that is missing. */
int tool_home(struct vmm_home **, bool make, const char *name);

/* "key=value": set it; a list grows. "key=": unset it. Files become absolute,
 * and disks with a size are planned. */
int tool_assign(struct config *, const char *arg, struct tool_disks *);
/* The same for a value, as 0 or -errno with a sentence. */
int tool_set(struct config *, const char *key, const char *value,
	struct tool_disks *);
/* The key of that, as far as it fits; "" if it has none. */
void tool_key(char key[64], const char *arg);

/* A machine's configuration, and its text, which is to be freed. After a
 * failure both are empty. */
int tool_load(
	struct vmm_home *, const char *name, struct config *c, char **text);

/* Keys that exclude each other. */
int tool_check_config(const struct config *);
/* The files it boots from are there. */
int tool_check_files(const struct config *);

#endif
