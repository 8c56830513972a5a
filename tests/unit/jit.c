/* SPDX-License-Identifier: MIT */
/*
 * The translator against the interpreter: random programs run on both, and all
 * that is left must be the same: registers, flags, x87 and SSE, memory, the
 * exception that ended it, the number of instructions.
 *
 * JIT_CASES says how many programs, JIT_SEED which.
 *
 * Flags at an exception in the midst of a block are not compared: what the rest
 * of the block overwrites may be anything there.
 */
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "tests/jitprog.h"

enum { SHOWN = 8 };

static struct side side[2];
static struct prog prog;
static unsigned bad, faults, endless;
static time_t end;

struct start { /* of both */
	uint64_t gpr[16];
	uint32_t flags;
	uint8_t fx[512] __attribute__((aligned(16)));
	unsigned cpl, count;
};
static struct start start;
static uint8_t pages[LOCK_WINDOW_RAM * 4096];

static void
make_start(void)
{
	static const uint32_t mxcsrs[] = {
		0x1f80, 0x1f80, 0x1fa0, 0x9fc0, 0x1d80, 0x7f80};
	uint32_t mxcsr = mxcsrs[below(6)];
	uint16_t cw = 0x37f;

	for (unsigned n = 0; n < 16; n++)
		start.gpr[n] = value();
	start.gpr[RSP] = LOCK_WINDOW + 1024 + below(2048) * 2;
	start.flags = (uint32_t)rnd() & FL_ARITH;
	start.cpl = percent(50) ? 3 : 0;
	start.count = percent(50) ? below(3) : below(30);
	for (unsigned n = 0; n < sizeof(start.fx); n++)
		start.fx[n] = (uint8_t)(n < 32 ? 0 : rnd());
	memcpy(start.fx, &cw, 2);
	memcpy(start.fx + 24, &mxcsr, 4);
	for (unsigned n = 0; n < sizeof(pages); n += 8) {
		uint64_t v = rnd();

		memcpy(pages + n, &v, 8);
	}
}

static void
load_program(struct side *s)
{
	mem_write(s->mem, LOCK_CODE + prog.at, prog.code, prog.len);
	memcpy(s->ram + LOCK_RAM, pages, sizeof(pages));
	memset(s->ram + LOCK_STACK, 0, 4096);
	side_poke(s, LOCK_COUNTER, start.count);
}

static void
load_cpu(struct side *s)
{
	struct cpu *c = s->c;

	side_mode(s, start.cpl, LOCK_CODE + prog.at);
	c->segbase[SEG_FS] = c->seg[SEG_FS].base = 0x1230;
	c->segbase[SEG_GS] = c->seg[SEG_GS].base = 0x40;
	memcpy(c->gpr, start.gpr, sizeof(start.gpr));
	c->df = 0;
	set_arith(c, start.flags);
	fxsave_take(c, start.fx, true);
	c->icount = 0;
}

static unsigned
vector_of(const struct side *s)
{
	uint64_t at = s->c->RIP - 1 - LOCK_HANDLERS;

	return at < 32 * 16 ? (unsigned)at / 16 : ~0u;
}

/* In the frame that an exception pushed, too. */
static void
mask_flags(struct side *s)
{
	uint64_t at = LOCK_STACK_TOP - 24, f;

	memcpy(&f, s->ram + at, 8);
	f &= ~(uint64_t)FL_ARITH;
	memcpy(s->ram + at, &f, 8);
	s->c->cc = 0;
}

static const char *
differs(void)
{
	static char what[80];
	const struct cpu *a = side[0].c, *b = side[1].c;
	static const struct {
		uint32_t from, to;
		const char *name;
	} areas[] = {{LOCK_RAM, LOCK_RAM + LOCK_WINDOW_RAM * 4096, "memory"},
		{LOCK_CODE, LOCK_COUNTER + 4096, "code"},
		{LOCK_STACK, LOCK_STACK_TOP, "exception frame"},
		{0, LOCK_HANDLERS, "tables"}};

	for (unsigned n = 0; n < 18; n++) {
		if (a->gpr[n] == b->gpr[n])
			continue;
		snprintf(what, sizeof(what),
			"register %u: %#" PRIx64 ", translated %#" PRIx64, n,
			a->gpr[n], b->gpr[n]);
		return what;
	}
	if (get_flags(a) != get_flags(b)) {
		snprintf(what, sizeof(what), "flags: %#x, translated %#x",
			get_flags(a), get_flags(b));
		return what;
	}
	if (a->cr2 != b->cr2)
		return "CR2";
	if (a->icount != b->icount) {
		snprintf(what, sizeof(what),
			"instructions: %" PRIu64 ", translated %" PRIu64,
			a->icount, b->icount);
		return what;
	}
	for (unsigned n = 0; n < sizeof(areas) / sizeof(*areas); n++)
		for (uint32_t at = areas[n].from; at < areas[n].to; at++)
			if (side[0].ram[at] != side[1].ram[at]) {
				snprintf(what, sizeof(what),
					"%s at %#x: %02x, translated %02x",
					areas[n].name, at, side[0].ram[at],
					side[1].ram[at]);
				return what;
			}
	return NULL;
}

