/* SPDX-License-Identifier: MIT */
/*
 * The kvm engine, by guests of a few instructions. They run in real mode at
 * 0x1000 unless said otherwise, talk to a recorder at ports 0x10..0x1f and
 * memory 0xd0000, and use the LAPIC by its MSRs (x2APIC).
 */
#include "tests/tap.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "lib/err.h"
#include "vmm/engine.h"
#include "vmm/probe.h"

#define CODE 0x1000u
#define HANDLER 0x1100u /* of every interrupt */
#define AP_CODE 0x3000u
#define RAM 0x80000u
#define MMIO 0xd0000u
#define ROM 0xe0000u

/* clang-format off */
/* Code between two labels; "handler" is put at HANDLER. */
#define GUEST(name, text)                                               \
	extern const uint8_t name[], name##_end[];                      \
	__asm__(".pushsection .rodata\n.code16\n" #name ":\n" text "\n" \
		#name "_end:\n.code64\n.popsection\n")
#define AT_HANDLER(name) ".org " #name " + 0x100, 0x90\n"
#define X2APIC                                                          \
	"mov $0x1b, %ecx; rdmsr; or $0xc00, %eax; wrmsr\n"              \
	"mov $0x80f, %ecx; mov $0x1ff, %eax; xor %edx, %edx; wrmsr\n"
#define EOI "mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr\n"
#define SAY(what) "mov $" #what ", %al; out %al, $0x10\n"
#define READY "out %al, $0x1f\n" /* run() returns */

GUEST(g_ports,
	"mov $0x11, %al; out %al, $0x10\n"
	"in $0x12, %al; out %al, $0x10\n"
	"mov $0x14, %dx; mov $0x12345678, %eax; out %eax, %dx\n"
	"in %dx, %ax; mov $0x10, %dx; out %ax, %dx\n" READY "hlt");
GUEST(g_mmio,
	"mov $0xd000, %ax; mov %ax, %ds\n"
	"mov $0x1234, %ax; mov %ax, 0x10\n"
	"movb $0x56, 0x13; mov 0x20, %eax; mov %eax, 0x18\n" READY "hlt");
GUEST(g_string,
	"cld; mov $0x2000, %si; mov $5, %cx; mov $0x10, %dx; rep outsb\n"
	"xor %ax, %ax; mov %ax, %es; mov $0x2100, %di; mov $3, %cx\n"
	"mov $0x12, %dx; rep insw\n" READY "hlt");
GUEST(g_rom,
	"mov $0xe000, %ax; mov %ax, %ds; mov 0, %al; out %al, $0x10\n"
	"movb $0x99, 0; mov 0, %al; out %al, $0x10\n" READY "hlt");
GUEST(g_irq,
	X2APIC READY "again: sti; hlt; cli; jmp again\n" AT_HANDLER(g_irq)
		SAY(0x77) EOI READY "iretw");
GUEST(g_extint,
	READY "mov $100, %cx; 1: loop 1b\n" SAY(0x01)
	READY "sti; nop; nop; 2: hlt; jmp 2b\n" AT_HANDLER(g_extint)
		SAY(0x77) READY "iretw");
GUEST(g_spin, "jmp .");
GUEST(g_sleep, "sti; 1: hlt; jmp 1b");
GUEST(g_dead, "cli; hlt; 1: jmp 1b\n" AT_HANDLER(g_dead)
		SAY(0x22) READY "iretw");
GUEST(g_triple, ".code32; ud2; hlt");
GUEST(g_hole, "ljmp $0xc000, $0");
GUEST(g_start_ap,
	X2APIC "mov $0x830, %ecx; mov $1, %edx; mov $0xc500, %eax; wrmsr\n"
	"mov $0xc603, %eax; wrmsr\n"
	"1: mov 0x2000, %al; test %al, %al; jz 1b; out %al, $0x10\n"
	READY "cli; hlt");
GUEST(g_ap,
	"mov $1, %eax; cpuid; shr $24, %ebx; xor %ax, %ax; mov %ax, %ds\n"
	"add $0x40, %bl; mov %bl, 0x2000; cli; hlt");
GUEST(g_count,
	".code64; mov $0x1122334455660000, %rbx\n"
	"1: inc %rbx; mov %rbx, %rax; shr $32, %rax; out %eax, $0x14\n"
	"mov %ebx, %eax; out %eax, $0x10; jmp 1b");
GUEST(g_timer, READY "sti; 1: hlt; jmp 1b\n" AT_HANDLER(g_timer)
	SAY(0x42) READY "iretw");
GUEST(g_bell,
	"mov $7, %ax; out %ax, $0x16; mov $8, %ax; out %ax, $0x16\n"
	"mov $0xd000, %ax; mov %ax, %ds; movw $9, 0x40\n" READY "hlt");
/* clang-format on */

struct world;

struct recorder {
	struct dev dev;
	struct world *w;
};

struct world {
	struct engine_config cfg;
	struct engine *e;
	struct vcpu *v[2];
	struct recorder ports, memory;
	uint64_t log[64]; /* offset << 32 | value */
	atomic_uint n;
	unsigned kick_at; /* so many writes end run() */
	unsigned vector; /* what the PIC says */
	atomic_uint acks, eois;
	atomic_int last_eoi;
	sem_t ready;
};

static const struct engine_ops *const ops = &engine_kvm;
static bool is_nested; /* ring 0 is emulated, and not all of a CPU is there */

static void
ok_unless(bool gap, bool good, const char *name)
{
	ok(gap || good, "%s%s", name,
		gap ? " # SKIP the nested KVM here cannot do that" : "");
}

static uint64_t
rec_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)d, (void)bar, (void)size;
	return 0xa0b0c0d0 + off;
}

