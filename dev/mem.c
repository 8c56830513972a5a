/* SPDX-License-Identifier: MIT */
/*
 * Guest memory. RAM is one memfd, sealed against resizing, so that who it is
 * passed to cannot pull it from under us; ROMs are private read-only pages.
 * Slots and pieces are added before the guest runs. All that ever changes is
 * which of its slots a piece points to, so readers need no lock. An area has a
 * slot for each place that it may have: one that was shown once stays as it is.
 */
#include "dev/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "dev/mem-int.h"
#include "lib/err.h"

#define PAGE 4096ull
#define MIN_SIZE 0x10000ull
#define HIGH 0x100000000ull
#define GPA_END (1ull << 52)

/* "64G", "1536M", "4K": what a person would write. */
static void
size_text(char *buf, size_t n, uint64_t size)
{
	static const char unit[] = "KMGTPE";
	unsigned u = 0;

	for (size /= 1024; size >= 1024 && size % 1024 == 0 && unit[u + 1]; u++)
		size /= 1024;
	snprintf(buf, n, "%" PRIu64 "%c", size, unit[u]);
}

static uint64_t
host_ram(void)
{
	struct sysinfo si;

	if (sysinfo(&si))
		return UINT64_MAX;
	return (uint64_t)si.totalram * si.mem_unit;
}

static int
check_size(uint64_t size)
{
	uint64_t host = host_ram();
	char asked[24], has[24];

	if (size < MIN_SIZE)
		return failx(-EINVAL,
			"memory: %" PRIu64 " bytes asked, 64K is the least",
			size);
	if (size % PAGE)
		return failx(-EINVAL,
			"memory: %" PRIu64 " bytes is not a multiple of 4K",
			size);
	if (size <= host)
		return 0;
	size_text(asked, sizeof(asked), size);
	size_text(has, sizeof(has),
		host >= 4ull << 30 ? host >> 30 << 30 : host >> 20 << 20);
	return failx(-ENOMEM, "memory: %s asked, the host has %s", asked, has);
}

void
mem_add_piece(
	struct mem *m, uint64_t gpa, uint64_t size, const struct mem_slot *now)
{
	struct piece *p = &m->piece[m->pieces++];

	p->gpa = gpa;
	p->size = size;
	atomic_init(&p->now, now);
}

static void
add_slot(struct mem *m, uint64_t gpa, uint64_t size, uint8_t *host, bool rom)
{
	struct mem_slot *s = &m->slot[m->slots++];

	*s = (struct mem_slot){gpa, size, host, rom, false};
	mem_add_piece(m, gpa, size, s);
}

