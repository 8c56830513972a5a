/* SPDX-License-Identifier: MIT */
/*
 * VDI, VirtualBox's own disk images, header version 1.1: a header of 512 bytes,
 * a map with a little-endian number for each block of the disk, and the blocks,
 * in the order in which they were first written. Inside lib/image only: vdi.c
 * reads and writes, vdi-room.c finds room for blocks, vdi-make.c makes images
 * and changes their size, vdi-check.c checks.
 */
#ifndef LIB_IMAGE_VDI_H
#define LIB_IMAGE_VDI_H

#include <pthread.h>

#include "lib/image/image-int.h"
#include "lib/image/meta.h"

enum {
	VDI_HEADER = 512,
	VDI_DYNAMIC = 1,
	VDI_FIXED = 2,
	VDI_BLOCK = 1 << 20, /* what everybody uses */
	VDI_ALIGN = 1 << 20, /* of map and data in what we make */
	/* Limits of ours. */
	VDI_MIN_BLOCK = 4096,
	VDI_MAX_BLOCK = 256 << 20,
	VDI_MAX_BLOCKS = 1 << 26 /* 64 TiB */
};

/* Offsets in the header; sizes are 4 bytes, but for SIZE's 8. */
enum {
	VDI_SIGNATURE = 64,
	VDI_VERSION = 68,
	VDI_HEADER_SIZE = 72, /* from here on */
	VDI_TYPE = 76,
	VDI_MAP = 340,
	VDI_DATA = 344,
	VDI_SECTOR = 360,
	VDI_SIZE = 368,
	VDI_BLOCK_SIZE = 376,
	VDI_BLOCK_EXTRA = 380,
	VDI_BLOCKS = 384,
	VDI_ALLOCATED = 388,
	VDI_UUID = 392, /* of the image, 16 bytes; then of its last change */
	VDI_UUID_LINK = 424,
	VDI_UUID_PARENT = 440
};

#define VDI_MAGIC 0xbeda107fu
#define VDI_ABSENT 0xffffffffu /* in the map: never written */
#define VDI_ZERO 0xfffffffeu /* discarded: zeros */

struct vdi {
	pthread_mutex_t lock; /* around all of this */
	struct meta meta; /* of the map; changes wait for their data */
	uint64_t map, data; /* offsets in the file */
	uint32_t type, block, blocks;
	uint32_t allocated; /* what the header shall say */
	uint32_t allocated_there; /* what it says */
	uint32_t limit; /* blocks that the file may have: below this */
	/* The blocks of the file that are in use, a bit each; made when a
	 * block is needed. All below first are. */
	uint8_t *used;
	uint32_t first;
};

/* With the lock held; 0 or -errno with a sentence. */

/* What the map has for a block: VDI_ABSENT, VDI_ZERO, or a block of the file
 * that is there. */
int vdi_entry(struct image *, uint32_t block, uint32_t *entry);
int vdi_set_entry(struct image *, uint32_t block, uint32_t entry);
/* A block of the file that reads as zeros, now in use for that of the disk. */
int vdi_allocate(struct image *, uint32_t block, uint32_t *entry);
/* Where changes go to the file, in order: data, barrier, map, barrier. */
int vdi_commit(struct image *);
/* Write the header's fields from what is here, at once. */
int vdi_write_header(struct image *);
/* Move blocks so that they lie without gaps from the first on, and cut the
 * file off behind them. */
int vdi_compact(struct image *);

/* image_ops */
int vdi_create(struct image_file *, const struct image_create *);
int vdi_resize(struct image *, uint64_t size);
int vdi_check(struct image *, bool repair, struct image_check *,
	const struct image_tell *);

static inline uint64_t
vdi_offset(const struct vdi *v, uint32_t entry)
{
	return v->data + (uint64_t)entry * v->block;
}

static inline bool
vdi_is_block(uint32_t entry)
{
	return entry < VDI_ZERO;
}

#endif
