/* SPDX-License-Identifier: MIT */
/* fw_cfg as firmware uses it, and as nobody should: dev/fwcfg.h. */
#include "dev/fwcfg.h"

#include <endian.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/bus.h"
#include "lib/err.h"
#include "tests/tap.h"

#define M (1ull << 20)
#define BASE 0x510
#define REQ 0x1000 /* where requests are put */
#define BUF 0x8000

struct rig {
	struct mem *mem;
	struct bus *ports;
	struct dev *dev;
};

static const char text[] = "what the guest may read";

static void
rig_up(struct rig *r)
{
	static const uint8_t rom[4096] = {1};

	if (mem_new(&r->mem, 4 * M) || bus_new(&r->ports, "ports", 0x10000) ||
		!(r->dev = fwcfg_new(r->mem)) ||
		mem_add_rom(r->mem, 0xfffff000, rom, sizeof(rom)) ||
		bus_add(r->ports, BASE, 2, r->dev, 0) ||
		bus_add(r->ports, BASE + 4, 8, r->dev, 1)) {
		printf("Bail out! %s\n", fail_text());
		exit(1);
	}
}

static void
rig_down(struct rig *r)
{
	dev_free(r->dev);
	bus_free(r->ports);
	mem_free(r->mem);
}

static void
pick(struct rig *r, unsigned key)
{
	bus_write(r->ports, BASE, 2, key);
}

static void
get(struct rig *r, void *p, size_t n)
{
	bus_read_string(r->ports, BASE + 1, 1, p, n);
}

/* The control word that comes back, or -1 if the request was not read. */
static uint32_t
dma(struct rig *r, uint64_t at, uint32_t control, uint32_t len, uint64_t gpa)
{
	uint32_t q[4] = {htobe32(control), htobe32(len),
		htobe32((uint32_t)(gpa >> 32)), htobe32((uint32_t)gpa)};

	mem_write(r->mem, at, q, sizeof(q));
	bus_write(r->ports, BASE + 4, 4, htobe32((uint32_t)(at >> 32)));
	bus_write(r->ports, BASE + 8, 4, htobe32((uint32_t)at));
	if (mem_read(r->mem, at, q, 4))
		return UINT32_MAX;
	return be32toh(q[0]);
}

static void
test_ports(void)
{
	struct rig r;
	char buf[8] = "";
	uint8_t id;

	rig_up(&r);
	pick(&r, FWCFG_SIGNATURE);
	get(&r, buf, 6);
	ok(memcmp(buf, "QEMU\0\0", 6) == 0,
		"the signature is read, zeros behind it");
	pick(&r, FWCFG_ID);
	get(&r, &id, 1);
	ok(id == 3, "it has both interfaces");
	pick(&r, 0x7777);
	get(&r, buf, 2);
	ok(!buf[0] && !buf[1], "an item that is not there is empty");
	bus_write(r.ports, BASE + 1, 1, 0x55);
	pick(&r, 0x4000);
	get(&r, buf, 4);
	ok(memcmp(buf, "QEMU", 4) == 0, "writes change nothing");
	ok(bus_read(r.ports, BASE + 4, 4) == 0x554d4551 &&
			bus_read(r.ports, BASE + 8, 4) == 0x47464320,
		"the DMA register says what it is");
	rig_down(&r);
}

static uint32_t
be32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return be32toh(v);
}

static void
test_files(void)
{
	struct rig r;
	uint8_t dir[4 + 3 * 64];
	char name[80], buf[8];
	unsigned n;
	int err = 0;

	rig_up(&r);
	ok(!fwcfg_add_file(r.dev, "etc/one", "1", 1) &&
			!fwcfg_add_file(r.dev, "opt/two", text, sizeof(text)),
		"files are added");
	is_u64((uint64_t)-fwcfg_add_file(r.dev, "etc/one", "2", 1), EEXIST,
		"none twice");
	memset(name, 'x', sizeof(name));
	name[56] = 0;
	is_u64((uint64_t)-fwcfg_add_file(r.dev, name, "", 0), EINVAL,
		"nor with a name that is too long");
	is_u64((uint64_t)-fwcfg_add_file(r.dev, "", "", 0), EINVAL,
		"nor without one");
	pick(&r, FWCFG_FILE_DIR);
	get(&r, dir, sizeof(dir));
	ok(be32_at(dir) == 2 && be32_at(dir + 4) == 1 &&
			!strcmp((char *)dir + 12, "etc/one") &&
			be32_at(dir + 68) == sizeof(text) &&
			!strcmp((char *)dir + 76, "opt/two"),
		"the directory lists them");
	pick(&r, dir[72] << 8 | dir[73]);
	get(&r, buf, 4);
	ok(memcmp(buf, "what", 4) == 0, "and says where they are");
	for (n = 0; !err && n < 100; n++) {
		snprintf(name, sizeof(name), "file%u", n);
		err = fwcfg_add_file(r.dev, name, "", 0);
	}
	is_u64((uint64_t)-err, ENOSPC, "there is an end to them");
	is_u64((uint64_t)-fwcfg_add(r.dev, 0x100, "", 0), ERANGE,
		"a key may be too high");
	ok(!fwcfg_add(r.dev, FWCFG_IRQ0_OVERRIDE, "\1", 1) &&
			fwcfg_add(r.dev, 2, "\2", 1) == 0,
		"x86 has keys of its own");
	pick(&r, FWCFG_IRQ0_OVERRIDE);
	get(&r, buf, 1);
	ok(buf[0] == 1, "which are read as others");
	rig_down(&r);
}