static int
map_ram(struct mem *m)
{
	m->fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fd < 0)
		return fail(-errno, "memory: memfd_create");
	if (ftruncate(m->fd, (off_t)m->size))
		return fail(-errno, "memory: cannot size it");
	if (fcntl(m->fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fail(-errno, "memory: cannot seal it");
	m->ram = mmap(
		NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->ram == MAP_FAILED) {
		m->ram = NULL;
		return fail(-errno, "memory: cannot map it");
	}
	if (madvise(m->ram, m->size, MADV_DONTDUMP))
		return fail(-errno, "memory: cannot keep it out of core dumps");
	return 0;
}

int
mem_new(struct mem **out, uint64_t size)
{
	struct mem *m;
	int err = check_size(size);

	if (err)
		return err;
	m = calloc(1, sizeof(*m));
	if (!m)
		return fail(-ENOMEM, "memory");
	m->size = size;
	m->low = size < MEM_HOLE ? size : MEM_HOLE;
	err = map_ram(m);
	if (err) {
		mem_free(m);
		return err;
	}
	add_slot(m, 0, m->low, m->ram, false);
	if (size > m->low)
		add_slot(m, HIGH, size - m->low, m->ram + m->low, false);
	*out = m;
	return 0;
}

void
mem_free(struct mem *m)
{
	unsigned i;

	if (!m)
		return;
	for (i = 0; i < m->slots; i++)
		if (m->slot[i].rom)
			munmap(m->slot[i].host, m->slot[i].size);
	for (i = 0; i < m->areas; i++)
		free(m->area[i].at);
	if (m->ram)
		munmap(m->ram, m->size);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

uint64_t
mem_size(const struct mem *m)
{
	return m->size;
}

uint64_t
mem_low(const struct mem *m)
{
	return m->low;
}

uint64_t
mem_high(const struct mem *m)
{
	return m->size - m->low;
}

int
mem_fd(const struct mem *m)
{
	return m->fd;
}

int
mem_check_place(
	const struct mem *m, const char *what, uint64_t gpa, uint64_t size)
{
	if (gpa % PAGE || size % PAGE || !size)
		return failx(-EINVAL,
			"%s at %#" PRIx64 "+%#" PRIx64 ": not whole pages",
			what, gpa, size);
	if (gpa >= GPA_END || size > GPA_END - gpa)
		return failx(-ERANGE,
			"%s at %#" PRIx64 "+%#" PRIx64
			": beyond physical memory",
			what, gpa, size);
	/* A window in RAM makes three pieces of one. */
	if (m->slots == MEM_SLOTS || m->pieces + 2 > MEM_PIECES)
		return failx(-ENOSPC, "%s at %#" PRIx64 ": too many slots",
			what, gpa);
	return 0;
}

int
mem_overlaps(
	const char *what, uint64_t gpa, uint64_t size, const struct piece *p)
{
	const struct mem_slot *s = atomic_load(&p->now);

	return failx(-EEXIST,
		"%s at %#" PRIx64 "+%#" PRIx64 " overlaps %s at %#" PRIx64,
		what, gpa, size, s && !s->rom ? "RAM" : "another", p->gpa);
}

struct piece *
mem_in_the_way(struct mem *m, uint64_t gpa, uint64_t size)
{
	for (struct piece *p = m->piece; p < m->piece + m->pieces; p++)
		if (gpa < p->gpa + p->size && p->gpa < gpa + size)
			return p;
	return NULL;
}

int
mem_add_rom(struct mem *m, uint64_t gpa, const void *p, uint64_t size)
{
	int err = mem_check_place(m, "ROM", gpa, size);
	struct piece *other;
	void *host;

	if (err)
		return err;
	if ((other = mem_in_the_way(m, gpa, size)))
		return mem_overlaps("ROM", gpa, size, other);
	host = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (host == MAP_FAILED)
		return fail(-errno, "ROM at %#" PRIx64, gpa);
	memcpy(host, p, size);
	if (mprotect(host, size, PROT_READ)) {
		err = fail(-errno, "ROM at %#" PRIx64, gpa);
		munmap(host, size);
		return err;
	}
	add_slot(m, gpa, size, host, true);
	return 0;
}

void
mem_on_remap(struct mem *m,
	void (*remapped)(void *to, unsigned n, uint64_t gpa, uint64_t len),
	void *to)
{
	m->remapped = remapped;
	m->remap_to = to;
}

/* ---- looking up ---- */

const struct mem_slot *
mem_slots(const struct mem *m, unsigned *n)
{
	*n = m->slots;
	return m->slot;
}

unsigned
mem_pieces(const struct mem *m)
{
	return m->pieces;
}

const struct mem_slot *
mem_piece(const struct mem *m, unsigned n)
{
	return atomic_load(&m->piece[n].now);
}

static const struct mem_slot *
find_area(const struct mem *m, uint64_t gpa)
{
	const struct mem_slot *s;

	for (unsigned i = 0; i < m->areas; i++) {
		s = atomic_load_explicit(
			&m->piece[m->area[i].piece].now, memory_order_acquire);
		if (s && gpa - s->gpa < s->size)
			return s;
	}
	return NULL;
}

const struct mem_slot *
mem_find(const struct mem *m, uint64_t gpa)
{
	const struct piece *p;

	for (p = m->piece; p < m->piece + m->pieces; p++)
		if (gpa - p->gpa < p->size)
			return atomic_load_explicit(
				&p->now, memory_order_acquire);
	return find_area(m, gpa);
}

/* Does RAM go on behind s, here and on the host, for left bytes? */
static bool
goes_on(const struct mem *m, const struct mem_slot *s, uint64_t left)
{
	while (left) {
		const struct mem_slot *next = mem_find(m, s->gpa + s->size);

		if (!next || next->rom || next->device ||
			next->host != s->host + s->size)
			return false;
		left -= next->size < left ? next->size : left;
		s = next;
	}
	return true;
}

void *
mem_span(const struct mem *m, uint64_t gpa, uint64_t len)
{
	const struct mem_slot *s = mem_find(m, gpa);
	uint64_t n;

	if (!s || s->rom || s->device || !len)
		return NULL;
	n = s->size - (gpa - s->gpa);
	if (len > n && !goes_on(m, s, len - n))
		return NULL;
	return s->host + (gpa - s->gpa);
}

/* The first bytes of [gpa, gpa+len) that lie in one slot; 0 if none do. */
static uint64_t
run(const struct mem *m, uint64_t gpa, uint64_t len, bool write, uint8_t **host)
{
	const struct mem_slot *s = mem_find(m, gpa);
	uint64_t n;

	if (!s || (write && (s->rom || s->device)))
		return 0;
	n = s->size - (gpa - s->gpa);
	*host = s->host + (gpa - s->gpa);
	return n < len ? n : len;
}

/* All of it, before anything is copied. */
static int
check(const struct mem *m, uint64_t gpa, uint64_t len, bool write)
{
	uint8_t *host;
	uint64_t n;

	for (; len; gpa += n, len -= n)
		if (!(n = run(m, gpa, len, write, &host)))
			return -EFAULT;
	return 0;
}

int
mem_read(const struct mem *m, uint64_t gpa, void *to, uint64_t len)
{
	uint8_t *p = to, *host = NULL;
	uint64_t n;

	if (check(m, gpa, len, false))
		return -EFAULT;
	for (; len; gpa += n, p += n, len -= n) {
		if (!(n = run(m, gpa, len, false, &host)))
			return -EFAULT; /* a window closed meanwhile */
		memcpy(p, host, n);
	}
	return 0;
}

int
mem_write(struct mem *m, uint64_t gpa, const void *from, uint64_t len)
{
	const uint8_t *p = from;
	uint8_t *host = NULL;
	uint64_t n, at = gpa, left = len;

	if (check(m, gpa, len, true))
		return -EFAULT;
	for (; left; at += n, p += n, left -= n) {
		if (!(n = run(m, at, left, true, &host)))
			break; /* a window closed meanwhile */
		memcpy(host, p, n);
	}
	mem_dirty(m, gpa, len - left);
	return left ? -EFAULT : 0;
}

int
mem_fill(struct mem *m, uint64_t gpa, uint8_t byte, uint64_t len)
{
	uint8_t *host = NULL;
	uint64_t n, at = gpa, left = len;

	if (check(m, gpa, len, true))
		return -EFAULT;
	for (; left; at += n, left -= n) {
		if (!(n = run(m, at, left, true, &host)))
			break;
		memset(host, byte, n);
	}
	mem_dirty(m, gpa, len - left);
	return left ? -EFAULT : 0;
}

void
mem_on_write(struct mem *m,
	void (*written)(void *to, uint64_t gpa, uint64_t len), void *to)
{
	m->written = written;
	m->to = to;
}

void
mem_dirty(struct mem *m, uint64_t gpa, uint64_t len)
{
	if (m->written && len)
		m->written(m->to, gpa, len);
}

int
mem_release(struct mem *m, uint64_t gpa, uint64_t len)
{
	uint8_t *host = mem_span(m, gpa, len);

	if (!host || gpa % PAGE || len % PAGE)
		return -EFAULT;
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    host - m->ram, (off_t)len) &&
		madvise(host, len, MADV_REMOVE))
		return -errno;
	mem_dirty(m, gpa, len);
	return 0;
}

int
mem_clear(struct mem *m)
{
	if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		    (off_t)m->size) &&
		madvise(m->ram, m->size, MADV_REMOVE))
		return fail(-errno, "memory: cannot clear it");
	mem_dirty(m, 0, m->low);
	mem_dirty(m, HIGH, m->size - m->low);
	return 0;
}
