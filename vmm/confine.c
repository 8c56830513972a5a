/* SPDX-License-Identifier: MIT */
/*
 * Confinement of the VM process: its order and its report. What a process can
 * ask to be taken away from it, prctl(2), setrlimit(2), proc(5).
 */
#include "vmm/confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/confine-int.h"

enum { FILES_MAX = 4096, STAT_MAX = 2048 };

struct self { /* of /proc/self/stat */
	unsigned long threads, env, env_end;
};

/* Zeroes where there is no /proc. */
static void
read_self(struct self *s)
{
	enum { THREADS = 20, ENV = 50, ENV_END = 51 };
	char text[STAT_MAX], *p, *save = NULL;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	p = strrchr(text, ')'); /* the name may hold anything */
	*s = (struct self){0};
	if (p)
		p = strtok_r(p + 1, " ", &save);
	for (int field = 3; p; field++, p = strtok_r(NULL, " ", &save)) {
		if (field == THREADS)
			s->threads = strtoul(p, NULL, 10);
		else if (field == ENV)
			s->env = strtoul(p, NULL, 10);
		else if (field == ENV_END)
			s->env_end = strtoul(p, NULL, 10);
	}
}

/* CLONE_THREAD unshares nothing, and is refused where there are others. */
static bool
has_one_thread(const struct self *s)
{
	if (s->threads)
		return s->threads == 1;
	return unshare(CLONE_THREAD) == 0 || errno != EINVAL;
}

/* One that has just been joined, or that KVM made for a machine that is gone,
 * may still be counted. */
static int
alone(struct self *s)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int tries = 0; tries < 100; tries++) {
		read_self(s);
		if (CONFINE_SANITIZED || has_one_thread(s))
			return 0;
		nanosleep(&pause, NULL);
	}
	return failx(-EBUSY, "confinement: the process has several threads");
}

/* The variables, and where the kernel put them: what was replaced since is
 * still there, for /proc/PID/environ to show. */
static void
forget_environment(const struct self *s)
{
	for (char **e = environ; e && *e; e++)
		explicit_bzero(*e, strlen(*e));
	if (s->env && s->env_end > s->env)
		explicit_bzero((void *)(uintptr_t)s->env, s->env_end - s->env);
	clearenv();
}

/*
 * What we open is closed on exec; what is not came with one: the shell's, the
 * cron job's. Nobody here knows of it.
 */
static void
close_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		int fd = atoi(e->d_name), flags;

		if (fd <= STDERR_FILENO)
			continue;
		flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && !(flags & FD_CLOEXEC))
			close(fd);
	}
	if (dir)
		closedir(dir);
}

static int
limit(void)
{
	struct rlimit core = {0}, files;

	if (setrlimit(RLIMIT_CORE, &core) < 0)
		return fail(-errno, "confinement: cannot forbid core dumps");
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return fail(-errno, "confinement: cannot limit descriptors");
	if (files.rlim_max > FILES_MAX)
		files.rlim_max = FILES_MAX;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return fail(-errno, "confinement: cannot limit descriptors");
	return 0;
}

/* Each is asked back. */
static int
give_up_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return fail(-errno, "confinement: cannot set no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fail(-errno, "confinement: cannot forbid tracing");
	return limit();
}

static void
describe(struct confine_report *r)
{
	char landlock[32] = "no-landlock";

	if (r->landlock)
		snprintf(
			landlock, sizeof(landlock), "landlock-%d", r->landlock);
	snprintf(r->text, sizeof(r->text), "caps%s %s %s%s%s%s%s",
		r->bounding ? "" : "-but-bounding",
		r->seccomp ? "seccomp" : "no-seccomp", landlock,
		r->user_ns ? " userns" : "", r->ipc_ns ? " ipcns" : "",
		r->uts_ns ? " utsns" : "",
		CONFINE_SANITIZED ? " (sanitizer build)" : "");
}

int
confine_process(const struct confine *c, struct confine_report *report)
{
	struct self self;
	int r = alone(&self);

	*report = (struct confine_report){.seccomp = !CONFINE_SANITIZED};
	if (r)
		return r;
	confine_namespaces(report);
	r = confine_capabilities(report);
	if (!r)
		r = give_up_privileges();
	if (!r)
		r = confine_catch();
	if (r)
		return r;
	forget_environment(&self);
	close_inherited();
	if (!CONFINE_SANITIZED)
		r = confine_landlock(c, report);
	describe(report);
	return r;
}