static void
rec_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct world *w = ((struct recorder *)d)->w;
	unsigned n = atomic_load(&w->n);

	(void)bar, (void)size;
	if (&w->ports.dev == d && off == 0xf) {
		sem_post(&w->ready);
		ops->kick(w->v[0]);
		return;
	}
	w->log[n % 64] = off << 32 | (uint32_t)val;
	atomic_store(&w->n, n + 1);
	if (n + 1 == w->kick_at)
		ops->kick(w->v[0]);
}

static void
rec_free(struct dev *d)
{
	(void)d; /* a member of the world */
}

static const struct dev_ops rec_ops = {.name = "recorder",
	.read = rec_read,
	.write = rec_write,
	.free = rec_free};

static unsigned
pic_ack(void *to)
{
	struct world *w = to;

	atomic_fetch_add(&w->acks, 1);
	ops->extint(w->e, false);
	return w->vector;
}

static void
eoi(void *to, uint8_t vector)
{
	struct world *w = to;

	atomic_fetch_add(&w->eois, 1);
	atomic_store(&w->last_eoi, vector);
}

static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, fail_text());
	exit(1);
}

static void
load(struct world *w, uint64_t at, const uint8_t *from, const uint8_t *end)
{
	mem_write(w->cfg.mem, at, from, (uint64_t)(end - from));
}

/* Real mode, everything at 0, stack below the code. */
static void
start(struct cpu_state *s, bool bsp)
{
	cpu_reset(s, bsp);
	s->seg[SEG_CS].sel = 0;
	s->seg[SEG_CS].base = 0;
	s->gpr[RSP] = CODE;
	s->rip = CODE;
}

/* Protected mode, 32 bits, flat, no paging. */
static void protected(struct cpu_state *s)
{
	start(s, true);
	s->cr0 |= 1;
	for (int i = 0; i <= SEG_GS; i++) {
		s->seg[i].limit = 0xffffffff;
		s->seg[i].db = s->seg[i].g = true;
		s->seg[i].sel = i == SEG_CS ? 8 : 16;
	}
}

/* 64-bit mode; the page tables map the first GiB as it is. */
static void
long_mode(struct world *w, struct cpu_state *s)
{
	uint64_t entry[] = {0x11003, 0x12003, 0x83};

	for (unsigned i = 0; i < 3; i++)
		mem_write(w->cfg.mem, 0x10000 + i * 0x1000, &entry[i], 8);
	protected(s);
	s->seg[SEG_CS].l = true;
	s->seg[SEG_CS].db = false;
	s->cr0 = 0x80000011;
	s->cr3 = 0x10000;
	s->cr4 = 0x20;
	s->efer = 0x500;
}

