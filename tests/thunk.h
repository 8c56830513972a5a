/* SPDX-License-Identifier: MIT */
/*
 * One instruction on the host CPU with all its registers given: sixteen general
 * ones, arithmetic flags, x87, SSE. A thunk in executable memory at a low fixed
 * address loads them by absolute addressing, runs the instruction, and stores
 * them; a fault in it is caught and told by vector, error code and address.
 */
#ifndef TESTS_THUNK_H
#define TESTS_THUNK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define THUNK 0x20000000ull
#define THUNK_INSN (THUNK + 0x200)
#define THUNK_EXIT (THUNK + 0x300)
#define THUNK_DATA (THUNK + 0x2000)
#define THUNK_SIZE 0x6000

struct regs {
	uint64_t gpr[16];
	uint64_t flags;
	uint64_t pad;
	uint8_t fx[512] __attribute__((aligned(16))); /* FXSAVE64's image */
};

struct thunk_data { /* at THUNK_DATA */
	struct regs in, out;
	uint64_t host[8]; /* rbx rbp r12 r13 r14 r15 rsp */
	uint64_t stack[64], stack_top;
	uint32_t mxcsr;
	int vector; /* -1: none */
	uint64_t error, cr2;
};

static struct thunk_data *const thunk = (void *)THUNK_DATA;
static uint8_t thunk_sigstack[1 << 16];

static uint8_t *
thunk_abs(uint8_t *p, const char *op, unsigned n, unsigned reg, const void *at)
{
	uint32_t a = (uint32_t)(uintptr_t)at;

	memcpy(p, op, n);
	p += n;
	*p++ = (uint8_t)(0x04 | (reg & 7) << 3);
	*p++ = 0x25;
	memcpy(p, &a, 4);
	return p + 4;
}

static uint8_t *
thunk_mov(uint8_t *p, bool store, unsigned reg, const void *at)
{
	char op[2] = {
		(char)(reg > 7 ? 0x4c : 0x48), (char)(store ? 0x89 : 0x8b)};

	return thunk_abs(p, op, 2, reg, at);
}

static const uint8_t thunk_saved[7] = {3, 5, 12, 13, 14, 15, 4};

static void
thunk_build(void)
{
	uint8_t *p = (uint8_t *)THUNK;
	unsigned n;

	for (n = 0; n < 7; n++)
		p = thunk_mov(p, true, thunk_saved[n], &thunk->host[n]);
	p = thunk_mov(p, false, 4, &thunk->in.pad); /* the stack's top */
	p = thunk_abs(p, "\xff", 1, 6, &thunk->in.flags); /* push */
	*p++ = 0x9d; /* popfq */
	p = thunk_abs(p, "\x48\x0f\xae", 3, 1, thunk->in.fx);
	for (n = 0; n < 16; n++)
		p = thunk_mov(p, false, n, &thunk->in.gpr[n]);
	*p++ = 0xe9;
	n = (unsigned)(THUNK_INSN - (uintptr_t)p - 4);
	memcpy(p, &n, 4);

	p = (uint8_t *)THUNK_EXIT;
	for (n = 0; n < 16; n++)
		p = thunk_mov(p, true, n, &thunk->out.gpr[n]);
	p = thunk_mov(p, false, 4, &thunk->in.pad);
	*p++ = 0x9c; /* pushfq */
	*p++ = 0xfc; /* cld */
	p = thunk_abs(p, "\x8f", 1, 0, &thunk->out.flags); /* pop */
	p = thunk_abs(p, "\x48\x0f\xae", 3, 0, thunk->out.fx);
	*p++ = 0xdb; /* fninit */
	*p++ = 0xe3;
	p = thunk_abs(p, "\x0f\xae", 2, 2, &thunk->mxcsr);
	for (n = 0; n < 7; n++)
		p = thunk_mov(p, false, thunk_saved[n], &thunk->host[n]);
	*p = 0xc3;
	thunk->in.pad = (uint64_t)(uintptr_t)&thunk->stack_top;
	thunk->mxcsr = 0x1f80;
}

static void
thunk_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;

	(void)info;
	if ((uint64_t)g[REG_RIP] < THUNK_INSN ||
		(uint64_t)g[REG_RIP] >= THUNK_EXIT) {
		signal(sig, SIG_DFL);
		return;
	}
	thunk->vector = (int)g[REG_TRAPNO];
	thunk->error = (uint64_t)g[REG_ERR];
	thunk->cr2 = (uint64_t)g[REG_CR2];
	g[REG_RIP] = (greg_t)THUNK_EXIT;
}

/* False if the host refuses memory there, or executable memory. */
static bool
thunk_open(void)
{
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	stack_t ss = {
		.ss_sp = thunk_sigstack, .ss_size = sizeof(thunk_sigstack)};
	struct sigaction sa = {.sa_sigaction = thunk_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	if (mmap((void *)THUNK, THUNK_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		    0) != (void *)THUNK)
		return false;
	thunk_build();
	if (sigaltstack(&ss, NULL))
		return false;
	for (unsigned n = 0; n < sizeof(sigs) / sizeof(*sigs); n++)
		sigaction(sigs[n], &sa, NULL);
	return true;
}

/* Execute n bytes with thunk->in; thunk->out and vector are the result. */
static __attribute__((noinline)) void
thunk_run(const uint8_t *code, unsigned n)
{
	uint8_t *p = (uint8_t *)THUNK_INSN;
	uint32_t rel = (uint32_t)(THUNK_EXIT - THUNK_INSN - n - 5);

	memcpy(p, code, n);
	p[n] = 0xe9;
	memcpy(p + n + 1, &rel, 4);
	thunk->vector = -1;
	thunk->error = thunk->cr2 = 0;
	((void (*)(void))THUNK)();
}

#endif
