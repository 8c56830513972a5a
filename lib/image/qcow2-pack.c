/* SPDX-License-Identifier: MIT */
/*
 * Compressed clusters: raw deflate with a window of 4 KiB, as QEMU makes them
 * (a larger one is read), or a frame of zstd. What lies behind the data, up to
 * a sector's end, belongs to the next one.
 */
// LDLIBS: -lz -lzstd
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum { WINDOW = 12, WINDOW_MAX = 15, MEMORY = 9 };

/* All n bytes of out; the rest of in does not matter. */
static bool
inflate_all(const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
	union {
		const uint8_t *from;
		uint8_t *base;
	} u = {in};
	z_stream z = {.next_in = u.base,
		.avail_in = (uInt)len,
		.next_out = out,
		.avail_out = (uInt)n};

	if (inflateInit2(&z, -WINDOW_MAX) != Z_OK)
		return false;
	inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return z.avail_out == 0;
}

static bool
unzstd_all(const uint8_t *in, size_t len, uint8_t *out, size_t n)
{
	ZSTD_inBuffer from = {in, len, 0};
	ZSTD_outBuffer to = {out, n, 0};
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t got = 1;

	if (!z)
		return false;
	while (got && !ZSTD_isError(got) && to.pos < n) {
		size_t in_pos = from.pos, out_pos = to.pos;

		got = ZSTD_decompressStream(z, &to, &from);
		if (from.pos == in_pos && to.pos == out_pos)
			break;
	}
	ZSTD_freeDStream(z);
	return to.pos == n;
}

/* What the entry refers to, into q->unpacked. */
static int
unpack(struct qcow2 *q, uint64_t entry)
{
	uint64_t off, len;
	bool good;
	int err;

	if (!q->unpacked)
		q->unpacked = malloc(q->cluster);
	if (!q->packed)
		q->packed = malloc(q->cluster * 2);
	if (!q->unpacked || !q->packed)
		return fail(-ENOMEM, "%s", q->im->name);
	l2_packed(q, entry, &off, &len);
	if (len > q->cluster * 2)
		len = q->cluster * 2;
	err = file_read(&q->im->file, off, q->packed, len);
	if (err)
		return err;
	q->unpacked_entry = 0;
	if (q->compression == QCOW2_ZSTD)
		good = unzstd_all(q->packed, len, q->unpacked, q->cluster);
	else
		good = inflate_all(q->packed, len, q->unpacked, q->cluster);
	if (!good)
		return image_broken(
			q->im, "a compressed cluster cannot be read");
	q->unpacked_entry = entry;
	return 0;
}

int
qcow2_unpack(struct qcow2 *q, uint64_t entry, size_t skip, struct iov_at *at,
	size_t len)
{
	int err = 0;

	pthread_mutex_lock(&q->unpack_lock);
	if (q->unpacked_entry != entry)
		err = unpack(q, entry);
	if (!err)
		iov_put(at, q->unpacked + skip, len);
	pthread_mutex_unlock(&q->unpack_lock);
	return err;
}

/* Bytes of out, less than n; 0: it does not get smaller. */
static size_t
deflate_all(const uint8_t *in, uint8_t *out, size_t n)
{
	union {
		const uint8_t *from;
		uint8_t *base;
	} u = {in};
	z_stream z = {.next_in = u.base,
		.avail_in = (uInt)n,
		.next_out = out,
		.avail_out = (uInt)n - 1};
	int end;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW, MEMORY,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	end = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return end == Z_STREAM_END ? n - 1 - z.avail_out : 0;
}

static size_t
pack(const struct qcow2 *q, const uint8_t *in, uint8_t *out)
{
	size_t n;

	if (q->compression == QCOW2_ZLIB)
		return deflate_all(in, out, q->cluster);
	n = ZSTD_compress(
		out, q->cluster - 1, in, q->cluster, ZSTD_CLEVEL_DEFAULT);
	return ZSTD_isError(n) ? 0 : n;
}

/* With the lock held, cluster i claimed. */
static int
write_packed(struct qcow2 *q, uint64_t i, const uint8_t *p, size_t n)
{
	unsigned x = 62 - (q->bits - 8), at;
	struct slice *s;
	uint64_t off;
	int err;

	while ((err = qref_alloc_packed(q, n, &off)) == -EAGAIN)
		qcow2_settle(q);
	if (err)
		return err;
	pthread_mutex_unlock(&q->lock);
	err = file_write(&q->im->file, off, p, n);
	pthread_mutex_lock(&q->lock);
	if (!err)
		err = l2_own(q, i, &s, &at);
	if (!err) {
		uint64_t old = l2_entry(s, at);

		err = l2_check(q, old);
		if (!err) {
			l2_give_up(q, old);
			l2_set(q, s, at,
				QCOW2_PACKED | off |
					((off + n - 1) / 512 - off / 512) << x);
			return 0;
		}
	}
	qref_free_packed_now(q, off, n);
	return err;
}

int
qcow2_write_compressed(
	struct image *im, uint64_t off, const void *p, size_t len)
{
	struct qcow2 *q = im->own;
	uint8_t *out = malloc(q->cluster), *whole = NULL;
	struct qio io;
	size_t n;
	int err;

	if (out && len < q->cluster && (whole = calloc(1, q->cluster)) != NULL)
		memcpy(whole, p, len);
	if (!out || (len < q->cluster && !whole)) {
		free(out);
		return fail(-ENOMEM, "%s", im->name);
	}
	n = pack(q, whole ? whole : p, out);
	if (n) {
		pthread_mutex_lock(&q->lock);
		qio_claim(q, &io, off >> q->bits, (off >> q->bits) + 1);
		err = write_packed(q, off >> q->bits, out, n);
		qio_end(q, &io);
		pthread_mutex_unlock(&q->lock);
	} else {
		err = image_write(im, off, p, len);
	}
	free(whole);
	free(out);
	return err;
}
