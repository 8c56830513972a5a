/* SPDX-License-Identifier: MIT */
/*
 * A machine that is paused, resumed, frozen and watched, on each engine that
 * runs here. The guest counts at 0x500 and writes its TSC to 0x510.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/machine-int.h"
#include "vmm/probe.h"

/* 1: incl 0x500; rdtsc; movl %eax, 0x510; movl %edx, 0x514; jmp 1b */
static const uint8_t counting[] = {0x66, 0xff, 0x06, 0x00, 0x05, 0x0f, 0x31,
	0x66, 0xa3, 0x10, 0x05, 0x66, 0x89, 0x16, 0x14, 0x05, 0xeb, 0xee};
/* cli; hlt */
static const uint8_t halting[] = {0xfa, 0xf4};
/* incl 0x500; lidt 0x600 (zeros); int3 */
static const uint8_t tripling[] = {
	0x66, 0xff, 0x06, 0x00, 0x05, 0x0f, 0x01, 0x1e, 0x00, 0x06, 0xcc};
/* mov $0x604, %dx; mov $0x2000, %ax; out %ax, %dx; hlt */
static const uint8_t leaving[] = {
	0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, 0xf4};

struct rig {
	struct config cfg;
	struct clock *clock;
	struct loop *loop;
	struct machine *m;
	char path[64];
	char seen[64]; /* events, a letter each */
	atomic_uint threads;
	int refuse; /* what a thread's beginning answers */
	bool ended;
};

static const char *engine;
static bool tsc_stands; /* the engine can stop it */

static void
on_event(void *to, enum machine_event what)
{
	struct rig *r = to;
	size_t n = strlen(r->seen);

	if (n + 1 < sizeof(r->seen))
		r->seen[n] = "USRTBPX"[what];
}

static int
on_thread(void *to)
{
	struct rig *r = to;

	atomic_fetch_add(&r->threads, 1);
	if (r->refuse)
		return failx(r->refuse, "thread: refused");
	return 0;
}

static void
on_end(void *to)
{
	struct rig *r = to;

	r->ended = true;
	strcat(r->seen, "X");
}

static void
rig_new(struct rig *r, const uint8_t *code, size_t n, unsigned cpus)
{
	char text[16];
	int fd;

	*r = (struct rig){.path = "/tmp/vmtest-XXXXXX"};
	fd = mkstemp(r->path);
	if (fd < 0 || write(fd, code, n) != (ssize_t)n)
		exit(1);
	close(fd);
	config_init(&r->cfg);
	snprintf(text, sizeof(text), "%u", cpus);
	config_set(&r->cfg, "kernel", r->path);
	config_set(&r->cfg, "flat", "0x7c00");
	config_set(&r->cfg, "memory", "1M");
	config_set(&r->cfg, "accel", engine);
	config_set(&r->cfg, "cpus", text);
	r->clock = clock_new();
	if (loop_new(&r->loop, r->clock) ||
		machine_new(&r->m, &r->cfg, r->loop, r->clock, NULL, NULL)) {
		printf("# %s\n", fail_text());
		exit(1);
	}
	unlink(r->path);
	machine_on_event(r->m, on_event, r);
	machine_on_thread(r->m, on_thread, r);
}

static void
rig_start(struct rig *r)
{
	if (machine_start(r->m, on_end, r)) {
		printf("# %s\n", fail_text());
		exit(1);
	}
}

static void
rig_free(struct rig *r)
{
	machine_free(r->m);
	loop_free(r->loop);
	clock_free(r->clock);
	config_free(&r->cfg);
}

static void
turn(struct rig *r, int64_t ns)
{
	int64_t end = clock_now(r->clock) + ns;

	do
		loop_once(r->loop, 5);
	while (clock_now(r->clock) < end);
}

static bool
turn_until(struct rig *r, const char *seen)
{
	int64_t end = clock_now(r->clock) + 20 * NS_PER_S;

	while (!strstr(r->seen, seen) && clock_now(r->clock) < end)
		loop_once(r->loop, 5);
	return strstr(r->seen, seen);
}

static uint64_t
word(struct rig *r, uint64_t at, uint64_t n)
{
	uint64_t v = 0;

	mem_read(machine_mem(r->m), at, &v, n);
	return v;
}

static bool
counts(struct rig *r)
{
	uint64_t was = word(r, 0x500, 4);
	int64_t end = clock_now(r->clock) + 20 * NS_PER_S;

	while (word(r, 0x500, 4) == was && clock_now(r->clock) < end)
		loop_once(r->loop, 5);
	return word(r, 0x500, 4) != was;
}

static void
test_up(void)
{
	struct rig r;

	rig_new(&r, counting, sizeof(counting), 2);
	rig_start(&r);
	usleep(30000);
	ok(word(&r, 0x500, 4) == 0, "%s: no instruction before the loop runs",
		engine);
	ok(turn_until(&r, "U"), "%s: it is up", engine);
	ok(atomic_load(&r.threads) == 2, "%s: every thread began with the hook",
		engine);
	ok(machine_count(r.m) > 0, "%s: the guest ran before that", engine);
	ok(machine_thread(r.m, 0) > 0 && machine_thread(r.m, 1) > 0 &&
			!machine_thread(r.m, 2),
		"%s: threads have ids", engine);
	turn(&r, NS_PER_S / 20);
	is_str(r.seen, "U", "up is told once");
	rig_free(&r);
}

