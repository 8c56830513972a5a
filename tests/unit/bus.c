/* SPDX-License-Identifier: MIT */
/* The bus: dev/bus.h. */
#include "dev/bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/err.h"
#include "tests/tap.h"

struct access {
	bool write;
	unsigned bar, size;
	uint64_t off, val;
};

struct fake { /* notes what it sees; reads give its offset in each byte */
	struct dev dev;
	struct access log[64];
	unsigned n;
	bool unlocked, crooked;
};

static void
note(struct fake *f, struct access a)
{
	if (pthread_mutex_trylock(&f->dev.lock) == 0) {
		f->unlocked = true;
		pthread_mutex_unlock(&f->dev.lock);
	}
	if (a.off & (a.size - 1) || a.size & (a.size - 1))
		f->crooked = true;
	f->log[f->n++ % 64] = a;
}

static uint64_t
fake_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	uint64_t v = 0;
	unsigned i;

	note((struct fake *)d, (struct access){false, bar, size, off, 0});
	for (i = 0; i < size; i++)
		v |= ((off + i) & 0xff) << 8 * i;
	return v | (size < 8 ? ~0ull << 8 * size : 0); /* and dirt above */
}

static void
fake_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	note((struct fake *)d, (struct access){true, bar, size, off, val});
}

static void
fake_free(struct dev *d)
{
	(void)d;
}

static const struct dev_ops fake_ops = {
	.name = "fake",
	.read = fake_read,
	.write = fake_write,
	.free = fake_free,
};

static const struct dev_ops byte_ops = {
	.name = "byte",
	.widest = 1,
	.read = fake_read,
	.write = fake_write,
	.free = fake_free,
};

static const struct dev_ops mute_ops = {.name = "mute", .free = fake_free};

static struct bus *
new_bus(uint64_t size)
{
	struct bus *b = NULL;

	if (bus_new(&b, "test", size))
		exit(1);
	return b;
}

static void
test_add(void)
{
	struct bus *b = new_bus(0x1000);
	struct fake f = {0}, g = {0};

	dev_init(&f.dev, &fake_ops);
	dev_init(&g.dev, &fake_ops);
	g.dev.id = "fake1";
	ok(bus_add(b, 0x100, 0x10, &f.dev, 0) == 0, "a region is added");
	is_u64((uint64_t)-bus_add(b, 0x10f, 1, &g.dev, 0), EEXIST,
		"overlap at its end is refused");
	ok(strstr(fail_text(), "fake1") && strstr(fail_text(), "0x100"),
		"and says who and where: %s", fail_text());
	is_u64((uint64_t)-bus_add(b, 0xff, 2, &g.dev, 0), EEXIST,
		"overlap at its start is refused");
	is_u64((uint64_t)-bus_add(b, 0x80, 0x800, &g.dev, 0), EEXIST,
		"enclosing it is refused");
	is_u64((uint64_t)-bus_add(b, 0x104, 4, &g.dev, 0), EEXIST,
		"lying inside it is refused");
	is_u64((uint64_t)-bus_add(b, 0xfff, 2, &g.dev, 0), ERANGE,
		"beyond the end is refused");
	is_u64((uint64_t)-bus_add(b, 0x200, UINT64_MAX, &g.dev, 0), ERANGE,
		"a length that wraps is refused");
	is_u64((uint64_t)-bus_add(b, 0x200, 0, &g.dev, 0), ERANGE,
		"an empty region is refused");
	ok(bus_add(b, 0x110, 1, &g.dev, 0) == 0 &&
			bus_add(b, 0xff, 1, &g.dev, 1) == 0,
		"neighbours are fine");
	bus_remove(b, &f.dev, 0);
	is_u64(bus_read(b, 0x100, 1), 0xff, "removed: a hole");
	is_u64(bus_read(b, 0x110, 1), 0, "the others stay");
	ok(bus_add(b, 0x100, 0x10, &g.dev, 2) == 0, "its place is free again");
	bus_free(b);
}

