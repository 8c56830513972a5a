/* SPDX-License-Identifier: MIT */
/*
 * A machine's configuration: one table of keys drives checking, setting and
 * printing. Values are text, as on a command line or in a file.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_UARTS 4
#define CONFIG_CPUS 255

enum on_reset { ON_RESET_EXIT, ON_RESET_RESTART };

struct config_item { /* a key as it was set */
	const char *key;
	char *value;
};

struct config {
	char *kernel, *initrd, *cmdline, *accel, *debugcon;
	char *serial[CONFIG_UARTS]; /* back end specs, see lib/chr.h */
	unsigned serials;
	uint64_t memory; /* bytes */
	uint64_t cpus;
	int64_t timeout, stop_timeout; /* ns; 0: none */
	enum on_reset on_reset;
	bool debug_exit, test_device, icount;
	bool flat;
	uint64_t flat_addr;
	uint64_t entry; /* Linux: 0 (the best), 32 or 64 */
	/* What a machine's directory adds. */
	char *description, *uuid;
	enum on_reset on_crash; /* panic, triple fault, halted for good */
	bool autostart;
	unsigned keep; /* enum home_keep, lib/home.h */
	/* All keys that were set, in order; x-... too. */
	struct config_item *item;
	size_t items;
};

enum {
	CONFIG_LIVE = 1, /* takes effect while the machine runs */
	CONFIG_FILE = 2, /* names a file: tools make it absolute */
	CONFIG_LIST = 4 /* may be repeated */
};

struct config_key {
	const char *name, *form, *help;
	const char *standard; /* the default, as text; "" none */
	unsigned flags;
};

void config_init(struct config *); /* the defaults */
void config_free(struct config *); /* what it points to */
/* -EINVAL or -ERANGE with a sentence "key: cause"; -ENOENT: no such key.
 * "serial" adds one at each call; all others replace. Keys that begin with x-
 * are the user's own and just kept. */
int config_set(struct config *, const char *key, const char *value);
/* Back to the default; a list is emptied. */
int config_unset(struct config *, const char *key);
/* A file's text (lib/kv.h); sentences name it and the line. */
int config_parse(
	struct config *, const char *name, const char *text, size_t size);
/* What config_parse() takes: the keys that were set; all: and the defaults. */
void config_print(const struct config *, FILE *, bool all);
/* The value of a key as text, the nth of a list; NULL if it was not set. */
const char *config_get(const struct config *, const char *key, size_t nth);
/* The row of a key; NULL if unknown. x-... have one too. */
const struct config_key *config_find(const char *key);
/* Key number n, in the manual's order; NULL behind the last. */
const struct config_key *config_key(size_t n);

#endif
