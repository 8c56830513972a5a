/* SPDX-License-Identifier: MIT */
/* Guest memory: dev/mem.h. */
#include "dev/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "tests/tap.h"

#define M (1ull << 20)
#define G (1ull << 30)

static struct mem *
new_mem(uint64_t size)
{
	struct mem *m = NULL;

	if (mem_new(&m, size)) {
		printf("Bail out! %s\n", fail_text());
		exit(1);
	}
	return m;
}

static void
test_sizes(void)
{
	struct mem *m = NULL;

	is_u64((uint64_t)-mem_new(&m, 0), EINVAL, "no memory is refused");
	is_u64((uint64_t)-mem_new(&m, 60 * 1024), EINVAL, "so is too little");
	is_u64((uint64_t)-mem_new(&m, M + 1), EINVAL, "so is a broken page");
	ok(strstr(fail_text(), "4K"), "and says why: %s", fail_text());
	is_u64((uint64_t)-mem_new(&m, 1ull << 50), ENOMEM,
		"so is more than the host has");
	ok(strstr(fail_text(), "memory: 1P asked, the host has"),
		"and says how much that is: %s", fail_text());
	is_u64((uint64_t)-mem_new(&m, UINT64_MAX - 4095), ENOMEM,
		"so is nearly all there could be");
	ok(!m, "a refused one is not made");
	m = new_mem(64 * 1024);
	is_u64(mem_size(m), 65536, "64K is the least");
	mem_free(m);
}

static void
test_layout(void)
{
	struct mem *m = new_mem(16 * M);
	const struct mem_slot *s;
	struct stat st;
	unsigned n;

	s = mem_slots(m, &n);
	ok(n == 1 && s[0].gpa == 0 && s[0].size == 16 * M && !s[0].rom,
		"little memory is one slot");
	ok(mem_low(m) == 16 * M && mem_high(m) == 0, "all of it is low");
	ok(fstat(mem_fd(m), &st) == 0 && st.st_size == 16 << 20,
		"the descriptor holds it all");
	ok(ftruncate(mem_fd(m), 0) && errno == EPERM,
		"and cannot be resized by whom it is passed to");
	ok(mem_find(m, 16 * M - 1) == s && !mem_find(m, 16 * M),
		"an address is looked up");
	mem_free(m);
	if (mem_new(&m, 4 * G)) {
		ok(true, "two slots # SKIP %s", fail_text());
		return;
	}
	s = mem_slots(m, &n);
	ok(n == 2 && s[0].size == MEM_HOLE && s[1].gpa == 4 * G &&
			s[1].size == 4 * G - MEM_HOLE,
		"much memory is two slots around the hole");
	ok(!mem_find(m, MEM_HOLE) && !mem_find(m, 4 * G - 1),
		"the hole is empty");
	ok(mem_write(m, 4 * G + 4, "high", 4) == 0 &&
			memcmp(s[1].host + 4, "high", 4) == 0,
		"high memory is reached");
	mem_free(m);
}

static void
test_copies(void)
{
	struct mem *m = new_mem(M);
	char buf[16] = "";

	ok(mem_write(m, M - 4, "tail", 4) == 0, "a write to the very end");
	ok(mem_read(m, M - 4, buf, 4) == 0 && memcmp(buf, "tail", 4) == 0,
		"is read back");
	is_u64((uint64_t)-mem_write(m, M - 2, "over", 4), EFAULT,
		"a write over the end is refused");
	mem_read(m, M - 4, buf, 4);
	ok(memcmp(buf, "tail", 4) == 0, "and nothing of it is written");
	is_u64((uint64_t)-mem_read(m, M - 2, buf, 4), EFAULT, "nor read");
	is_u64((uint64_t)-mem_read(m, UINT64_MAX - 1, buf, 4), EFAULT,
		"an address that wraps is refused");
	is_u64((uint64_t)-mem_fill(m, 4096, 1, UINT64_MAX - 4096), EFAULT,
		"a length that wraps is refused");
	ok(mem_read(m, 1ull << 60, buf, 0) == 0, "nothing is always fine");
	ok(mem_fill(m, 0x1000, 0x5a, 16) == 0 &&
			mem_read(m, 0x1000, buf, 16) == 0 && buf[0] == 0x5a &&
			buf[15] == 0x5a,
		"memory is filled");
	ok(mem_span(m, M - 16, 16) && !mem_span(m, M - 16, 17),
		"a span lies wholly in RAM");
	ok(!mem_span(m, 0, 0), "an empty span is none");
	ok(!mem_span(m, 16, UINT64_MAX), "a length that wraps is none");
	mem_free(m);
}

