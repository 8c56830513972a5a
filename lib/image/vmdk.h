/* SPDX-License-Identifier: MIT */
/*
 * VMDK, VMware's disk images, read-only: "Virtual Disk Format 1.1" (2007) and
 * 5.0 (2011). A disk is a row of extents, which a text, the descriptor, lists.
 * Inside lib/image only: vmdk.c opens and maps, vmdk-text.c reads descriptors,
 * vmdk-sparse.c knows sparse extents, vmdk-pack.c compressed ones, and checks.
 */
#ifndef LIB_IMAGE_VMDK_H
#define LIB_IMAGE_VMDK_H

#include <pthread.h>

#include "lib/image/image-int.h"
#include "lib/image/meta.h"

enum {
	VMDK_SECTOR = 512,
	/* Limits of ours. */
	VMDK_TEXT = 256 << 10, /* bytes of a descriptor */
	VMDK_EXTENTS = 128,
	VMDK_GRAIN = 2 << 20, /* bytes */
	VMDK_TABLE = 512, /* entries */
	VMDK_TABLES = 1 << 20 /* 32 TiB with grains of 64 KiB */
};

enum vmdk_kind { VMDK_FLAT, VMDK_ZERO, VMDK_SPARSE };

struct vmdk_sparse {
	struct image *im; /* for sentences */
	struct image_file *file;
	struct meta meta; /* of directory and tables */
	uint64_t file_size, size; /* bytes of the file, of the extent */
	uint64_t text, text_size; /* the descriptor within, bytes; size 0: none
				   */
	uint64_t directory; /* offset in the file */
	uint32_t grain, entries; /* bytes; grains in a table */
	bool compressed, marked, zeros; /* marked: grains have a header */
	/* The last grain that was unpacked. */
	uint8_t *packed, *plain;
	uint64_t plain_at; /* its offset in the file; 0: none */
};

struct vmdk_extent {
	enum vmdk_kind kind;
	uint64_t start, size; /* bytes of the disk */
	char *name; /* of the file; NULL: this one, or none */
	uint64_t file_off; /* FLAT */
	struct image *part; /* the open file, NULL: this one */
	struct vmdk_sparse *sparse;
};

struct vmdk {
	pthread_mutex_t lock; /* around what the sparse extents remember */
	struct vmdk_extent *extent;
	unsigned extents;
	char type[32]; /* "monolithicSparse"; "" unknown */
};

/* Read a descriptor: fills in type and extents (without opening their files).
 * n bytes of text, which is changed. */
int vmdk_text(struct image *, struct vmdk *, char *text, size_t n);

/* Does the file begin as a sparse extent? Then look at it, with limits. */
bool vmdk_is_sparse(const uint8_t *head);
int vmdk_sparse_open(
	struct image *, struct image_file *, struct vmdk_sparse **);
void vmdk_sparse_free(struct vmdk_sparse *);
/* As image_ops map and unpack, off within the extent; the lock is held. */
int vmdk_sparse_map(struct vmdk_sparse *, uint64_t off, uint64_t len,
	struct image_extent *);
/* *at: where table n is; 0 it is not there, UINT64_MAX (and -EIO) it cannot
 * be. */
int vmdk_find_table(struct vmdk_sparse *, uint64_t n, uint64_t *at);
/* What a table has for a grain. *at: its offset in the file; 0 it is absent, 1
 * it is zeros. */
int vmdk_use_entry(
	struct vmdk_sparse *, uint64_t grain, uint32_t entry, uint64_t *at);
int vmdk_find_grain(struct vmdk_sparse *, uint64_t grain, uint64_t *at);
int vmdk_sparse_unpack(
	struct vmdk_sparse *, uint64_t off, struct iov_at *at, size_t len);
int vmdk_sparse_check(
	struct vmdk_sparse *, struct image_check *, const struct image_tell *);

#endif
