/* SPDX-License-Identifier: MIT */
/*
 * A machine whose disk lies where the host does not answer any more: it is
 * paused, reset and ended all the same. The kernel's fdatasync() is this
 * file's; the guest flushes an IDE disk.
 */
#include <fcntl.h>
#include <stdatomic.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/machine-int.h"

/* outb 0x1f6, 0xe0; outb 0x1f7, 0xe7; jmp . */
static const uint8_t flushing[] = {0xba, 0xf6, 0x01, 0xb0, 0xe0, 0xee, 0xba,
	0xf7, 0x01, 0xb0, 0xe7, 0xee, 0xeb, 0xfe};

static atomic_bool hangs;
static atomic_uint inside;

static struct config cfg;
static struct clock *host;
static struct loop *loop;
static struct machine *machine;
static struct machine *left[3]; /* for who looks for leaks */
static struct dev *pulled[2];
static bool ended;

int
fdatasync(int fd)
{
	(void)fd;
	atomic_fetch_add(&inside, 1);
	while (atomic_load(&hangs))
		usleep(1000);
	atomic_fetch_sub(&inside, 1);
	return 0;
}

static void
on_end(void *to)
{
	(void)to;
	ended = true;
}

static void
make(char *path, const void *p, size_t n, off_t size)
{
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n || ftruncate(fd, size))
		exit(1);
	close(fd);
}

/* It runs, and its flush hangs. */
static void
up(void)
{
	char kernel[] = "/tmp/hang-XXXXXX", disk[] = "/tmp/hang-XXXXXX";
	char spec[64];

	make(kernel, flushing, sizeof(flushing), 512);
	make(disk, "", 0, 1 << 20);
	snprintf(spec, sizeof(spec), "%s,bus=ide,format=raw", disk);
	config_init(&cfg);
	config_set(&cfg, "kernel", kernel);
	config_set(&cfg, "flat", "0x7c00");
	config_set(&cfg, "memory", "1M");
	config_set(&cfg, "accel", "soft");
	config_set(&cfg, "disk", spec);
	host = clock_new();
	ended = false;
	if (loop_new(&loop, host) ||
		machine_new(&machine, &cfg, loop, host, NULL, NULL)) {
		printf("# %s\n", fail_text());
		exit(1);
	}
	unlink(kernel);
	unlink(disk);
	machine->patience = 50;
	atomic_store(&hangs, true);
	if (machine_start(machine, on_end, NULL))
		exit(1);
	while (!atomic_load(&inside))
		loop_once(loop, 5);
}

static void
down(void)
{
	machine_free(machine);
	loop_free(loop);
	clock_free(host);
	config_free(&cfg);
}

static void
answer(void)
{
	atomic_store(&hangs, false);
	while (atomic_load(&inside))
		usleep(1000);
}

static uint64_t
flushes(void)
{
	struct disk_stats s;

	drives_get_stats(machine_drives(machine), &s);
	return s.flushes;
}

static void
test_pause(void)
{
	up();
	machine_pause(machine);
	ok(machine_paused(machine) && atomic_load(&inside) == 1,
		"it is paused, while the host does not answer");
	machine_resume(machine);
	ok(!machine_paused(machine), "and goes on");
	machine_pause(machine);
	answer();
	while (!flushes())
		loop_once(loop, 5);
	ok(machine_paused(machine), "what is answered then harms nobody");
	machine_resume(machine);
	machine_stop(machine, END_POWEROFF, "");
	ok(ended && !machine_hung(machine), "it ends well");
	down();
}

static void
test_end(void)
{
	struct machine *m;

	up();
	left[0] = machine;
	machine_stop(machine, END_OUTSIDE, "enough");
	ok(ended && machine_hung(machine), "it ends, the host does not answer");
	ok(machine_end(machine)->code == END_OUTSIDE, "as it was told to");
	m = machine;
	machine_free(machine);
	ok(atomic_load(&inside) == 1, "and is put away");
	answer();
	ok(!drives_drain(m->drives, 0),
		"an answer that comes then harms nobody");
	loop_free(loop);
	clock_free(host);
	config_free(&cfg);
}

static void
test_reset(void)
{
	up();
	left[1] = machine;
	machine_reset(machine);
	ok(ended && machine_end(machine)->how == END_BADLY,
		"it is not reset: what was asked would end up in its memory");
	ok(strstr(machine_end(machine)->cause, "does not answer") != NULL,
		"which it says");
	answer();
	down();
}

/* A disk that was plugged in, and whose flush hangs, is pulled out. */
static void
pull(unsigned n)
{
	static struct disk_req q = {.op = DISK_FLUSH};
	char path[] = "/tmp/hang-XXXXXX", spec[64];
	struct config_disk d;
	struct image *image;
	struct dev *dev;
	int fd;

	make(path, "", 0, 1 << 20);
	fd = open(path, O_RDWR | O_CLOEXEC);
	snprintf(spec, sizeof(spec), "%s,format=raw,id=late", path);
	if (config_disk_parse(spec, false, &d) ||
		drives_open_fds(&d, &fd, 1, &image) ||
		machine_attach(machine, &d, image))
		exit(1);
	config_disk_free(&d);
	unlink(path);
	dev = machine->board->dev[machine->board->devs - 1];
	pulled[n] = dev;
	atomic_store(&hangs, true);
	dev_lock(dev);
	disk_submit(drives_find(machine_drives(machine), "late")->disk, &q);
	dev_unlock(dev);
	while (!atomic_load(&inside))
		loop_once(loop, 5);
	machine_ejected(machine, dev);
	while (drives_find(machine_drives(machine), "late"))
		loop_once(loop, 5);
}

static void
test_pulled(void)
{
	up();
	answer();
	left[2] = machine;
	pull(0);
	ok(atomic_load(&inside) == 1, "a disk goes that does not answer");
	machine_reset(machine);
	ok(ended && machine_hung(machine),
		"but it is not reset: that may be in its memory yet");
	answer();
	down();
	up();
	answer();
	pull(1);
	answer();
	machine_stop(machine, END_POWEROFF, "");
	ok(ended && !machine_hung(machine), "once it answers, all is well");
	down();
}

int
main(void)
{
	deadline(60);
	test_pause();
	test_reset();
	test_pulled();
	test_end();
	return done();
}
