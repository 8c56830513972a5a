/* SPDX-License-Identifier: MIT */
/*
 * Core files of a machine whose memory the test has written.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/dump.h"
#include "vmm/machine-int.h"

/* mov $0x1234, %ax; cli; hlt */
static const uint8_t code[] = {0xb8, 0x34, 0x12, 0xfa, 0xf4};

#define MIB (1ull << 20)

static struct config cfg;
static struct clock *clk;
static struct loop *loop;
static struct machine *m;
static char path[] = "/tmp/vmtest-XXXXXX";

static void
setup(const char *memory)
{
	char kernel[] = "/tmp/vmtest-XXXXXX";
	int fd = mkstemp(kernel);

	if (fd < 0 || write(fd, code, sizeof(code)) != sizeof(code))
		exit(1);
	close(fd);
	config_init(&cfg);
	config_set(&cfg, "kernel", kernel);
	config_set(&cfg, "flat", "0x7c00");
	config_set(&cfg, "memory", memory);
	config_set(&cfg, "accel", "soft");
	config_set(&cfg, "cpus", "3");
	clk = clock_new();
	if (loop_new(&loop, clk) ||
		machine_new(&m, &cfg, loop, clk, NULL, NULL)) {
		printf("# %s\n", fail_text());
		exit(1);
	}
	unlink(kernel);
}

static void
teardown(void)
{
	machine_free(m);
	loop_free(loop);
	clock_free(clk);
	config_free(&cfg);
}

static uint8_t *
core_of(int fd, size_t *size)
{
	struct stat st;

	fstat(fd, &st);
	*size = (size_t)st.st_size;
	return mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
}

static const Elf64_Phdr *
header(const uint8_t *core, unsigned n)
{
	return (const Elf64_Phdr *)(core + sizeof(Elf64_Ehdr)) + n;
}

/* The core's byte at a guest address. */
static int
byte_at(const uint8_t *core, uint64_t gpa)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)core;

	for (unsigned n = 1; n < e->e_phnum; n++) {
		const Elf64_Phdr *p = header(core, n);

		if (gpa - p->p_paddr < p->p_filesz)
			return core[p->p_offset + gpa - p->p_paddr];
	}
	return -1;
}

static void
test_notes(const uint8_t *core)
{
	const Elf64_Phdr *p = header(core, 0);
	const uint8_t *at = core + p->p_offset, *end = at + p->p_filesz;
	unsigned status = 0, qemu = 0;
	uint64_t rip = 0;
	bool named = true;

	while (at < end) {
		Elf64_Nhdr h;
		struct elf_prstatus s;

		memcpy(&h, at, sizeof(h));
		at += sizeof(h);
		if (!memcmp(at, "CORE", 5) && h.n_type == NT_PRSTATUS &&
			h.n_descsz == sizeof(s)) {
			memcpy(&s, at + 8, sizeof(s));
			if (status == 0)
				rip = s.pr_reg[16];
			named &= s.pr_pid == (pid_t)++status;
		} else if (!memcmp(at, "QEMU", 5) && h.n_type == 0) {
			uint32_t head[2];

			memcpy(head, at + 8, sizeof(head));
			qemu += head[0] == 1 && head[1] == h.n_descsz;
		}
		at += 8 + (h.n_descsz + 3) / 4 * 4;
	}
	ok(at == end, "the notes fill their segment");
	ok(status == 3 && qemu == 3 && named, "two for each CPU");
	ok(rip == 0x7c00, "the first CPU is at the kernel's entry");
}

static void
test_file(void)
{
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
	struct stat before, after, st;
	const Elf64_Ehdr *e;
	uint8_t *core;
	size_t size;

	mem_write(m->mem, 5 * MIB, "five", 4);
	mem_write(m->mem, 64 * MIB - 4, "last", 4);
	mem_fill(m->mem, 9 * MIB, 0, 3 * MIB); /* there, and zero */
	fstat(mem_fd(m->mem), &before);
	ok(dump_core(m, fd) == 0, "a core is written");
	fstat(mem_fd(m->mem), &after);
	ok(after.st_blocks == before.st_blocks,
		"which brings no memory into being");
	core = core_of(fd, &size);
	e = (const Elf64_Ehdr *)core;
	ok(!memcmp(e->e_ident, ELFMAG, SELFMAG) && e->e_type == ET_CORE &&
			e->e_machine == EM_X86_64,
		"it is ELF");
	ok(header(core, 0)->p_type == PT_NOTE && e->e_phnum >= 2 &&
			header(core, 1)->p_type == PT_LOAD &&
			header(core, 1)->p_paddr == 0 &&
			header(core, 1)->p_filesz == 64 * MIB &&
			header(core, 1)->p_offset % 4096 == 0,
		"memory is a segment of it");
	ok(byte_at(core, 0x7c00) == 0xb8 && byte_at(core, 5 * MIB) == 'f' &&
			byte_at(core, 64 * MIB - 1) == 't' &&
			byte_at(core, 10 * MIB) == 0 &&
			byte_at(core, 64 * MIB) == -1,
		"what was in memory is there");
	ok(size == header(core, 1)->p_offset + 64 * MIB,
		"it ends where memory does");
	fstat(fd, &st);
	printf("# %llu KiB of %zu\n", (unsigned long long)st.st_blocks / 2,
		size / 1024);
	ok(st.st_blocks * 512 < 4 << 20, "pages of zeros are holes");
	ok(lseek(fd, 0, SEEK_CUR) == (off_t)size, "the file stands at its end");
	test_notes(core);
	munmap(core, size);
	close(fd);
}