static void
test_dma(void)
{
	struct rig r;
	char buf[64];

	rig_up(&r);
	fwcfg_add_file(r.dev, "opt/two", text, sizeof(text));
	mem_fill(r.mem, BUF, 0xff, 64);
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 2, sizeof(text) + 4, BUF) == 0,
		"DMA selects and reads");
	mem_read(r.mem, BUF, buf, 64);
	ok(!memcmp(buf, text, sizeof(text)) && !buf[sizeof(text) + 3] &&
			buf[sizeof(text) + 4] == -1,
		"all of it, zeros behind it, and no more");
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 4, 5, 0) == 0 &&
			dma(&r, REQ, 2, 3, BUF) == 0 &&
			mem_read(r.mem, BUF, buf, 4) == 0 &&
			!memcmp(buf, "the", 3) && buf[3] == 't',
		"it skips, and goes on from there");
	get(&r, buf, 2);
	ok(buf[1] == 'g', "ports go on from there, too");
	ok(dma(&r, REQ, 4, UINT32_MAX, 0) == 0 &&
			dma(&r, REQ, 2, 1, BUF) == 0 &&
			mem_read(r.mem, BUF, buf, 1) == 0 && !buf[0],
		"what is skipped ends with the item");
	ok(dma(&r, REQ, 0, 0, 0) == 0, "a request may want nothing");
	rig_down(&r);
}

static void
test_refusals(void)
{
	struct rig r;
	char buf[8];

	rig_up(&r);
	fwcfg_add_file(r.dev, "opt/two", text, sizeof(text));
	mem_fill(r.mem, BUF, 0xaa, 64);
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 16, 4, BUF) == 1,
		"a write is refused");
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 2, 4, 0xfffff000) == 1,
		"so is a ROM as the target");
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 2, 4, 4 * M - 2) == 1,
		"so is memory's end");
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 2, 4, UINT64_MAX - 1) == 1,
		"so is an address that wraps");
	ok(dma(&r, REQ, 0x20 << 16 | 8 | 2, UINT32_MAX, BUF) == 1 &&
			mem_read(r.mem, BUF, buf, 4) == 0 &&
			!memcmp(buf, "\xaa\xaa\xaa\xaa", 4),
		"4 GiB of zeros are too many");
	ok(r.dev->odd == 5, "all of that is counted");
	dma(&r, 4 * M - 8, 2, 4, BUF);
	dma(&r, UINT64_MAX - 7, 2, 4, BUF);
	ok(r.dev->odd == 7, "a request that cannot be read is dropped");
	bus_write(r.ports, BASE + 4, 1, 0);
	bus_write(r.ports, BASE + 9, 2, 0x1000);
	bus_write(r.ports, BASE + 10, 1, 0);
	ok(r.dev->odd == 7, "only a whole half starts one");
	ok(dma(&r, REQ, 0x7777 << 16 | 8 | 2, 16, BUF) == 0 &&
			mem_read(r.mem, BUF, buf, 4) == 0 &&
			!memcmp(buf, "\0\0\0\0", 4),
		"an item that is not there reads as zeros");
	rig_down(&r);
}

/* An item that is part of a file. */
static void
test_file_item(void)
{
	int fd = memfd_create("item", MFD_CLOEXEC);
	struct rig r;
	char buf[8];

	rig_up(&r);
	ok(write(fd, text, sizeof(text)) == sizeof(text) &&
			!fwcfg_add_fd(r.dev, FWCFG_KERNEL_DATA, fd, 5, 9),
		"an item in a file");
	ok(dma(&r, REQ, FWCFG_KERNEL_DATA << 16 | 8 | 2, 3, BUF) == 0 &&
			!mem_read(r.mem, BUF, buf, 3) && !memcmp(buf, "the", 3),
		"is read by DMA");
	get(&r, buf, 7);
	ok(!memcmp(buf, " guest", 7), "and by ports, to its end");
	ok(dma(&r, REQ, FWCFG_KERNEL_DATA << 16 | 8 | 2, 3, 0xfffff000) == 1,
		"not into a ROM");
	ok(!ftruncate(fd, 6) && dma(&r, REQ, FWCFG_KERNEL_DATA << 16 | 8 | 2, 3,
					BUF) == 1,
		"one that shrank cannot be read");
	rig_down(&r);
	close(fd);
}

int
main(void)
{
	deadline(20);
	test_ports();
	test_files();
	test_dma();
	test_refusals();
	test_file_item();
	return done();
}