static void
world_open(struct world *w, unsigned cpus)
{
	static const uint8_t rom[0x1000] = {0x5a};
	struct cpu_state s;

	memset(w, 0, sizeof(*w));
	sem_init(&w->ready, 0, 0);
	dev_init(&w->ports.dev, &rec_ops);
	dev_init(&w->memory.dev, &rec_ops);
	w->ports.w = w->memory.w = w;
	w->cfg = (struct engine_config){
		.cpus = cpus, .pic_ack = pic_ack, .eoi = eoi, .to = w};
	if (mem_new(&w->cfg.mem, RAM) < 0 ||
		mem_add_rom(w->cfg.mem, ROM, rom, sizeof(rom)) < 0 ||
		bus_new(&w->cfg.ports, "ports", 0x10000) < 0 ||
		bus_new(&w->cfg.mmio, "mmio", 1ull << 40) < 0 ||
		bus_add(w->cfg.ports, 0x10, 0x10, &w->ports.dev, 0) < 0 ||
		bus_add(w->cfg.mmio, MMIO, 0x1000, &w->memory.dev, 0) < 0)
		die("world");
	if (ops->open(&w->e, &w->cfg) < 0)
		die("open");
	for (unsigned i = 0; i < cpus; i++) {
		if (ops->vcpu_open(w->e, i, &w->v[i]) < 0)
			die("vcpu_open");
		start(&s, i == 0);
		if (ops->set(w->v[i], &s) < 0)
			die("set");
	}
	for (unsigned i = 0; i < 256; i++) {
		uint16_t ivt[2] = {HANDLER, 0};

		mem_write(w->cfg.mem, i * 4, ivt, sizeof(ivt));
	}
}

static void
world_close(struct world *w)
{
	if (w->e)
		ops->close(w->e);
	bus_free(w->cfg.ports);
	bus_free(w->cfg.mmio);
	mem_free(w->cfg.mem);
	dev_free(&w->ports.dev);
	dev_free(&w->memory.dev);
	sem_destroy(&w->ready);
}

#define OPEN(w, guest)                                                         \
	do {                                                                   \
		world_open(w, 1);                                              \
		load(w, CODE, guest, guest##_end);                             \
	} while (0)

static bool
runs_to(struct world *w, enum stop want)
{
	static const char *const names[] = {"kick", "halt", "triple", "error"};
	enum stop got = ops->run(w->v[0]);

	if (got != want)
		printf("# stopped by %s, not %s; %s\n", names[got], names[want],
			got == STOP_ERROR ? fail_text() : "");
	return got == want;
}

static bool
said(struct world *w, unsigned n, const uint64_t *want)
{
	bool good = w->n == n;

	for (unsigned i = 0; good && i < n; i++)
		good = w->log[i] == want[i];
	for (unsigned i = 0; !good && i < w->n && i < 64; i++)
		printf("# %u: %#" PRIx64 "\n", i, w->log[i]);
	return good;
}
#define SAID(w, ...)                                                           \
	said(w, sizeof((uint64_t[]){__VA_ARGS__}) / 8,                         \
		(uint64_t[]){__VA_ARGS__})

/*
 * Exits
 */

static void
test_io(void)
{
	struct world w;
	uint8_t got[6];

	OPEN(&w, g_ports);
	ok(runs_to(&w, STOP_KICK) &&
			SAID(&w, 0x11, 0xd2, 4ull << 32 | 0x12345678, 0xc0d4),
		"port I/O reaches the bus, in and out, in three sizes");
	ok(ops->count(w.v[0]) >= 6, "exits are counted");
	world_close(&w);

	OPEN(&w, g_mmio);
	ok(runs_to(&w, STOP_KICK) &&
			SAID(&w, 0x10ull << 32 | 0x1234, 0x13ull << 32 | 0x56,
				0x18ull << 32 | 0xa0b0c0f0),
		"memory I/O reaches the bus, in and out");
	world_close(&w);

	OPEN(&w, g_string);
	mem_write(w.cfg.mem, 0x2000, "12345", 5);
	ok(runs_to(&w, STOP_KICK) && SAID(&w, '1', '2', '3', '4', '5'),
		"rep outsb writes every byte, in order");
	mem_read(w.cfg.mem, 0x2100, got, 6);
	ok(memcmp(got, "\xd2\xc0\xd2\xc0\xd2\xc0", 6) == 0,
		"rep insw fills memory");
	world_close(&w);

	OPEN(&w, g_rom);
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 0x5a, 0x5a),
		"a write to ROM is dropped");
	world_close(&w);
}