static void
test_places(void)
{
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC), p[2];
	char four[4];
	struct stat st;
	off_t size;

	if (write(fd, "before", 6) != 6)
		exit(1);
	ok(dump_core(m, fd) == 0 && pread(fd, four, 4, 6) == 4 &&
			!memcmp(four, ELFMAG, 4),
		"it begins where the file stands");
	fstat(fd, &st);
	size = st.st_size - 6;
	lseek(fd, 0, SEEK_SET);
	if (pwrite(fd, "dirt", 4, 20 * MIB) != 4)
		exit(1);
	ok(dump_core(m, fd) == 0 && pread(fd, four, 4, 20 * MIB) == 4 &&
			!memcmp(four, "\0\0\0\0", 4),
		"what was there is written over");
	close(fd);
	fd = open(path, O_RDWR | O_TRUNC | O_APPEND | O_CLOEXEC);
	ok(dump_core(m, fd) == 0 && fstat(fd, &st) == 0 && st.st_size == size,
		"or appended to");
	close(fd);
	if (pipe2(p, O_CLOEXEC))
		exit(1);
	ok(dump_core(m, p[1]) == -EINVAL, "a pipe is refused");
	close(p[0]);
	close(p[1]);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ok(dump_core(m, fd) == -EINVAL, "so is a device");
	close(fd);
}

static void
test_full(void)
{
	struct rlimit lim, old;
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	lim = old;
	lim.rlim_cur = 2 * MIB;
	setrlimit(RLIMIT_FSIZE, &lim);
	ok(dump_core(m, fd) == -EFBIG, "a file that takes no more: an error");
	is_str(fail_text(), "dump: cannot write: File too large",
		"in a sentence");
	setrlimit(RLIMIT_FSIZE, &old);
	close(fd);
}

struct reader {
	int fd;
	uint64_t sum, n;
};

static uint64_t
sum_of(uint64_t sum, const uint8_t *p, size_t n)
{
	while (n--)
		sum = sum * 31 + *p++;
	return sum;
}

static void *
read_all(void *to)
{
	struct reader *r = to;
	static uint8_t buf[100000];
	ssize_t n;

	while ((n = read(r->fd, buf, sizeof(buf))) > 0) {
		r->sum = sum_of(r->sum, buf, (size_t)n);
		r->n += (uint64_t)n;
	}
	return NULL;
}

static void
test_socket(void)
{
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC), s[2];
	struct reader r = {0};
	struct dump *d;
	uint8_t *core;
	size_t size;
	pthread_t t;
	int e;

	dump_core(m, fd);
	core = core_of(fd, &size);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		exit(1);
	ok(dump_open(&d, m, s[1]) == 0, "a socket");
	while ((e = dump_step(d)) == 1)
		;
	ok(e == -EAGAIN, "that nobody reads keeps nobody waiting");
	dump_close(d);
	close(s[0]);
	close(s[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		exit(1);
	r.fd = s[0];
	pthread_create(&t, NULL, read_all, &r);
	e = dump_core(m, s[1]);
	close(s[1]);
	pthread_join(t, NULL);
	ok(e == 0 && r.n == size && r.sum == sum_of(0, core, size),
		"gets the same as a file");
	close(s[0]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		exit(1);
	close(s[0]);
	ok(dump_core(m, s[1]) == -EPIPE, "one that is closed: an error");
	close(s[1]);
	munmap(core, size);
	close(fd);
}

/* Memory on both sides of the hole below 4 GiB. */
static void
test_large(void)
{
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC);
	uint8_t *core;
	struct stat st;
	size_t size;

	mem_write(m->mem, 3 * 1024 * MIB - 1, "a", 1);
	mem_write(m->mem, 4 * 1024 * MIB, "b", 1);
	mem_write(m->mem, 4 * 1024 * MIB + 512 * MIB, "c", 1);
	ok(dump_core(m, fd) == 0, "four gigabytes");
	core = core_of(fd, &size);
	ok(byte_at(core, 3 * 1024 * MIB - 1) == 'a' &&
			byte_at(core, 4 * 1024 * MIB) == 'b' &&
			byte_at(core, 4 * 1024 * MIB + 512 * MIB) == 'c' &&
			byte_at(core, 3 * 1024 * MIB) == -1,
		"on both sides of the hole");
	fstat(fd, &st);
	ok(st.st_blocks * 512 < 4 << 20, "cost what is in use");
	munmap(core, size);
	close(fd);
}

int
main(void)
{
	int fd = mkstemp(path);

	deadline(100);
	close(fd);
	setup("64M");
	test_file();
	test_places();
	test_full();
	test_socket();
	teardown();
	setup("4G");
	test_large();
	teardown();
	unlink(path);
	return done();
}
