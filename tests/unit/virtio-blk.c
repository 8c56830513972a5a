/* SPDX-License-Identifier: MIT */
/*
 * virtio-blk over a raw image, driven by hand: requests in any layout, what is
 * refused, resets with requests under way, a driver that scribbles.
 */
#include "dev/virtio-blk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "lib/calls.h"
#include "lib/err.h"
#include "tests/tap.h"
#include "tests/virtio-poke.h"
#include "tests/virtio-rig.h"

enum { SIZE = 1 << 20, SECTOR = 512, RING = 256 };
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, ZEROES = 13 };
enum { OK, IOERR, UNSUPP, NOTHING = 0xee };
enum { HEAD = RIG_BUFS, DATA = RIG_BUFS + 0x1000, STATUS = RIG_BUFS + 0xf000 };
#define F_RO (1ull << 5)
#define F_FLUSH (1ull << 9)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_ZEROES (1ull << 14)
#define FEATURES (F_FLUSH | F_DISCARD | F_ZEROES | VIRTIO_F_INDIRECT)

struct rig {
	struct vrig v; /* first: its irq hooks get that */
	struct workers *workers;
	struct clock *clock;
	struct disk *disk;
	int fd;
	struct calls calls;
	int fail_with;
	unsigned syncs;
	atomic_bool slow;
	bool manual; /* no threads: settle() runs what waits */
};

static int
step(void *to, const char *call)
{
	struct rig *g = to;

	while (atomic_load(&g->slow))
		usleep(500);
	g->syncs += !strcmp(call, "fdatasync");
	return strcmp(call, "pwritev") ? 0 : g->fail_with;
}

/* threads 0: requests run when settle() is called. */
static void
up(struct rig *g, unsigned threads, unsigned queues, bool write,
	enum disk_on_error on_error)
{
	struct virtio_blk_options o = {
		.serial = "0123456789abcdefghijKLM", .queues = queues};
	struct image_options io = {.write = write, .calls = &g->calls};
	struct disk_options d = {.id = "disk0", .on_error = on_error};
	struct image *image;

	memset(g, 0, sizeof(*g));
	g->calls = (struct calls){.step = step, .to = g};
	g->manual = !threads;
	g->fd = memfd_create("disk", MFD_CLOEXEC);
	d.clock = g->clock = clock_new_manual(0);
	vrig_init(&g->v);
	if (g->fd < 0 || ftruncate(g->fd, SIZE) ||
		workers_new(&g->workers, threads) ||
		workers_start(g->workers, NULL, NULL))
		exit(1);
	d.workers = g->workers;
	if (image_open(&image, dup(g->fd), "disk.raw", IMAGE_RAW, &io) ||
		disk_new(&g->disk, &d) ||
		disk_set_medium(g->disk, image, false)) {
		printf("Bail out! %s\n", fail_text());
		exit(1);
	}
	o.disk = g->disk;
	vrig_add(&g->v, virtio_blk_new(g->v.m, &o));
}

static void settle(struct rig *);

static void
down(struct rig *g)
{
	settle(g);
	disk_drain(g->disk);
	disk_reset(g->disk);
	vrig_free(&g->v);
	disk_free(g->disk);
	workers_free(g->workers);
	clock_free(g->clock);
	close(g->fd);
}

static void
settle(struct rig *g)
{
	if (g->manual)
		workers_run(g->workers);
}

static void
put_head(struct rig *g, uint32_t type, uint64_t sector)
{
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} h = {type, 0, sector};
	uint8_t nothing = NOTHING;

	mem_write(g->v.m, HEAD, &h, sizeof(h));
	mem_write(g->v.m, STATUS, &nothing, 1);
}

static uint8_t
status(struct rig *g)
{
	uint8_t s = NOTHING;

	dev_lock(&g->v.v->dev);
	mem_read(g->v.m, STATUS, &s, 1);
	dev_unlock(&g->v.v->dev);
	return s;
}

