/* SPDX-License-Identifier: MIT */
/*
 * Hostile guests on the soft engine: two CPUs in one memory run random code in
 * random modes, with random page tables, registers and descriptors. Whatever
 * they do, run() comes back when kicked and nothing but their memory changes.
 * HOSTILE_SEED picks the first seed, HOSTILE_SECONDS how long they run.
 */
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "dev/dev.h"
#include "tests/guest.h"

enum {
	CPUS = 2,
	RAM = 0xa0000,
	ROM = 0xf0000,
	ROM_SIZE = 0x10000,
	WINDOW = 0x40000, /* where the code is */
	WINDOW_SIZE = 0x2000,
	WINDOWS = 4,
	CARD_SIZE = 0x20000,
	TABLES = 0x60000, /* page tables, then random ones */
	PATIENCE = 10, /* seconds that a kicked CPU may take */
	SLICE = 2000, /* microseconds that a guest may run */
	LIVES = 8, /* states that a CPU gets one after the other */
};

/* ---- random numbers (splitmix64) ---- */

static uint64_t seed;

static uint64_t
rnd(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t
below(uint64_t n)
{
	return rnd() % n;
}

static bool
one_in(unsigned n)
{
	return below(n) == 0;
}

/* An address that something is likely to go wrong at. */
static uint64_t
edge(void)
{
	static const uint64_t at[] = {0, 0x1000, 0xfff0, 0x10000, RAM, ROM,
		ROM + ROM_SIZE, 0x100000, 0x10fff0, TABLES, GUEST_IDT,
		0x7fffffff, 0xfee00000, 0xfee00380, 0xfffff000, 0x100000000,
		0x7ffffffff000, 0x800000000000, 0xffff800000000000,
		0xffffffff80000000, 1ull << 40};

	switch (below(4)) {
	case 0:
		return rnd() >> below(64);
	case 1:
		return at[below(sizeof(at) / sizeof(*at))] + below(33) - 16;
	case 2:
		return below(RAM / 4096) * 4096 + below(33) - 16;
	default:
		return below(RAM);
	}
}

/* ---- a device that writes to memory, and may end up anywhere ---- */

struct scribbler {
	struct dev dev;
	struct mem *mem;
	uint64_t v;
	const unsigned *window;
	bool moves; /* the card's memory */
	unsigned area;
};

/* What a flash chip and a host bridge do, at any moment. */
static void
turn_window(struct mem *mem, const unsigned *window, uint64_t v)
{
	mem_show(mem, window[v % WINDOWS], (enum mem_view)(v / 8 % MEM_VIEWS));
}

/* What a graphics card does; not all of these are free. */
static void
move_area(const struct scribbler *s, uint64_t v)
{
	if (s->moves)
		mem_place(s->mem, s->area, v % 8 * CARD_SIZE);
}

static uint64_t
scribbler_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct scribbler *s = (struct scribbler *)(void *)d;

	(void)bar, (void)off, (void)size;
	return s->v = s->v * 6364136223846793005 + 1442695040888963407;
}

static void
scribbler_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct scribbler *s = (struct scribbler *)(void *)d;

	if (val % 8 == 0)
		turn_window(s->mem, s->window, val / 8);
	if (val % 8 == 1)
		move_area(s, val / 8);
	(void)bar, (void)size;
	s->v ^= val;
	mem_write(s->mem, (s->v ^ off) % RAM, &s->v, 8);
}

static void
scribbler_free(struct dev *d)
{
	(void)d;
}

static const struct dev_ops scribbler_ops = {
	.name = "scribbler",
	.free = scribbler_free,
	.read = scribbler_read,
	.write = scribbler_write,
};

/* ---- the machine ---- */

struct runner {
	struct machine *m;
	struct vcpu *vcpu;
	pthread_t id;
	bool go, back; /* under the machine's lock */
	struct cpu_state life[LIVES];
	unsigned lives;
};

struct machine {
	struct guest g; /* for its tables */
	struct engine *engine;
	struct scribbler port, mmio;
	unsigned window[WINDOWS];
	struct runner cpu[CPUS];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool quit;
	atomic_bool kicked;
};

/* Start anew after a triple fault. */
static bool
live_again(struct runner *r)
{
	while (r->lives)
		if (!engine_soft.set(r->vcpu, &r->life[--r->lives]))
			return true;
	return false;
}

