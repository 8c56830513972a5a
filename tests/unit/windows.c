/* SPDX-License-Identifier: MIT */
/*
 * Windows in memory (dev/mem.h) as both engines show them to guests: small
 * real-mode programs at 0x1000 switch a window at 0x20000 by port 0x10 and tell
 * port 0x14 what they see.
 */
#include "tests/tap.h"

#include <pthread.h>
#include <stdatomic.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "vmm/engine.h"
#include "vmm/probe.h"

#define CODE 0x1000u
#define WINDOW 0x20000u
#define SIZE 0x4000u
#define RAM 0x100000u
#define CARD 0x10000u
#define SEEN 32

/* clang-format off */
#define GUEST(name, text)                                               \
	extern const uint8_t name[], name##_end[];                      \
	__asm__(".pushsection .rodata\n.code16\n" #name ":\n" text "\n" \
		#name "_end:\n.code64\n.popsection\n")
#define SHOW(view) "mov $" #view ", %al; out %al, $0x10\n"
#define TELL "mov 0, %al; out %al, $0x14\n"
#define DONE "out %al, $0x1f; cli; hlt\n"

/* All in one block, with what was there before still in the TLB. */
GUEST(g_views,
	"mov $0x2000, %ax; mov %ax, %ds\n"
	"movb $0x11, 0\n" TELL
	SHOW(3) TELL "movb $0x22, 0\n" TELL
	SHOW(0) TELL "movb $0x33, 0\n"
	SHOW(1) TELL
	SHOW(2) "movb $0x44, 0\n" TELL
	SHOW(1) "movb $0x55, 0\n" TELL DONE);
/* The same call finds other code each time. */
GUEST(g_code,
	"mov $4, %cx; mov $3, %bl\n"
	"1: lcall $0x2000, $0; out %al, $0x14\n"
	"xor $2, %bl; mov %bl, %al; out %al, $0x10; loop 1b\n" DONE);
GUEST(g_in_rom, "mov $0xa1, %al; lretw");
GUEST(g_in_ram, "mov $0xb2, %al; lretw");
/* Tells each change, until 0x66 is there. */
GUEST(g_watch,
	"mov $0x2000, %ax; mov %ax, %ds; mov $0, %bl\n"
	"1: mov 0, %al; cmp %bl, %al; je 1b\n"
	"mov %al, %bl; out %al, $0x14; cmp $0x66, %al; jne 1b\n" DONE);
/* A string that begins in RAM and ends in a ROM: what is beyond goes to the
 * bus, byte by byte. */
GUEST(g_string,
	"mov $0x1fff, %ax; mov %ax, %es; xor %di, %di; cld\n"
	SHOW(3) "mov $0x77, %al; mov $18, %cx; rep stosb\n"
	"mov $0x2000, %ax; mov %ax, %ds\n" TELL DONE);
/* Code in a card's memory, right behind RAM, is changed between its calls. */
GUEST(g_card,
	"mov $0xffff, %ax; mov %ax, %ds; mov $3, %cx\n"
	"1: lcall $0xffff, $0x10; out %al, $0x14; incb 0x11; loop 1b\n" DONE);
/* clang-format on */

struct world {
	struct engine_config cfg;
	const struct engine_ops *ops;
	struct engine *e;
	struct vcpu *v;
	struct dev ports, memory;
	unsigned window, area;
	uint8_t rom[SIZE] __attribute__((aligned(4096)));
	uint8_t card[CARD] __attribute__((aligned(4096)));
	uint8_t seen[SEEN], wrote[SEEN];
	_Atomic unsigned n, writes;
};

static struct world w;

static uint64_t
rd(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)d, (void)bar, (void)off, (void)size;
	return 0x5c;
}

static void
port_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	unsigned n = w.n;

	(void)d, (void)bar, (void)size;
	if (off == 0)
		mem_show(w.cfg.mem, w.window, (enum mem_view)(val & 3));
	else if (off == 4) {
		w.seen[n % SEEN] = (uint8_t)val;
		w.n = n + 1; /* now who waits may look at it */
	} else if (off == 15)
		w.ops->kick(w.v);
}

static void
memory_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)d, (void)bar, (void)off, (void)size;
	w.wrote[w.writes++ % SEEN] = (uint8_t)val;
}

static void
keep(struct dev *d)
{
	(void)d; /* a member of the world */
}

static const struct dev_ops port_ops = {
	.name = "ports", .read = rd, .write = port_write, .free = keep};
static const struct dev_ops memory_ops = {
	.name = "memory", .read = rd, .write = memory_write, .free = keep};

static void
load(uint64_t at, const uint8_t *from, const uint8_t *end)
{
	mem_write(w.cfg.mem, at, from, (uint64_t)(end - from));
}

