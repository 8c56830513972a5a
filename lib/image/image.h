/* SPDX-License-Identifier: MIT */
/*
 * Disk images: raw, qcow2, VDI, VMDK, VHD behind one set of calls. Offsets and
 * lengths are bytes; the disk is what the guest sees, image_size() long.
 *
 * An image is hostile: limits come first, memory is allocated later; opening
 * one costs at most a second and 64 MiB before it is refused (SPEC.md S8), and
 * touches no file but those that the caller gives it. The format is told, never
 * guessed; image_probe() is for `vm-disk info` alone.
 *
 * Calls on one image may come from several threads at once; the image locks
 * itself. Two that overlap, at least one of them a write, have no order. They
 * return 0 or -errno with a sentence that names the file; -EIO also for what is
 * broken inside the image. After a failed write the range holds old or new
 * bytes, nothing else.
 *
 * What was written before image_flush() was called is on the disk once that has
 * returned 0, whatever crashes then; an image that was left by a crash opens
 * without repair.
 */
#ifndef LIB_IMAGE_IMAGE_H
#define LIB_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct image;
struct json;
struct calls; /* lib/calls.h: a test makes any step fail, or the last */

enum image_format {
	IMAGE_RAW,
	IMAGE_QCOW2,
	IMAGE_VDI,
	IMAGE_VMDK,
	IMAGE_VHD,
	IMAGE_FORMATS
};

enum { IMAGE_CHAIN = 16 }; /* images in a chain of backing files, at most */

const char *image_format_name(enum image_format); /* "qcow2" */
/* -EINVAL with a sentence that lists the formats. */
int image_format_parse(const char *name, enum image_format *);
/* By the name's suffix: .qcow2 .vdi .vmdk .vhd; all else is raw. Reads
 * nothing. */
enum image_format image_format_by_name(const char *path);

/* ---- opening ---- */

/*
 * Who opens the backing file that a header names: sets *fd (read-only, then the
 * image's) and *format. name and format_name (may be "") are the header's
 * bytes, checked for UTF-8 and control characters only. depth counts from 1.
 * *path is what sentences call it: allocated, freed by the image; NULL: name.
 * -errno with a sentence refuses it.
 */
struct image_backing {
	int (*open)(void *to, const char *name, const char *format_name,
		unsigned depth, int *fd, enum image_format *format,
		char **path);
	void *to;
};

struct image_options {
	bool write; /* else read-only: nothing in the file is changed */
	/* Take the byte locks that QEMU and qemu-img take (shared or exclusive
	 * as write says); -EBUSY with a sentence where another holds them. */
	bool lock;
	/* Nobody minds what a crash leaves of it (a file that has no name yet,
	 * a throw-away overlay): nothing waits for the disk. */
	bool unsafe;
	/* Do not open the backing file: what is not here reads as zeros, and
	 * image_map() says IMAGE_ABSENT. */
	bool alone;
	/* For image_check(): wrong tables and a mark that the image is corrupt
	 * do not refuse it, nor is it repaired while it is opened. */
	bool check;
	size_t cache; /* bytes, for qcow2's tables; 0: 1 MiB */
	const struct image_backing *backing; /* NULL: one that has is refused */
	const struct calls *calls; /* may be NULL */
};

/*
 * fd: the file, opened as options say; taken over, on success. name: for
 * sentences, copied. Block devices are fine (raw).
 */
int image_open(struct image **, int fd, const char *name, enum image_format,
	const struct image_options *);
/* Flushes what it can; 0 or the first -errno. NULL is fine. */
int image_close(struct image *);
/* What the file seems to be, by its first and last bytes. */
int image_probe(int fd, const char *name, enum image_format *);

/* ---- the disk ---- */

uint64_t image_size(const struct image *); /* a multiple of 512 */
bool image_writable(const struct image *);
enum image_format image_type(const struct image *);

/* The whole of it, or an error. [off, off+len of iov) lies inside the disk,
 * else -EINVAL. Any alignment. */
int image_readv(
	struct image *, uint64_t off, const struct iovec *iov, unsigned n);
int image_writev(
	struct image *, uint64_t off, const struct iovec *iov, unsigned n);
int image_read(struct image *, uint64_t off, void *p, size_t n);
int image_write(struct image *, uint64_t off, const void *p, size_t n);
int image_flush(struct image *);
/* The guest does not need these bytes any more: they read as zeros or as they
 * were, and room is given back where the format can. Never -ENOTSUP. */
int image_discard(struct image *, uint64_t off, uint64_t len);
/* They read as zeros; unmap: room may be given back. */
int image_zero(struct image *, uint64_t off, uint64_t len, bool unmap);

/* ---- what lies where ---- */

enum image_where {
	IMAGE_ABSENT, /* in no image of the chain: zeros */
	IMAGE_ZERO, /* said to be zeros, without data */
	IMAGE_DATA
};

struct image_extent {
	uint64_t off, len; /* of the disk; len is as far as all this holds */
	enum image_where where;
	unsigned depth; /* of the chain: 0 is the image itself */
	bool compressed;
	bool has_file_off;
	uint64_t file_off; /* where in that image's file */
};

/* The extent that begins at off (< size). */
int image_map(struct image *, uint64_t off, struct image_extent *);
/* The next image of the chain; NULL behind the last. Not closed alone. */
struct image *image_backing(const struct image *);
const char *image_name(const struct image *);
/* The name that the header has for its backing file; NULL: none. */
const char *image_backing_name(const struct image *);
const char *image_backing_format(const struct image *); /* "" unknown */

/* ---- making and changing (vm-disk, vm-create) ---- */

struct image_create {
	uint64_t size; /* rounded up to 512 */
	const char *backing_name, *backing_format; /* qcow2; NULL: none */
	unsigned cluster_bits; /* qcow2; 0: the default, 16 */
	bool v2; /* qcow2: compat=0.10 */
	bool lazy_refcounts; /* qcow2 v3 */
	bool zstd; /* qcow2 v3: compress with it, not zlib */
	bool fixed; /* vdi: all blocks allocated; raw: fallocate */
};

/* Make an empty image in fd, a file of size 0 open for reading and writing;
 * stays the caller's. -ENOTSUP: a format that we only read. */
int image_create(int fd, const char *name, enum image_format,
	const struct image_create *, const struct calls *);
/* Grow the disk (with internal snapshots in qcow2 version 3 only) or shrink it
 * (with none). New bytes are zeros.
 * Only what lies behind the new end is lost. */
int image_resize(struct image *, uint64_t size);
/* Write a whole cluster compressed, for convert -c; off is a multiple of
 * image_cluster(), len one cluster (less at the end). */
int image_write_compressed(
	struct image *, uint64_t off, const void *p, size_t len);
uint64_t image_cluster(const struct image *); /* bytes; raw: 65536 */
/* Change what the header names; NULL: no backing file any more. */
int image_rebase(struct image *, const char *name, const char *format);
/* Give up all data of this image: everything comes from the backing file. */
int image_empty(struct image *);

struct image_check {
	uint64_t errors; /* data may be wrong */
	uint64_t leaks; /* room is lost, nothing else */
	uint64_t fixed;
	uint64_t clusters, allocated, fragmented, compressed;
	uint64_t file_end; /* where the used part of the file ends */
};

/* Look at all metadata; each finding is told in a sentence. repair: leaks and
 * refcounts are put right (needs a writable image). */
int image_check(struct image *, bool repair, struct image_check *,
	void (*tell)(void *to, const char *sentence), void *to);
/* Members for vm-disk info -J: format, virtual-size, what the format has. */
void image_describe(struct image *, struct json *);

#endif
