/* SPDX-License-Identifier: MIT */
/*
 * i440FX host bridge: a PCI function (8086:1237, slot 0) and PCI configuration
 * mechanism 1. Bar 0: the address register, 4 bytes at port 0xcf8, only 4-byte
 * accesses count. Bar 1: the data window, 4 bytes at port 0xcfc, through which
 * the functions of a PCI bus are reached.
 *
 * PAM: the 13 segments between 768 KiB and 1 MiB, and for each whether reads
 * and writes go to RAM; to what lies behind (ROM, or nothing) where they do
 * not.
 */
#ifndef DEV_PCIHOST_H
#define DEV_PCIHOST_H

#include "dev/pci.h"

enum { PCIHOST_SEGMENTS = 13, PCIHOST_READ = 1, PCIHOST_WRITE = 2 };

/* Segment 0 is 0xf0000, 64 KiB; the others are 16 KiB from 0xc0000 up. */
static inline uint64_t
pcihost_segment(unsigned n, uint64_t *size)
{
	*size = n ? 0x4000 : 0x10000;
	return n ? 0xc0000 + (n - 1) * 0x4000ull : 0xf0000;
}

struct pcihost_out {
	/* Segment n's mode, PCIHOST_READ | PCIHOST_WRITE, changed; at reset and
	 * after a load it is called for all of them (0 after a reset). With the
	 * bridge's lock held, from a vCPU or while none runs. May be NULL. */
	void (*pam)(void *to, unsigned n, unsigned mode);
	void *to;
};

struct dev *pcihost_new(struct pcihost_out);
struct pci_fn *pcihost_fn(struct dev *pcihost);
/* The bus that it finds functions on; its own it knows. */
void pcihost_bus(struct dev *pcihost, struct pci_bus *);
/* Byte accesses at offset 1 of bar 0 (port 0xcf9) go to that device's bar 0. */
void pcihost_pass(struct dev *pcihost, struct dev *behind);
/* A segment's mode now. */
unsigned pcihost_pam(const struct dev *pcihost, unsigned n);

#endif