/* Header, data, status: a descriptor each. What the device says in the end. */
static uint8_t
ask(struct rig *g, uint32_t type, uint64_t sector, uint32_t len)
{
	struct ring *r = &g->v.ring[0];
	bool in = type == IN || type == GET_ID;

	put_head(g, type, sector);
	ring_desc(r, 0, HEAD, 16, D_NEXT, len ? 1 : 2);
	ring_desc(r, 1, DATA, len, D_NEXT | (in ? D_WRITE : 0), 2);
	ring_desc(r, 2, STATUS, 1, D_WRITE, 0);
	ring_offer(r, 0);
	vrig_notify(&g->v, 0);
	settle(g);
	return status(g);
}

/* One of the device's bytes of configuration, and more. */
static uint64_t
config(struct rig *g, unsigned at, unsigned size)
{
	uint64_t v = vrig_read(&g->v, VIRTIO_CONFIG + at, size > 4 ? 4 : size);

	if (size > 4)
		v |= (uint64_t)vrig_read(&g->v, VIRTIO_CONFIG + at + 4, 4)
		     << 32;
	return v;
}

static void
test_config(void)
{
	struct rig g;
	char id[24] = {0};
	uint64_t f;

	up(&g, 0, 3, true, DISK_REPORT);
	f = vrig_features(&g.v);
	ok((f & FEATURES) == FEATURES && (f & F_MQ) && !(f & F_RO),
		"it offers flush, discard, write zeroes, several queues");
	is_u64(config(&g, 0, 8), SIZE / SECTOR, "its capacity");
	is_u64(config(&g, 12, 4), RING - 2, "its segments");
	is_u64(config(&g, 20, 4), SECTOR, "its blocks");
	is_u64(config(&g, 34, 2), 3, "its queues");
	is_u64(vrig_read(&g.v, C_QUEUES, 2), 3, "the same");
	vrig_start(&g.v, FEATURES, RING);
	is_u64(ask(&g, GET_ID, 0, 20), OK, "its serial number is asked");
	mem_read(g.v.m, DATA, id, 20);
	is_str(id, "0123456789abcdefghij", "and is told");
	down(&g);

	up(&g, 0, 1, false, DISK_REPORT);
	f = vrig_features(&g.v);
	ok((f & F_RO) && !(f & (F_DISCARD | F_ZEROES | F_MQ)),
		"what is read-only says so");
	vrig_start(&g.v, F_RO, RING);
	is_u64(ask(&g, OUT, 0, SECTOR), IOERR, "and is not written");
	is_u64(ask(&g, IN, 0, SECTOR), OK, "but read");
	is_u64(ask(&g, FLUSH, 0, 0), OK, "and flushed");
	down(&g);
}

static void
test_data(void)
{
	uint8_t a[4096], b[4096];
	struct rig g;
	uint32_t len;

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	for (unsigned n = 0; n < sizeof(a); n++)
		a[n] = (uint8_t)(n * 7);
	mem_write(g.v.m, DATA, a, sizeof(a));
	is_u64(ask(&g, OUT, 5, sizeof(a)), OK, "a write");
	ring_used(&g.v.ring[0], 0, &len);
	is_u64(len, 1, "the device wrote one byte, the status");
	ok(pread(g.fd, b, sizeof(b), 5 * SECTOR) == sizeof(b) &&
			!memcmp(a, b, sizeof(a)),
		"it is in the file");
	mem_fill(g.v.m, DATA, 0, sizeof(a));
	is_u64(ask(&g, IN, 5, sizeof(a)), OK, "a read");
	ring_used(&g.v.ring[0], 1, &len);
	is_u64(len, sizeof(a) + 1, "the device wrote all that and the status");
	mem_read(g.v.m, DATA, b, sizeof(b));
	ok(!memcmp(a, b, sizeof(a)), "and it is the same");
	g.syncs = 0;
	is_u64(ask(&g, FLUSH, 0, 0), OK, "a flush");
	is_u64(g.syncs, 1, "reaches the file");
	is_u64(ask(&g, IN, SIZE / SECTOR - 1, SECTOR), OK, "the last sector");
	is_u64(ask(&g, IN, SIZE / SECTOR, SECTOR), IOERR, "none behind it");
	is_u64(ask(&g, IN, SIZE / SECTOR - 1, 2 * SECTOR), IOERR,
		"nor across the end");
	is_u64(ask(&g, OUT, UINT64_MAX, SECTOR), IOERR,
		"nor at the end of numbers");
	is_u64(ask(&g, OUT, 1ull << 55, SECTOR), IOERR, "nor around it");
	is_u64(ask(&g, OUT, 0, SECTOR - 1), IOERR, "no part of a sector");
	is_u64(ask(&g, IN, 0, SECTOR + 1), IOERR, "nor is one read");
	is_u64(ask(&g, 77, 0, SECTOR), UNSUPP, "what it does not know");
	g.fail_with = -ENOSPC;
	is_u64(ask(&g, OUT, 0, SECTOR), IOERR, "a full host is an I/O error");
	g.fail_with = 0;
	is_u64(ask(&g, OUT, 0, SECTOR), OK, "and then it is not");
	down(&g);
}

