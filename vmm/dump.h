/* SPDX-License-Identifier: MIT */
/*
 * A machine's memory and CPUs as an ELF core (System V ABI; ELF64, x86-64):
 * PT_LOAD by guest-physical address for every slot of memory, and for each vCPU
 * an NT_PRSTATUS note and a "QEMU" note with its state, as QEMU's
 * dump-guest-memory writes them, so that gdb and crash read it.
 *
 * It is written in steps, so that a loop can do other things between them; the
 * vCPUs must stay parked from the first to the last.
 */
#ifndef VMM_DUMP_H
#define VMM_DUMP_H

#include <stdbool.h>

struct machine;
struct dump;

/* To a descriptor, from where it stands: a regular file, where pages of zeros
 * become holes, or a stream socket; -EINVAL for others. It is not owned. */
int dump_open(struct dump **, struct machine *, int fd);
/* 1: go on; 0: all is written; -EAGAIN: the socket takes nothing now; else
 * -errno with a sentence. Writes a megabyte at most; only a file waits. */
int dump_step(struct dump *);
bool dump_socket(const struct dump *); /* does it wait for a reader? */
void dump_close(struct dump *);

/* All of it; waits for a socket. 0 or -errno with a sentence. */
int dump_core(struct machine *, int fd);

#endif