static void
test_refused(void)
{
	struct rig r;

	rig_new(&r, counting, sizeof(counting), 2);
	r.refuse = -EPERM;
	rig_start(&r);
	turn_until(&r, "X");
	turn(&r, NS_PER_S / 20);
	ok(r.ended && machine_end(r.m)->code == END_FAILED &&
			strcmp(machine_end(r.m)->cause, "thread: refused") == 0,
		"%s: a thread that refuses to begin ends the machine", engine);
	ok(word(&r, 0x500, 4) == 0, "%s: and no instruction was run", engine);
	rig_free(&r);
}

static void
test_pause(void)
{
	struct rig r;
	uint64_t count, tsc, after;
	int64_t guest;
	double passed;

	rig_new(&r, counting, sizeof(counting), 1);
	rig_start(&r);
	turn_until(&r, "U");
	ok(counts(&r), "%s: the guest counts", engine);
	machine_pause(r.m);
	machine_pause(r.m);
	count = word(&r, 0x500, 4);
	tsc = word(&r, 0x510, 8);
	guest = clock_now(r.m->guest);
	ok(machine_paused(r.m), "%s: it is paused", engine);
	turn(&r, NS_PER_S / 2);
	is_str(r.seen, "US", "pausing twice is told once");
	ok(word(&r, 0x500, 4) == count, "%s: the guest stands", engine);
	ok(clock_now(r.m->guest) == guest, "%s: so do its devices' clocks",
		engine);
	machine_resume(r.m);
	machine_resume(r.m);
	ok(!machine_paused(r.m) && counts(&r), "%s: and goes on", engine);
	after = word(&r, 0x510, 8);
	is_str(r.seen, "USR", "resuming twice is told once");
	/* It may be any host, any load: only that the half second is not
	 * there, as seen from the time that passed for the devices. */
	printf("# %s: TSC moved by %" PRIu64 ", the clock by %" PRId64 " ns\n",
		engine, after - tsc, clock_now(r.m->guest) - guest);
	passed = (double)(after - tsc) / (double)r.m->ops->tsc_hz(r.m->engine) *
		 NS_PER_S;
	if (tsc_stands)
		ok(passed < (double)(clock_now(r.m->guest) - guest) +
					NS_PER_S / 10,
			"%s: the TSC stood too", engine);
	rig_free(&r);
}

static void
test_halted(void)
{
	struct rig r;

	rig_new(&r, halting, sizeof(halting), 1);
	rig_start(&r);
	machine_pause(r.m);
	turn(&r, NS_PER_S / 2);
	ok(!r.ended, "%s: paused from the beginning, nothing ends", engine);
	machine_resume(r.m);
	turn_until(&r, "X");
	ok(r.ended && machine_end(r.m)->code == END_HALTED,
		"%s: resumed, it is halted for good", engine);
	rig_free(&r);
	rig_new(&r, counting, sizeof(counting), 2);
	rig_start(&r);
	turn_until(&r, "U");
	for (int n = 0; n < 20; n++) {
		machine_pause(r.m);
		loop_once(r.loop, 0);
		machine_resume(r.m);
		loop_once(r.loop, 1);
	}
	turn(&r, NS_PER_S / 4);
	ok(!r.ended && counts(&r), "%s: pausing is not taken for halting",
		engine);
	rig_free(&r);
}

static void
test_reset(void)
{
	static struct cpu_state st;
	struct rig r;
	uint64_t count;

	rig_new(&r, counting, sizeof(counting), 1);
	rig_start(&r);
	turn_until(&r, "U");
	counts(&r);
	machine_pause(r.m);
	count = word(&r, 0x500, 4);
	machine_reset(r.m);
	turn(&r, NS_PER_S / 20);
	ok(machine_paused(r.m) && word(&r, 0x500, 4) == count &&
			!machine_cpu(r.m, 0, &st) && st.rip == 0x7c00,
		"%s: reset while paused, it stays so at its beginning", engine);
	machine_resume(r.m);
	ok(counts(&r), "%s: and runs from there", engine);
	is_str(r.seen, "USTR", "as was told");
	machine_pause(r.m);
	machine_stop(r.m, END_OUTSIDE, "enough");
	is_str(r.seen, "USTRSXX", "stopped while paused: told, then ended");
	machine_resume(r.m);
	ok(machine_end(r.m)->code == END_OUTSIDE && !strchr(r.seen + 5, 'R'),
		"%s: what has ended does not go on", engine);
	rig_free(&r);
}

static void
look(struct machine *m, void *to)
{
	uint64_t *v = to;

	mem_read(machine_mem(m), 0x500, &v[0], 4);
	usleep(20000);
	mem_read(machine_mem(m), 0x500, &v[1], 4);
	v[2] = (uint64_t)machine_registers(m, 0, (char[4096]){0}, 4096);
}

