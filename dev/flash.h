/* SPDX-License-Identifier: MIT */
/*
 * A NOR flash chip of bytes with Intel's command set, as EDK2's variable store
 * expects it (QEMU's pflash_cfi01). Bar 0: all of it. While it reads as memory
 * the board may show that memory to the guest directly; writes always come
 * here. After a command, reads are answered here until it goes back to reading
 * as memory.
 *
 * Its contents are not among the fields: they are a disk's, not registers.
 */
#ifndef DEV_FLASH_H
#define DEV_FLASH_H

#include "dev/dev.h"

enum { FLASH_BLOCK = 4096 };

struct flash_out {
	/* Reads come here (commands), or it reads as memory. With the device's
	 * lock held, from a vCPU or while none runs. May be NULL. */
	void (*commands)(void *to, bool on);
	void *to;
};

/*
 * size bytes of whole blocks at mem, which outlive it. fd: the file that has
 * them at its beginning, or -1; every finished write is in it, and on disk
 * before the guest is told of the next after it read memory again.
 */
struct dev *flash_new(uint8_t *mem, uint32_t size, int fd, struct flash_out);

#endif
