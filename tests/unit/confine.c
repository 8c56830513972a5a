/* SPDX-License-Identifier: MIT */
/*
 * Confinement: children confine themselves and then try what must fail and what
 * must work, as root and as an ordinary user.
 */
#include "vmm/confine.h"

#include <arpa/inet.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "lib/err.h"
#include "lib/json.h"
#include "tests/tap.h"
#include "vmm/confine-int.h"

enum { NOBODY = 65534, ROUNDS = 20, BAD = 99, TRAPPED = 125 };

static char root[] = "/tmp/confine-XXXXXX"; /* holds home/ and sockets/ */
static char out[8192]; /* what a child wrote to stderr */
static bool landlock;

struct scene { /* in a child */
	enum confine_kind kind;
	struct confine c;
	struct confine_report report;
	pid_t parent;
	int sockets;
	void (*before)(void), (*fn)(void);
};

/* For a child: ends it. */
#define must(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			dprintf(2, "line %d: %s: %s\n", __LINE__, #cond,       \
				strerror(errno));                              \
			_exit(BAD);                                            \
		}                                                              \
	} while (0)

static struct scene scene;

static void
become(uid_t uid)
{
	if (geteuid() == uid)
		return;
	must(setgroups(0, NULL) == 0);
	must(setgid(uid) == 0 && setuid(uid) == 0);
	must(prctl(PR_SET_DUMPABLE, 1) == 0); /* as after a login */
}