static const char *
fp_differs(void)
{
	static uint8_t fx[2][512] __attribute__((aligned(16)));
	static char what[80];

	fxsave_put(side[0].c, fx[0], true);
	fxsave_put(side[1].c, fx[1], true);
	for (unsigned n = 0; n < 416; n++) {
		if (fx[0][n] == fx[1][n])
			continue;
		snprintf(what, sizeof(what),
			"FXSAVE byte %u: %02x, translated %02x", n, fx[0][n],
			fx[1][n]);
		return what;
	}
	return NULL;
}

static volatile sig_atomic_t running;

static void
too_long(int sig)
{
	(void)sig;
	engine_soft.kick(side[running].vcpu);
}

/* A program that changes itself may run for ever, or halt for good. SIGALRM is
 * taken for that: the deadline is kept between programs. */
static enum stop
run(struct side *s)
{
	const struct itimerval soon = {.it_value = {.tv_usec = 50000}},
			       off = {0};
	enum stop stop;

	running = s == &side[1];
	setitimer(ITIMER_REAL, &soon, NULL);
	stop = engine_soft.run(s->vcpu);
	setitimer(ITIMER_REAL, &off, NULL);
	return stop;
}

/* The next one starts from the same. */
static void
make_equal(void)
{
	mem_write(side[1].mem, LOCK_PML4, side[0].ram + LOCK_PML4,
		LOCK_COUNTER + 4096 - LOCK_PML4);
}

/* One program on both: NULL, or what differs. */
static const char *
run_both(void)
{
	const char *what;
	enum stop stop[2];

	for (unsigned n = 0; n < 2; n++) {
		load_program(&side[n]);
		load_cpu(&side[n]);
		stop[n] = run(&side[n]);
		if (stop[n] == STOP_KICK) { /* it would not end */
			endless++;
			make_equal();
			return NULL;
		}
	}
	if (vector_of(&side[0]) != ~0u) {
		faults++;
		mask_flags(&side[0]);
		mask_flags(&side[1]);
	}
	what = stop[0] != stop[1] ? "how it stopped" : differs();
	if (!what)
		what = fp_differs();
	if (what)
		make_equal();
	return what;
}

/* What is not to blame becomes NOPs. */
static const char *
reduce(const char *what)
{
	static struct prog whole;
	const char *now;

	for (unsigned n = prog.insns; n--;) {
		whole = prog;
		memset(prog.code + prog.insn[n].at, 0x90, prog.insn[n].len);
		now = run_both();
		if (now)
			what = now;
		else
			prog = whole;
	}
	while (start.count) {
		start.count--;
		if (!run_both()) {
			start.count++;
			break;
		}
	}
	return run_both() ? what : "it is gone when it is looked for";
}

static void
show(unsigned long number, const char *what)
{
	if (bad++ >= SHOWN)
		return;
	printf("# program %lu: %s\n", number, what);
	what = reduce(what);
	printf("# program %lu (CPL %u, %u rounds, ends in %d): %s\n", number,
		start.cpl, start.count + 1, (int)vector_of(&side[0]), what);
	printf("# at %#x:", LOCK_CODE + prog.at);
	for (unsigned n = 0; n < prog.len; n++)
		printf(" %02x", prog.code[n]);
	printf("\n");
	for (unsigned n = 0; n < 16; n++)
		printf("%s%2u %#" PRIx64 "%s", n % 4 ? " " : "# ", n,
			start.gpr[n], n % 4 == 3 ? "\n" : ",");
	printf("# flags %#x\n", start.flags);
	fflush(stdout);
}

static void
many(unsigned long cases, uint64_t seed, const char *what)
{
	const char *found;
	unsigned before = bad;

	for (unsigned long n = 0; n < cases && time(NULL) < end; n++) {
		rnd_state = seed + n * 0x9e3779b97f4a7c15;
		rnd();
		prog_make(&prog, 1 + below(24));
		make_start();
		found = run_both();
		if (found)
			show(n, found);
	}
	ok(bad == before, "%s", what);
	printf("# %lu programs, %u ended in exceptions, %u did not, %u "
	       "differ\n",
		cases, faults, endless, bad - before);
	faults = endless = 0;
}

int
main(void)
{
	const char *env = getenv("JIT_CASES");
	unsigned long cases = env ? strtoul(env, NULL, 0) : 12000;
	uint64_t seed = 20261123;

	env = getenv("JIT_SEED");
	if (env)
		seed = strtoull(env, NULL, 0);
	end = time(NULL) + (cases > 100000 ? 3600 : 120);
	signal(SIGALRM, too_long);
	side_new(&side[0], 0);
	side_new(&side[1], 1);
	if (!side[1].c->jit)
		skip_all(
			"nothing is translated in this build, or on this host");
	many(cases, seed, "general instructions");
	side_free(&side[1]);
	side_new(&side[1], 3);
	make_equal();
	many(cases / 2, seed + 1, "translated at the third time");
	prog.stores = true;
	many(cases / 2, seed, "code that changes itself");
	prog.sse = true;
	many(cases / 2, seed, "SSE");
	prog.x87 = true;
	many(cases / 4, seed, "x87 and MMX");
	ok(time(NULL) < end, "it came to its end in time");
	side_free(&side[0]);
	side_free(&side[1]);
	return done();
}
