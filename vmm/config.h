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

#define CONFIG_UARTS 4
#define CONFIG_CPUS 255

enum on_reset { ON_RESET_EXIT, ON_RESET_RESTART };

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
};

struct config_key {
	const char *name, *form, *help;
};

void config_init(struct config *); /* the defaults */
void config_free(struct config *); /* what it points to */
/* -EINVAL or -ERANGE with a sentence "key: cause"; -ENOENT: no such key.
 * "serial" adds one at each call; all others replace. */
int config_set(struct config *, const char *key, const char *value);
/* Key number n, in the manual's order; NULL behind the last. */
const struct config_key *config_key(size_t n);

#endif