static void
test_rom(void)
{
	static uint8_t rom[8192] = {[0] = 0xea, [4095] = 1, [4096] = 2};
	struct mem *m = new_mem(M);
	const struct mem_slot *s;
	uint8_t buf[2];
	unsigned i;
	int err;

	ok(mem_add_rom(m, 0xfffff000, rom, 4096) == 0, "a ROM at 4G - 4K");
	s = mem_find(m, 0xfffffff0);
	ok(s && s->rom && s->gpa == 0xfffff000, "is a slot of its own");
	ok(mem_read(m, 0xfffff000, buf, 1) == 0 && buf[0] == 0xea,
		"can be read");
	is_u64((uint64_t)-mem_write(m, 0xfffff000, buf, 1), EFAULT,
		"but not written");
	ok(!mem_span(m, 0xfffff000, 1), "and has no span");
	is_u64((uint64_t)-mem_add_rom(m, 0xffffe000, rom, 8192), EEXIST,
		"a second one over it is refused");
	is_u64((uint64_t)-mem_add_rom(m, 0xf0000, rom, 4096), EEXIST,
		"so is one over RAM");
	is_u64((uint64_t)-mem_add_rom(m, 0xd0000001, rom, 4096), EINVAL,
		"so is one off page borders");
	is_u64((uint64_t)-mem_add_rom(m, 0xd0000000, rom, 0), EINVAL,
		"so is an empty one");
	is_u64((uint64_t)-mem_add_rom(m, UINT64_MAX - 4095, rom, 4096), ERANGE,
		"so is one beyond physical memory");
	mem_add_rom(m, 0xffffe000, rom + 4096, 4096);
	ok(mem_read(m, 0xffffefff, buf, 2) == 0 && buf[0] == 0 &&
			buf[1] == 0xea,
		"a read crosses slots that touch");
	for (i = 0, err = 0; !err && i < MEM_SLOTS; i++)
		err = mem_add_rom(m, 0xd0000000 + 0x1000ull * i, rom, 4096);
	is_u64((uint64_t)-err, ENOSPC, "too many are refused");
	mem_free(m);
}

struct turn {
	unsigned n, piece;
	uint64_t gpa, len;
};

static void
turned(void *to, unsigned n, uint64_t gpa, uint64_t len)
{
	struct turn *t = to;

	t->n++;
	t->piece = n;
	t->gpa = gpa;
	t->len = len;
}

/* A window [64K, 128K) of 4 MiB. */
static void
test_views(void)
{
	static uint8_t rom[65536] = {[0] = 1, [65535] = 2};
	struct mem *m = new_mem(4 * M);
	const struct mem_slot *ram, *s;
	struct turn t = {0};
	uint8_t b[2];
	unsigned w, n;

	ram = mem_slots(m, &n);
	mem_fill(m, 0, 7, 4 * M);
	ok(!mem_add_window(m, 65536, 65536, rom, MEM_ROM, &w),
		"a window in RAM");
	mem_on_remap(m, turned, &t);
	s = mem_find(m, 65536);
	ok(s && s->rom && s->host == rom && s->gpa == 65536 &&
			s->size == 65536 && s == mem_piece(m, w),
		"shows its ROM");
	ok(mem_find(m, 65535)->host == ram->host &&
			mem_find(m, 131072)->host == ram->host + 131072,
		"RAM is where it was around it");
	ok(!mem_read(m, 65535, b, 2) && b[0] == 7 && b[1] == 1 &&
			!mem_read(m, 131071, b, 2) && b[0] == 2 && b[1] == 7,
		"reads cross its borders");
	ok(!mem_span(m, 65535, 2) && !mem_span(m, 0, M) &&
			mem_write(m, 131071, b, 2) == -EFAULT,
		"writes and spans do not");
	mem_show(m, w, MEM_RAM);
	ok(t.n == 1 && t.piece == w && t.gpa == 65536 && t.len == 65536,
		"a change is told");
	ok(!mem_read(m, 65536, b, 1) && b[0] == 7 &&
			mem_span(m, 65535, 2) == ram->host + 65535 &&
			mem_span(m, 0, 4 * M) == ram->host &&
			!mem_span(m, 0, 4 * M + 1),
		"RAM is whole again");
	mem_show(m, w, MEM_RAM);
	is_u64(t.n, 1, "what stays is not told");
	mem_show(m, w, MEM_RAM_RO);
	ok(!mem_read(m, 131071, b, 2) && b[0] == 7 &&
			mem_write(m, 65536, b, 1) == -EFAULT &&
			!mem_span(m, 65536, 1),
		"RAM can be read-only");
	mem_show(m, w, MEM_NONE);
	ok(!mem_find(m, 65536) && !mem_piece(m, w) &&
			mem_read(m, 65535, b, 2) == -EFAULT && t.n == 3,
		"or not be there");
	ok(mem_slots(m, &n) == ram && n == 1 && ram->size == 4 * M,
		"what is beneath stays");
	mem_free(m);
}

