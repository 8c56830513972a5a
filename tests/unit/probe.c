/* SPDX-License-Identifier: MIT */
/*
 * The choice of the engine: what each kind of device leads to, and why.
 */
#include "tests/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/err.h"
#include "vmm/probe.h"

static char path[64];

static void
test_absent(void)
{
	const struct engine_ops *ops = NULL;
	struct probe p;

	setenv("VM_KVM_DEVICE", "/nonexistent/kvm", 1);
	is_str(probe_device(), "/nonexistent/kvm", "the environment names it");
	is_u64((uint64_t)-probe_kvm(&p), ENOENT, "an absent device is told");
	ok(!p.present && !p.accessible && !p.usable && p.err == ENOENT &&
			(p.why == PROBE_NO_CPU || p.why == PROBE_NO_MODULE),
		"and why: no extension, or no module");
	ok(strstr(p.reason, "/nonexistent/kvm"), "the reason names it");
	ok(probe_choose("auto", &p, &ops) == 0 && ops == &engine_soft,
		"auto chooses soft then");
	ok(probe_choose(NULL, NULL, &ops) == 0 && ops == &engine_soft,
		"as does no choice at all");
	ok(probe_choose("kvm", &p, &ops) == 0 && ops == &engine_kvm &&
			!p.reason[0],
		"kvm is taken at its word");
	ok(probe_choose("soft", &p, &ops) == 0 && ops == &engine_soft &&
			!p.reason[0],
		"soft needs no look");
	ok(probe_choose("tcg", &p, &ops) == -EINVAL &&
			strstr(fail_text(), "tcg"),
		"another name is refused");
}

static void
test_not_kvm(void)
{
	struct probe p;

	setenv("VM_KVM_DEVICE", "/dev/null", 1);
	ok(probe_kvm(&p) < 0 && p.present && p.accessible && !p.usable &&
			p.why == PROBE_BROKEN,
		"a device that is not KVM is refused");
}

/* Root may open anything: an ordinary user looks, and tells by its status. */
static bool
denied(mode_t mode, const char *want)
{
	struct probe p;
	pid_t pid;
	int status = 1;

	chmod(path, mode);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(2);
		_exit(probe_kvm(&p) != -EACCES || !p.present || p.accessible ||
			p.why != PROBE_PERMISSION || p.mode != mode ||
			!strstr(p.reason, want));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
test_permission(void)
{
	int fd;

	strcpy(path, "/tmp/probe-XXXXXX");
	fd = mkstemp(path);
	close(fd);
	setenv("VM_KVM_DEVICE", path, 1);
	ok(denied(0600, "chgrp kvm"),
		"a device for root alone: how to mend that is said");
	ok(geteuid() == 0 ? chown(path, 0, 1) == 0 && denied(0660, "join")
			  : denied(0, "chgrp"),
		"a device for a group: which to join is said");
	unlink(path);
}

static double
ms_since(const struct timespec *from)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)(t.tv_sec - from->tv_sec) * 1e3 +
	       (double)(t.tv_nsec - from->tv_nsec) / 1e6;
}

static void
test_here(void)
{
	const struct engine_ops *ops = NULL;
	struct timespec from;
	struct probe p;
	int r;

	unsetenv("VM_KVM_DEVICE");
	clock_gettime(CLOCK_MONOTONIC, &from);
	r = probe_kvm(&p);
	printf("# %s (%.1f ms)\n", p.reason, ms_since(&from));
	ok((r == 0) == p.usable && p.usable == (p.why == PROBE_GOOD),
		"this host's KVM is judged one way or the other");
	ok(p.reason[0] && !strchr(p.reason, '\n'), "in one sentence");
	ok(p.ring0_mips <= 0 || p.usable == (p.ring0_mips >= PROBE_SLOW_MIPS),
		"by what was measured, if anything was");
	ok(probe_choose("auto", &p, &ops) == 0 &&
			ops == (p.usable ? &engine_kvm : &engine_soft),
		"auto follows it");
	is_str(probe_why_name((enum probe_why)99), "unknown",
		"a cause that does not exist has a name all the same");
}

int
main(void)
{
	deadline(20);
	test_absent();
	test_not_kvm();
	test_permission();
	test_here();
	return done();
}