static void
confine_here(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/home", root);
	scene.c.home = open(path, O_PATH | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/home/vm", root);
	scene.c.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/sockets", root);
	scene.sockets = open(path, O_PATH | O_CLOEXEC);
	must(scene.c.home > 0 && scene.c.dir > 0 && scene.sockets > 0);
	scene.c.remove = &scene.sockets;
	scene.c.removes = 1;
	if (confine_process(&scene.c, &scene.report)) {
		dprintf(2, "%s\n", fail_text());
		_exit(BAD);
	}
}

/* Runs fn in a child, confined as that kind; how it ended, 128 + signal. */
static int
child(uid_t uid, enum confine_kind kind, void (*before)(void), void (*fn)(void))
{
	int p[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	scene = (struct scene){.kind = kind, .parent = getpid()};
	if (pipe(p) < 0)
		return -1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		dup2(p[1], 2);
		close(p[0]);
		close(p[1]);
		become(uid);
		if (before)
			before();
		confine_here();
		must(confine_thread(kind) == 0);
		fn();
		_exit(0);
	}
	close(p[1]);
	while ((got = read(p[0], out + n, sizeof(out) - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(p[0]);
	while (waitpid(pid, &status, 0) < 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
diag(void)
{
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
}

/*
 * What ends the process
 */

static void
try_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void
try_connect(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	connect(0, (struct sockaddr *)&a, sizeof(a));
}

static void
try_send(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	sendto(0, "", 1, 0, (struct sockaddr *)&a, sizeof(a));
}

static void
try_send_message(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof(a)};

	sendmsg(0, &m, 0);
}

static void
try_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void
try_fork(void)
{
	if (fork() == 0)
		_exit(0);
}

static void
try_trace(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static void
try_kill(void)
{
	kill(scene.parent, 0);
}

static void
try_tgkill(void)
{
	syscall(SYS_tgkill, scene.parent, scene.parent, 0);
}

static void
try_mount(void)
{
	mount("none", root, "tmpfs", 0, NULL);
}

static void
try_map_exec(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		0);
}

static void
try_protect_exec(void)
{
	void *p =
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void
try_setuid(void)
{
	if (setuid(0) == 0)
		return;
}

static void
try_chmod(void)
{
	chmod("/etc/passwd", 0777);
}

static void
try_type(void)
{
	ioctl(0, TIOCSTI, "x");
}

static void
try_type_wide(void)
{
	/* The kernel drops the upper half, and so must the filter. */
	syscall(SYS_ioctl, 0ul, TIOCSTI | 1ul << 32, "x");
}

static void
try_make_vm(void)
{
	ioctl(0, KVM_CREATE_VM, 0);
}

static void
try_own_signals(void)
{
	fcntl(0, F_SETOWN, scene.parent);
}

static void
try_unshare(void)
{
	unshare(CLONE_NEWUSER);
}

static void
try_uring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void
try_x32(void)
{
	syscall(0x40000000 | SYS_getpid);
}

static void
try_unknown(void)
{
	syscall(500);
}

static void
try_limit(void)
{
	struct rlimit r = {0};

	setrlimit(RLIMIT_CPU, &r);
}

static const struct {
	const char *what;
	long nr;
	void (*fn)(void);
} fatal[] = {
	{"make a socket", SYS_socket, try_socket},
	{"connect", SYS_connect, try_connect},
	{"send to an address", SYS_sendto, try_send},
	{"send a message to an address", SYS_sendmsg, try_send_message},
	{"execute", SYS_execve, try_exec},
	{"fork", SYS_clone, try_fork},
	{"be traced", SYS_ptrace, try_trace},
	{"signal another process", SYS_kill, try_kill},
	{"signal another process's thread", SYS_tgkill, try_tgkill},
	{"mount", SYS_mount, try_mount},
	{"map executable memory", SYS_mmap, try_map_exec},
	{"make memory executable", SYS_mprotect, try_protect_exec},
	{"change its user", SYS_setuid, try_setuid},
	{"change a file's mode", SYS_chmod, try_chmod},
	{"type into the terminal", SYS_ioctl, try_type},
	{"type with garbage in the command", SYS_ioctl, try_type_wide},
	{"make a VM", SYS_ioctl, try_make_vm},
	{"have signals sent to others", SYS_fcntl, try_own_signals},
	{"unshare", SYS_unshare, try_unshare},
	{"set up an io_uring", SYS_io_uring_setup, try_uring},
	{"call an x32 number", 0x40000000 | SYS_getpid, try_x32},
	{"call an unknown number", 500, try_unknown},
	{"change a limit", SYS_prlimit64, try_limit},
};

static const char *const kind_names[] = {"loop", "kvm", "soft", "worker"};

static void
test_fatal(uid_t uid, enum confine_kind kind)
{
	char want[64];

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		int code = child(uid, kind, NULL, fatal[i].fn);
		bool good;

		snprintf(want, sizeof(want), ": seccomp: system call %ld(",
			fatal[i].nr);
		good = code == TRAPPED && strstr(out, want) &&
		       strstr(out, kind_names[kind]);
		if (!ok(good, "uid %u, %s thread: cannot %s, and says so", uid,
			    kind_names[kind], fatal[i].what)) {
			printf("# ended with %d, want %s\n", code, want);
			diag();
		}
	}
}

static void
try_foreign(void)
{
#ifdef __x86_64__
	long r = 20; /* getpid of i386 */

	__asm__ volatile("int $0x80" : "+a"(r)::"memory");
#endif
}

/*
 * What just fails
 */

static void
try_files(void)
{
	struct stat st;

	must(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
	must(open("/", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
	must(open("/proc/self/mem", O_RDWR) < 0 && errno == EACCES);
	must(open("/dev/null", O_WRONLY) < 0 && errno == EACCES);
	must(openat(scene.c.dir, "../../outside", O_RDONLY) < 0);
	must(openat(scene.c.dir, "../../outside", O_RDWR | O_TRUNC) < 0);
	must(openat(scene.c.dir, "../new", O_CREAT | O_RDWR, 0600) < 0);
	must(unlinkat(scene.c.dir, "../../outside", 0) < 0);
	must(unlinkat(scene.c.dir, "../other/lock", 0) < 0);
	must(renameat(scene.c.dir, "lock", scene.c.dir, "../../lock") < 0);
	must(renameat(scene.c.dir, "../other/lock", scene.c.dir, "l") < 0);
	must(mkdirat(scene.c.dir, "../new", 0700) < 0);
	must(openat(scene.sockets, "s", O_RDONLY) < 0);
	must(openat(scene.sockets, "t", O_CREAT | O_RDWR, 0600) < 0);
	must(fstatat(scene.c.dir, "lock", &st, 0) == 0);
}

static void
try_quiet(void)
{
	must(open("/etc/localtime", O_RDONLY) < 0 && errno == EACCES);
	must(open("/sys/devices/system/cpu/online", O_RDONLY) < 0);
}

static void
test_refused(uid_t uid)
{
	if (!landlock)
		printf("ok %d - no file outside # SKIP no Landlock here\n",
			++tap_count);
	else if (!ok(child(uid, CONFINE_LOOP, NULL, try_files) == 0,
			 "uid %u: no file outside is read, written, made, "
			 "renamed or removed",
			 uid))
		diag();
	for (int k = CONFINE_KVM; k <= CONFINE_WORKER && !CONFINE_SANITIZED;
		k++)
		if (!ok(child(uid, (enum confine_kind)k, NULL, try_quiet) == 0,
			    "uid %u, %s thread: what libraries try just fails",
			    uid, kind_names[k]))
			diag();
}

/*
 * What works
 */

static void
do_files(void)
{
	int d = scene.c.dir, fd = openat(d, "a", O_CREAT | O_RDWR, 0600);

	must(fd >= 0 && write(fd, "hello", 5) == 5 && fsync(fd) == 0);
	must(ftruncate(fd, 2) == 0 && close(fd) == 0);
	must(renameat2(d, "a", d, "b", 0) == 0);
	must((fd = openat(d, "b", O_RDWR | O_TRUNC)) >= 0 && close(fd) == 0);
	must(unlinkat(d, "b", 0) == 0);
	must(mkdirat(d, "sub", 0700) == 0);
	must((fd = openat(d, "sub/x", O_CREAT | O_RDWR, 0600)) >= 0);
	must(close(fd) == 0 && unlinkat(d, "sub/x", 0) == 0);
	must(unlinkat(d, "sub", AT_REMOVEDIR) == 0);
	must((fd = openat(d, ".", O_RDONLY | O_DIRECTORY)) >= 0);
	must(close(fd) == 0);
	must(!landlock || unlinkat(scene.sockets, "s", 0) == 0);
	must(!landlock || unlinkat(scene.c.home, "empty", AT_REMOVEDIR) == 0);
}

static void
do_events(void)
{
	struct itimerspec at = {.it_value.tv_nsec = 1};
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(EPOLL_CLOEXEC);
	int t = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int e = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t n = 1;

	must(ep >= 0 && t >= 0 && e >= 0);
	must(epoll_ctl(ep, EPOLL_CTL_ADD, t, &ev) == 0);
	must(timerfd_settime(t, 0, &at, NULL) == 0);
	must(epoll_wait(ep, &ev, 1, 10000) == 1);
	must(write(e, &n, 8) == 8 && read(e, &n, 8) == 8);
}

static void
do_libc(void)
{
	struct timespec ts = {.tv_nsec = 1};
	char *p;

	for (size_t n = 1; n < 64 << 20; n *= 4) {
		must((p = malloc(n)) != NULL);
		memset(p, 1, n < 65536 ? n : 65536);
		must((p = realloc(p, 2 * n)) != NULL);
		free(p);
	}
	must(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	ts = (struct timespec){.tv_nsec = 1};
	must(nanosleep(&ts, NULL) == 0);
	must(sched_yield() == 0 && getpid() > 0);
	must(raise(SIGURG) == 0); /* tgkill, ignored */
	must(sysconf(_SC_NPROCESSORS_ONLN) > 0);
	must(madvise(NULL, 0, MADV_NORMAL) == 0);
	ioctl(0, FIONREAD, &(int){0});
}

/* What a handler of a fatal signal does, in whatever thread. */
static void
do_terminal(void)
{
	struct termios t = {0};

	must(getpgrp() > 0);
	tcgetattr(0, &t);
	tcsetattr(0, TCSANOW, &t);
	tcgetpgrp(0);
}

static void
do_abort(void)
{
	abort();
}

static void
no_core(void)
{
	struct rlimit r;

	must(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0);
	must(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max <= 4096);
	must(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

/* Threads as a machine has them: those of vCPUs first, then the loop's own. */

static pthread_barrier_t barrier;

static void *
vcpu(void *kind)
{
	char *p;

	if (confine_thread(*(enum confine_kind *)kind))
		return NULL;
	pthread_barrier_wait(&barrier);
	p = malloc(1 << 20); /* an arena of its own */
	memset(p, 1, 1 << 20);
	free(p);
	return kind;
}

static void
do_threads(uid_t uid)
{
	static enum confine_kind kinds[] = {CONFINE_KVM, CONFINE_SOFT};
	pthread_t t[2];
	void *got;

	become(uid);
	pthread_barrier_init(&barrier, NULL, 3);
	confine_here();
	for (int i = 0; i < 2; i++)
		must(pthread_create(&t[i], NULL, vcpu, &kinds[i]) == 0);
	must(confine_thread(CONFINE_LOOP) == 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2; i++)
		must(pthread_join(t[i], &got) == 0 && got == &kinds[i]);
	exit(0);
}

static void
test_threads(uid_t uid)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		do_threads(uid);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"uid %u: threads of all kinds work and end", uid);
}

static int image_fd;

static void
open_image(void)
{
	image_fd = memfd_create("image", MFD_CLOEXEC);
}

/* What an image does to its file, compressed ones with memory of their own. */
static void
do_images(void)
{
	struct iovec v = {(char[]){'x'}, 1};
	struct stat st;
	void *p;

	must(pwritev(image_fd, &v, 1, 4096) == 1);
	must(preadv2(image_fd, &v, 1, 4096, RWF_NOWAIT) == 1 ||
		errno == EOPNOTSUPP);
	must(preadv(image_fd, &v, 1, 0) == 1);
	must(fdatasync(image_fd) == 0 && fstat(image_fd, &st) == 0);
	must(fallocate(image_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		     4096) == 0);
	must(ftruncate(image_fd, 1 << 20) == 0);
	must(lseek(image_fd, 0, SEEK_DATA) == 4096);
	p = malloc(8 << 20);
	must(p);
	memset(p, 1, 8 << 20);
	free(p);
}

static void
test_works(uid_t uid)
{
	if (!ok(child(uid, CONFINE_LOOP, NULL, do_files) == 0,
		    "uid %u: files in the directory: make, write, rename, "
		    "remove; and what else may be removed",
		    uid))
		diag();
	if (!ok(child(uid, CONFINE_LOOP, NULL, do_events) == 0,
		    "uid %u: epoll, timers, eventfds", uid))
		diag();
	for (int k = CONFINE_LOOP; k <= CONFINE_WORKER; k++)
		if (!ok(child(uid, (enum confine_kind)k, NULL, do_libc) == 0,
			    "uid %u, %s thread: memory, clocks, own signals",
			    uid, kind_names[k]))
			diag();
	for (int k = CONFINE_LOOP; k <= CONFINE_WORKER; k++)
		ok(child(uid, (enum confine_kind)k, NULL, do_terminal) == 0,
			"uid %u, %s thread: the terminal can be restored", uid,
			kind_names[k]);
	if (!ok(child(uid, CONFINE_WORKER, open_image, do_images) == 0,
		    "uid %u, worker thread: images are read and written", uid))
		diag();
	ok(child(uid, CONFINE_SOFT, NULL, do_abort) == 128 + SIGABRT,
		"uid %u: abort() aborts", uid);
	if (!ok(child(uid, CONFINE_LOOP, NULL, no_core) == 0,
		    "uid %u: not dumpable, no core, few descriptors", uid))
		diag();
	test_threads(uid);
}

/*
 * What the process looks like
 */

static void
fill_environment(void)
{
	/* The second replaces the first, which stays where the kernel put
	 * it; putenv()'s lies elsewhere. */
	static char other[] = "OTHER=secret-other";

	must(setenv("HOME", "secret-home", 1) == 0);
	must(putenv(other) == 0);
}

/* Written before the filter was loaded: it may not open these itself. */
static int status_fd, environ_fd;

static void
open_proc(void)
{
	fill_environment();
	status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	environ_fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	must(status_fd >= 0 && environ_fd >= 0);
}

static void
tell(void)
{
	char text[8192];
	ssize_t n = read(status_fd, text, sizeof(text));

	must(n > 0 && write(2, text, (size_t)n) == n);
	while ((n = read(environ_fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			must(text[i] == '\0');
	must(!environ || !environ[0]);
	must(getenv("HOME") == NULL);
	dprintf(2, "text:\t%s\n", scene.report.text);
	dprintf(2, "bounding:\t%d\n", scene.report.bounding);
}

static bool
said(const char *line)
{
	return strstr(out, line) != NULL;
}

static void
test_status(uid_t uid)
{
	int code = child(uid, CONFINE_LOOP, open_proc, tell);

	ok(code == 0, "uid %u: no environment is left anywhere", uid);
	if (code)
		diag();
	ok(said("CapInh:\t0000000000000000\n") &&
			said("CapPrm:\t0000000000000000\n") &&
			said("CapEff:\t0000000000000000\n") &&
			said("CapAmb:\t0000000000000000\n"),
		"uid %u: no capabilities", uid);
	if (said("bounding:\t0") && uid)
		printf("ok %d - bounding set # SKIP no user namespace here\n",
			++tap_count);
	else
		ok(said("CapBnd:\t0000000000000000\n"),
			"uid %u: the bounding set is empty too", uid);
	ok(said("NoNewPrivs:\t1\n"), "uid %u: no_new_privs", uid);
	ok(CONFINE_SANITIZED || said("Seccomp:\t2\n"), "uid %u: seccomp", uid);
	ok(strstr(out, "text:\tcaps") != NULL, "uid %u: the report has a text",
		uid);
	if (strstr(out, "text:"))
		printf("# uid %u: %.*s\n", uid,
			(int)strcspn(strstr(out, "text:"), "\n"),
			strstr(out, "text:"));
}

/*
 * The process's own word
 */

static void
do_audit(void)
{
	struct json j;
	FILE *f = fdopen(2, "w");

	must(f);
	json_open(&j, f);
	json_put_object(&j, NULL);
	confine_audit(&j);
	json_put_end(&j);
	must(json_close(&j) == 0);
	fflush(f);
}

static void
test_audit(uid_t uid)
{
	char want[64];

	if (!ok(child(uid, CONFINE_LOOP, NULL, do_audit) == 0,
		    "uid %u: an audit under the filter", uid))
		diag();
	snprintf(want, sizeof(want), " file r %s/home/vm\"", root);
	ok(said(want) && said("2 pipe w pipe:[") && said("\"environment\":0") &&
			said("\"dumpable\":false") &&
			(!landlock || said("\"landlock\":true")),
		"uid %u: tells of descriptors, Landlock, environment", uid);
}

/* As a careless parent leaves it. */
static int inherited, opened;

static void
inherit(void)
{
	inherited = fcntl(2, F_DUPFD, 100);
	opened = fcntl(2, F_DUPFD_CLOEXEC, 100);
	must(inherited > 0 && opened > 0);
}

static void
do_inherited(void)
{
	must(fcntl(inherited, F_GETFD) < 0 && errno == EBADF);
	must(fcntl(opened, F_GETFD) >= 0);
	must(fcntl(2, F_GETFD) >= 0);
}

static void
test_descriptors(void)
{
	char text[64];

	if (!ok(child(geteuid(), CONFINE_LOOP, inherit, do_inherited) == 0,
		    "inherited descriptors are closed"))
		diag();
	confine_descriptor(text, sizeof(text), 7, "anon_inode:kvm-vcpu:0", 2);
	is_str(text, "7 kvm-vcpu rw anon_inode:kvm-vcpu:0", "a vCPU");
	confine_descriptor(text, sizeof(text), 8, "/memfd:guest-ram (deleted)",
		O_RDWR | O_CLOEXEC);
	is_str(text, "8 memory rw /memfd:guest-ram (deleted)", "memory");
	confine_descriptor(text, sizeof(text), 9, "/a b", O_PATH);
	is_str(text, "9 file path /a b", "a file");
}

/*
 * Refusals to confine, and the time it takes
 */

static void *
sleeper(void *arg)
{
	pause();
	return arg;
}

static void
test_two_threads(void)
{
	int status;
	pid_t pid;

	if (CONFINE_SANITIZED)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct confine c = {.dir = -1};
		struct confine_report r;
		pthread_t t;

		must(pthread_create(&t, NULL, sleeper, NULL) == 0);
		_exit(confine_process(&c, &r) == -EBUSY ? 0 : BAD);
	}
	while (waitpid(pid, &status, 0) < 0)
		;
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"a process with two threads cannot be confined");
}

static void
on_abort(int sig)
{
	(void)sig;
	_exit(77);
}

static void
catch_abort(void)
{
	signal(SIGABRT, on_abort);
}

static int64_t
ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* From outside: how long, for the loop's thread and the process. */
static void
test_time(uid_t uid)
{
	int64_t wall[ROUNDS], cpu[ROUNDS], t[2];
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return;
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			become(uid);
			t[0] = ns(CLOCK_MONOTONIC);
			t[1] = ns(CLOCK_PROCESS_CPUTIME_ID);
			confine_here();
			must(confine_thread(CONFINE_LOOP) == 0);
			t[0] = ns(CLOCK_MONOTONIC) - t[0];
			t[1] = ns(CLOCK_PROCESS_CPUTIME_ID) - t[1];
			must(write(p[1], t, sizeof(t)) == sizeof(t));
			_exit(0);
		}
		while (waitpid(pid, NULL, 0) < 0)
			;
		t[0] = t[1] = 1000000000;
		(void)!read(p[0], t, sizeof(t));
		wall[i] = t[0];
		cpu[i] = t[1];
	}
	qsort(wall, ROUNDS, sizeof(wall[0]), compare);
	qsort(cpu, ROUNDS, sizeof(cpu[0]), compare);
	printf("# uid %u: median of %d: %" PRId64 " us, of which CPU %" PRId64
	       " us; slowest %" PRId64 " us\n",
		uid, ROUNDS, wall[ROUNDS / 2] / 1000, cpu[ROUNDS / 2] / 1000,
		wall[ROUNDS - 1] / 1000);
	if (!CONFINE_SANITIZED)
		ok(cpu[ROUNDS / 2] <= 2000000,
			"uid %u: confinement takes 2 ms of CPU time at most",
			uid);
}

/*
 * The place
 */

static void
touch(const char *name, uid_t uid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || fchown(fd, uid, uid) < 0)
		exit(1);
	close(fd);
}

static void
make(const char *name, uid_t uid)
{
	char path[64];

	snprintf(path, sizeof(path), "%s%s", root, name);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		exit(1);
	if (chown(path, uid, uid) < 0)
		exit(1);
}

static void
set_up(uid_t uid)
{
	make("", uid);
	make("/home", uid);
	make("/home/vm", uid);
	make("/home/other", uid);
	make("/home/empty", uid);
	make("/sockets", uid);
	touch("home/vm/lock", uid);
	touch("home/other/lock", uid);
	touch("sockets/s", uid);
	touch("outside", uid);
}

static void
clean_up(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		printf("# %s is left\n", root);
}

static void
test_as(uid_t uid)
{
	set_up(uid);
	test_works(uid);
	test_refused(uid);
	if (!CONFINE_SANITIZED)
		for (int k = CONFINE_LOOP; k <= CONFINE_WORKER; k++)
			test_fatal(uid, (enum confine_kind)k);
	test_status(uid);
	test_audit(uid);
	test_time(uid);
}

int
main(void)
{
	deadline(55);
	signal(SIGURG, SIG_IGN);
	landlock = !CONFINE_SANITIZED && syscall(444, NULL, 0, 1) > 0;
	if (!mkdtemp(root))
		return 1;
	set_up(geteuid());
	test_descriptors();
	test_two_threads();
	if (geteuid() == 0)
		test_as(0);
	test_as(geteuid() ? geteuid() : NOBODY);
	if (!CONFINE_SANITIZED) {
		ok(child(geteuid(), CONFINE_SOFT, NULL, try_foreign) ==
				128 + SIGSYS,
			"another architecture's call kills at once");
		ok(child(geteuid(), CONFINE_SOFT, catch_abort, try_socket) ==
				77,
			"who handles SIGABRT gets it when a call is refused");
	}
	clean_up();
	return done();
}