static void
test_stops(void)
{
	struct world w;
	struct cpu_state s;

	OPEN(&w, g_triple);
	protected(&s);
	s.idt.limit = 0;
	ok(ops->set(w.v[0], &s) == 0 && runs_to(&w, STOP_TRIPLE),
		"a triple fault is told");
	start(&s, true);
	load(&w, CODE, g_ports, g_ports_end);
	ok(ops->set(w.v[0], &s) == 0 && runs_to(&w, STOP_KICK) && w.n == 4,
		"set() starts it anew after a triple fault");
	world_close(&w);

	OPEN(&w, g_hole);
	fail_clear();
	ok(runs_to(&w, STOP_ERROR) && strstr(fail_text(), "rip"),
		"code outside memory ends in an error that says where");
	printf("# %s\n", fail_text());
	world_close(&w);

	OPEN(&w, g_dead);
	ops->kick(w.v[0]);
	ok(runs_to(&w, STOP_KICK), "a kick before run() is kept");
	world_close(&w);
}

/*
 * Interrupts
 */

static void
test_msi(void)
{
	struct msi m = {0xfee00000, 0x40}, level = {0xfee00000, 0xc041};
	struct world w;

	OPEN(&w, g_irq);
	ok(runs_to(&w, STOP_KICK), "the guest enables its LAPIC");
	ops->msi(w.e, m);
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 0x77),
		"an MSI wakes a halted vCPU");
	is_u64(w.eois, 0, "an edge-triggered interrupt ends unheard");
	ops->route(w.e, 5, level, false);
	ops->msi(w.e, level);
	ok(runs_to(&w, STOP_KICK) && w.eois == 1 && w.last_eoi == 0x41,
		"the end of a routed level-triggered interrupt is told");
	ops->route(w.e, 5, level, true);
	ops->msi(w.e, level);
	ok(runs_to(&w, STOP_KICK) && w.eois == 2,
		"also when its pin has been masked");
	ops->route(w.e, IOAPIC_PINS, level, false);
	ops->msi(w.e, (struct msi){0, 0});
	ops->msi(w.e, (struct msi){~0ull, ~0u});
	ok(true, "senseless routes and messages do no harm");
	world_close(&w);
}

static void
test_extint(void)
{
	struct world w;

	OPEN(&w, g_extint);
	w.vector = 0x20;
	ok(runs_to(&w, STOP_KICK), "the guest runs with interrupts off");
	ops->extint(w.e, true);
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 1) && w.acks == 0,
		"the PIC's interrupt waits for STI");
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 1, 0x77) && w.acks == 1,
		"and is taken after it, acknowledged once");
	ops->extint(w.e, true);
	ok(runs_to(&w, STOP_KICK) && w.n == 3 && w.acks == 2,
		"it wakes a halted vCPU");
	ops->extint(w.e, true);
	ops->extint(w.e, false);
	ops->kick(w.v[0]);
	ok(runs_to(&w, STOP_KICK) && w.acks == 2,
		"one that is withdrawn is not taken");
	world_close(&w);
}

static void
test_nmi(void)
{
	struct world w;
	enum stop stop;
	int tries = 0;

	OPEN(&w, g_dead);
	do { /* until it has come to its HLT */
		ops->kick(w.v[0]);
		stop = ops->run(w.v[0]);
		if (stop == STOP_KICK)
			usleep(100);
	} while (stop == STOP_KICK && ++tries < 3);
	ops->nmi(w.v[0]);
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 0x22),
		"an NMI wakes what is halted with interrupts off");
	world_close(&w);
}

/*
 * Kicks
 */

static void *
run_thread(void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < 200; i++) {
		if (ops->run(w->v[0]) != STOP_KICK)
			return (void *)"not a kick";
		sem_post(&w->ready);
	}
	return NULL;
}

