/* SPDX-License-Identifier: MIT */
/*
 * Booting without firmware: read the files, tell what the kernel is, and hand
 * it to its loader. The memory map has the types of ACPI 6.4, section 15.
 */
#include "vmm/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/boot-common.h"

#define EBDA 0x9fc00ull
#define BLOB_BEGIN 0x10000u /* of a stream, in which a kernel shows itself */

/* Says of a file's first BLOB_BEGIN bytes whether to read on. */
typedef int blob_look(const struct blob *);

static void
e820_add(struct e820 *map, unsigned *n, uint64_t from, uint64_t to,
	uint32_t type)
{
	if (from < to)
		map[(*n)++] = (struct e820){from, to - from, type};
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

unsigned
boot_e820(const struct mem *mem, struct e820 map[E820_MAX])
{
	uint64_t low = mem_low(mem), high = mem_high(mem);
	unsigned n = 0;

	e820_add(map, &n, 0, least(low, EBDA), E820_RAM);
	e820_add(map, &n, EBDA, 0xa0000, E820_RESERVED);
	e820_add(map, &n, 0xe0000, 0x100000, E820_RESERVED); /* our tables */
	e820_add(map, &n, 0x100000, low, E820_RAM);
	/* IOAPIC, local APICs, firmware: no PCI device may be put there. */
	e820_add(map, &n, 0xfec00000, BOOT_4G, E820_RESERVED);
	e820_add(map, &n, BOOT_4G, BOOT_4G + high, E820_RAM);
	return n;
}

void
boot_firmware_msrs(struct cpu_state *cpu)
{
	cpu_set_msr(cpu, 0x2ff, 0x806); /* MTRRdefType: enabled, write-back */
}

static int
too_large(const char *path, uint64_t max)
{
	bool mib = max % (1 << 20) == 0;

	return failx(-EFBIG, "%s: larger than %" PRIu64 " %s", path,
		max >> (mib ? 20 : 10), mib ? "MiB" : "KiB");
}

/* Anonymous memory that grows while a stream is read into it. */
struct stream {
	uint8_t *p;
	size_t n, room;
};

static int
grow(struct stream *s)
{
	size_t room = s->p ? s->room * 2 : BLOB_BEGIN;
	void *more;

	if (s->p)
		more = mremap(s->p, s->room, room, MREMAP_MAYMOVE);
	else
		more = mmap(NULL, room, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (more == MAP_FAILED)
		return -errno;
	s->p = more;
	s->room = room;
	return 0;
}

/* Read until there are that many bytes, or until the end: *end. */
static int
read_until(
	struct stream *s, int fd, const char *path, uint64_t until, bool *end)
{
	ssize_t got;
	int err;

	while (s->n < until) {
		if (s->n == s->room && (err = grow(s)) < 0)
			return fail(err, "%s: cannot read", path);
		got = read(fd, s->p + s->n, s->room - s->n);
		if (got < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1,
				-1);
		else if (got < 0 && errno != EINTR)
			return fail(-errno, "%s: cannot read", path);
		*end = got == 0;
		if (*end)
			break;
		s->n += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* What read() gives until the end; an endless stream that does not begin as it
 * should is not read further than its beginning. */
static int
read_stream(struct blob *b, int fd, uint64_t max, blob_look *look)
{
	struct stream s = {0};
	bool end = false;
	int err;

	err = read_until(&s, fd, b->name, BLOB_BEGIN, &end);
	if (!err && look && s.n) {
		struct blob seen = {.p = s.p, .size = s.n, .name = b->name};

		err = look(&seen);
	}
	if (!err && !end)
		err = read_until(&s, fd, b->name, max + 1, &end);
	if (!err && s.n > max)
		err = too_large(b->name, max);
	if (err) {
		if (s.p)
			munmap(s.p, s.room);
		return err;
	}
	b->p = mremap(s.p, s.room, s.n ? s.n : 1, 0);
	b->size = s.n;
	return 0;
}

/* A file is mapped, not read: it costs no memory of ours once it is loaded. */
static int
map_file(int fd, const char *path, uint64_t size, uint64_t max, uint8_t **p)
{
	if (size > max)
		return too_large(path, max);
	*p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (*p == MAP_FAILED)
		return fail(-errno, "%s: cannot read", path);
	return 0;
}

static int
blob_fill(struct blob *b, int fd, uint64_t max, blob_look *look)
{
	struct stat st;
	uint8_t *p = NULL;
	int err;

	if (fstat(fd, &st) < 0)
		return fail(-errno, "%s: cannot read", b->name);
	if (S_ISDIR(st.st_mode))
		return failx(-EISDIR, "%s: is a directory", b->name);
	/* /proc and /sys say 0 bytes; standard input may be half read */
	if (S_ISREG(st.st_mode) && st.st_size > 0 && fd != STDIN_FILENO) {
		b->fd = fd;
		b->size = (size_t)st.st_size;
		err = map_file(fd, b->name, b->size, max, &p);
		b->p = p;
	} else {
		err = read_stream(b, fd, max, look);
	}
	if (err)
		return err;
	b->mapped = true;
	if (b->size == 0)
		return failx(-ENODATA, "%s: is empty", b->name);
	mprotect((void *)(uintptr_t)b->p, b->size, PROT_READ);
	return 0;
}

static int
blob_read(struct blob *b, const char *path, uint64_t max, blob_look *look)
{
	bool in = strcmp(path, "-") == 0;
	int fd, err;

	*b = (struct blob){.name = in ? "standard input" : path, .fd = -1};
	fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(-errno, "%s: cannot open", path);
	err = blob_fill(b, fd, max, look);
	if (!in && b->fd != fd)
		close(fd);
	if (err)
		blob_close(b);
	return err;
}

int
blob_open(struct blob *b, const char *path, uint64_t max)
{
	return blob_read(b, path, max, NULL);
}

void
blob_close(struct blob *b)
{
	if (b->mapped)
		munmap((void *)(uintptr_t)b->p, b->size ? b->size : 1);
	if (b->fd > 0)
		close(b->fd);
	*b = (struct blob){.fd = -1};
}

/* A mapped file that shrinks would kill us with SIGBUS while it is copied; one
 * that was written to is not what was probed. (Replacing it by a rename, as
 * package managers do, leaves ours alone.) */
static int
blob_check(const struct blob *b)
{
	struct stat st;

	if (!b->mapped || b->fd < 0)
		return 0;
	if (fstat(b->fd, &st) < 0)
		return fail(-errno, "%s: cannot read", b->name);
	if ((uint64_t)st.st_size != b->size)
		return failx(-ESTALE, "%s: has changed its size", b->name);
	return 0;
}

/* Pages of a mapped file need not stay with us until the next reset. */
static void
blob_drop(const struct blob *b)
{
	if (b->mapped && b->fd >= 0)
		madvise((void *)(uintptr_t)b->p, b->size, MADV_DONTNEED);
}

static bool
starts(const struct blob *b, const char *magic, size_t n)
{
	return b->size >= n && memcmp(b->p, magic, n) == 0;
}

static bool
is_bzimage(const struct blob *b)
{
	return b->size >= 0x210 && get16(b->p + 0x1fe) == 0xaa55 &&
	       memcmp(b->p + 0x202, "HdrS", 4) == 0;
}

/* For people: what it is, since it is not a kernel. */
static const char *
guess(const struct blob *b)
{
	if (starts(b, "\x1f\x8b", 2))
		return "compressed by gzip";
	if (starts(b,
		    "\xfd"
		    "7zXZ",
		    5))
		return "compressed by xz";
	if (starts(b, "\x28\xb5\x2f\xfd", 4))
		return "compressed by zstd";
	if (starts(b, "070701", 6))
		return "a cpio archive";
	if (starts(b, "#!", 2))
		return "a script";
	if (starts(b, "QFI\xfb", 4))
		return "a qcow2 disk image";
	if (b->size > 0x3c && memcmp(b->p + 0x38, "ARM\x64", 4) == 0)
		return "for another CPU (arm64)";
	if (b->size >= 512 && get16(b->p + 0x1fe) == 0xaa55 &&
		!starts(b, "MZ", 2))
		return "a boot sector (which --flat boots)";
	if (b->size < 1024)
		return "too short";
	if (starts(b, "MZ", 2))
		return "an EFI program without Linux's boot protocol";
	return "neither bzImage, nor multiboot, nor ELF";
}

static int
not_a_kernel(const struct blob *k)
{
	return failx(-ENOEXEC, "%s: not a kernel: %s", k->name, guess(k));
}

/* The magic of one of them is at the beginning of all that we boot. */
static int
look_for_magic(const struct blob *k)
{
	size_t at;

	if (starts(k, ELFMAG, SELFMAG) || is_bzimage(k) ||
		multiboot_find(k, &at))
		return 0;
	return not_a_kernel(k);
}

int
boot_open(struct blob *k, const char *path, uint64_t max, bool flat)
{
	if (flat && max > FLAT_MAX)
		max = FLAT_MAX;
	return blob_read(k, path, max, flat ? NULL : look_for_magic);
}

int
boot_probe(const struct boot_params *bp, enum boot_kind *kind)
{
	const struct blob *k = &bp->kernel;
	bool elf = starts(k, ELFMAG, SELFMAG);
	size_t at;

	if (k->size == 0)
		return failx(-ENOEXEC, "%s: not a kernel: empty", k->name);
	if (bp->flat)
		*kind = BOOT_FLAT;
	else if (is_bzimage(k))
		*kind = BOOT_LINUX;
	else if (multiboot_find(k, &at) && !(elf && bp->entry64))
		*kind = BOOT_MULTIBOOT;
	else if (elf)
		return elf_kind(bp, kind);
	else
		return not_a_kernel(k);
	return 0;
}

static int
check_files(const struct boot_params *bp)
{
	int err = blob_check(&bp->kernel);

	if (err == 0 && bp->initrd.p)
		err = blob_check(&bp->initrd);
	for (unsigned i = 0; i < bp->modules_n && err == 0; i++)
		err = blob_check(&bp->modules[i]);
	return err;
}

static int
load(struct mem *mem, const struct boot_params *bp, enum boot_kind kind,
	struct cpu_state *cpu)
{
	switch (kind) {
	case BOOT_LINUX:
		return boot_linux(mem, bp, cpu);
	case BOOT_ELF64:
	case BOOT_PVH:
		return boot_elf(mem, bp, kind, cpu);
	case BOOT_MULTIBOOT:
		return boot_multiboot(mem, bp, cpu);
	case BOOT_FLAT:
		return boot_flat(mem, bp, cpu);
	}
	return -ENOEXEC;
}

int
boot_load(struct mem *mem, const struct boot_params *bp, struct cpu_state *cpu)
{
	enum boot_kind kind;
	int err;

	err = check_files(bp);
	if (err == 0)
		err = boot_probe(bp, &kind);
	if (err == 0)
		err = load(mem, bp, kind, cpu);
	blob_drop(&bp->kernel);
	if (bp->initrd.p)
		blob_drop(&bp->initrd);
	for (unsigned i = 0; i < bp->modules_n; i++)
		blob_drop(&bp->modules[i]);
	return err;
}
