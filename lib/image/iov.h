/* SPDX-License-Identifier: MIT */
/*
 * A place in a list of buffers, from which a request's bytes are taken piece by
 * piece. The caller knows how many bytes are left; going beyond them is a bug.
 */
#ifndef LIB_IMAGE_IOV_H
#define LIB_IMAGE_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct iov_at {
	const struct iovec *iov;
	unsigned n; /* left, the first of them included */
	size_t skip; /* bytes of the first that are gone */
};

/* Bytes in all; SIZE_MAX: more than can be counted. */
size_t iov_total(const struct iovec *iov, unsigned n);
/* The next bytes, len at most, as up to max buffers in out (*n of them).
 * Returns how many bytes that is; at is behind them. */
size_t iov_take(struct iov_at *at, size_t len, struct iovec *out, unsigned max,
	unsigned *n);
void iov_skip(struct iov_at *at, size_t len);
void iov_put(struct iov_at *at, const void *p, size_t len); /* into it */
void iov_get(struct iov_at *at, void *p, size_t len); /* out of it */
void iov_zero(struct iov_at *at, size_t len); /* puts zeros */
/* The next len bytes are all zero; at stays. */
bool iov_is_zero(const struct iov_at *at, size_t len);

#endif