static void
run_until_kicked(struct runner *r)
{
	for (;;) {
		enum stop s = engine_soft.run(r->vcpu);

		if (atomic_load(&r->m->kicked) ||
			(s == STOP_TRIPLE && !live_again(r)))
			return;
	}
}

static void *
runner_thread(void *to)
{
	struct runner *r = to;
	struct machine *m = r->m;

	pthread_mutex_lock(&m->lock);
	for (;;) {
		while (!r->go && !m->quit)
			pthread_cond_wait(&m->changed, &m->lock);
		if (m->quit)
			break;
		r->go = false;
		pthread_mutex_unlock(&m->lock);
		run_until_kicked(r);
		pthread_mutex_lock(&m->lock);
		r->back = true;
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* Pages that nobody may touch, right before and after guest memory. */
static void
fence_in(struct mem *mem)
{
	unsigned n;
	const struct mem_slot *s = mem_slots(mem, &n);

	for (unsigned k = 0; k < n; k++) {
		mmap(s[k].host - 4096, 4096, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			0);
		mmap(s[k].host + s[k].size, 4096, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			0);
	}
}

static void
scribbler_add(struct machine *m, struct scribbler *s, struct bus *bus,
	uint64_t base, uint64_t len)
{
	dev_init(&s->dev, &scribbler_ops);
	s->dev.id = "scribbler";
	s->mem = m->g.mem;
	s->window = m->window;
	if (bus_add(bus, base, len, &s->dev, 0))
		skip_all("%s", fail_text());
}

static unsigned
no_pic(void *to)
{
	(void)to;
	return 0x31;
}

static void
machine_make(struct machine *m)
{
	static uint8_t rom[ROM_SIZE], card[CARD_SIZE];
	struct engine_config cfg = {.cpus = CPUS, .pic_ack = no_pic};

	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	for (unsigned n = 0; n < sizeof(rom); n++)
		rom[n] = (uint8_t)rnd();
	m->g.ops = &engine_soft;
	m->g.clock = clock_new_manual(0);
	if (mem_new(&m->g.mem, RAM) ||
		mem_add_rom(m->g.mem, ROM, rom, ROM_SIZE) ||
		bus_new(&m->g.ports, "ports", 1 << 16) ||
		bus_new(&m->g.mmio, "mmio", 1ull << 52))
		skip_all("%s", fail_text());
	for (unsigned n = 0; n < WINDOWS; n++)
		if (mem_add_window(m->g.mem, WINDOW + n * WINDOW_SIZE,
			    WINDOW_SIZE, n ? rom : NULL, MEM_RAM,
			    &m->window[n]))
			skip_all("%s", fail_text());
	mem_window_device(m->g.mem, m->window[1], card);
	if (mem_add_area(m->g.mem, card, CARD_SIZE, &m->mmio.area))
		skip_all("%s", fail_text());
	m->mmio.moves = true;
	fence_in(m->g.mem);
	scribbler_add(m, &m->port, m->g.ports, 0, 256);
	scribbler_add(m, &m->mmio, m->g.mmio, 0x100000, 0x8000);
	cfg.mem = m->g.mem;
	cfg.ports = m->g.ports;
	cfg.mmio = m->g.mmio;
	cfg.clock = m->g.clock;
	if (engine_soft.open(&m->engine, &cfg))
		skip_all("no engine: %s", fail_text());
	for (unsigned n = 0; n < CPUS; n++) {
		struct runner *r = &m->cpu[n];

		r->m = m;
		if (engine_soft.vcpu_open(m->engine, n, &r->vcpu) ||
			pthread_create(&r->id, NULL, runner_thread, r))
			skip_all("no CPU: %s", fail_text());
	}
}

static void
machine_unmake(struct machine *m)
{
	pthread_mutex_lock(&m->lock);
	m->quit = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	for (unsigned n = 0; n < CPUS; n++)
		pthread_join(m->cpu[n].id, NULL);
	engine_soft.close(m->engine);
	bus_free(m->g.ports);
	bus_free(m->g.mmio);
	mem_free(m->g.mem);
	clock_free(m->g.clock);
}

/* ---- random guests ---- */

/* Opcodes that move, branch, repeat, lock, and change the system. */
static unsigned
some_opcode(uint8_t *p)
{
	static const char *const ops[] = {"\xa4", "\xa5", "\xaa", "\xab",
		"\xac", "\xa6", "\xae", "\x6c", "\x6e", "\xf3\xa4", "\xf3\xab",
		"\xf3\xa5", "\xf2\xae", "\xf3\xa6", "\xf3\x6c", "\xf3\x6e",
		"\x89", "\x8b", "\x01", "\x31", "\x87", "\xf0\x01",
		"\xf0\x0f\xb1", "\xf0\x0f\xc1", "\xf0\x0f\xab", "\x0f\xc7",
		"\xf0\x0f\xc7", "\x50", "\x58", "\x60", "\x61", "\xc8", "\xc9",
		"\xe8", "\xc3", "\xeb", "\x74", "\xe2", "\xff", "\xcf",
		"\xcd\x80", "\xcc", "\x0f\x20", "\x0f\x22", "\x0f\x01",
		"\x0f\x00", "\x0f\x30", "\x0f\x32", "\x0f\x05", "\x0f\x07",
		"\x0f\xae", "\x8e", "\x8c", "\x0f\xb2", "\xc4", "\xea", "\x9a",
		"\xcb", "\xfb", "\xfa", "\x9d", "\x9c", "\xf4", "\xe4", "\xe6",
		"\xec", "\xee", "\x0f\x11", "\x0f\x10", "\x66\x0f\x7f",
		"\x66\x0f\xf7", "\xdd", "\xdb", "\xd9", "\x0f\x23", "\x0f\xa2",
		"\x0f\x31"};
	const char *s = ops[below(sizeof(ops) / sizeof(*ops))];
	unsigned n = (unsigned)strlen(s);

	memcpy(p, s, n);
	return n;
}

static void
some_code(uint8_t *p, unsigned n)
{
	unsigned at = 0;

	while (at + 16 < n) {
		if (one_in(4))
			p[at++] = (uint8_t)(one_in(2) ? 0x66 : 0x67);
		if (one_in(4))
			p[at++] = (uint8_t)(0x40 | below(16));
		if (one_in(4))
			p[at++] = (uint8_t)rnd();
		else
			at += some_opcode(p + at);
		for (uint64_t k = below(4); k; k--)
			p[at++] = (uint8_t)(one_in(2) ? rnd() : below(8));
	}
	while (at < n)
		p[at++] = (uint8_t)rnd();
}

static uint64_t
some_entry(void)
{
	static const uint64_t more[] = {
		0, 1ull << 63, 0x80, 0x100, 0x60, 1ull << 45};
	uint64_t to = one_in(3) ? edge() & 0xfffffff000 : below(RAM) & ~4095ull;

	return to | (one_in(8) ? rnd() & 0xfff : 7) |
	       more[below(sizeof(more) / sizeof(*more))];
}

/* Identity for RAM at each level, with some entries that are anything. */
static void
some_tables(struct machine *m, enum guest_mode mode)
{
	struct guest *g = &m->g;
	unsigned size = mode == GUEST_P32 ? 4 : 8;
	uint64_t pt = TABLES + 0x3000;

	for (unsigned n = 0; n < 4096 / size; n++) {
		uint64_t v = n * 4096ull | 7 | (one_in(4) ? 0x60 : 0);

		guest_st(g, pt + n * size, one_in(6) ? some_entry() : v, size);
		for (unsigned level = 0; level < 3; level++)
			guest_st(g, TABLES + level * 0x1000ull + n * size,
				one_in(3) ? some_entry() : 0, size);
	}
	if (mode == GUEST_P32) {
		guest_st(g, TABLES, pt | 7, 4);
		return;
	}
	for (unsigned level = 0; level < 3; level++)
		guest_st(g, TABLES + level * 0x1000ull,
			(TABLES + (level + 1) * 0x1000ull) | 7, 8);
}

static void
some_vectors(struct machine *m, enum guest_mode mode)
{
	for (unsigned v = 0; v < 256; v++) {
		uint32_t to = (uint32_t)below(RAM);
		unsigned access = one_in(8) ? (unsigned)below(256)
					    : 0x8e + (unsigned)below(2);

		if (mode == GUEST_REAL) {
			guest_st(&m->g, v * 4, to >> 4 << 16 | (to & 15), 4);
		} else if (mode == GUEST_P32) {
			guest_st(&m->g, GUEST_IDT + v * 8,
				guest_gate(S_CODE0, to, access, 0), 8);
		} else {
			guest_st(&m->g, GUEST_IDT + v * 16,
				guest_gate(S_CODE0_64, to, access, 0), 8);
			guest_st(&m->g, GUEST_IDT + v * 16 + 8, 0, 8);
		}
	}
}

static void
some_memory(struct machine *m, enum guest_mode mode)
{
	static uint8_t image[RAM];
	unsigned at = 0;

	while (at < RAM) {
		unsigned n = 256 + (unsigned)below(4096);

		n = n < RAM - at ? n : RAM - at;
		if (one_in(3))
			memset(image + at, (int)below(256), n);
		else
			some_code(image + at, n);
		at += n;
	}
	mem_write(m->g.mem, 0, image, RAM);
	m->g.mode = mode;
	if (mode != GUEST_REAL) {
		guest_gdt(&m->g);
		for (unsigned sel = S_GATE; sel < S_TOP; sel += 8)
			guest_set_desc(&m->g, sel, rnd());
	}
	some_vectors(m, mode);
	some_tables(m, mode);
}

static void
some_system(struct cpu_state *s, enum guest_mode mode)
{
	static const uint64_t cr4[] = {
		0x10, 0x80, 0x200, 0x10000, 0x100000, 0x200000, 8, 0x800, 1};

	s->cr0 = 0x10;
	if (mode != GUEST_REAL)
		s->cr0 |= 1 | (one_in(2) ? 1 << 16 : 0) |
			  (one_in(2) ? 1 << 18 : 0);
	for (unsigned n = 0; n < sizeof(cr4) / sizeof(*cr4); n++)
		s->cr4 |= one_in(2) ? cr4[n] : 0;
	s->cr3 = TABLES;
	if (mode == GUEST_P64) {
		s->cr0 |= 1ull << 31;
		s->cr4 |= 0x20;
		s->efer = 0xd01;
	} else if (mode == GUEST_P32 && one_in(2)) {
		s->cr0 |= 1ull << 31;
		s->cr4 &= ~0x20ull;
	}
	s->rflags = 2 | (rnd() & 0x40ed5);
	if (one_in(8))
		s->rflags |= 0x100;
	if (one_in(8)) {
		for (unsigned n = 0; n < 4; n++)
			s->dr[n] = edge();
		s->dr[7] = rnd() & 0xffff03ff;
	}
}

/* A local APIC that takes interrupts, with a fast timer. */
static void
some_lapic(struct cpu_state *s, unsigned index)
{
	s->apic_base = 0xfee00800 | (index ? 0 : 0x100);
	s->lapic[0x23] = (uint8_t)index; /* id */
	s->lapic[0x30] = 0x14; /* version */
	s->lapic[0x32] = 5;
	memset(s->lapic + 0xe0, 0xff, 4); /* flat */
	s->lapic[0xd3] = (uint8_t)(1 << index);
	s->lapic[0xf0] = 0xff; /* spurious vector; enabled */
	s->lapic[0xf1] = 1;
	for (unsigned at = 0x320; at <= 0x370; at += 0x10)
		s->lapic[at + 2] = 1; /* masked */
	s->lapic[0x320] = (uint8_t)(0x20 + below(0xe0));
	s->lapic[0x322] = (uint8_t)below(4);
	s->lapic[0x380 + below(3)] = (uint8_t)rnd();
	s->mp = CPU_RUNNABLE;
}

static void
some_cpu(struct machine *m, struct runner *r, enum guest_mode mode)
{
	struct cpu_state *s = &m->g.s;
	unsigned cpl = one_in(3) ? 3 : 0;

	cpu_reset(s, true);
	some_system(s, mode);
	if (mode == GUEST_REAL) {
		s->idt = (struct cpu_dtr){.limit = 0x3ff};
		s->seg[SEG_CS].base = below(RAM) & ~15ull;
		s->seg[SEG_CS].sel = (uint16_t)(s->seg[SEG_CS].base >> 4);
		s->seg[SEG_CS].type = 3;
		if (one_in(4)) /* big real mode */
			s->seg[SEG_DS].limit = s->seg[SEG_ES].limit = ~0u;
	} else {
		s->gdt =
			(struct cpu_dtr){.base = GUEST_GDT, .limit = S_TOP - 1};
		s->idt = (struct cpu_dtr){.base = GUEST_IDT, .limit = 0xfff};
		guest_cpl(&m->g, cpl);
	}
	for (unsigned n = 0; n < 16; n++)
		s->gpr[n] = edge();
	s->gpr[RCX] >>= below(64);
	s->gpr[RSP] = one_in(4) ? edge() : below(RAM);
	s->rip = mode == GUEST_REAL ? below(0x1000) : below(RAM);
	if (one_in(8))
		s->rip = edge();
	if (one_in(2))
		some_lapic(s, (unsigned)(r - m->cpu));
	r->life[r->lives++] = *s;
}

/* False: a CPU did not come back. */
static bool
wait_back(struct machine *m)
{
	struct timespec until;
	bool back = true;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	pthread_mutex_lock(&m->lock);
	for (unsigned n = 0; n < CPUS; n++)
		while (back && !m->cpu[n].back)
			back = pthread_cond_timedwait(&m->changed, &m->lock,
				       &until) != ETIMEDOUT;
	pthread_mutex_unlock(&m->lock);
	return back;
}

static void
start(struct machine *m)
{
	atomic_store(&m->kicked, false);
	pthread_mutex_lock(&m->lock);
	for (unsigned n = 0; n < CPUS; n++) {
		m->cpu[n].go = true;
		m->cpu[n].back = false;
	}
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static bool
stop(struct machine *m)
{
	atomic_store(&m->kicked, true);
	for (unsigned n = 0; n < CPUS; n++)
		engine_soft.kick(m->cpu[n].vcpu);
	return wait_back(m);
}

/* What the outside may do meanwhile. */
static void
disturb(struct machine *m)
{
	uint64_t v = rnd();

	switch (below(5)) {
	case 0:
		engine_soft.nmi(m->cpu[below(CPUS)].vcpu);
		break;
	case 1:
		engine_soft.msi(m->engine,
			(struct msi){.addr = 0xfee00000 | below(CPUS) << 12,
				.data = (uint32_t)(0x20 + below(0xe0))});
		break;
	case 2:
		mem_write(m->g.mem, below(RAM - 8), &v, 8);
		break;
	case 3:
		turn_window(m->g.mem, m->window, v);
		break;
	default:
		clock_advance(m->g.clock, (int64_t)below(1000000));
	}
}

static bool
random_guest(struct machine *m)
{
	enum guest_mode mode = (enum guest_mode)below(3);
	bool back;

	for (unsigned n = 0; n < WINDOWS; n++)
		mem_show(m->g.mem, m->window[n], MEM_RAM);
	some_memory(m, mode);
	for (unsigned n = 0; n < CPUS; n++) {
		m->cpu[n].lives = 0;
		for (unsigned k = 0; k < LIVES; k++)
			some_cpu(m, &m->cpu[n], mode);
		if (!live_again(&m->cpu[n]))
			skip_all("%s", fail_text());
	}
	start(m);
	for (unsigned n = 0; n < 4; n++) {
		usleep(SLICE / 4);
		disturb(m);
	}
	back = stop(m);
	if (back && one_in(16)) { /* and once more, from where it is */
		start(m);
		back = stop(m);
	}
	return back;
}

static uint64_t
rom_sum(const struct machine *m)
{
	static uint8_t rom[ROM_SIZE];
	uint64_t sum = 0;

	mem_read(m->g.mem, ROM, rom, ROM_SIZE);
	for (unsigned n = 0; n < ROM_SIZE; n++)
		sum = sum * 31 + rom[n];
	return sum;
}

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void
random_guests(void)
{
	static struct machine m;
	uint64_t first = number("HOSTILE_SEED", 1), n = first, sum, ran = 0;
	time_t end = time(NULL) + (time_t)number("HOSTILE_SECONDS", 3);
	bool back = true;

	seed = 0;
	machine_make(&m);
	sum = rom_sum(&m);
	for (; back && (n == first || time(NULL) < end); n++) {
		seed = n * 0x100000001b3;
		back = random_guest(&m);
	}
	for (unsigned k = 0; k < CPUS; k++)
		ran += engine_soft.count(m.cpu[k].vcpu);
	printf("# seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64 " instructions\n",
		first, n - 1, ran);
	if (!ok(back, "random guests come back when kicked"))
		_exit(1); /* its threads cannot be stopped */
	ok(rom_sum(&m) == sum, "ROM is as it was");
	machine_unmake(&m);
}

int
main(void)
{
	deadline(60);
	random_guests();
	return done();
}