static void
test_windows(void)
{
	static uint8_t rom[4096] = {9};
	struct mem *m = new_mem(4 * M);
	unsigned w[3], n;
	uint8_t b;
	int err;

	ok(!mem_add_window(m, 0xc0000, 16384, NULL, MEM_ROM, &w[0]) &&
			!mem_add_window(
				m, 0xc4000, 16384, NULL, MEM_RAM, &w[1]) &&
			!mem_add_window(m, 0, 4096, NULL, MEM_RAM, &w[2]),
		"windows touch, and begin at 0");
	ok(!mem_find(m, 0xc0000) && mem_span(m, 0xc4000, 4 * M - 0xc4000),
		"one without a ROM shows nothing");
	mem_show(m, w[0], MEM_RAM);
	ok(mem_span(m, 0, 4 * M), "RAM in all of them is one");
	is_u64((uint64_t)-mem_add_window(m, 0xc4000, 4096, NULL, MEM_RAM, &n),
		EEXIST, "none lies in another");
	is_u64((uint64_t)-mem_add_window(
		       m, 4 * M - 4096, 8192, NULL, MEM_RAM, &n),
		EEXIST, "nor half in RAM");
	is_u64((uint64_t)-mem_add_window(m, 5 * M + 1, 4096, NULL, MEM_RAM, &n),
		EINVAL, "nor off page borders");
	ok(!mem_add_window(m, 0xffc00000, 4096, rom, MEM_ROM, &n) &&
			!mem_read(m, 0xffc00000, &b, 1) && b == 9,
		"a window where there is nothing");
	mem_show(m, n, MEM_RAM);
	ok(!mem_find(m, 0xffc00000), "has no RAM to show");
	is_u64((uint64_t)-mem_add_rom(m, 0xffc00000, rom, 4096), EEXIST,
		"a ROM over it is refused");
	for (err = 0; !err;)
		err = mem_add_window(m, 0xd0000000 + 4096ull * mem_pieces(m),
			4096, NULL, MEM_RAM, &n);
	is_u64((uint64_t)-err, ENOSPC, "there is an end to them");
	mem_free(m);
}

struct seen {
	unsigned n;
	uint64_t gpa, len;
};

static void
see(void *to, uint64_t gpa, uint64_t len)
{
	struct seen *s = to;

	s->n++;
	s->gpa = gpa;
	s->len = len;
}

static void
test_hook(void)
{
	struct mem *m = new_mem(M);
	struct seen s = {0};
	char buf[4];

	mem_on_write(m, see, &s);
	mem_write(m, 0x2000, "code", 4);
	ok(s.n == 1 && s.gpa == 0x2000 && s.len == 4, "writes are told");
	mem_fill(m, 0x3000, 0, 32);
	ok(s.n == 2 && s.gpa == 0x3000 && s.len == 32, "fills too");
	mem_dirty(m, 0x4000, 8);
	ok(s.n == 3 && s.gpa == 0x4000 && s.len == 8, "spans too");
	mem_read(m, 0, buf, 4);
	mem_write(m, M, "none", 4);
	mem_write(m, 0, "", 0);
	is_u64(s.n, 3, "reads, failures and nothing are not");
	mem_on_write(m, NULL, NULL);
	mem_write(m, 0, "a", 1);
	is_u64(s.n, 3, "nobody listens any more");
	mem_free(m);
}

