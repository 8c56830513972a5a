/* SPDX-License-Identifier: MIT */
/* The metrics file: the page, who writes it, who looks, and rates. */
#include "lib/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/err.h"
#include "tests/tap.h"

static char tmp[64];
static int dir;
static struct metrics_writer *w;

static void
begin(void)
{
	if (metrics_make(dir, &w)) {
		printf("# %s\n", fail_text());
		abort();
	}
}

static bool
poked(void)
{
	struct pollfd p = {.fd = metrics_fd(w), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static mode_t
mode(const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_mode;
}

static void
write_cpu(uint64_t cpu)
{
	struct metrics m = {.cpu = cpu, .vcpus = 2, .vcpu = {1, 2}};

	metrics_write(w, &m);
}

static void
test_files(void)
{
	struct metrics_reader *r;
	struct metrics m;

	is_u64((uint64_t)-metrics_open(dir, &r), ENOENT, "no file: no machine");
	is_u64((uint64_t)-metrics_look(dir, &m), ENOENT, "likewise in passing");
	begin();
	is_u64(mode(METRICS_NAME), S_IFREG | 0600, "the file is the owner's");
	is_u64(mode(METRICS_WAKE), S_IFIFO | 0600, "so is the FIFO");
	ok(!poked() && !metrics_asked(w) && !metrics_watched(w),
		"at first nobody looks");
	metrics_end(w);
	ok(!mode(METRICS_NAME) && !mode(METRICS_WAKE),
		"both go with the writer");
}

static void
test_reading(void)
{
	struct metrics_reader *r, *other;
	struct metrics m;

	begin();
	ok(metrics_open(dir, &r) == 0, "a reader");
	ok(metrics_watched(w) && poked(), "its writer knows, and is woken");
	is_u64((uint64_t)-metrics_read(r, &m), EAGAIN, "nothing is there yet");
	ok(metrics_asked(w) && !poked() && !metrics_asked(w),
		"that somebody asked is told once");
	write_cpu(5);
	ok(metrics_read(r, &m) == 0 && m.cpu == 5 && m.vcpus == 2 &&
			m.vcpu[1] == 2 && m.time,
		"what was written is read");
	ok(metrics_open(dir, &other) == 0 && metrics_read(other, &m) == 0,
		"so it is by a second reader");
	metrics_close(r);
	ok(metrics_watched(w), "the first goes: one still looks");
	metrics_close(other);
	ok(!metrics_watched(w), "both are gone: nobody looks");
	metrics_end(w);
}

static void
test_looking(void)
{
	struct metrics m;

	begin();
	is_u64((uint64_t)-metrics_look(dir, &m), EAGAIN,
		"a look in passing finds nothing yet");
	ok(poked() && !metrics_watched(w), "it asks, and does not stay");
	write_cpu(7);
	ok(metrics_look(dir, &m) == 0 && m.cpu == 7,
		"the next one finds the reading");
	for (int i = 0; i < 70000; i++)
		metrics_look(dir, &m);
	ok(metrics_asked(w) && !poked(),
		"however often it was asked, it was asked once");
	metrics_end(w);
}

/* The process that writes is killed; true: the reader takes it so. */
static bool
writer_dies(struct metrics_reader **r)
{
	int pipes[2], status;
	char c;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		abort();
	pid = fork();
	if (pid == 0) {
		begin();
		write_cpu(9);
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	close(pipes[1]);
	if (read(pipes[0], &c, 1) != 1 || metrics_open(dir, r))
		abort();
	close(pipes[0]);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return mode(METRICS_NAME) != 0;
}

static void
test_death(void)
{
	struct metrics_reader *r, *late;
	struct metrics m;

	ok(writer_dies(&r), "a writer that is killed leaves its files");
	is_u64((uint64_t)-metrics_read(r, &m), ESTALE,
		"its last reading is none any more");
	is_u64((uint64_t)-metrics_look(dir, &m), ENOENT,
		"whoever comes later is told that there is no writer");
	is_u64((uint64_t)-metrics_open(dir, &late), ENOENT, "likewise");
	begin();
	write_cpu(11);
	is_u64((uint64_t)-metrics_read(r, &m), ESTALE,
		"the next run is none of the old reader's");
	ok(!metrics_watched(w), "nor does its writer work for that one");
	metrics_close(r);
	metrics_end(w);
}

static void
put(const char *name, const void *p, size_t n, off_t at)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, p, n, at) != (ssize_t)n)
		abort();
	close(fd);
}

