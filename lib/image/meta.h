/* SPDX-License-Identifier: MIT */
/*
 * A small cache of an image's tables, by pages of its file: tables may be as
 * large as they say, only what is looked at takes memory, and no more than a
 * fixed amount. Changes stay in it until meta_flush(). The owner locks.
 */
#ifndef LIB_IMAGE_META_H
#define LIB_IMAGE_META_H

#include "lib/image/file.h"

enum { META_PAGE = 4096, META_PAGES = 128 };

struct meta_page;

struct meta { /* zeroed, but file */
	struct image_file *file;
	struct meta_page *page[META_PAGES]; /* by page number, modulo */
	unsigned dirty; /* pages that have changes */
};

/* n bytes at off of the file; 0 or -errno with a sentence. */
int meta_read(struct meta *, uint64_t off, void *p, size_t n);
/* Change n bytes within one page. -EAGAIN: changes of another page are in the
 * way; meta_flush() first. */
int meta_write(struct meta *, uint64_t off, const void *p, size_t n);
/* Write what changed, and that alone. What fails stays changed. */
int meta_flush(struct meta *);
/* Forget everything, changes included. */
void meta_free(struct meta *);

#endif
