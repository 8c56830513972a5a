/* SPDX-License-Identifier: MIT */
/*
 * A place in a list of buffers.
 */
#include "lib/image/iov.h"

#include <stdint.h>
#include <string.h>

size_t
iov_total(const struct iovec *iov, unsigned n)
{
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		if (__builtin_add_overflow(total, iov[i].iov_len, &total))
			return SIZE_MAX;
	return total;
}

/* The next piece, at most len bytes and not empty while len is not 0. */
static struct iovec
piece(struct iov_at *at, size_t len)
{
	struct iovec v = {NULL, 0};

	while (at->n && at->skip == at->iov->iov_len) {
		at->iov++;
		at->n--;
		at->skip = 0;
	}
	if (!at->n || !len)
		return v;
	v.iov_base = (char *)at->iov->iov_base + at->skip;
	v.iov_len = at->iov->iov_len - at->skip;
	if (v.iov_len > len)
		v.iov_len = len;
	at->skip += v.iov_len;
	return v;
}

size_t
iov_take(struct iov_at *at, size_t len, struct iovec *out, unsigned max,
	unsigned *n)
{
	size_t got = 0;

	for (*n = 0; *n < max && got < len; (*n)++) {
		out[*n] = piece(at, len - got);
		if (!out[*n].iov_len)
			break;
		got += out[*n].iov_len;
	}
	return got;
}

void
iov_skip(struct iov_at *at, size_t len)
{
	while (len) {
		size_t n = piece(at, len).iov_len;

		if (!n)
			break;
		len -= n;
	}
}

void
iov_put(struct iov_at *at, const void *p, size_t len)
{
	for (const char *from = p; len;) {
		struct iovec v = piece(at, len);

		if (!v.iov_len)
			break;
		memcpy(v.iov_base, from, v.iov_len);
		from += v.iov_len;
		len -= v.iov_len;
	}
}

void
iov_get(struct iov_at *at, void *p, size_t len)
{
	for (char *to = p; len;) {
		struct iovec v = piece(at, len);

		if (!v.iov_len)
			break;
		memcpy(to, v.iov_base, v.iov_len);
		to += v.iov_len;
		len -= v.iov_len;
	}
}

void
iov_zero(struct iov_at *at, size_t len)
{
	while (len) {
		struct iovec v = piece(at, len);

		if (!v.iov_len)
			break;
		memset(v.iov_base, 0, v.iov_len);
		len -= v.iov_len;
	}
}

bool
iov_is_zero(const struct iov_at *at, size_t len)
{
	struct iov_at here = *at;

	while (len) {
		struct iovec v = piece(&here, len);
		const char *p = v.iov_base;

		if (!v.iov_len)
			break;
		if (p[0] || memcmp(p, p + 1, v.iov_len - 1) != 0)
			return false;
		len -= v.iov_len;
	}
	return true;
}
