/* SPDX-License-Identifier: MIT */
/*
 * Boot loaders: put a kernel and what it is told into guest memory, and say
 * how the first CPU starts. The files are held open, so that a reset loads
 * them again. Images are hostile: every length is checked against the file and
 * against memory before it is used.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include "dev/mem.h"
#include "vmm/cpu.h"

enum boot_kind { BOOT_LINUX, BOOT_ELF64, BOOT_PVH, BOOT_MULTIBOOT, BOOT_FLAT };

/* A file's contents, private and read-only; p and size alone make one, too. */
struct blob {
	const uint8_t *p;
	size_t size;
	const char *name; /* for messages */
	bool mapped; /* blob_open() made p */
	int fd; /* where p is a mapping of a file, or -1 */
};

enum boot_screen_kind {
	BOOT_SCREEN_NONE,
	BOOT_SCREEN_TEXT,
	BOOT_SCREEN_LINEAR
};

struct boot_screen { /* TEXT: mode 3 of a VGA is set */
	enum boot_screen_kind kind;
	/* LINEAR: pixels, bits of one (8 15 16 24 32), bytes of a line; where
	 * it is, and how much memory is there. */
	unsigned width, height, bits, pitch;
	uint32_t at, ram;
};

struct boot_params { /* what to boot; nothing is copied */
	struct blob kernel;
	struct blob initrd; /* p == NULL: none. Multiboot: modules, below */
	const char *cmdline; /* never NULL */
	const struct blob *modules; /* multiboot modules: name is "file args" */
	unsigned modules_n;
	bool flat; /* --flat: the file is not looked at */
	uint64_t flat_addr; /* default 0x7c00 */
	bool entry32; /* Linux: enter at the 32-bit entry point */
	bool entry64; /* ELF: ignore the PVH note, use the 64-bit entry */
	bool steady; /* nothing random: no seed for the guest */
	uint64_t rsdp; /* gpa of the RSDP, 0 if none */
	struct boot_screen screen;
};

struct e820 { /* one range of the memory map; ACPI 6.4 section 15 types */
	uint64_t addr, size;
	uint32_t type;
};
#define E820_MAX 16
enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3, E820_NVS = 4 };

/* The board's memory map: RAM, EBDA and BIOS areas, the PCI hole. */
unsigned boot_e820(const struct mem *, struct e820 map[E820_MAX]);

/* Read all of a file, or of a pipe ("-" is stdin), at most max bytes. Errors
 * name the file. Directories and empty files are refused. path is kept, not
 * copied. */
int blob_open(struct blob *, const char *path, uint64_t max);
/* The same for a kernel; a stream that is none is refused when its first 64 KiB
 * were read. */
int boot_open(struct blob *, const char *path, uint64_t max, bool flat);
void blob_close(struct blob *);

/* What the image is; -ENOEXEC with a sentence if it is none of them. */
int boot_probe(const struct boot_params *, enum boot_kind *);

/* What firmware leaves in every CPU's MSRs (memory is write-back, MTRRs on).
 * boot_load() does it for *cpu; the board does it for the other CPUs, unless
 * the kind is BOOT_FLAT, since Linux complains of CPUs that differ. */
void boot_firmware_msrs(struct cpu_state *);

/* Load into mem; *cpu (already reset) gets the entry state. -ENOEXEC for what
 * is malformed, -E2BIG / -ENOMEM for what does not fit; a sentence each. */
int boot_load(struct mem *, const struct boot_params *, struct cpu_state *cpu);

/* Does a multiboot kernel ask for a linear mode? Of what size; not checked. */
bool boot_wish(
	const struct boot_params *, unsigned *w, unsigned *h, unsigned *bits);

/* The loaders, one file each. */
int boot_linux(struct mem *, const struct boot_params *, struct cpu_state *);
int boot_elf(struct mem *, const struct boot_params *, enum boot_kind,
	struct cpu_state *);
int boot_multiboot(
	struct mem *, const struct boot_params *, struct cpu_state *);
int boot_flat(struct mem *, const struct boot_params *, struct cpu_state *);

#endif
