/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: RAM in one memfd, mapped shared, MADV_DONTDUMP, as one slot
 * from 0 or two around the hole [MEM_HOLE, 4 GiB); and read-only slots (ROM).
 * All access goes through copies or through spans that lie wholly inside RAM;
 * the guest changes memory at any time, so what is checked is a copy.
 *
 * Windows lie over RAM or over nothing, and what they show changes while the
 * guest runs: RAM, the same read-only, a ROM, or nothing, which leaves the
 * addresses to the bus. The guest's writes to what is read-only go to the bus,
 * too. So the address space is made of pieces that are fixed once the engine
 * is open, and a piece shows one slot or none.
 *
 * An area is a device's own memory (a card's video RAM), which the guest moves
 * about: it reads and writes it there as it does RAM, but no DMA reaches it.
 */
#ifndef DEV_MEM_H
#define DEV_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_HOLE 0xc0000000ull /* RAM below 4 GiB ends here at the latest */
#define MEM_SLOTS 8
#define MEM_PIECES 32
#define MEM_AREAS 2
#define MEM_AREA_END                                                           \
	0xfec00000ull /* areas lie below: chips follow, and ROM                \
		       */

struct mem_slot { /* never changes */
	uint64_t gpa, size; /* page-aligned */
	uint8_t *host;
	bool rom; /* the guest's writes go to the bus */
	bool device; /* an area: neither RAM nor ROM */
};

enum mem_view {
	MEM_NONE,
	MEM_RAM,
	MEM_RAM_RO,
	MEM_ROM,
	MEM_DEVICE, /* mem_window_device() */
	MEM_VIEWS
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

/*
 * A page-aligned window, before the engine is open: inside low RAM, which goes
 * on above it up to the next one, or where there is nothing. rom: size bytes
 * that MEM_ROM shows, which outlive mem; NULL: then that is MEM_NONE, as
 * MEM_RAM is where there is none. *window is what mem_show() takes. -EEXIST,
 * -ENOSPC.
 */
int mem_add_window(struct mem *, uint64_t gpa, uint64_t size, uint8_t *rom,
	enum mem_view first, unsigned *window);
/* MEM_DEVICE shows these bytes of a device's, as an area does. */
void mem_window_device(struct mem *, unsigned window, uint8_t *host);
/* Any thread, inside a device's access, too. The thread's own vCPU sees it with
 * its next access, others soon after: stale accesses reach what was there. */
void mem_show(struct mem *, unsigned window, enum mem_view);

/*
 * An area of size bytes at host, which outlives mem: a power of two, 64 KiB at
 * least. Before the engine is open; it lies nowhere.
 */
int mem_add_area(struct mem *, uint8_t *host, uint64_t size, unsigned *area);
/* It lies at gpa, a multiple of its size, or (0) nowhere; to be called by one
 * thread at a time, and else as mem_show(). -EEXIST, -ERANGE: it cannot be
 * there, and is nowhere. */
int mem_place(struct mem *, unsigned area, uint64_t gpa);

/* RAM and ROMs as they are beneath windows. */
const struct mem_slot *mem_slots(const struct mem *, unsigned *n);
/* The slot that gpa shows now, or NULL. */
const struct mem_slot *mem_find(const struct mem *, uint64_t gpa);
/* Piece number n, and what it shows; NULL: nothing. */
unsigned mem_pieces(const struct mem *);
const struct mem_slot *mem_piece(const struct mem *, unsigned n);

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

/* The engine hears of windows, after what they show has changed, from several
 * threads at once: piece number n, [gpa, gpa+len). NULL for none. */
void mem_on_remap(struct mem *,
	void (*remapped)(void *to, unsigned n, uint64_t gpa, uint64_t len),
	void *to);

/* Release [gpa, gpa+len), whole pages of RAM, to the host: they read as zero
 * when they are touched again. -EFAULT: that is not all RAM. */
int mem_release(struct mem *, uint64_t gpa, uint64_t len);
/* Release all pages to the host: RAM reads as zero again. */
int mem_clear(struct mem *);

#endif
