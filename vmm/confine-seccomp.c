/* SPDX-License-Identifier: MIT */
/*
 * seccomp(2) filters, a kind of thread each, built at run time from the tables
 * below: classic BPF over the system call's number as a binary search tree. The
 * kernel itself remembers which calls pass whatever their arguments, and does
 * not run the filter for those.
 *
 * What no row allows is a bug or an attack. The thread gets SIGSYS, and its
 * handler says which call it was and ends the process.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/confine-int.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef KVM_GET_XSAVE2
#define KVM_GET_XSAVE2 _IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif
/* Newer than the header may be. */
enum {
	NR_FUTEX_WAITV = 449,
	NR_FUTEX_WAKE = 454,
	NR_FUTEX_WAIT,
	NR_FUTEX_REQUEUE,
	NR_MAX = 512
};
enum { CODE_MAX = 1024, SPANS_MAX = NR_MAX, EXIT_REFUSED = 125 };
/* With a C library that knows the wide termios. */
enum { IOCTL_TCGETS2 = 0x802c542a, IOCTL_TCSETS2 = 0x402c542b };

enum check {
	NEVER,
	ALWAYS,
	QUIET, /* EACCES: libraries try, and do without */
	IOCTL, /* one of the kind's commands */
	FCNTL, /* no F_SETOWN, F_SETSIG: signals to others */
	PRCTL,
	NO_EXEC, /* the third argument has no PROT_EXEC */
	OWN, /* the first argument is this process */
	UNNAMED, /* the fifth argument, an address, is NULL */
	READ_LIMIT /* of this process, nothing to set */
};

enum {
	LOOP = 1 << CONFINE_LOOP,
	KVM = 1 << CONFINE_KVM,
	SOFT = 1 << CONFINE_SOFT,
	WORKER = 1 << CONFINE_WORKER,
	CPU = KVM | SOFT,
	ALL = LOOP | CPU | WORKER,
	/* Kinds that may make executable memory: none. The translator has its
	 * own before the filters are there. */
	EXEC = 0
};

/* clang-format off */

/* The C library's floor, thread's and process's end included; memory, time. */
static const short floor_calls[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_close,
	SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2,
	SYS_pwritev2, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_poll, SYS_ppoll,
	SYS_fsync, SYS_fdatasync, SYS_fallocate, SYS_ftruncate,
	SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_msync, SYS_membarrier,
	SYS_futex, NR_FUTEX_WAITV, NR_FUTEX_WAKE, NR_FUTEX_WAIT,
	NR_FUTEX_REQUEUE, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq,
	SYS_set_tid_address,
	SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_rt_sigpending, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
	SYS_sigaltstack, SYS_restart_syscall,
	SYS_exit, SYS_exit_group,
	SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam,
	SYS_sched_getscheduler, SYS_getcpu,
	SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep,
	SYS_gettimeofday, SYS_time, SYS_times, SYS_getrusage,
	SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid,
	SYS_getgid, SYS_getegid, SYS_getpgrp, SYS_getpgid, SYS_uname, SYS_sysinfo, SYS_getrandom,
	SYS_getrlimit,
};

/* Events, sockets that are there or come, files that Landlock lets it have. Not
 * sendmsg: its address is behind a pointer, and a datagram socket (a service
 * manager's) would reach any other that the user may write to. */