static void
test_access(void)
{
	struct bus *b = new_bus(0x10000);
	struct fake f = {0}, g = {0}, m = {0};

	dev_init(&f.dev, &fake_ops);
	dev_init(&g.dev, &byte_ops);
	dev_init(&m.dev, &mute_ops);
	bus_add(b, 0x100, 0x10, &f.dev, 3);
	bus_add(b, 0x110, 6, &g.dev, 0);
	bus_add(b, 0xfffe, 2, &f.dev, 0);
	bus_add(b, 0x200, 8, &m.dev, 0);
	is_u64(bus_read(b, 0x104, 4), 0x07060504, "a plain read");
	ok(f.n == 1 && f.log[0].size == 4 && f.log[0].off == 4 &&
			f.log[0].bar == 3,
		"is one access at its offset in its bar");
	is_u64(bus_read(b, 0x101, 4), 0x04030201, "a misaligned read");
	ok(f.n == 4, "is split");
	is_u64(bus_read(b, 0x108, 8), 0x0f0e0d0c0b0a0908, "8 bytes");
	is_u64(bus_read(b, 0x10e, 4), 0x01000f0e, "across two devices");
	is_u64(bus_read(b, 0x114, 4), 0xffff0504, "into a hole");
	is_u64(bus_read(b, 0xfe, 4), 0x0100ffff, "out of a hole");
	is_u64(bus_read(b, 0x300, 8), UINT64_MAX, "a hole reads as ones");
	is_u64(bus_read(b, 0x300, 2), 0xffff, "as many as asked for");
	is_u64(bus_read(b, 0xfffe, 4), 0xffff0100, "over the end of the bus");
	is_u64(bus_read(b, UINT64_MAX, 8), UINT64_MAX, "far beyond it");
	is_u64(bus_read(b, 0x200, 2), 0xffff, "no read function: ones");
	is_u64(bus_read(b, 0x102, 3), 0x040302, "three bytes");
	f.n = 0;
	bus_write(b, 0x103, 8, 0x8877665544332211);
	ok(f.n == 4 && f.log[0].size == 1 && f.log[0].val == 0x11 &&
			f.log[1].size == 4 && f.log[1].val == 0x55443322 &&
			f.log[2].size == 2 && f.log[2].val == 0x7766 &&
			f.log[3].size == 1 && f.log[3].val == 0x88,
		"a misaligned write is split, in order");
	g.n = 0;
	bus_write(b, 0x110, 4, 0x44332211);
	ok(g.n == 4 && g.log[3].val == 0x44 && g.log[3].size == 1,
		"no access is wider than the device takes");
	bus_write(b, 0x200, 4, 1);
	bus_write(b, 0x300, 4, 1);
	bus_write(b, UINT64_MAX - 1, 8, 1);
	ok(!f.unlocked && !g.unlocked, "devices are locked when called");
	ok(!f.crooked && !g.crooked, "all accesses are aligned");
	bus_free(b);
}

static void
test_strings(void)
{
	struct bus *b = new_bus(0x10000);
	struct fake f = {0}, g = {0};
	uint8_t buf[16];

	dev_init(&f.dev, &fake_ops);
	dev_init(&g.dev, &byte_ops);
	bus_add(b, 0x100, 8, &f.dev, 0);
	bus_add(b, 0x108, 8, &g.dev, 0);
	bus_read_string(b, 0x102, 2, buf, 4);
	ok(f.n == 4 && memcmp(buf, "\2\3\2\3\2\3\2\3", 8) == 0,
		"a string read repeats one address");
	bus_write_string(b, 0x104, 4, "abcdefgh", 2);
	ok(f.n == 6 && f.log[4].val == 0x64636261 &&
			f.log[5].val == 0x68676665 && f.log[5].off == 4,
		"a string write likewise");
	bus_read_string(b, 0x107, 2, buf, 2);
	ok(memcmp(buf, "\7\0\7\0", 4) == 0, "across two devices");
	bus_read_string(b, 0x10a, 2, buf, 2);
	ok(memcmp(buf, "\2\3\2\3", 4) == 0 && !g.crooked &&
			g.log[g.n - 1].size == 1,
		"wider than the device takes");
	bus_read_string(b, 0x400, 4, buf, 4);
	ok(buf[0] == 0xff && memcmp(buf, buf + 1, 15) == 0,
		"from a hole: ones");
	bus_write_string(b, 0x400, 4, buf, 4);
	f.n = 0;
	bus_read_string(b, 0x100, 1, buf, 0);
	is_u64(f.n, 0, "none of nothing");
	ok(!f.unlocked && !g.unlocked, "devices are locked when called");
	bus_free(b);
}

/* Readers, while regions around what they read come and go. */
struct crowd {
	struct bus *bus;
	atomic_bool stop;
	atomic_uint wrong, reads;
};

static void *
reader(void *to)
{
	struct crowd *c = to;

	while (!atomic_load(&c->stop)) {
		if (bus_read(c->bus, 0x8004, 4) != 0x07060504)
			atomic_fetch_add(&c->wrong, 1);
		atomic_fetch_add(&c->reads, 1);
	}
	return NULL;
}

static void
test_threads(void)
{
	struct crowd c = {.bus = new_bus(0x100000)};
	struct fake f = {0}, g = {0};
	pthread_t t[2];
	unsigned round, i;
	int err = 0;

	dev_init(&f.dev, &fake_ops);
	dev_init(&g.dev, &fake_ops);
	bus_add(c.bus, 0x8000, 8, &f.dev, 0);
	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, reader, &c);
	for (round = 0; round < 20 || atomic_load(&c.reads) < 1000; round++) {
		for (i = 0; i < 200; i++)
			err |= bus_add(
				c.bus, i * 16 + (i & 1) * 0x9000, 8, &g.dev, i);
		for (i = 0; i < 200; i++)
			bus_remove(c.bus, &g.dev, i);
	}
	atomic_store(&c.stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ok(!err, "200 regions come and go");
	is_u64(atomic_load(&c.wrong), 0, "and readers never miss another");
	bus_free(c.bus);
}

int
main(void)
{
	deadline(30);
	test_add();
	test_access();
	test_strings();
	test_threads();
	return done();
}