static uint8_t
range(struct rig *g, uint32_t type, uint64_t sector, uint32_t sectors,
	uint32_t flags, uint32_t len)
{
	struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} s = {sector, sectors, flags};

	mem_write(g->v.m, DATA, &s, sizeof(s));
	return ask(g, type, 0, len);
}

static void
test_ranges(void)
{
	uint8_t a[SECTOR], zero[SECTOR] = {0};
	struct rig g;

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	memset(a, 0xa5, sizeof(a));
	for (unsigned n = 0; n < 64; n++)
		if (pwrite(g.fd, a, sizeof(a), n * SECTOR) != SECTOR)
			exit(1);
	is_u64(range(&g, ZEROES, 8, 8, 0, 16), OK, "zeros");
	ok(pread(g.fd, a, SECTOR, 8 * SECTOR) == SECTOR &&
			!memcmp(a, zero, SECTOR),
		"are there");
	is_u64(range(&g, ZEROES, 16, 8, 1, 16), OK, "zeros, unmapped");
	ok(pread(g.fd, a, SECTOR, 23 * SECTOR) == SECTOR &&
			!memcmp(a, zero, SECTOR),
		"likewise");
	ok(pread(g.fd, a, SECTOR, 24 * SECTOR) == SECTOR && a[0] == 0xa5,
		"no more than that");
	is_u64(range(&g, DISCARD, 32, 8, 0, 16), OK, "a discard");
	is_u64(range(&g, DISCARD, 32, 8, 1, 16), UNSUPP, "no flags with it");
	is_u64(range(&g, ZEROES, 32, 8, 2, 16), UNSUPP, "nor unknown ones");
	is_u64(range(&g, DISCARD, SIZE / SECTOR - 4, 8, 0, 16), IOERR,
		"not behind the end");
	is_u64(range(&g, DISCARD, UINT64_MAX - 3, 8, 0, 16), IOERR,
		"nor at the end of numbers");
	is_u64(range(&g, DISCARD, 0, UINT32_MAX, 0, 16), IOERR,
		"no more than it says it can");
	is_u64(range(&g, DISCARD, 0, 8, 0, 15), IOERR, "a whole segment");
	is_u64(range(&g, DISCARD, 0, 8, 0, 32), IOERR, "and one alone");
	vrig_start(&g.v, 0, RING);
	is_u64(range(&g, DISCARD, 0, 8, 0, 16), UNSUPP,
		"what was not negotiated is not there");
	g.syncs = 0;
	is_u64(ask(&g, OUT, 0, SECTOR), OK, "without flushes");
	is_u64(g.syncs, 1, "a write is written through");
	down(&g);
}