static void
test_clear(void)
{
	struct mem *m = new_mem(4 * M);
	struct stat st;
	char buf[4];

	mem_fill(m, 0, 0xff, 4 * M);
	ok(mem_clear(m) == 0, "memory is cleared");
	ok(mem_read(m, 2 * M, buf, 4) == 0 && memcmp(buf, "\0\0\0\0", 4) == 0,
		"it reads as zero");
	ok(fstat(mem_fd(m), &st) == 0 && st.st_blocks == 8,
		"the host has its pages back, but the one just read");
	mem_free(m);
	mem_free(NULL);
}

static uint64_t moved_from, moved_len;
static unsigned moves;

static void
on_move(void *to, unsigned n, uint64_t gpa, uint64_t len)
{
	(void)to, (void)n;
	moves++;
	moved_from = gpa;
	moved_len = len;
}

static void
test_areas(void)
{
	static uint8_t card[2 * 65536];
	const struct mem_slot *s, *old;
	struct mem *m;
	unsigned a;

	mem_new(&m, 4 * M);
	mem_add_rom(m, 0xfffc0000, card, 65536);
	ok(mem_add_area(m, card, 65536 + 4096, &a) == -EINVAL &&
			mem_add_area(m, card, 4096, &a) == -EINVAL,
		"an area is a power of two, 64 KiB at least");
	ok(mem_add_area(m, card, sizeof(card), &a) == 0 &&
			!mem_find(m, 0xd0000000),
		"an area lies nowhere");
	mem_on_remap(m, on_move, NULL);
	ok(mem_place(m, a, 0xd0000000) == 0, "until it is placed");
	old = s = mem_find(m, 0xd001ffff);
	ok(s && s->gpa == 0xd0000000 && s->size == sizeof(card) &&
			s->host == card && !s->rom && s->device,
		"all of it is there");
	ok(moves == 1 && moved_from == 0xd0000000 && moved_len == sizeof(card),
		"the engine hears of it");
	ok(!mem_span(m, 0xd0000000, 16) &&
			mem_write(m, 0xd0000000, "x", 1) == -EFAULT,
		"no DMA reaches it");
	ok(mem_place(m, a, 0xc0000000) == 0 && !mem_find(m, 0xd0000000) &&
			mem_find(m, 0xc0000000)->host == card && moves == 3,
		"it moves");
	ok(old->gpa == 0xd0000000 && old->host == card,
		"who still looks at its old place finds that as it was");
	ok(mem_place(m, a, 0x200000) == -EEXIST && !mem_find(m, 0xc0000000) &&
			!mem_find(m, 0x200000)->device,
		"it cannot be where RAM is, and then is nowhere");
	ok(mem_place(m, a, MEM_AREA_END) == -ERANGE &&
			mem_place(m, a, 0xd0001000) == -ERANGE &&
			mem_place(m, a, 1ull << 40) == -ERANGE,
		"nor among chips, nor unaligned, nor above 4 GiB");
	mem_place(m, a, 0xd0000000);
	ok(mem_find(m, 0xd0000000) == old, "a place is the same again");
	ok(mem_place(m, a, 0) == 0 && !mem_find(m, 0xd0000000) &&
			mem_find(m, 0) && !mem_find(m, 0)->device,
		"it is taken away");
	mem_free(m);
}

static void
test_device_window(void)
{
	static uint8_t text[32768];
	struct mem *m;
	unsigned w;

	mem_new(&m, 4 * M);
	mem_add_window(m, 0xb8000, sizeof(text), NULL, MEM_NONE, &w);
	mem_window_device(m, w, text);
	ok(!mem_find(m, 0xb8000), "a window shows nothing");
	mem_show(m, w, MEM_DEVICE);
	ok(mem_find(m, 0xbffff)->host == text && mem_find(m, 0xb8000)->device &&
			!mem_span(m, 0xb8000, 1),
		"or a device's memory");
	mem_show(m, w, MEM_RAM);
	ok(mem_span(m, 0xb8000, 1), "or the RAM that is there");
	mem_free(m);
}

int
main(void)
{
	deadline(20);
	test_sizes();
	test_layout();
	test_copies();
	test_rom();
	test_views();
	test_windows();
	test_hook();
	test_clear();
	test_areas();
	test_device_window();
	return done();
}