static void
world_open(
	const struct engine_ops *ops, const uint8_t *code, const uint8_t *end)
{
	static struct cpu_state s;

	memset(&w, 0, sizeof(w));
	w.ops = ops;
	w.rom[0] = 0xaa;
	dev_init(&w.ports, &port_ops);
	dev_init(&w.memory, &memory_ops);
	w.cfg.cpus = 1;
	w.cfg.clock = clock_new();
	if (mem_new(&w.cfg.mem, RAM) ||
		mem_add_window(
			w.cfg.mem, WINDOW, SIZE, w.rom, MEM_RAM, &w.window) ||
		mem_add_area(w.cfg.mem, w.card, CARD, &w.area) ||
		bus_new(&w.cfg.ports, "ports", 0x10000) ||
		bus_new(&w.cfg.mmio, "mmio", 1ull << 40) ||
		bus_add(w.cfg.ports, 0x10, 0x10, &w.ports, 0) ||
		bus_add(w.cfg.mmio, WINDOW, SIZE, &w.memory, 0) ||
		ops->open(&w.e, &w.cfg) || ops->vcpu_open(w.e, 0, &w.v)) {
		printf("Bail out! %s\n", fail_text());
		exit(1);
	}
	load(CODE, code, end);
	cpu_reset(&s, true);
	s.seg[SEG_CS].sel = 0;
	s.seg[SEG_CS].base = 0;
	s.gpr[RSP] = CODE;
	s.rip = CODE;
	ops->set(w.v, &s);
}

static void
world_close(void)
{
	w.ops->close(w.e);
	bus_free(w.cfg.ports);
	bus_free(w.cfg.mmio);
	mem_free(w.cfg.mem);
	clock_free(w.cfg.clock);
	dev_free(&w.ports);
	dev_free(&w.memory);
}

static bool
saw(const uint8_t *want, unsigned n)
{
	bool good = w.n == n && !memcmp(w.seen, want, n);

	for (unsigned i = 0; !good && i < w.n && i < SEEN; i++)
		printf("# %u: %#x\n", i, w.seen[i]);
	return good;
}
#define SAW(...) saw((uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void
test_views(const struct engine_ops *ops)
{
	world_open(ops, g_views, g_views_end);
	ok(ops->run(w.v) == STOP_KICK, "%s: it runs", ops->name);
	ok(SAW(0x11, 0xaa, 0xaa, 0x5c, 0x11, 0x11, 0x55),
		"%s: each view is seen by the next access", ops->name);
	ok(w.writes == 3 && w.wrote[0] == 0x22 && w.wrote[1] == 0x33 &&
			w.wrote[2] == 0x44,
		"%s: what is not RAM is written on the bus", ops->name);
	ok(w.rom[0] == 0xaa, "%s: never to the ROM", ops->name);
	world_close();

	world_open(ops, g_string, g_string_end);
	ok(ops->run(w.v) == STOP_KICK && SAW(0xaa) && w.writes == 2 &&
			w.rom[0] == 0xaa && w.wrote[1] == 0x77,
		"%s: so is a string's end", ops->name);
	world_close();
}

static void
test_code(const struct engine_ops *ops)
{
	world_open(ops, g_code, g_code_end);
	memcpy(w.rom, g_in_rom, (size_t)(g_in_rom_end - g_in_rom));
	load(WINDOW, g_in_ram, g_in_ram_end);
	ok(ops->run(w.v) == STOP_KICK && SAW(0xb2, 0xb2, 0xa1, 0xb2),
		"%s: code is what the window shows", ops->name);
	world_close();

	world_open(ops, g_card, g_card_end);
	mem_place(w.cfg.mem, w.area, RAM);
	memcpy(w.card, g_in_rom, (size_t)(g_in_rom_end - g_in_rom));
	ok(ops->run(w.v) == STOP_KICK && SAW(0xa1, 0xa2, 0xa3),
		"%s: code in a card's memory is what was written last",
		ops->name);
	world_close();
}

static void *
one_run(void *to)
{
	*(enum stop *)to = w.ops->run(w.v);
	return NULL;
}

/* It says so in time. */
static bool
comes(uint8_t what)
{
	unsigned n = 0;

	for (unsigned left = 10000; left; left--) {
		n = w.n;
		if (n && w.seen[(n - 1) % SEEN] == what)
			return true;
		usleep(1000);
	}
	printf("# not %#x in time; %u seen\n", what, n);
	return false;
}

static bool
shows(enum mem_view v, uint8_t what)
{
	mem_show(w.cfg.mem, w.window, v);
	return comes(what);
}

/* From another thread, as another CPU would. KVM's slots are not changed at
 * once: in between, the CPU may find nothing there. */
static void
test_others(const struct engine_ops *ops)
{
	enum stop stop = STOP_ERROR;
	pthread_t t;
	bool good;

	world_open(ops, g_watch, g_watch_end);
	mem_write(w.cfg.mem, WINDOW, "\x12", 1);
	pthread_create(&t, NULL, one_run, &stop);
	good = comes(0x12) && shows(MEM_ROM, 0xaa) && shows(MEM_NONE, 0x5c) &&
	       shows(MEM_RAM, 0x12);
	mem_write(w.cfg.mem, WINDOW, "\x66", 1);
	good = comes(0x66) && good;
	ops->kick(w.v);
	pthread_join(t, NULL);
	ok(good && stop == STOP_KICK,
		"%s: a CPU sees what another thread changes", ops->name);
	world_close();
}

static void
test_all(const struct engine_ops *ops)
{
	test_views(ops);
	test_code(ops);
	test_others(ops);
}

int
main(void)
{
	struct probe p;

	deadline(60);
	test_all(&engine_soft);
	probe_kvm(&p);
	if (p.usable || p.why == PROBE_SLOW)
		test_all(&engine_kvm);
	else
		ok(true, "kvm # SKIP %s", p.reason);
	return done();
}
