/* SPDX-License-Identifier: MIT */
/* Opening images by what the config says, for drives.c. */
#ifndef VMM_DRIVES_INT_H
#define VMM_DRIVES_INT_H

#include "vmm/drives.h"

/* The image of a drive, its backing files and its overlay. dir: where relative
 * names lie, -1: the working directory. 0 or -errno with a sentence. */
int drives_open_image(const struct config_disk *, int dir, struct image **);

#endif
