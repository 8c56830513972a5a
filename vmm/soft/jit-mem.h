/* SPDX-License-Identifier: MIT */
/*
 * Memory for code made at run time. It is there twice: written at one address,
 * executed at another, so that no page is ever both. Pages are made when they
 * are first touched.
 */
#ifndef VMM_SOFT_JIT_MEM_H
#define VMM_SOFT_JIT_MEM_H

#include <stddef.h>
#include <stdint.h>

struct jit_mem {
	uint8_t *rw, *rx; /* the same bytes; NULL: none */
	size_t size;
};

/*
 * bytes: rounded up to pages. 0, or -errno with a sentence where the host gives
 * no executable memory; then all of *m is 0. Before the process is confined:
 * its filters refuse PROT_EXEC.
 */
int jit_mem_new(struct jit_mem *m, size_t bytes);
/* What was never made may be freed. */
void jit_mem_free(struct jit_mem *m);
/* 0 if this process gets executable memory, else as jit_mem_new(). */
int jit_mem_check(void);

#endif