static const short loop_calls[] = {
	SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_epoll_ctl,
	SYS_epoll_create, SYS_epoll_create1, SYS_eventfd, SYS_eventfd2,
	SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
	SYS_signalfd, SYS_signalfd4, SYS_select, SYS_pselect6,
	SYS_dup, SYS_dup2, SYS_dup3, SYS_pipe, SYS_pipe2, SYS_close_range,
	SYS_accept, SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
	SYS_shutdown, SYS_getsockopt, SYS_setsockopt,
	SYS_getsockname, SYS_getpeername,
	SYS_open, SYS_openat, SYS_openat2, SYS_getdents, SYS_getdents64,
	SYS_stat, SYS_lstat, SYS_statx, SYS_fstatfs, SYS_access, SYS_faccessat,
	SYS_faccessat2, SYS_readlink, SYS_readlinkat,
	SYS_rename, SYS_renameat, SYS_renameat2, SYS_unlink, SYS_unlinkat,
	SYS_rmdir, SYS_mkdir, SYS_mkdirat,
	SYS_copy_file_range, SYS_sendfile, SYS_sync_file_range, SYS_fadvise64,
	SYS_umask, SYS_getcwd,
};

/* An older C library looks at /sys to count CPUs when memory is allocated, and
 * at /etc/localtime when time is printed. */
static const short library_calls[] = {SYS_open, SYS_openat};
/* What removes a directory tries it on one that it cannot read. */
static const short chmod_calls[] = {SYS_fchmod};
static const short exec_calls[] = {SYS_mmap, SYS_mprotect};
static const short own_calls[] = {SYS_tgkill};
static const short send_calls[] = {SYS_sendto};
static const short ioctl_calls[] = {SYS_ioctl};
static const short fcntl_calls[] = {SYS_fcntl};
static const short prctl_calls[] = {SYS_prctl};
static const short limit_calls[] = {SYS_prlimit64};

#define CALLS(list) list, sizeof(list) / sizeof(list[0])

static const struct group {
	uint8_t kinds, check;
	const short *nr;
	size_t n;
} groups[] = {
	{ALL,	ALWAYS,		CALLS(floor_calls)},
	{LOOP,	ALWAYS,		CALLS(loop_calls)},
	{CPU | WORKER, QUIET,	CALLS(library_calls)},
	{LOOP,	QUIET,		CALLS(chmod_calls)},
	{EXEC,	ALWAYS,		CALLS(exec_calls)},
	{ALL & ~EXEC, NO_EXEC,	CALLS(exec_calls)},
	{ALL,	OWN,		CALLS(own_calls)},
	{ALL,	UNNAMED,	CALLS(send_calls)},
	{ALL,	IOCTL,		CALLS(ioctl_calls)},
	{ALL,	FCNTL,		CALLS(fcntl_calls)},
	{ALL,	PRCTL,		CALLS(prctl_calls)},
	{ALL,	READ_LIMIT,	CALLS(limit_calls)},
};

/* The loop's thread saves, loads and resets what the vCPUs run. Not here: what
 * makes VMs, vCPUs and devices of the kernel's. */
static const uint32_t kvm_ioctls[] = {
	KVM_RUN, KVM_SIGNAL_MSI, KVM_NMI, KVM_INTERRUPT, KVM_KVMCLOCK_CTRL,
	KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_MP_STATE,
	KVM_SET_MP_STATE, KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS,
	KVM_SET_SREGS, KVM_GET_MSRS, KVM_SET_MSRS, KVM_GET_XSAVE,
	KVM_GET_XSAVE2, KVM_SET_XSAVE, KVM_GET_XCRS, KVM_SET_XCRS,
	KVM_GET_LAPIC, KVM_SET_LAPIC, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
	KVM_TRANSLATE, KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_GET_TSC_KHZ,
	KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	KVM_SET_GSI_ROUTING, KVM_IOEVENTFD, KVM_IRQFD,
	KVM_SET_USER_MEMORY_REGION,
};

/* A request is done: its interrupt. */
static const uint32_t worker_ioctls[] = {KVM_SIGNAL_MSI};

/* A signal may end the process in any thread, and its handler restores the
 * terminal. No TIOCSTI, no TIOCLINUX: they type into the shell behind it. */
static const uint32_t tty_ioctls[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, IOCTL_TCGETS2, IOCTL_TCSETS2,
	TIOCGWINSZ, TIOCGPGRP, FIONREAD,
};