/* n bytes from gpa on in random pieces, some empty; the next descriptor. */
static unsigned
pieces(struct ring *r, unsigned at, uint64_t gpa, uint32_t n, uint16_t flags,
	uint64_t *seed)
{
	while (n) {
		uint32_t len =
			(uint32_t)(poke_rnd(seed) % 5 ? poke_rnd(seed) % n : 0);

		if (at > 200 || poke_rnd(seed) % 8 == 0)
			len = n;
		ring_desc(r, at, gpa, len, flags | D_NEXT, (uint16_t)(at + 1));
		at++;
		gpa += len;
		n -= len;
	}
	return at;
}

/* The header, and status behind the data that is read, cut anywhere. */
static void
test_layouts(void)
{
	uint64_t seed = 12345;
	unsigned bad = 0, n;
	struct rig g;

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	for (n = 0; n < 2000 && !bad; n++) {
		struct ring *r = &g.v.ring[0];
		uint32_t len = (uint32_t)(1 + poke_rnd(&seed) % 4) * SECTOR;
		uint64_t sector = poke_rnd(&seed) % 1000;
		bool in = n & 1;
		static uint8_t a[4096], b[4096];
		unsigned at;

		/* Header, data, status one behind the other. */
		put_head(&g, in ? IN : OUT, sector);
		for (unsigned k = 0; k < len; k++)
			a[k] = (uint8_t)poke_rnd(&seed);
		if (in && pwrite(g.fd, a, len, (off_t)sector * SECTOR) !=
				  (ssize_t)len)
			exit(1);
		mem_write(g.v.m, HEAD + 16, a, len);
		if (in)
			mem_fill(g.v.m, HEAD + 16, 0x11, len + 1);
		at = pieces(r, 0, HEAD, in ? 16 : 16 + len, 0, &seed);
		at = pieces(r, at, in ? HEAD + 16 : STATUS, in ? len + 1 : 1,
			D_WRITE, &seed);
		ring_desc(r, at, HEAD, 0, D_WRITE, 0);
		ring_offer(r, 0);
		vrig_notify(&g.v, 0);
		settle(&g);
		if (in)
			mem_read(g.v.m, HEAD + 16, b, len);
		else if (pread(g.fd, b, len, (off_t)sector * SECTOR) < 0)
			exit(1);
		bad += memcmp(a, b, len) != 0;
		mem_read(g.v.m, in ? HEAD + 16 + len : STATUS, b, 1);
		bad += b[0] != OK || ring_done(r) != (uint16_t)(n + 1);
	}
	is_u64(n, 2000, "requests cut into any pieces");
	down(&g);
}

static bool
broken(struct rig *g)
{
	return vrig_status(&g->v) & VIRTIO_BROKEN;
}

