/* SPDX-License-Identifier: MIT */
/*
 * A machine's memory and CPUs as an ELF core (System V ABI; ELF64, x86-64):
 * PT_LOAD by guest-physical address for every slot of RAM, and for each vCPU an
 * NT_PRSTATUS note and a "QEMU" note with its state, as QEMU's
 * dump-guest-memory writes them, so that gdb and crash read it.
 */
#ifndef VMM_DUMP_H
#define VMM_DUMP_H

struct machine;

/* With the vCPUs parked. To a descriptor, from where it stands; pages of zeros
 * become holes where it can seek. 0 or -errno with a sentence. */
int dump_core(struct machine *, int fd);

#endif
