/* SPDX-License-Identifier: MIT */
/*
 * Booting: files, what an image is, the memory map, flat images, and images
 * that are spoilt.
 */
#include "tests/unit/boot-help.h"

#include <sys/wait.h>

/* ---- flat ---- */

static void
test_flat(void)
{
	struct boot_params bp = params(512);

	memset(image, 0xf4, 512);
	bp.flat = true;
	bp.flat_addr = 0x7c00;
	loads(&bp, "flat: an image is loaded");
	ok(cpu.seg[SEG_CS].sel == 0 && cpu.seg[SEG_CS].base == 0 &&
			cpu.rip == 0x7c00 && !(cpu.cr0 & 1) &&
			byte_at(0x7c00 + 511) == 0xf4,
		"flat: real mode, 0:7c00");
	bp.flat_addr = 0x20010;
	loads(&bp, "flat: above 64 KiB");
	ok(cpu.seg[SEG_CS].base + cpu.rip == 0x20010 && cpu.rip == 0,
		"flat: CS has the address");
	bp.flat_addr = 0x20001;
	refuses(&bp, -EINVAL, "multiple of 16", "flat: an odd address");
	bp.flat_addr = 0x100000;
	refuses(&bp, -EINVAL, "real mode", "flat: 1 MiB");
	bp.flat_addr = 0x9fb00;
	refuses(&bp, -ENOMEM, "do not fit", "flat: beyond low memory");
	bp.flat_addr = ~0ull;
	refuses(&bp, -EINVAL, "cannot start", "flat: the last address");
}

/* ---- probe, memory map, files ---- */

static void
is_not(const void *p, size_t n, const char *words, const char *name)
{
	struct boot_params bp = params(n);

	memset(image, 0, sizeof(image));
	memcpy(image, p, n < 8 ? n : 8);
	refuses(&bp, -ENOEXEC, words, name);
}

static void
test_probe(void)
{
	struct boot_params bp = params(0);

	refuses(&bp, -ENOEXEC, "empty", "not a kernel: empty");
	is_not("\x1f\x8b\x08\0\0\0\0", 2000, "gzip", "not a kernel: gzip");
	is_not("#!/bin/s", 2000, "script", "not a kernel: a script");
	is_not("MZxxxxxx", 2000, "EFI", "not a kernel: an EFI program");
	is_not("nothing!", 2000, "neither", "not a kernel: no magic");
	is_not("x", 1, "too short", "not a kernel: one byte");
	memset(image, 0, sizeof(image));
	put16(image + 0x1fe, 0xaa55);
	bp = params(512);
	refuses(&bp, -ENOEXEC, "--flat", "not a kernel: a boot sector");
	is_not(ELFMAG, 4, "truncated", "not a kernel: ELF's magic alone");
}

static void
test_e820(void)
{
	struct e820 map[E820_MAX];
	unsigned n;

	memory(64 << 10);
	n = boot_e820(mem, map);
	ok(n == 4 && map[0].size == 64 << 10 && map[0].type == E820_RAM,
		"64 KiB: one range of RAM");
	memory(6144 * MIB);
	n = boot_e820(mem, map);
	ok(n == 6 && map[3].addr == MIB && map[3].size == MEM_HOLE - MIB,
		"6 GiB: RAM below the hole");
	ok(map[5].addr == 1ull << 32 && map[5].size == 3072 * MIB &&
			map[5].type == E820_RAM,
		"6 GiB: the rest is above 4 GiB");
	ok(map[1].type == E820_RESERVED && map[1].addr == 0x9fc00 &&
			map[2].addr == 0xe0000 && map[2].size == 0x20000,
		"what firmware uses is reserved");
}

static void
write_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		exit(1);
	close(fd);
}

static void
test_pipe(const char *via)
{
	struct blob b;
	int p[2], saved = dup(0);
	bool good;

	if (pipe(p) < 0 || write(p[1], initrd, sizeof(initrd)) < 0)
		exit(1);
	close(p[1]);
	dup2(p[0], 0);
	close(p[0]);
	good = blob_open(&b, via, MIB) == 0 && b.size == sizeof(initrd) &&
	       memcmp(b.p, initrd, b.size) == 0;
	ok(good, "a pipe is read to its end (%s)", via);
	blob_close(&b);
	dup2(saved, 0);
	close(saved);
}