static void
test_violations(void)
{
	struct rig g;
	struct ring *r = &g.v.ring[0];

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	vrig_give(&g.v, 0, 0, HEAD, 16, false);
	ok(broken(&g), "a request without room for its status breaks it");
	is_u64(ask(&g, IN, 0, SECTOR), NOTHING, "it does nothing then");
	vrig_start(&g.v, FEATURES, RING);
	is_u64(ask(&g, IN, 0, SECTOR), OK, "until it is reset");
	ring_desc(r, 0, HEAD, 15, D_NEXT, 1);
	ring_desc(r, 1, STATUS, 1, D_WRITE, 0);
	ring_offer(r, 0);
	vrig_notify(&g.v, 0);
	ok(broken(&g), "a header that is too short does, too");
	vrig_start(&g.v, FEATURES, RING);
	ring_desc(r, 0, DATA, 17, D_WRITE, 0);
	ring_offer(r, 0);
	vrig_notify(&g.v, 0);
	ok(broken(&g), "and one that is not to be read");
	vrig_start(&g.v, FEATURES, RING);
	vrig_pci_write(&g.v, PCI_COMMAND, 2, PCI_MEM);
	is_u64(ask(&g, IN, 0, SECTOR), NOTHING, "off the bus, nothing");
	vrig_pci_write(&g.v, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	settle(&g);
	is_u64(status(&g), OK, "and then it goes on");
	down(&g);
}

/* So many writes that each has its own buffer and status. */
static void
offer_many(struct rig *g, unsigned n)
{
	struct ring *r = &g->v.ring[0];

	put_head(g, OUT, 0);
	for (unsigned k = 0; k < n; k++) {
		ring_desc(r, 2 * k, HEAD, 16, D_NEXT, (uint16_t)(2 * k + 1));
		ring_desc(r, 2 * k + 1, STATUS + k, 1, D_WRITE, 0);
		ring_offer(r, (uint16_t)(2 * k));
	}
	vrig_notify(&g->v, 0);
}

static unsigned
many_done(struct rig *g, unsigned q)
{
	unsigned n;

	dev_lock(&g->v.v->dev);
	n = ring_done(&g->v.ring[q]);
	dev_unlock(&g->v.v->dev);
	return n;
}

static void
test_many(void)
{
	struct rig g;

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	offer_many(&g, RING / 2);
	settle(&g);
	is_u64(ring_done(&g.v.ring[0]), RING / 2, "as many as the queue holds");
	is_u64(disk_pending(g.disk), 0, "all of them done");
	down(&g);

	up(&g, 3, 4, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	atomic_store(&g.slow, true);
	offer_many(&g, RING / 2);
	for (unsigned q = 1; q < 4; q++) {
		struct ring *r = &g.v.ring[q];

		for (unsigned k = 0; k < 40; k++) {
			ring_desc(r, 2 * k, HEAD, 16, D_NEXT,
				(uint16_t)(2 * k + 1));
			ring_desc(r, 2 * k + 1, STATUS + k, 1, D_WRITE, 0);
			ring_offer(r, (uint16_t)(2 * k));
		}
		vrig_notify(&g.v, q);
	}
	ok(disk_pending(g.disk) < RING / 2 + 120,
		"what is in flight is bounded");
	atomic_store(&g.slow, false);
	for (unsigned q = 0; q < 4; q++)
		while (many_done(&g, q) < (q ? 40u : RING / 2u))
			usleep(1000);
	ok(true, "what had to wait is done then, in every queue");
	down(&g);
}

static void
test_reset(void)
{
	struct rig g;

	up(&g, 2, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	atomic_store(&g.slow, true);
	put_head(&g, OUT, 0);
	ask(&g, OUT, 0, SECTOR);
	vrig_write(&g.v, C_STATUS, 1, 0);
	ok(vrig_status(&g.v) != 0,
		"a reset waits for what is under way: the status stays");
	atomic_store(&g.slow, false);
	while (vrig_status(&g.v))
		usleep(1000);
	is_u64(status(&g), NOTHING, "then it is reset, and wrote nothing");
	vrig_start(&g.v, FEATURES, RING);
	ask(&g, OUT, 0, SECTOR);
	while (status(&g) != OK)
		usleep(1000);
	ok(true, "and works again");
	down(&g);

	/* The machine is reset while it waits for room. */
	up(&g, 0, 1, true, DISK_PAUSE);
	vrig_start(&g.v, FEATURES, RING);
	g.fail_with = -ENOSPC;
	is_u64(ask(&g, OUT, 0, SECTOR), NOTHING, "kept: the guest waits");
	disk_drain(g.disk);
	disk_reset(g.disk);
	dev_reset(&g.v.v->dev);
	is_u64(g.v.v->r->status, 0, "a reset of all forgets it");
	g.fail_with = 0;
	vrig_pci_write(&g.v, PCI_BAR0, 4, RIG_BAR);
	vrig_pci_write(&g.v, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	vrig_start(&g.v, FEATURES, RING);
	is_u64(ask(&g, OUT, 0, SECTOR), OK, "and it works again");
	down(&g);
}

static void
test_retry(void)
{
	struct rig g;

	up(&g, 0, 1, true, DISK_PAUSE);
	vrig_start(&g.v, FEATURES, RING);
	g.fail_with = -ENOSPC;
	mem_fill(g.v.m, DATA, 0x77, SECTOR);
	is_u64(ask(&g, OUT, 3, SECTOR), NOTHING, "no room: nothing is told");
	g.fail_with = 0;
	disk_retry(g.disk);
	settle(&g);
	is_u64(status(&g), OK, "with room it is done");
	down(&g);
}

static void
test_resize(void)
{
	struct rig g;
	uint32_t generation;

	up(&g, 2, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	generation = vrig_read(&g.v, C_GENERATION, 1);
	is_u64((uint64_t)-disk_resize(g.disk, 2 * SIZE), 0, "it grows");
	is_u64(config(&g, 0, 8), 2 * SIZE / SECTOR, "the capacity");
	ok(vrig_read(&g.v, C_GENERATION, 1) != generation,
		"the generation of its configuration");
	ok(g.v.line && vrig_read(&g.v, VIRTIO_ISR, 1) == 2,
		"and the guest is told");
	down(&g);
}

#ifndef __SANITIZE_THREAD__
static atomic_bool over;

static void *
scribble(void *to)
{
	volatile uint8_t *ram = mem_span(to, 0, 0x10000);
	uint64_t s = 78, a;

	while (!atomic_load(&over)) {
		a = poke_rnd(&s);
		ram[(a >> 8) % 0x10000] = (uint8_t)(a >> 40);
	}
	return NULL;
}

/* Little memory, so that many of its addresses are good. */
static void
test_hostile(void)
{
	struct virtio_blk_options o = {.queues = 2};
	unsigned broke = 0, worked = 0;
	struct disk_stats st;
	struct virtio *v;
	uint64_t s = 4711;
	struct mem *m;
	struct rig g;
	pthread_t t;

	up(&g, 2, 1, true, DISK_REPORT);
	dev_free(&g.v.v->dev);
	o.disk = g.disk;
	if (mem_new(&m, 0x10000))
		exit(1);
	v = (struct virtio *)virtio_blk_new(m, &o);
	dev_reset(&v->dev);
	pthread_create(&t, NULL, scribble, m);
	for (unsigned n = 0; n < 20000 || (n < 800000 && !(broke && worked));
		n++) {
		virtio_poke(v, poke_rnd(&s));
		dev_lock(&v->dev);
		broke += v->r->status >> 6 & 1;
		worked += v->r->queue.used_at[0] != 0;
		dev_unlock(&v->dev);
		if (n % 1000 == 0) {
			disk_drain(g.disk);
			disk_reset(g.disk);
			dev_reset(&v->dev);
		}
	}
	atomic_store(&over, true);
	pthread_join(t, NULL);
	disk_drain(g.disk);
	disk_get_stats(g.disk, &st);
	printf("# %u broken, %u at work, %llu reads, %llu writes\n", broke,
		worked, (unsigned long long)st.reads,
		(unsigned long long)st.writes);
	ok(broke && worked, "a driver that scribbles harms nobody");
	g.v.v = v;
	down(&g);
	mem_free(m);
}
#endif

/* Requests that are nearly right, at the end of the disk and beyond it, of
 * lengths that are no sectors, whose parts go the wrong way: each is answered,
 * or breaks the device, and then a reset puts it right. */
static void
test_nearly(void)
{
	static const uint8_t types[] = {
		IN, OUT, IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES, 2, 99};
	unsigned answered = 0, broken = 0, other = 0;
	struct disk_stats st;
	uint64_t s = 1234567;
	struct rig g;

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	for (unsigned n = 0; n < 4000; n++) {
		uint64_t x = poke_rnd(&s);
		uint32_t type = types[x % sizeof(types)];
		uint32_t len = (uint32_t)(x >> 8 & 15) * SECTOR;
		uint64_t sector = (x >> 16 & 7) ? SIZE / SECTOR - (x >> 20 & 15)
						: poke_rnd(&s);
		bool in = (type == IN || type == GET_ID) ^ !(x >> 28 & 31);
		uint8_t said;

		len += (x >> 12 & 7) ? 0 : (uint32_t)(x >> 36 & 511);
		put_head(&g, type, sector);
		ring_desc(&g.v.ring[0], 0, HEAD, (x >> 45 & 31) ? 16 : 15,
			D_NEXT, len ? 1 : 2);
		ring_desc(&g.v.ring[0], 1, DATA, len,
			D_NEXT | (in ? D_WRITE : 0), 2);
		ring_desc(&g.v.ring[0], 2, STATUS, 1,
			(x >> 50 & 31) ? D_WRITE : 0, 0);
		ring_offer(&g.v.ring[0], 0);
		vrig_notify(&g.v, 0);
		settle(&g);
		said = status(&g);
		answered += said == OK || said == IOERR || said == UNSUPP;
		if (g.v.v->r->status & VIRTIO_BROKEN) {
			broken++;
			vrig_start(&g.v, FEATURES, RING);
		} else {
			other += said > UNSUPP;
		}
	}
	disk_get_stats(g.disk, &st);
	printf("# %u answered, %u broken; %u reads, %u writes\n", answered,
		broken, (unsigned)st.reads, (unsigned)st.writes);
	ok(answered > 1000 && broken > 10, "requests that are nearly right");
	is_u64(other, 0, "each was answered, or broke the device");
	ok(st.reads > 10 && st.writes > 10, "and some went through");
	down(&g);
}

enum { BIG = 80, BIG_AT_ONCE = 65 }; /* MiB */

/* Writes of 1 MiB each. */
static void
offer_big(struct rig *g)
{
	struct ring *r = &g->v.ring[0];

	put_head(g, OUT, 0);
	for (unsigned k = 0; k < BIG; k++) {
		uint16_t at = (uint16_t)(3 * k);

		ring_desc(r, at, HEAD, 16, D_NEXT, (uint16_t)(at + 1));
		ring_desc(
			r, at + 1u, 0x200000, SIZE, D_NEXT, (uint16_t)(at + 2));
		ring_desc(r, at + 2u, STATUS, 1, D_WRITE, 0);
		ring_offer(r, at);
	}
	vrig_notify(&g->v, 0);
}

/* Who waits until nothing is in flight lets them go. */
static void *
let_go(void *to)
{
	struct rig *g = to;

	while (!disk_draining(g->disk))
		usleep(500);
	atomic_store(&g->slow, false);
	return NULL;
}

static void
test_much(void)
{
	struct rig g;
	pthread_t t;
	unsigned n;

	up(&g, 0, 1, true, DISK_REPORT);
	vrig_start(&g.v, FEATURES, RING);
	offer_big(&g);
	is_u64(disk_pending(g.disk), BIG_AT_ONCE,
		"what is under way is so many bytes at most, and one more");
	settle(&g);
	is_u64(ring_done(&g.v.ring[0]), BIG, "the others come after");
	down(&g);

	up(&g, 1, 1, true, DISK_REPORT);
	virtio_pace(g.v.v, g.clock);
	atomic_store(&g.slow, true);
	vrig_start(&g.v, FEATURES, RING);
	offer_big(&g);
	pthread_create(&t, NULL, let_go, &g);
	disk_drain(g.disk);
	pthread_join(t, NULL);
	is_u64(ring_done(&g.v.ring[0]), BIG_AT_ONCE,
		"who drains the disk waits for these only");
	for (n = 0; n < 5000 && many_done(&g, 0) != BIG; n++) {
		clock_advance(g.clock, 20000);
		usleep(2000);
	}
	is_u64(ring_done(&g.v.ring[0]), BIG, "the others go on with the clock");
	down(&g);
}

int
main(void)
{
	deadline(60);
	test_config();
	test_data();
	test_ranges();
	test_layouts();
	test_violations();
	test_many();
	test_much();
	test_reset();
	test_retry();
	test_resize();
#ifndef __SANITIZE_THREAD__ /* it races for memory, as guests do */
	test_hostile();
#endif
	test_nearly();
	return done();
}
