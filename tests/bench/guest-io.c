/* SPDX-License-Identifier: MIT */
/*
 * In a guest: guest-io DEVICE SECONDS, how fast a disk is with O_DIRECT. Lines
 * "NAME VALUE": MiB/s of 1 MiB requests one after another, and requests a
 * second of 4 KiB at random places, 1 and 32 at a time. Linked statically; no
 * library for the system calls of aio.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 4096, LARGE = 1 << 20, DEPTH = 32 };

static uint64_t size, random_state = 88172645463325252u;
static double seconds;
static uint8_t *buf;

static void
die(const char *what)
{
	fprintf(stderr, "guest-io: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t
random_block(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % (size / SMALL);
}

static void
sequential(int fd, const char *name, int writes)
{
	double begin = now(), end;
	uint64_t off = 0, n = 0;

	while ((end = now()) < begin + seconds) {
		ssize_t got = writes ? pwrite(fd, buf, LARGE, (off_t)off)
				     : pread(fd, buf, LARGE, (off_t)off);

		if (got != LARGE)
			die(name);
		off = off + 2 * LARGE <= size ? off + LARGE : 0;
		n++;
	}
	printf("%s %.1f\n", name, (double)n / (end - begin));
	fflush(stdout);
}

static void
aim(struct iocb *cb, int fd, int writes, unsigned slot)
{
	*cb = (struct iocb){
		.aio_lio_opcode = writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)fd,
		.aio_buf = (uint64_t)(uintptr_t)(buf + slot * SMALL),
		.aio_nbytes = SMALL,
		.aio_offset = (int64_t)(random_block() * SMALL),
		.aio_data = slot,
	};
}

static void
at_depth(int fd, const char *name, int writes, unsigned depth)
{
	static struct iocb cb[DEPTH];
	struct iocb *list[DEPTH];
	struct io_event done[DEPTH];
	aio_context_t aio = 0;
	double begin, end;
	uint64_t n = 0;
	long got = depth;

	if (syscall(SYS_io_setup, DEPTH, &aio) < 0)
		die("io_setup");
	for (unsigned i = 0; i < depth; i++)
		aim(list[i] = &cb[i], fd, writes, i);
	begin = now();
	while (got && syscall(SYS_io_submit, aio, got, list) == got) {
		got = syscall(SYS_io_getevents, aio, 1, DEPTH, done, NULL);
		n += got > 0 ? (uint64_t)got : 0;
		end = now();
		if (got <= 0 || end > begin + seconds)
			break;
		for (long i = 0; i < got; i++) {
			unsigned slot = (unsigned)done[i].data;

			if (done[i].res != SMALL)
				die(name);
			aim(list[i] = &cb[slot], fd, writes, slot);
		}
	}
	end = now();
	syscall(SYS_io_destroy, aio);
	printf("%s %.0f\n", name, (double)n / (end - begin));
	fflush(stdout);
}

static void
one_by_one(int fd, const char *name, int writes)
{
	double begin = now(), end;
	uint64_t n = 0;

	while ((end = now()) < begin + seconds) {
		off_t off = (off_t)(random_block() * SMALL);
		ssize_t got = writes ? pwrite(fd, buf, SMALL, off)
				     : pread(fd, buf, SMALL, off);

		if (got != SMALL)
			die(name);
		n++;
	}
	printf("%s %.0f\n", name, (double)n / (end - begin));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDWR | O_DIRECT) : -1;

	if (fd < 0)
		die("cannot open");
	seconds = atof(argv[2]);
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		die("size");
	buf = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (buf == MAP_FAILED)
		die("memory");
	memset(buf, 0x5a, LARGE);
	sequential(fd, "read", 0);
	sequential(fd, "write", 1);
	one_by_one(fd, "randread-1", 0);
	one_by_one(fd, "randwrite-1", 1);
	at_depth(fd, "randread-32", 0, DEPTH);
	at_depth(fd, "randwrite-32", 1, DEPTH);
	return 0;
}
