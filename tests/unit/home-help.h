/* SPDX-License-Identifier: MIT */
/* A state directory of a test's own, and short ways to look at it. */
#ifndef TESTS_UNIT_HOME_HELP_H
#define TESTS_UNIT_HOME_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/err.h"
#include "lib/home.h"
#include "tests/entries.h"
#include "tests/tap.h"

static char top[256], root[300];
static struct home *home;

/* A path below the root. */
__attribute__((unused)) static const char *
at(const char *name)
{
	static char buf[4][512];
	static unsigned n;
	char *p = buf[n++ % 4];

	snprintf(p, sizeof(buf[0]), "%s/%s", root, name);
	return p;
}

__attribute__((unused)) static bool
exists(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) == 0;
}

__attribute__((unused)) static void
put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

/* A file's text, static. */
__attribute__((unused)) static const char *
get(const char *name)
{
	static char buf[8192];
	FILE *f = fopen(at(name), "r");
	size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	if (f)
		fclose(f);
	buf[n] = '\0';
	return buf;
}

/* Entries of a directory below the root, but . and .. */
__attribute__((unused)) static int
count(const char *name)
{
	return entries(at(name));
}

__attribute__((unused)) static int
create(const char *name)
{
	struct home_vm *vm;
	int err = home_create(home, name, "memory = 1G\n", 12, false, &vm);

	if (!err)
		home_vm_close(vm);
	return err;
}

__attribute__((unused)) static struct home_vm *
find(const char *name)
{
	struct home_vm *vm = NULL;

	if (home_find(home, name, &vm))
		printf("# find: %s\n", fail_text());
	return vm;
}

__attribute__((unused)) static void
drop(const char *name)
{
	struct home_vm *vm = find(name);

	if (vm && (home_lock(vm) || home_remove(vm)))
		printf("# drop: %s\n", fail_text());
	home_vm_close(vm);
}

/* Names as one text. */
__attribute__((unused)) static const char *
names(void)
{
	static char buf[1024];
	char **list;
	size_t n;

	buf[0] = '\0';
	if (home_names(home, &list, &n))
		return fail_text();
	for (size_t i = 0; i < n; i++)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s%s",
			i ? " " : "", list[i]);
	free(list);
	return buf;
}

__attribute__((unused)) static int
state(const char *name)
{
	struct home_look look;

	if (home_look(home, name, &look) == 0)
		return (int)look.state;
	printf("# look: %s\n", fail_text());
	return -1;
}

/* A child that does that with m and then waits for its end. */
__attribute__((unused)) static pid_t
child(void (*act)(struct home_vm *))
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe(ready) || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		struct home_vm *vm = find("m");

		act(vm);
		write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	read(ready[0], &c, 1);
	close(ready[0]);
	return pid;
}

__attribute__((unused)) static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

__attribute__((unused)) static void
act_run(struct home_vm *vm)
{
	struct home_status st = {.phase = HOME_RUNNING, .exit = -1};

	home_lock(vm);
	home_status_self(&st);
	home_set_status(vm, &st);
}

__attribute__((unused)) static const struct home_status full = {
	.phase = HOME_PAUSED,
	.pid = 4711,
	.start = 18446744073709551615u,
	.boot = "01234567-89ab-cdef-0123-456789abcdef",
	.engine = "soft",
	.cpus = 255,
	.memory = 1ull << 40,
	.since = 1234567890,
	.started = 1234567889,
	.ended = 1,
	.exit = 113,
	.cause = "it was = so",
	.confined = "caps seccomp",
	.keep = HOME_KEEP_FAILURE};

__attribute__((unused)) static void
set_phase(struct home_vm *vm, enum home_state phase, bool now)
{
	struct home_status st = full;

	st.phase = phase;
	st.cause[0] = '\0';
	if (now)
		home_status_self(&st);
	home_set_status(vm, &st);
}

__attribute__((unused)) static struct home_vm *
transient(const char *name)
{
	struct home_vm *vm = NULL;

	if (home_create(home, name, "", 0, true, &vm))
		printf("# create: %s\n", fail_text());
	return vm;
}

__attribute__((unused)) static int
begin(void)
{
	const char *tmp = getenv("TMPDIR");

	umask(022);
	snprintf(top, sizeof(top), "%s/vmhome.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return -1;
	snprintf(root, sizeof(root), "%s/vm", top);
	setenv("VM_TEST_ROOT", root, 1);
	if (home_open(&home, root, true, NULL)) {
		printf("Bail out! %s\n", fail_text());
		return -1;
	}
	return 0;
}

/* What main() returns. What failed can be looked at. */
__attribute__((unused)) static int
finish(void)
{
	char cmd[300];

	home_close(home);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	if (chdir("/") || (!tap_failed && system(cmd)))
		printf("# %s remains\n", top);
	return done();
}

#endif