static const uint32_t fcntls[] = {
	F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC,
	F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
	F_ADD_SEALS, F_GET_SEALS,
};

static const uint32_t prctls[] = {
	PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_GET_DUMPABLE,
	PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,
};

/* clang-format on */

/*
 * The builder
 */

struct span { /* numbers from here to the next one's */
	uint32_t from;
	uint8_t check;
};

struct builder {
	enum confine_kind kind;
	struct span span[SPANS_MAX];
	unsigned spans;
	struct sock_filter code[CODE_MAX];
	unsigned n; /* beyond CODE_MAX: too long */
};

static void
emit(struct builder *b, unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	if (b->n < CODE_MAX)
		b->code[b->n] = (struct sock_filter){
			(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
	b->n++;
}

static void
emit_return(struct builder *b, uint32_t action)
{
	emit(b, BPF_RET | BPF_K, 0, 0, action);
}

/* The kind is what the handler is told. */
static void
emit_refuse(struct builder *b)
{
	emit_return(b, SECCOMP_RET_TRAP | (uint32_t)b->kind);
}

/* Half an argument, 0: the low one. Commands and numbers of processes are ints:
 * the kernel does not look at the other half either. */
static void
emit_load(struct builder *b, unsigned arg, unsigned half)
{
	emit(b, BPF_LD | BPF_W | BPF_ABS, 0, 0,
		(uint32_t)offsetof(struct seccomp_data, args) + arg * 8 +
			half * 4);
}

/* Goes on behind this where it is equal. */
static void
emit_want(struct builder *b, unsigned arg, unsigned half, uint32_t value)
{
	emit_load(b, arg, half);
	emit(b, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, value);
	emit_refuse(b);
}

static void
emit_list(struct builder *b, const uint32_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		emit(b, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, list[i]);
		emit_return(b, SECCOMP_RET_ALLOW);
	}
}

static void
emit_ioctl(struct builder *b)
{
	emit_load(b, 1, 0);
	if (b->kind == CONFINE_LOOP || b->kind == CONFINE_KVM)
		emit_list(b, CALLS(kvm_ioctls));
	if (b->kind == CONFINE_WORKER)
		emit_list(b, CALLS(worker_ioctls));
	emit_list(b, CALLS(tty_ioctls));
	emit_refuse(b);
}

static void
emit_check(struct builder *b, enum check check)
{
	switch (check) {
	case NEVER:
		emit_refuse(b);
		return;
	case ALWAYS:
		break;
	case QUIET:
		emit_return(b, SECCOMP_RET_ERRNO | EACCES);
		return;
	case IOCTL:
		emit_ioctl(b);
		return;
	case FCNTL:
		emit_load(b, 1, 0);
		emit_list(b, CALLS(fcntls));
		emit_refuse(b);
		return;
	case PRCTL:
		emit_load(b, 0, 0);
		emit_list(b, CALLS(prctls));
		emit_refuse(b);
		return;
	case NO_EXEC:
		emit_load(b, 2, 0);
		emit(b, BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
		emit_refuse(b);
		break;
	case OWN:
		emit_want(b, 0, 0, (uint32_t)getpid());
		break;
	case UNNAMED:
		emit_want(b, 4, 0, 0);
		emit_want(b, 4, 1, 0);
		break;
	case READ_LIMIT:
		emit_want(b, 0, 0, 0);
		emit_want(b, 2, 0, 0);
		emit_want(b, 2, 1, 0);
		break;
	}
	emit_return(b, SECCOMP_RET_ALLOW);
}

/* The spans first..end, the number being in the accumulator. The way to the
 * right half may be long, and only JA jumps more than 255 instructions. */
static void
emit_tree(struct builder *b, unsigned first, unsigned end)
{
	unsigned middle = (first + end) / 2, jump;

	if (end - first == 1) {
		emit_check(b, b->span[first].check);
		return;
	}
	emit(b, BPF_JMP | BPF_JGE | BPF_K, 0, 1, b->span[middle].from);
	jump = b->n;
	emit(b, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_tree(b, first, middle);
	if (jump < CODE_MAX)
		b->code[jump].k = b->n - jump - 1;
	emit_tree(b, middle, end);
}

static void
find_spans(struct builder *b)
{
	uint8_t check[NR_MAX + 1] = {NEVER}; /* and none behind the last */

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (size_t i = 0; i < groups[g].n; i++)
			if (groups[g].kinds >> b->kind & 1)
				check[groups[g].nr[i]] = groups[g].check;
	b->spans = 0;
	for (uint32_t nr = 0; nr <= NR_MAX; nr++)
		if (nr == 0 || check[nr] != check[nr - 1])
			b->span[b->spans++] = (struct span){nr, check[nr]};
}

/* Another architecture's calls (int 0x80) have other numbers. x32's are beyond
 * all of ours. */
static void
build(struct builder *b)
{
	find_spans(b);
	b->n = 0;
	emit(b, BPF_LD | BPF_W | BPF_ABS, 0, 0,
		offsetof(struct seccomp_data, arch));
	emit(b, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	emit_return(b, SECCOMP_RET_KILL_PROCESS);
	emit(b, BPF_LD | BPF_W | BPF_ABS, 0, 0,
		offsetof(struct seccomp_data, nr));
	emit_tree(b, 0, b->spans);
}

int
confine_thread(enum confine_kind kind)
{
	struct builder b = {.kind = kind};
	struct sock_fprog prog = {.filter = b.code};

	if (CONFINE_SANITIZED)
		return 0;
	build(&b);
	if (b.n > CODE_MAX)
		return failx(-E2BIG, "seccomp: the filter is too long");
	prog.len = (uint16_t)b.n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return fail(-errno, "seccomp: cannot load the filter");
	return 0;
}

/*
 * What is refused
 */

struct line {
	char text[256];
	size_t n;
};

static void
add(struct line *l, const char *s)
{
	while (*s && l->n < sizeof(l->text))
		l->text[l->n++] = *s++;
}

static void
add_number(struct line *l, uint64_t v, unsigned base)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = "0123456789abcdef"[v % base];
	while (v /= base);
	add(l, p);
}

/*
 * In whatever state the process is: system calls alone. A handler for SIGABRT
 * is one that restores the terminal and then lets the signal kill.
 */
static void
refused(int sig, siginfo_t *info, void *context)
{
	static const char *const kinds[] = {"loop", "kvm", "soft", "worker"};
	static const int args[] = {REG_RDI, REG_RSI, REG_RDX};
	const greg_t *reg = ((const ucontext_t *)context)->uc_mcontext.gregs;
	unsigned kind = (unsigned)info->si_errno; /* the filter's data */
	struct sigaction sa;
	struct line l = {.n = 0};

	(void)sig;
	add(&l, program_invocation_short_name);
	add(&l, ": seccomp: system call ");
	add_number(&l, (unsigned)info->si_syscall, 10);
	for (int i = 0; i < 3; i++) {
		add(&l, i ? ", 0x" : "(0x");
		add_number(&l, (uint64_t)reg[args[i]], 16);
	}
	add(&l, ") refused (");
	add(&l, kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind]
							: "unknown");
	add(&l, " thread)\n");
	if (write(STDERR_FILENO, l.text, l.n) < 0)
		l.n = 0; /* nobody to tell */
	if (sigaction(SIGABRT, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL &&
		sa.sa_handler != SIG_IGN)
		raise(SIGABRT);
	_exit(EXIT_REFUSED);
}

int
confine_catch(void)
{
	struct sigaction sa = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};

	sigfillset(&sa.sa_mask);
	sigdelset(&sa.sa_mask, SIGABRT);
	if (sigaction(SIGSYS, &sa, NULL) < 0)
		return fail(-errno, "seccomp: cannot catch what it refuses");
	return 0;
}
