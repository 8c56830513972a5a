/* SPDX-License-Identifier: MIT */
/*
 * The soft engine's run loop and block cache: a kick brings run() back whatever
 * the CPU is at, and blocks are linked only where the links hold.
 */
#include "tests/guest.h"

enum { PATIENCE = 10 }; /* seconds that a kicked CPU may take */

static void *
one_run(void *to)
{
	struct guest *g = to;

	g->stop = g->ops->run(g->vcpu);
	atomic_store(&g->stopped, true);
	return NULL;
}

/* Does run() come back when kicked, before it is called or in its midst? */
static void
comes_back(struct guest *g, bool before, const char *what)
{
	pthread_t t;
	int left = PATIENCE * 1000;

	atomic_store(&g->stopped, false);
	if (g->ops->set(g->vcpu, &g->s))
		skip_all("%s", fail_text());
	if (before) {
		g->ops->nmi(g->vcpu);
		g->ops->kick(g->vcpu);
	}
	if (pthread_create(&t, NULL, one_run, g))
		skip_all("no thread");
	if (!before) {
		usleep(20000);
		g->ops->kick(g->vcpu);
	}
	while (!atomic_load(&g->stopped) && left--)
		usleep(1000);
	if (!ok(atomic_load(&g->stopped), "%s", what))
		_exit(1);
	pthread_join(t, NULL);
}

CODE(spin, 32, "jmp spin");
CODE(misaligned, 32, "push %eax\n jmp misaligned");

static void
kicks(struct guest *g)
{
	START(g, GUEST_P32, 0, spin);
	guest_set_gate(g, 2, 0x0e, 0); /* not present: #NP */
	guest_st(g, GUEST_HANDLERS + 11 * 16, 0xfeeb, 2);
	comes_back(g, true, "a kick is not lost when an NMI faults");

	START(g, GUEST_P32, 3, misaligned);
	guest_st(g, GUEST_IDT + 17 * 8,
		guest_gate(S_CODE3, GUEST_CODE, 0xef, 0), 8);
	g->s.cr0 |= 1 << 18;
	g->s.rflags |= 1 << 18;
	g->s.gpr[RSP]++;
	comes_back(g, false, "#AC that raises #AC can be kicked");
}

/* The last CALL pushes 0x40040 over its target, which then is INC EAX; ADD
 * [EAX+EAX], AL; HLT. */
CODE(over, 32,
	"mov $0x30000, %esp\n mov $0x28000, %eax\n mov $6, %ecx\n"
	"jmp 1f\n .org over + 0x3b\n"
	"1: call 2f\n dec %ecx\n jz 3f\n cmp $1, %ecx\n jne 1b\n"
	"mov $0x40084, %esp\n jmp 1b\n"
	"3: hlt\n"
	".org over + 0x80\n"
	"2: ret\n nop\n nop\n nop\n hlt\n");

/* The target of a short jump is beyond CS's limit but for its first byte. */
CODE(beyond, 32,
	"mov $4, %ecx\n"
	"1: dec %ecx\n jz 3f\n jmp 2f\n"
	"3: hlt\n"
	".org beyond + 0x80\n"
	"2: nop\n nop\n jmp 1b\n");

static void
links(struct guest *g)
{
	START(g, GUEST_P32, 0, over);
	guest_run(g);
	is_u64(g->s.rip, GUEST_CODE + 0x85,
		"CALL whose push changes its target runs the new code");

	START(g, GUEST_P32, 0, beyond);
	guest_run(g);
	g->s.mp = CPU_RUNNABLE;
	g->s.rip = GUEST_CODE;
	g->s.seg[SEG_CS].limit = GUEST_CODE + 0x80;
	g->s.gpr[RSP] = GUEST_STACK0 - 0x800;
	guest_run(g);
	ok(guest_vector(g) == 13, "links do not lead past CS's limit");
}

int
main(void)
{
	struct guest g;

	deadline(60);
	guest_new(&g);
	if (g.ops == &engine_soft)
		kicks(&g);
	links(&g);
	guest_free(&g);
	return done();
}
