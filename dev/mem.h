/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: RAM in one memfd, mapped shared, MADV_DONTDUMP, as one slot
 * from 0 or two around the hole [MEM_HOLE, 4 GiB); and read-only slots (ROM).
 * All access goes through copies or through spans that lie wholly inside one
 * slot; the guest changes memory at any time, so what is checked is a copy.
 */
#ifndef DEV_MEM_H
#define DEV_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_HOLE 0xc0000000ull /* RAM below 4 GiB ends here at the latest */
#define MEM_SLOTS 8

struct mem_slot {
	uint64_t gpa, size; /* page-aligned */
	uint8_t *host;
	bool rom; /* the guest's writes are dropped */
};

struct mem;

/* size: bytes, a multiple of 4 KiB, at least 64 KiB. */
int mem_new(struct mem **, uint64_t size);
void mem_free(struct mem *);
uint64_t mem_size(const struct mem *); /* RAM in all */
uint64_t mem_low(const struct mem *); /* RAM below 4 GiB: [0, low) */
uint64_t mem_high(const struct mem *); /* RAM from 4 GiB up, bytes */
int mem_fd(const struct mem *);

/* A page-aligned ROM of size bytes at gpa, filled from p. -EEXIST. */
int mem_add_rom(struct mem *, uint64_t gpa, const void *p, uint64_t size);

const struct mem_slot *mem_slots(const struct mem *, unsigned *n);
/* The slot that holds gpa, or NULL. */
const struct mem_slot *mem_find(const struct mem *, uint64_t gpa);

/* [gpa, gpa+len) as host memory, wholly in RAM, or NULL (also for len 0). */
void *mem_span(const struct mem *, uint64_t gpa, uint64_t len);

/* Copies; across slots that touch. -EFAULT outside, nothing copied. */
int mem_read(const struct mem *, uint64_t gpa, void *to, uint64_t len);
int mem_write(struct mem *, uint64_t gpa, const void *from, uint64_t len);
int mem_fill(struct mem *, uint64_t gpa, uint8_t byte, uint64_t len);

/* Who caches guest code (the soft engine) hears of every mem_write(),
 * mem_fill() and mem_dirty(), before it returns. NULL for none. */
void mem_on_write(struct mem *,
	void (*written)(void *to, uint64_t gpa, uint64_t len), void *to);
/* A device wrote through a span. */
void mem_dirty(struct mem *, uint64_t gpa, uint64_t len);

/* Release all pages to the host: RAM reads as zero again. */
int mem_clear(struct mem *);

#endif