static void
race(const char *name, const uint8_t *guest, const uint8_t *end)
{
	struct world w;
	pthread_t t;
	void *bad;

	world_open(&w, 1);
	load(&w, CODE, guest, end);
	pthread_create(&t, NULL, run_thread, &w);
	for (unsigned i = 0; i < 200; i++) {
		for (volatile unsigned j = 0; j < i * 37 % 1000; j++)
			;
		ops->kick(w.v[0]);
		sem_wait(&w.ready);
	}
	pthread_join(t, &bad);
	ok(!bad, "200 kicks at odd moments, %s: each ends run()", name);
	world_close(&w);
}

/* Run it, kicking from another thread, until it stops by something else. */
static void *
halt_thread(void *arg)
{
	struct world *w = arg;
	enum stop s = ops->run(w->v[0]);

	while (s == STOP_KICK)
		s = ops->run(w->v[0]);
	sem_post(&w->ready);
	return (void *)(uintptr_t)s;
}

static void
test_halt(void)
{
	struct timespec t;
	struct world w;
	pthread_t thread;
	void *stop;

	OPEN(&w, g_dead);
	pthread_create(&thread, NULL, halt_thread, &w);
	do {
		ops->kick(w.v[0]);
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 1000000;
		if (t.tv_nsec >= 1000000000)
			t.tv_sec++, t.tv_nsec -= 1000000000;
	} while (sem_timedwait(&w.ready, &t) < 0);
	pthread_join(thread, &stop);
	ok((uintptr_t)stop == STOP_HALT,
		"a kick finds what is halted with interrupts off");
	world_close(&w);
}

/*
 * Two vCPUs
 */

static void *
ap_thread(void *arg)
{
	struct world *w = arg;

	return (void *)(uintptr_t)ops->run(w->v[1]);
}

static void
test_smp(void)
{
	struct world w;
	pthread_t ap;
	void *stop;

	world_open(&w, 2);
	load(&w, CODE, g_start_ap, g_start_ap_end);
	load(&w, AP_CODE, g_ap, g_ap_end);
	ops->kick(w.v[1]);
	ok(ops->run(w.v[1]) == STOP_HALT,
		"a CPU that waits for SIPI counts as halted");
	pthread_create(&ap, NULL, ap_thread, &w);
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 0x41),
		"INIT and SIPI start the second CPU, which knows its ID");
	ops->kick(w.v[1]);
	pthread_join(ap, &stop);
	ok((uintptr_t)stop == STOP_HALT || (uintptr_t)stop == STOP_KICK,
		"and a kick stops it");
	world_close(&w);
}

/*
 * State
 */

static uint64_t
msr(const struct cpu_state *s, uint32_t index)
{
	uint64_t data = 0;

	return cpu_get_msr(s, index, &data) ? data : ~0ull;
}