static void
test_frozen(void)
{
	struct rig r;
	uint64_t v[3] = {0};

	rig_new(&r, counting, sizeof(counting), 1);
	rig_start(&r);
	turn_until(&r, "U");
	counts(&r);
	machine_frozen(r.m, look, v);
	ok(v[0] == v[1] && v[2] > 0, "%s: frozen, nothing moves", engine);
	ok(counts(&r), "%s: and then it goes on", engine);
	machine_pause(r.m);
	machine_frozen(r.m, look, v);
	turn(&r, NS_PER_S / 50);
	ok(word(&r, 0x500, 4) == v[1], "%s: frozen while paused, it stays so",
		engine);
	is_str(r.seen, "US", "being frozen is not told");
	rig_free(&r);
}

static void
test_timeout(void)
{
	struct rig r;

	rig_new(&r, counting, sizeof(counting), 1);
	config_set(&r.cfg, "timeout", "1");
	rig_start(&r);
	machine_pause(r.m);
	turn_until(&r, "X");
	ok(r.ended && machine_end(r.m)->code == END_TIMEOUT,
		"%s: a timeout counts pauses too", engine);
	rig_free(&r);
}

/* A KVM that only emulates does not look at the IDT's limit in real mode. */
static void
test_triple(void)
{
	struct rig r;

	rig_new(&r, tripling, sizeof(tripling), 1);
	rig_start(&r);
	turn_until(&r, "X");
	ok(r.ended && machine_end(r.m)->code == END_TRIPLE,
		"%s: a triple fault ends it", engine);
	rig_free(&r);
	rig_new(&r, tripling, sizeof(tripling), 1);
	r.cfg.on_reset = ON_RESET_RESTART;
	rig_start(&r);
	ok(turn_until(&r, "TTT") && !r.ended,
		"%s: with on-reset = restart it begins anew", engine);
	rig_free(&r);
}

static void
test_crash(void)
{
	struct rig r;

	rig_new(&r, halting, sizeof(halting), 1);
	r.cfg.on_crash = ON_RESET_RESTART;
	rig_start(&r);
	ok(turn_until(&r, "TT") && !r.ended,
		"%s: on-crash = restart: halted for good, it begins anew",
		engine);
	rig_free(&r);
	rig_new(&r, leaving, sizeof(leaving), 1);
	rig_start(&r);
	turn_until(&r, "X");
	ok(r.ended && machine_end(r.m)->code == END_POWEROFF &&
			strcmp(r.seen + strlen(r.seen) - 2, "XX") == 0,
		"%s: shutdown is told before the end", engine);
	rig_free(&r);
}

static void
fired(void *to)
{
	++*(int *)to;
}

static void
test_clocks(void)
{
	struct clock *a = clock_new(), *b = clock_new();
	struct timer ta, tb;
	struct loop *l;
	int na = 0, nb = 0;

	ok(!loop_new(&l, a) && !loop_add_clock(l, b), "a loop of two clocks");
	timer_init(&ta, a, NULL, fired, &na);
	timer_init(&tb, b, NULL, fired, &nb);
	timer_arm(&ta, clock_now(a) + NS_PER_S / 100);
	timer_arm(&tb, clock_now(b) + NS_PER_S / 100);
	while (!na || !nb)
		loop_once(l, -1);
	ok(na == 1 && nb == 1, "fires the timers of both");
	clock_pause(b);
	timer_arm(&ta, clock_now(a) + NS_PER_S / 50);
	timer_arm(&tb, clock_now(b) + NS_PER_S / 100);
	while (na < 2)
		loop_once(l, -1);
	ok(nb == 1, "those of one that is paused wait");
	clock_resume(b);
	while (nb < 2)
		loop_once(l, -1);
	ok(nb == 2, "until it goes on");
	loop_del_clock(l, b);
	loop_del_clock(l, b);
	timer_arm(&tb, clock_now(b));
	timer_arm(&ta, clock_now(a) + NS_PER_S / 50);
	while (na < 3)
		loop_once(l, -1);
	ok(nb == 2, "a clock that was taken out is left alone");
	loop_free(l);
	clock_free(a);
	clock_free(b);
}

/* Linux 5.16 and later; one that only emulates may say so and not do it. */
static bool
has_offset(void)
{
	bool has = false;
#ifdef KVM_CAP_VCPU_ATTRIBUTES
	int fd = open(probe_device(), O_RDWR | O_CLOEXEC);

	has = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_VCPU_ATTRIBUTES) > 0;
	close(fd);
#endif
	return has;
}

int
main(void)
{
	static const char *const engines[] = {"soft", "kvm"};
	struct probe p;
	bool real = probe_kvm(&p) == 0, kvm = real || p.why == PROBE_SLOW;

	deadline(120);
	test_clocks();
	for (size_t n = 0; n < (kvm ? 2 : 1); n++) {
		engine = engines[n];
		tsc_stands = n == 0 || (real && has_offset());
		test_up();
		test_refused();
		test_pause();
		test_halted();
		test_reset();
		test_frozen();
		test_timeout();
		if (n == 0)
			test_triple();
		test_crash();
	}
	return done();
}