static void
test_garbage(void)
{
	struct metrics_reader *r;
	struct metrics m;
	int fd;

	begin();
	write_cpu(3);
	if (metrics_open(dir, &r))
		abort();
	put(METRICS_NAME, "x", 1, 40);
	is_u64((uint64_t)-metrics_read(r, &m), EAGAIN,
		"a page that is half another one is no reading");
	write_cpu(4);
	ok(metrics_read(r, &m) == 0 && m.cpu == 4, "the next one is");
	put(METRICS_NAME, "x", 1, 0);
	is_u64((uint64_t)-metrics_read(r, &m), EINVAL,
		"what does not begin so is no such file");
	m.vcpus = METRICS_VCPUS + 1;
	metrics_write(w, &m);
	is_u64((uint64_t)-metrics_read(r, &m), EINVAL,
		"more CPUs than there is room for are refused");
	fd = openat(dir, METRICS_NAME, O_WRONLY | O_CLOEXEC);
	ok(fd >= 0 && ftruncate(fd, 100) == 0 && metrics_read(r, &m) == -EAGAIN,
		"one that was cut off kills nobody");
	close(fd);
	write_cpu(6);
	ok(metrics_read(r, &m) == 0 && m.cpu == 6, "and is whole again");
	metrics_close(r);
	metrics_end(w);
}

static void
test_strange_files(void)
{
	struct metrics_reader *r;
	struct metrics m;

	begin();
	unlinkat(dir, METRICS_WAKE, 0);
	is_u64((uint64_t)-metrics_open(dir, &r), ENOENT, "no FIFO: nobody");
	if (symlinkat("/dev/zero", dir, METRICS_WAKE))
		abort();
	is_u64((uint64_t)-metrics_look(dir, &m), ENOENT,
		"a link is not followed");
	unlinkat(dir, METRICS_NAME, 0);
	if (mkfifoat(dir, METRICS_NAME, 0600))
		abort();
	is_u64((uint64_t)-metrics_open(dir, &r), ENOENT,
		"a FIFO where the file should be is not waited for");
	metrics_end(w);
	if (symlinkat("/dev/zero", dir, METRICS_NAME) ||
		symlinkat("/dev/zero", dir, METRICS_WAKE))
		abort();
	begin();
	is_u64(mode(METRICS_NAME), S_IFREG | 0600,
		"a new writer replaces whatever is there");
	metrics_end(w);
}

static void
test_rates(void)
{
	struct metrics a = {.time = 1000, .cpu = 10, .disk_read = 100}, b = a;
	struct metrics_rates r;

	b.time += 2000000000;
	b.cpu += 3000000000;
	b.disk_read += 4096;
	b.disk_written += 8192;
	b.net_received += 10;
	b.net_sent += 20;
	metrics_rate(&a, &b, &r);
	ok(r.cpu > 149.999 && r.cpu < 150.001,
		"one and a half CPUs are 150 %%");
	ok(r.disk_read == 2048 && r.disk_write == 4096 && r.net_in == 5 &&
			r.net_out == 10,
		"bytes a second");
	metrics_rate(&b, &a, &r);
	ok(r.cpu == 0 && r.disk_read == 0, "backwards there is no rate");
	metrics_rate(&a, &a, &r);
	ok(r.cpu == 0 && r.net_in == 0, "nor in no time");
	b.cpu = 0;
	metrics_rate(&a, &b, &r);
	ok(r.cpu == 0 && r.disk_read == 2048, "what went backwards has none");
}

int
main(void)
{
	deadline(30);
	snprintf(tmp, sizeof(tmp), "/tmp/metrics.XXXXXX");
	if (!mkdtemp(tmp))
		abort();
	dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_files();
	test_reading();
	test_looking();
	test_death();
	test_garbage();
	test_strange_files();
	test_rates();
	close(dir);
	rmdir(tmp);
	return done();
}
