/* SPDX-License-Identifier: MIT */
/*
 * vm-disk, inside: vm-disk.c has the options and the table of verbs, the files
 * beside this one a verb each. chain.c opens images with what they stand on,
 * place.c makes a file whole or not at all.
 */
#ifndef BIN_DISK_H
#define BIN_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/image/image.h"
#include "lib/opt.h"

struct img_conf { /* the command line */
	const char *format, *out_format, *backing, *backing_format;
	struct opt_list opts;
	bool json, quiet, chain, compress, progress, repair, unsafe, shrink;
	bool force, sync, list;
	char *minus; /* a "-5G", which is no option */
	char **v; /* the operands behind the verb */
	unsigned n;
};

/* Exit codes of check, beside 0, 1 and 2. */
enum { IMG_ERRORS = 3, IMG_LEAKS = 4 };

/* Verbs: an exit code, all being said. */
int img_create(const struct img_conf *);
int img_info(const struct img_conf *);
int img_convert(const struct img_conf *);
int img_check(const struct img_conf *);
int img_resize(const struct img_conf *);
int img_map(const struct img_conf *);
int img_commit(const struct img_conf *);
int img_rebase(const struct img_conf *);
int img_cmp(const struct img_conf *);

/* ---- opening (chain.c) ---- */

struct img_open {
	const char *path; /* "-": standard input, where that is a file */
	/* NULL: by the name's suffix, or with probe by what is inside. */
	const char *format;
	bool write, alone, probe, unlocked, check;
};

/* 0 or -errno with a sentence. */
int img_open_image(struct image **, const struct img_open *);
/* What the header of image has as its backing file, opened for itself. from:
 * the path of image. NULL in *base, and 0: it has none. */
int img_base_open(struct image **base, const struct image *, const char *from,
	bool write);
/* The name beside the file that mentions it; malloc'ed, NULL: no memory. */
char *img_path_beside(const char *from, const char *name);

/* ---- making (place.c, create.c) ---- */

struct img_place {
	char *path, *temp; /* temp NULL: the file has no name yet */
	int fd;
	bool force, device;
	bool old; /* there is one, whose mode is kept */
	mode_t mode;
};

/* A new file, to be at path when it is complete; or the block device there. */
int img_place_open(struct img_place *, const char *path, bool force);
/* Give it its name. sync: once that returns, no crash takes it away. */
int img_place_done(struct img_place *, bool sync);
void img_place_drop(struct img_place *); /* done or not */

/* The options of -o. */
int img_create_options(
	const struct opt_list *, enum image_format, struct image_create *);
/* An empty image there; the image has a descriptor of its own, and waits for
 * the disk at no flush: img_place_done() does. */
int img_make(struct img_place *, enum image_format, const struct image_create *,
	struct image **);
/* By its name or, without, by the suffix of path. */
int img_format(const char *name, const char *path, enum image_format *);

/* ---- the rest ---- */

struct img_progress {
	bool shown;
	int last; /* tenths of a percent */
};

void img_progress_open(struct img_progress *, const struct img_conf *);
void img_progress(struct img_progress *, uint64_t done, uint64_t all);
void img_progress_close(struct img_progress *);

bool img_zeros(const void *, size_t n);
/* The extent at off, cut to [off, off+max). What is behind the end of the image
 * is absent. */
int img_extent(
	struct image *, uint64_t off, uint64_t max, struct image_extent *);
/* n bytes; zeros behind the end of the image. image NULL: zeros. */
int img_read(struct image *, uint64_t off, void *, size_t n);

/* What goes to a stream instead of a file: the whole of image as qcow2. */
int img_stream_qcow2(struct image *, const struct img_conf *, int fd);
int img_write_all(int fd, const void *, size_t n);

#endif