static void
test_state(void)
{
	static struct cpu_state s, t;
	struct world w;
	uint64_t tsc;

	OPEN(&w, g_spin);
	long_mode(&w, &s);
	for (unsigned i = 0; i < 16; i++)
		s.gpr[i] = 0x0101010101010101 * (i + 1);
	for (unsigned i = 0; i < 4; i++)
		s.dr[i] = 0x1000 * (i + 1);
	for (unsigned i = 160; i < 416; i++) /* XMM */
		s.xsave[i] = (uint8_t)i;
	s.cr2 = 0xdead000;
	s.nmi_masked = true;
	cpu_set_msr(&s, 0xc0000082, 0xffffffff81000000); /* LSTAR */
	cpu_set_msr(&s, 0xc0000102, 0xffff888000000000); /* KERNEL_GS */
	cpu_set_msr(&s, 0x277, 0x0007010600070106);
	cpu_set_msr(&s, 0x10, 1ull << 50);
	if (!ok(ops->set(w.v[0], &s) == 0, "a whole state is taken"))
		printf("# %s\n", fail_text());
	ok(ops->get(w.v[0], &t) == 0, "and given");
	ok(!memcmp(s.gpr, t.gpr, sizeof(s.gpr)) && s.rip == t.rip &&
			s.rflags == t.rflags && s.cr2 == t.cr2,
		"registers come back");
	ok(s.cr0 == t.cr0 && s.cr3 == t.cr3 && s.cr4 == t.cr4 &&
			s.efer == t.efer && s.apic_base == t.apic_base &&
			t.seg[SEG_CS].l && t.seg[SEG_TR].type == 11,
		"system registers come back");
	ok(!memcmp(s.dr, t.dr, 4 * sizeof(s.dr[0])), "debug registers do");
	ok(!memcmp(s.xsave + 160, t.xsave + 160, 256) && t.xcr0 == 1,
		"SSE registers do");
	ok(t.nmi_masked && !t.nmi_pending && t.mp == CPU_RUNNABLE, "events do");
	ok(msr(&t, 0xc0000082) == 0xffffffff81000000 &&
			msr(&t, 0xc0000102) == 0xffff888000000000 &&
			msr(&t, 0x277) == 0x0007010600070106,
		"MSRs do");
	ok_unless(is_nested && msr(&t, 0x10) < 1ull << 50,
		msr(&t, 0x10) >= 1ull << 50 && msr(&t, 0x10) < 1ull << 51,
		"the TSC does, and runs on");
	tsc = msr(&t, 0x10);
	start(&s, true);
	ok(ops->set(w.v[0], &s) == 0 && ops->get(w.v[0], &t) == 0 &&
			msr(&t, 0xc0000082) == 0 && !t.nmi_masked &&
			msr(&t, 0x10) >= tsc,
		"a reset clears the MSRs that it does not list, but the TSC");
	world_close(&w);
}

static void
test_refused(void)
{
	static struct cpu_state s;
	struct world w;
	int r;

	OPEN(&w, g_ports);
	start(&s, true);
	cpu_set_msr(&s, 0x277, 0x0808080808080808);
	fail_clear();
	r = ops->set(w.v[0], &s);
	ok_unless(is_nested && r == 0,
		r == -EINVAL && strstr(fail_text(), "0x277"),
		"an MSR that cannot be so is refused by name");
	start(&s, true);
	s.xsave[512 + 7] = 0x40;
	ok(ops->set(w.v[0], &s) < 0, "an unknown XSAVE component is refused");
	start(&s, true);
	s.mp = 77;
	ok(ops->set(w.v[0], &s) < 0, "an unknown MP state is refused");
	start(&s, true);
	s.msrs = 100000;
	cpu_set_msr(&s, 0xc0000082, 1);
	(void)ops->set(w.v[0], &s);
	ok(true, "a false count of MSRs does no harm");
	start(&s, true);
	ok(ops->set(w.v[0], &s) == 0 && runs_to(&w, STOP_KICK) && w.n == 4,
		"after all that it still runs");
	world_close(&w);
}

static void
test_moved(void)
{
	static struct cpu_state s;
	struct world a, b;
	void *from, *to;

	OPEN(&a, g_count);
	long_mode(&a, &s);
	a.kick_at = 20;
	ok(ops->set(a.v[0], &s) == 0 && runs_to(&a, STOP_KICK) &&
			a.log[18] == (4ull << 32 | 0x11223344) &&
			a.log[19] == 0x5566000a,
		"the guest counts in 64-bit mode");
	ops->get(a.v[0], &s);
	world_open(&b, 1);
	from = mem_span(a.cfg.mem, 0, RAM);
	to = mem_span(b.cfg.mem, 0, RAM);
	memcpy(to, from, RAM);
	b.kick_at = 2;
	ok(ops->set(b.v[0], &s) == 0 && runs_to(&b, STOP_KICK) &&
			b.log[0] == (4ull << 32 | 0x11223344) &&
			b.log[1] == 0x5566000b,
		"and in another VM goes on where it was, I/O done once");
	world_close(&a);
	world_close(&b);
}

