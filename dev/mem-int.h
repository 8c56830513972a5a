/* SPDX-License-Identifier: MIT */
/* Guest memory, inside: mem.c has RAM and ROMs and looks addresses up,
 * mem-window.c what lies over them and moves. */
#ifndef DEV_MEM_INT_H
#define DEV_MEM_INT_H

#include <stdatomic.h>

#include "dev/mem.h"

struct piece {
	uint64_t gpa, size;
	bool window;
	_Atomic(const struct mem_slot *) now; /* NULL: nothing */
};

struct area {
	unsigned piece;
	uint64_t size;
	uint8_t *host;
	struct mem_slot *at; /* by gpa / size; filled when it is needed */
};

struct mem {
	int fd;
	uint64_t size, low;
	uint8_t *ram;
	struct piece piece[MEM_PIECES]; /* the largest come first */
	unsigned pieces;
	struct mem_slot slot[MEM_SLOTS];
	unsigned slots;
	struct mem_slot view[MEM_PIECES][MEM_VIEWS]; /* host NULL: none */
	struct area area[MEM_AREAS];
	unsigned areas;
	void (*written)(void *to, uint64_t gpa, uint64_t len);
	void *to;
	void (*remapped)(void *to, unsigned n, uint64_t gpa, uint64_t len);
	void *remap_to;
};

/* ---- mem.c ---- */

/* One more piece, which shows that; there is room. */
void mem_add_piece(
	struct mem *, uint64_t gpa, uint64_t size, const struct mem_slot *now);
/* May something of that name be there, but for what it would overlap? 0, or
 * -errno with a sentence. */
int mem_check_place(
	const struct mem *, const char *what, uint64_t gpa, uint64_t size);
/* The first piece that it would overlap, or NULL; -EEXIST, which says so. */
struct piece *mem_in_the_way(struct mem *, uint64_t gpa, uint64_t size);
int mem_overlaps(
	const char *what, uint64_t gpa, uint64_t size, const struct piece *);

#endif
