/* SPDX-License-Identifier: MIT */
/*
 * The framebuffer file, the VM process's half: made new at each start, so that
 * who looks at the last run's screen keeps it, and in its place only once the
 * machine starts. See fb.h.
 */
#include "lib/fb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/calls.h"
#include "lib/err.h"

#define FB_NEW FB_NAME ".new"
#define SEQ (offsetof(struct fb_head, seq) / 4)
#define CHANGES (offsetof(struct fb_head, kind) / 4) /* words from here on */
#define WORDS (sizeof(struct fb_head) / 4)

_Static_assert(sizeof(struct fb_head) <= FB_HEAD, "the head is one page");
_Static_assert(sizeof(struct fb_head) % 4 == 0, "the head is words");

/* All of the file exists: a write to the mapping never finds the disk full.
 * Where the file system cannot promise that, zeros are written. */
static int
allocate(int fd, size_t size)
{
	static const uint8_t zeros[65536];
	int r;

	do
		r = call_fallocate(NULL, fd, 0, 0, (off_t)size);
	while (r && errno == EINTR);
	if (!r || (errno != EOPNOTSUPP && errno != ENOSYS))
		return r;
	for (size_t n = 0; n < size; n += sizeof(zeros)) {
		size_t part = size - n;

		if (part > sizeof(zeros))
			part = sizeof(zeros);
		if (call_write(NULL, fd, zeros, part))
			return -1;
	}
	return 0;
}

static int
map(int fd, size_t ram, struct fb_head **out)
{
	struct fb_head *h;
	size_t size = FB_HEAD + ram;

	if (allocate(fd, size))
		return fail(-errno, "%s: cannot allocate %zu KiB", FB_NAME,
			size >> 10);
	h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return fail(-errno, "%s: cannot map it", FB_NAME);
	madvise(h, size, MADV_DONTDUMP);
	memcpy(h->magic, FB_MAGIC, sizeof(h->magic));
	h->ram = (uint32_t)ram;
	*out = h;
	return 0;
}

int
fb_make(int dir, size_t ram_bytes, struct fb_head **head, void **ram)
{
	struct fb_head *h = NULL;
	int fd, r;

	if (!ram_bytes || ram_bytes % FB_HEAD || ram_bytes > FB_MAX_RAM)
		return failx(-EINVAL, "%s: %zu bytes of video RAM", FB_NAME,
			ram_bytes);
	fd = call_openat(NULL, dir, FB_NEW,
		O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(-errno, "%s: cannot create", FB_NAME);
	r = map(fd, ram_bytes, &h);
	close(fd);
	if (r) {
		fb_drop(dir);
		return r;
	}
	*head = h;
	*ram = (uint8_t *)h + FB_HEAD;
	return 0;
}

int
fb_place(int dir)
{
	return call_renameat2(NULL, dir, FB_NEW, dir, FB_NAME, 0)
		       ? fail(-errno, "%s: cannot create", FB_NAME)
		       : 0;
}

void
fb_drop(int dir)
{
	call_unlinkat(NULL, dir, FB_NEW, 0);
}

void
fb_unmap(struct fb_head *head, size_t ram_bytes)
{
	if (head)
		munmap(head, FB_HEAD + ram_bytes);
}

/* Readers of other processes look at any time: words, not structures. */
void
fb_publish(struct fb_head *head, const struct fb_head *next)
{
	uint32_t *to = (uint32_t *)head;
	const uint32_t *from = (const uint32_t *)next;
	uint32_t seq = __atomic_load_n(&to[SEQ], __ATOMIC_RELAXED);
	size_t n = CHANGES;

	if (memcmp(to + n, from + n, (WORDS - n) * sizeof(*to)) == 0)
		return;
	__atomic_store_n(&to[SEQ], seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (; n < WORDS; n++)
		if (to[n] != from[n])
			__atomic_store_n(&to[n], from[n], __ATOMIC_RELAXED);
	__atomic_store_n(&to[SEQ], (seq | 1) + 1, __ATOMIC_RELEASE);
}