static void
test_lapic_moved(void)
{
	struct msi m = {0xfee00000, 0x40};
	static struct cpu_state s;
	struct world a, b;
	uint32_t lvtt = 0x40042; /* TSC deadline, vector 0x42 */

	OPEN(&a, g_irq);
	runs_to(&a, STOP_KICK);
	ops->msi(a.e, m);
	ops->get(a.v[0], &s);
	ok(s.apic_base == 0xfee00d00 && s.lapic[0xf1] == 1,
		"the LAPIC is part of the state");
	OPEN(&b, g_irq);
	ok(ops->set(b.v[0], &s) == 0 && runs_to(&b, STOP_KICK) &&
			SAID(&b, 0x77),
		"an interrupt that was pending comes in another VM");
	world_close(&a);
	world_close(&b);

	OPEN(&b, g_timer);
	memcpy(s.lapic + 0x320, &lvtt, 4);
	memset(s.lapic + 0x200, 0, 0x80); /* IRR */
	s.rip = CODE;
	cpu_set_msr(&s, 0x6e0, msr(&s, 0x10) + 1000000);
	ok(ops->set(b.v[0], &s) == 0 && runs_to(&b, STOP_KICK) &&
			runs_to(&b, STOP_KICK) && SAID(&b, 0x42),
		"a TSC deadline that was set wakes it there");
	world_close(&b);
}

/*
 * Memory and doorbells
 */

static void
test_memory(void)
{
	static const uint8_t page[0x1000] = {0xa5};
	struct world w;
	unsigned n;

	OPEN(&w, g_mmio);
	mem_add_rom(w.cfg.mem, MMIO - 0x1000, page, sizeof(page));
	ok(ops->map(w.e, &mem_slots(w.cfg.mem, &n)[n - 1]) == 0,
		"memory is mapped later too");
	ops->flush(w.e, CODE);
	ops->flush(w.e, MMIO - 0x1000);
	ops->flush(w.e, ~0ull);
	ok(runs_to(&w, STOP_KICK) && w.n == 3, "a flush keeps what is there");
	world_close(&w);
}

static bool
rung(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) && n == 1;
}

static void
test_doorbell(void)
{
	int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
	struct cpu_state s;
	struct world w;

	OPEN(&w, g_bell);
	ok(ops->doorbell(w.e, a, true, 0x16, 2, 7, true) == 0 &&
			ops->doorbell(w.e, b, false, MMIO + 0x40, 0, 0, true) ==
				0,
		"doorbells for ports and memory");
	ok(runs_to(&w, STOP_KICK) && SAID(&w, 6ull << 32 | 8),
		"only another value reaches the bus");
	ok(rung(a) && rung(b), "each rings once");
	ok(ops->doorbell(w.e, a, true, 0x16, 2, 7, false) == 0 &&
			ops->doorbell(
				w.e, b, false, MMIO + 0x40, 0, 0, false) == 0,
		"they are taken away");
	start(&s, true);
	w.n = 0;
	ok(ops->set(w.v[0], &s) == 0 && runs_to(&w, STOP_KICK) && w.n == 3 &&
			!rung(a) && !rung(b),
		"then all writes reach the bus");
	close(a);
	close(b);
	world_close(&w);
}

static void
test_limits(void)
{
	struct engine *e = NULL;
	struct vcpu *v;
	struct world w;

	OPEN(&w, g_spin);
	ok(ops->tsc_hz(w.e) > 100000000, "the TSC's frequency is known");
	ok(ops->vcpu_open(w.e, 1, &v) < 0 && ops->vcpu_open(w.e, 0, &v) < 0,
		"a CPU too many, or twice, is refused");
	w.cfg.cpus = 255;
	ok(ops->open(&e, &w.cfg) == -EINVAL && !e,
		"so are more CPUs than can be");
	w.cfg.cpus = 1;
	w.cfg.icount = true;
	ok(ops->open(&e, &w.cfg) == -ENOTSUP && !e,
		"counting instructions is refused");
	world_close(&w);
}

int
main(void)
{
	struct probe p;

	deadline(60);
	probe_kvm(&p);
	if (!p.usable && p.why != PROBE_SLOW)
		skip_all("%s", p.reason);
	printf("# %s\n", p.reason);
	is_nested = p.why == PROBE_SLOW;
	test_io();
	test_stops();
	test_msi();
	test_extint();
	test_nmi();
	race("spinning", g_spin, g_spin_end);
	race("halted", g_sleep, g_sleep_end);
	test_halt();
	test_smp();
	test_state();
	test_refused();
	test_moved();
	test_lapic_moved();
	test_memory();
	test_doorbell();
	test_limits();
	return done();
}
