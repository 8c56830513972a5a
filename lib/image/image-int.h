/* SPDX-License-Identifier: MIT */
/*
 * Between the core of lib/image and the formats. The core checks ranges, opens
 * the chain of backing files, walks it when reading, and knows whether an image
 * may be written; a format sees only requests that lie inside its disk, in
 * several threads at once, and locks itself.
 */
#ifndef LIB_IMAGE_IMAGE_INT_H
#define LIB_IMAGE_IMAGE_INT_H

#include <sys/types.h>

#include "lib/image/file.h"
#include "lib/image/image.h"

struct image_ops;
struct json;

struct image {
	const struct image_ops *ops;
	enum image_format format;
	char *name; /* for sentences, as the caller gave it */
	struct image_file file;
	uint64_t size; /* of the disk: a multiple of 512, at least 0 */
	bool write; /* it may be changed */
	bool alone; /* its backing file is not open by intent */
	unsigned depth; /* in its chain */
	dev_t dev; /* to know a file that is there twice */
	ino_t ino;
	struct image *above; /* while opening: whose backing file it is */
	struct image *backing; /* NULL: none, or alone */
	/* What the header says, NULL: none; allocated, the core frees them. */
	char *backing_name, *backing_format;
	void *own; /* the format's */
};

struct image_tell { /* where check's sentences go */
	void (*say)(void *to, const char *sentence); /* may be NULL */
	void *to;
};

/*
 * NULL where a format cannot: the core answers -ENOTSUP with a sentence, but
 * flush, discard and zero have sensible defaults (see there). All but create()
 * return -errno with a sentence that names the image.
 */
struct image_ops {
	const char *name; /* "qcow2" */
	const char *suffix; /* of file names: ".qcow2"; NULL: none */
	bool writes; /* false: opening for writing is refused */

	/*
	 * im has name, file, write, alone and depth. Look at the header with
	 * limits first, set size, backing_name, backing_format and own. After
	 * an error close() is not called. What is opened read-only is not
	 * changed.
	 */
	int (*open)(struct image *im, const struct image_options *);
	/* Frees own. Once flush() has been called, which may have failed: put
	 * down what remains, 0 or -errno. */
	int (*close)(struct image *im);
	/* Bytes of a cluster (a block, a grain). NULL: 65536. */
	uint64_t (*cluster)(const struct image *im);

	/*
	 * What lies at off, in this image alone: fill in e->where (IMAGE_ABSENT
	 * if its backing file decides), len (> 0, at most len; as far as one
	 * look at a table tells), compressed, has_file_off and file_off; the
	 * others are set, and all are 0 before. DATA without a file_off is
	 * read with unpack(), else straight from the file, where beyond its end
	 * there are zeros.
	 */
	int (*map)(struct image *im, uint64_t off, uint64_t len,
		struct image_extent *e);
	/* len bytes at off, from within an extent that map() gave: put them
	 * into at. NULL: there is no such thing. */
	int (*unpack)(struct image *im, const struct image_extent *e,
		uint64_t off, struct iov_at *at, size_t len);
	/* All of the range, with what image_read_absent() has where nothing is.
	 * NULL: the core does it with map() and unpack(). */
	int (*read)(
		struct image *im, uint64_t off, struct iov_at *at, size_t len);

	/* The following are called for writable images only. */
	int (*write)(
		struct image *im, uint64_t off, struct iov_at *at, size_t len);
	int (*flush)(struct image *im); /* NULL: file_sync() */
	int (*discard)(
		struct image *im, uint64_t off, uint64_t len); /* NULL: no-op */
	/* NULL: zeros are written. */
	int (*zero)(struct image *im, uint64_t off, uint64_t len, bool unmap);
	int (*write_compressed)(
		struct image *im, uint64_t off, const void *p, size_t len);
	/* Sets im->size. size is a multiple of 512. */
	int (*resize)(struct image *im, uint64_t size);
	/* The header alone; the core then sets im->backing_name and _format. */
	int (*rebase)(struct image *im, const char *name, const char *format);
	int (*empty)(struct image *im);

	/* c is all 0. */
	int (*check)(struct image *im, bool repair, struct image_check *c,
		const struct image_tell *tell);
	/* Members behind "format" and "virtual-size". */
	void (*describe)(struct image *im, struct json *j);
	/* file is empty (a device: raw only); c->size is a multiple of 512. */
	int (*create)(struct image_file *file, const struct image_create *c);
};

extern const struct image_ops image_raw_ops, image_qcow2_ops, image_vdi_ops,
	image_vmdk_ops, image_vhd_ops;

/* ---- what formats use ---- */

/* len bytes at off, from the backing file as far as it goes, then zeros. */
int image_read_absent(
	struct image *im, uint64_t off, struct iov_at *at, size_t len);
/* A sentence for check: counts nothing. */
void image_say(const struct image_tell *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "NAME: what": -EIO, for what is broken inside an image. */
int image_broken(const struct image *im, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A copy of n bytes of a header as a string: -EIO unless they are UTF-8 without
 * control characters. */
int image_text(const struct image *im, const char *what, const void *p,
	size_t n, char **out);
/*
 * A further file that the header names (a flat VMDK's data): asked for from
 * options->backing like a backing file, with format_name "raw", and opened as
 * raw, writable as im is. -EACCES with a sentence if there is nobody to ask.
 */
int image_open_part(struct image *im, const char *name,
	const struct image_options *, struct image **part);

static inline uint32_t
be16_at(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 8 | b[1];
}

static inline uint32_t
be32_at(const void *p)
{
	const uint8_t *b = p;

	return be16_at(b) << 16 | be16_at(b + 2);
}

static inline uint64_t
be64_at(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)be32_at(b) << 32 | be32_at(b + 4);
}

static inline uint32_t
le16_at(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[1] << 8 | b[0];
}

static inline uint32_t
le32_at(const void *p)
{
	const uint8_t *b = p;

	return le16_at(b + 2) << 16 | le16_at(b);
}

static inline uint64_t
le64_at(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)le32_at(b + 4) << 32 | le32_at(b);
}

static inline void
put_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void
put_be64(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void
put_le32(void *p, uint32_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void
put_le64(void *p, uint64_t v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

#endif
