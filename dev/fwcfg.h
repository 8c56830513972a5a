/* SPDX-License-Identifier: MIT */
/*
 * fw_cfg, QEMU's firmware configuration device. Bar 0: 2 bytes (port 0x510); a
 * 16-bit write at 0 selects an item, byte reads at 1 deliver it. Bar 1: 8 bytes
 * (port 0x514), the big-endian address of a DMA request; its lower half starts
 * it. Items are read-only: whoever writes one is told that it failed.
 *
 * Items have keys below 0x100, or from 0x8000 those that are particular to x86;
 * files have a name, too, and keys from 0x20 up, as they come.
 */
#ifndef DEV_FWCFG_H
#define DEV_FWCFG_H

#include <sys/types.h>

#include "dev/dev.h"
#include "dev/mem.h"

enum {
	FWCFG_SIGNATURE = 0x00,
	FWCFG_ID = 0x01,
	FWCFG_RAM_SIZE = 0x03, /* 8 bytes */
	FWCFG_NB_CPUS = 0x05, /* 2 bytes: how many are there at boot */
	FWCFG_KERNEL_ADDR = 0x07, /* 4 bytes each */
	FWCFG_KERNEL_SIZE = 0x08,
	FWCFG_INITRD_ADDR = 0x0a,
	FWCFG_INITRD_SIZE = 0x0b,
	FWCFG_MAX_CPUS = 0x0f, /* 2 bytes: highest APIC ID + 1 */
	FWCFG_KERNEL_DATA = 0x11,
	FWCFG_INITRD_DATA = 0x12,
	FWCFG_CMDLINE_ADDR = 0x13,
	FWCFG_CMDLINE_SIZE = 0x14, /* with the NUL */
	FWCFG_CMDLINE_DATA = 0x15,
	FWCFG_SETUP_ADDR = 0x16,
	FWCFG_SETUP_SIZE = 0x17,
	FWCFG_SETUP_DATA = 0x18,
	FWCFG_FILE_DIR = 0x19,
	FWCFG_FILE_FIRST = 0x20,
	FWCFG_IRQ0_OVERRIDE = 0x8002, /* 1 byte: IRQ 0 is GSI 2 */
	FWCFG_FILES = 64, /* at most */
	FWCFG_NAME = 56 /* of a file, with the NUL */
};

/* DMA reaches that RAM, which outlives the device; NULL: there is no DMA. */
struct dev *fwcfg_new(struct mem *);
/* An item is a copy of n bytes; or stays where it is, outliving the device; or
 * is n bytes of a file from at on, which may shrink meanwhile: then reads fail.
 * -ERANGE, -EEXIST, -ENOMEM. Not while the guest runs. */
int fwcfg_add(struct dev *, unsigned key, const void *p, size_t n);
int fwcfg_add_ref(struct dev *, unsigned key, const void *p, size_t n);
int fwcfg_add_fd(struct dev *, unsigned key, int fd, off_t at, size_t n);
/* A file, copied. -EINVAL: no such name can be; -ENOSPC. */
int fwcfg_add_file(struct dev *, const char *name, const void *p, size_t n);

#endif
