/* SPDX-License-Identifier: MIT */
/*
 * Firmware: what a machine without a kernel of its own starts, as files. A flat
 * BIOS image, SeaBIOS by default; or EDK2's OVMF, code and variables apart. The
 * board maps them.
 */
#ifndef VMM_FIRMWARE_H
#define VMM_FIRMWARE_H

#include "vmm/boot.h"
#include "vmm/config.h"

#define FIRMWARE_MAX (16u << 20)

struct firmware {
	struct blob code; /* whole pages; ends at 4 GiB */
	/* Flash below it, whole pages too: written by the board as the guest
	 * does. NULL: there is none. */
	uint8_t *vars;
	uint32_t vars_size;
	int vars_fd; /* "vars.fd" in the machine's directory; -1: they live in
		      * memory */
};

/* Does this machine start firmware? */
bool firmware_wanted(const struct config *);
/* The name of its code's file: static, or the config's. -ENOENT. */
int firmware_file(const struct config *, const char **path);
/*
 * Open what the config names. dir: the machine's directory, in which the
 * variables are made where they are not yet; -1: none. -errno with a sentence;
 * what is not installed is named with its Debian package.
 */
int firmware_open(struct firmware **, const struct config *, int dir);
void firmware_close(struct firmware *);

#endif
