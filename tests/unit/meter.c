/* SPDX-License-Identifier: MIT */
/* Who writes the metrics file: when asked, and no more than once a second. */
#include "vmm/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "lib/metrics.h"
#include "tests/tap.h"

static struct config cfg;
static struct clock *host;
static struct loop *loop;
static struct machine *machine;
static struct meter *meter;
static char tmp[64];
static int dir;

static void
up(void)
{
	char path[80];
	int fd;

	snprintf(tmp, sizeof(tmp), "/tmp/meter.XXXXXX");
	if (!mkdtemp(tmp))
		abort();
	dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/kernel", tmp);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "\xf4", 1) != 1)
		abort();
	close(fd);
	config_init(&cfg);
	config_set(&cfg, "kernel", path);
	config_set(&cfg, "flat", "0x7c00");
	config_set(&cfg, "memory", "1M");
	config_set(&cfg, "cpus", "3");
	config_set(&cfg, "accel", "soft");
	host = clock_new_manual(0);
	if (loop_new(&loop, host) ||
		machine_new(&machine, &cfg, loop, host, NULL, NULL) ||
		meter_new(&meter, dir, machine, loop, host)) {
		printf("# %s\n", fail_text());
		abort();
	}
	unlink(path);
}

static void
down(void)
{
	meter_free(meter);
	machine_free(machine);
	loop_free(loop);
	clock_free(host);
	config_free(&cfg);
	close(dir);
}

static bool
sleeps(void)
{
	return clock_next(host) == CLOCK_NEVER;
}

static void
turn(unsigned rounds)
{
	while (rounds--)
		loop_once(loop, 0);
}

/* The time of the reading that there is; 0: none. Asks for none. */
static uint64_t
reading(void)
{
	struct metrics m;
	int fd = openat(dir, METRICS_NAME, O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, &m, sizeof(m), 0);

	close(fd);
	return n == sizeof(m) ? m.time : 0;
}

static void
test_unwatched(void)
{
	turn(3);
	ok(sleeps() && !reading(), "nobody looks: no timer, no reading");
	clock_advance(host, 60 * NS_PER_S);
	turn(3);
	ok(sleeps() && !reading(), "nor after a minute");
}

static void
test_passing(void)
{
	struct metrics m;
	uint64_t first;

	is_u64((uint64_t)-metrics_look(dir, &m), EAGAIN, "somebody asks once");
	turn(3);
	ok(metrics_look(dir, &m) == 0, "and is answered");
	is_u64(m.vcpus, 3, "with the CPUs there are");
	ok(m.cpu > 0 && m.disk_reads == 0, "and what was used");
	first = m.time;
	for (int i = 0; i < 200; i++) {
		metrics_look(dir, &m);
		turn(2);
	}
	is_u64(reading(), first, "however often he asks, within a second");
	clock_advance(host, NS_PER_S);
	turn(3);
	ok(reading() > first, "there is the next reading when that is over");
	first = reading();
	ok(sleeps(), "then nobody looks");
	clock_advance(host, 5 * NS_PER_S);
	turn(3);
	ok(sleeps() && reading() == first, "and nothing is done");
}

static void
test_watched(void)
{
	struct metrics_reader *a, *b;
	struct metrics m;
	uint64_t last;

	ok(!metrics_open(dir, &a) && !metrics_open(dir, &b), "two look on");
	turn(3);
	for (int i = 0; i < 3; i++) {
		last = reading();
		clock_advance(host, NS_PER_S / 2);
		turn(3);
		ok(reading() == last, "half a second later: the same");
		clock_advance(host, NS_PER_S / 2);
		turn(3);
		ok(reading() > last && metrics_read(a, &m) == 0 &&
				m.time == reading(),
			"a second later: the next reading");
	}
	metrics_close(a);
	clock_advance(host, NS_PER_S);
	turn(3);
	ok(!sleeps() && metrics_read(b, &m) == 0, "one goes, one looks on");
	metrics_close(b);
	clock_advance(host, NS_PER_S);
	turn(3);
	ok(sleeps(), "both have gone: within a second it stops");
}

static void
test_memory(void)
{
	struct mem *mem = (struct mem *)(uintptr_t)machine_mem(machine);
	uint8_t page[4096] = {1};
	uint64_t before;
	struct metrics m;

	clock_advance(host, 2 * NS_PER_S);
	metrics_look(dir, &m);
	turn(3);
	metrics_look(dir, &m);
	before = m.rss;
	for (unsigned n = 0; n < 16; n++)
		mem_write(mem, 0x40000 + n * 4096, page, sizeof(page));
	clock_advance(host, 2 * NS_PER_S);
	turn(3);
	metrics_look(dir, &m);
	is_u64(m.rss, before + 16 * 4096,
		"the guest's memory counts where it was touched");
}

static void
test_going(void)
{
	struct metrics_reader *r;
	struct metrics m;
	struct stat st;

	if (metrics_open(dir, &r))
		abort();
	turn(3);
	meter_free(meter);
	meter = NULL;
	ok(fstatat(dir, METRICS_NAME, &st, 0) && sleeps(),
		"the file goes with the machine, and the timer");
	is_u64((uint64_t)-metrics_read(r, &m), ESTALE,
		"and whoever looks sees");
	metrics_close(r);
}

int
main(void)
{
	deadline(30);
	up();
	test_unwatched();
	test_passing();
	test_watched();
	test_memory();
	test_going();
	down();
	rmdir(tmp);
	return done();
}
