/* SPDX-License-Identifier: MIT */
/*
 * The state directory through lib/vmm.h: listing, watching, waiting. A child
 * plays the process of a machine.
 */
#include "lib/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/home.h"
#include "tests/tap.h"

static char root[] = "/tmp/api-home.XXXXXX";

/* --- somebody who does things meanwhile --- */

enum { MOMENT = 50000 }; /* us: whoever waits for it does so by then, mostly */

static void
make(const char *name, const char *config)
{
	struct home_vm *vm = NULL;
	struct home *h;

	if (home_open(&h, root, true, NULL) ||
		home_create(h, name, config, strlen(config), false, &vm))
		printf("Bail out! %s\n", name);
	home_vm_close(vm);
	home_close(h);
}

static void
phase(struct home_vm *vm, struct home_status *s, enum home_state p)
{
	s->phase = p;
	home_set_status(vm, s);
}

/* Runs it: through these phases, then waits to be told to end well, or to be
 * killed. */
static pid_t
run(const char *name, int *tell)
{
	struct home_status s = {.exit = -1, .cpus = 2, .memory = 64 << 20};
	struct home_vm *vm;
	struct home *h;
	int to[2], from[2];
	char c;
	pid_t pid;

	if (pipe(to) || pipe(from) || (pid = fork()) < 0)
		return -1;
	if (pid) {
		close(to[0]);
		close(from[1]);
		(void)!read(from[0], &c, 1);
		close(from[0]);
		*tell = to[1];
		return pid;
	}
	close(to[1]);
	if (home_open(&h, root, false, NULL) || home_find(h, name, &vm) ||
		home_lock(vm))
		_exit(1);
	home_status_self(&s);
	s.started = time(NULL);
	phase(vm, &s, HOME_RUNNING);
	close(from[1]);
	while (read(to[0], &c, 1) == 1) {
		usleep(MOMENT);
		if (c == 'p')
			phase(vm, &s, HOME_PAUSED);
		if (c == 'k')
			raise(SIGKILL);
		if (c != 'e')
			continue;
		s.exit = 0;
		s.ended = time(NULL);
		phase(vm, &s, HOME_STOPPED);
		_exit(0);
	}
	_exit(1);
}

/* --- listing --- */

struct seen {
	unsigned n, stop; /* end after so many */
	char text[400];
	unsigned long long memory;
	unsigned cpus;
	int pid;
};

static int
each(void *to, const struct vmm_info *i)
{
	struct seen *s = to;
	size_t used = strlen(s->text);

	snprintf(s->text + used, sizeof(s->text) - used, "%s=%s ", i->name,
		i->state);
	s->memory = i->memory;
	s->cpus = i->cpus;
	s->pid = i->pid;
	return ++s->n == s->stop ? 7 : 0;
}

static void
test_list(struct vmm_home *h)
{
	struct seen s = {0};

	is_u64((uint64_t)vmm_list(h, 0, each, &s), 0, "an empty list");
	is_u64(s.n, 0, "has nothing");
	make("web", "memory = 96M\ncpus = 3\ncpus = 4\n");
	make("db", "");
	vmm_list(h, VMM_CONFIG, each, &s);
	is_str(s.text, "db=stopped web=stopped ", "in the order of names");
	ok(s.memory == 96 << 20 && s.cpus == 4,
		"what it would get by its config, the last value of a key");
	s = (struct seen){.stop = 1};
	is_u64((uint64_t)vmm_list(h, 0, each, &s), 7,
		"what each() returns ends the listing");
	is_str(s.text, "db=stopped ", "at once");
	s = (struct seen){0};
	ok(vmm_look(h, "nobody", 0, each, &s) == -ENOENT && !s.n,
		"one that is not there");
	is_str(vmm_error(), "nobody: no such machine", "is named");
	ok(vmm_look(h, "../web", 0, each, &s) == -EINVAL && !s.n,
		"a name is no path");
}

static void
test_run(struct vmm_home *h)
{
	struct seen s = {0};
	int tell, status;
	pid_t pid = run("web", &tell);

	vmm_look(h, "web", VMM_CONFIG, each, &s);
	is_str(s.text, "web=running ", "a machine that runs");
	ok(s.memory == 64 << 20 && s.cpus == 2, "has what it runs with");
	is_u64((uint64_t)s.pid, (uint64_t)pid, "and a process");
	close(tell);
	waitpid(pid, &status, 0);
	s = (struct seen){0};
	vmm_look(h, "web", 0, each, &s);
	is_str(s.text, "web=crashed ", "without a word, and it crashed");
	is_u64((uint64_t)s.pid, 0, "and has no process");
}

/* --- waiting --- */

static void
test_wait(struct vmm_home *h)
{
	int tell, status;
	pid_t pid;

	ok(vmm_wait(h, "nobody", "stopped", -1) == -ENOENT,
		"there must be one to wait for");
	ok(vmm_wait(h, "web", "asleep", -1) == -EINVAL, "a state there is");
	is_u64((uint64_t)vmm_wait(h, "db", "stopped", -1), 0,
		"one that does not run has stopped");
	ok(vmm_wait(h, "web", "stopped", -1) == -ECANCELED,
		"one that crashed has not");
	ok(vmm_wait(h, "db", "running", 20) == -ETIMEDOUT,
		"what does not run may still come");
	pid = run("db", &tell);
	ok(vmm_wait(h, "db", "stopped", 0) == -ETIMEDOUT, "a look, no wait");
	(void)!write(tell, "p", 1);
	is_u64((uint64_t)vmm_wait(h, "db", "paused", 30000), 0, "it comes");
	(void)!write(tell, "e", 1);
	is_u64((uint64_t)vmm_wait(h, "db", "stopped", 30000), 0, "it ends");
	waitpid(pid, &status, 0);
	close(tell);
	pid = run("db", &tell);
	(void)!write(tell, "k", 1);
	ok(vmm_wait(h, "db", "stopped", 30000) == -ECANCELED, "it is killed");
	ok(strstr(vmm_error(), "db: crashed") != NULL, "and that is said");
	waitpid(pid, &status, 0);
	close(tell);
}

/* --- watching --- */

static void
test_watch(struct vmm_home *h)
{
	struct seen s = {.stop = 4};
	int tell, status;
	pid_t pid = run("db", &tell);

	(void)!write(tell, "pk", 2);
	is_u64((uint64_t)vmm_watch(h, 0, each, &s), 7,
		"what each() returns ends the watch");
	is_str(s.text, "db=running web=crashed db=paused db=crashed ",
		"how it is, then what changes");
	waitpid(pid, &status, 0);
	close(tell);
}

static void
clean(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		printf("# %s is left\n", root);
}

int
main(void)
{
	struct vmm_home *h;

	deadline(100);
	if (!mkdtemp(root) || vmm_home_open(&h, root))
		skip_all("no directory: %s", vmm_error());
	test_list(h);
	test_run(h);
	test_wait(h);
	test_watch(h);
	vmm_home_close(h);
	clean();
	return done();
}