/* A kernel of 300 KB in a pipe, written by a process of its own. */
static void
test_stream(void)
{
	struct boot_params bp = bzimage();
	struct blob b;
	int p[2], saved = dup(0);
	pid_t pid;

	put32(image + 0x1f4, 300000 / 16);
	if (pipe(p) < 0 || (pid = fork()) < 0)
		exit(1);
	if (pid == 0) {
		static uint8_t rest[300000];

		_exit(write(p[1], image, SETUP) != SETUP ||
			write(p[1], rest, sizeof(rest)) != sizeof(rest));
	}
	close(p[1]);
	dup2(p[0], 0);
	close(p[0]);
	ok(boot_open(&b, "-", MIB, false) == 0 && b.size == SETUP + 300000 &&
			memcmp(b.p, bp.kernel.p, SETUP) == 0,
		"a kernel is read from a pipe, past its beginning");
	blob_close(&b);
	waitpid(pid, NULL, 0);
	dup2(saved, 0);
	close(saved);
	ok(boot_open(&b, "/dev/zero", MIB * MIB, false) == -ENOEXEC &&
			strstr(fail_text(), "not a kernel"),
		"an endless stream of zeros is no kernel, and not read to "
		"its limit");
	ok(boot_open(&b, "/dev/zero", MIB * MIB, true) == -EFBIG,
		"nor as a flat image, which has 640 KiB at most");
}

static void
test_files(void)
{
	char dir[] = "/tmp/boot-test.XXXXXX", path[64];
	struct boot_params bp;
	struct blob b;

	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof(path), "%s/img", dir);
	ok(blob_open(&b, dir, MIB) == -EISDIR &&
			strstr(fail_text(), "is a directory"),
		"a directory is refused");
	ok(blob_open(&b, path, MIB) == -ENOENT && strstr(fail_text(), path),
		"a missing file is named");
	write_file(path, "", 0);
	ok(blob_open(&b, path, MIB) == -ENODATA, "an empty file is refused");
	write_file(path, initrd, sizeof(initrd));
	ok(blob_open(&b, path, sizeof(initrd) - 1) == -EFBIG,
		"a file larger than the limit is refused");
	ok(blob_open(&b, "/dev/zero", MIB) == -EFBIG,
		"an endless file is refused");
	bp = bzimage();
	write_file(path, image, bp.kernel.size);
	ok(blob_open(&bp.kernel, path, MIB) == 0 &&
			bp.kernel.size == SETUP + CODE,
		"a file is opened");
	loads(&bp, "and boots");
	loads(&bp, "and boots again, after a reset");
	if (truncate(path, 512) < 0)
		exit(1);
	refuses(&bp, -ESTALE, "changed", "a file that shrank is refused");
	blob_close(&bp.kernel);
	ok(bp.kernel.p == NULL, "a closed blob has nothing");
	unlink(path);
	rmdir(dir);
	test_pipe("-");
	test_pipe("/dev/stdin");
	test_stream();
}

/* ---- hostile images ---- */

static uint64_t
random64(void)
{
	static uint64_t s = 88172645463325252;

	s ^= s << 13;
	s ^= s >> 7;
	return s ^= s << 17;
}

/* Spoil a few bytes of the headers; sometimes whole words. */
static void
spoil(struct boot_params *bp)
{
	for (uint64_t n = random64() % 6 + 1; n > 0; n--) {
		size_t at = random64() % 0x300;

		if (random64() % 16 == 0)
			at = 0x800 + random64() % 64;
		if (random64() % 3 == 0)
			put32(image + at, 0u - (uint32_t)(random64() % 3));
		else if (random64() % 2)
			put32(image + at,
				(uint32_t)random64() >> random64() % 32);
		else
			image[at] = (uint8_t)random64();
	}
	if (random64() % 4 == 0)
		bp->kernel.size = random64() % bp->kernel.size;
}

static void
test_hostile(void)
{
	unsigned good = 0, bad = 0;

	for (unsigned i = 0; i < 4000; i++) {
		struct boot_params bp;
		uint8_t *copy;

		if (i % 4 == 0)
			bp = bzimage();
		else if (i % 4 == 1)
			bp = elf64(kernel_segs, 3, 0x200000);
		else if (i % 4 == 2)
			bp = elf32(kernel_segs, 3, 0x200000);
		else
			bp = addresses(0x1000, 0x300080, 0x300000, 0, 0x302000);
		if (i % 4 == 1 || i % 4 == 2)
			pvh_note(0x200000);
		bp.initrd =
			(struct blob){initrd, sizeof(initrd), "rd", false, -1};
		spoil(&bp);
		/* exactly as large as it is, for the sanitizers */
		copy = malloc(bp.kernel.size ? bp.kernel.size : 1);
		memcpy(copy, image, bp.kernel.size);
		bp.kernel.p = copy;
		fail_clear();
		if (load(&bp) == 0)
			good++;
		else
			bad += *fail_text() != '\0';
		free(copy);
	}
	ok(good > 100 && bad > 100 && good + bad == 4000,
		"4000 spoilt images are loaded or refused with a sentence");
}

int
main(void)
{
	deadline(60);
	memory(64 * MIB);
	test_flat();
	test_probe();
	test_hostile();
	test_files();
	test_e820();
	mem_free(mem);
	return done();
}
