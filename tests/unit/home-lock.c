/* SPDX-License-Identifier: MIT */
/*
 * Who runs a machine: its lock, in and between processes, and what may come in
 * between.
 */
#include "lib/home.h"

#include <sys/syscall.h>

#include "tests/unit/home-help.h"

static void
act_lock(struct home_vm *vm)
{
	home_lock(vm);
}

static void
test_lock(void)
{
	struct home_vm *vm, *other;
	char want[80];
	pid_t pid;
	int fd;

	create("m");
	vm = find("m");
	other = find("m");
	ok(home_lock(vm) == 0 && home_is_locked(vm), "lock");
	ok(home_lock(vm) == 0, "once more is fine");
	ok(home_lock(other) == -EBUSY, "not twice, even in one process");
	is_str(fail_text(), "m: in use by another process", "it says so");
	ok(home_held(other) == 1 && home_held(vm) == 1, "it is held");
	fd = open(at("m/lock"), O_RDWR);
	close(fd);
	ok(home_lock(other) == -EBUSY, "closing the file elsewhere is nothing");
	home_unlock(vm);
	ok(!home_is_locked(vm) && home_held(vm) == 0, "unlocked");
	ok(home_lock(other) == 0, "then another may have it");
	home_vm_close(other);
	ok(home_held(vm) == 0, "closing gives it up");
	pid = child(act_lock);
	ok(home_lock(vm) == -EBUSY, "not while another process has it");
	end(pid);
	ok(home_lock(vm) == 0, "at once when that was killed");
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	home_unlock(vm);
	ok(home_held(vm) == 0, "unlocking counts for a forked child too");
	home_lock(vm);
	if (pid > 0)
		end(pid);
	home_unlock(vm);
	pid = child(act_run);
	snprintf(want, sizeof(want), "m: already running, process %d", pid);
	ok(home_lock(vm) == -EBUSY, "not while it runs");
	is_str(fail_text(), want, "it says in which process");
	end(pid);
	home_vm_close(vm);
	drop("m");
}

static void
test_inherit(void)
{
	struct home_vm *vm, *other;
	pid_t pid;

	create("m");
	vm = find("m");
	other = find("m");
	home_lock(vm);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	home_vm_close(vm);
	ok(home_held(other) == 1, "a child keeps the lock that we close");
	end(pid);
	ok(home_held(other) == 0, "until it ends");
	home_lock(other);
	pid = fork();
	if (pid == 0) {
		execlp("sleep", "sleep", "60", NULL);
		_exit(1);
	}
	for (int i = 0; i < 1000; i++) { /* until it is that program */
		char path[64], comm[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		f = fopen(path, "r");
		if (f && fgets(comm, sizeof(comm), f) && comm[0] == 's')
			i = 1000;
		if (f)
			fclose(f);
		usleep(10000);
	}
	vm = find("m");
	home_vm_close(other);
	ok(home_held(vm) == 0, "a program that we run does not get it");
	end(pid);
	home_vm_close(vm);
	drop("m");
}

/* What happens just before the next lock is taken, or asked for. */
static void (*between)(void);
static int between_cmd;
static struct home_vm *actor;

/* In front of the C library's, for the library too. */
int
fcntl(int fd, int cmd, ...)
{
	void (*act)(void) = between;
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (act && cmd == between_cmd) {
		between = NULL;
		act();
	}
	return (int)syscall(SYS_fcntl, fd, cmd, arg);
}

static void
comes(void (*act)(void), int cmd)
{
	between = act;
	between_cmd = cmd;
}

static void
ends_well(void)
{
	set_phase(actor, HOME_STOPPED, true);
	home_unlock(actor);
}

static void
ends_and_runs_again(void)
{
	ends_well();
	home_lock(actor);
	set_phase(actor, HOME_RUNNING, true);
	home_unlock(actor);
}

static void
is_renamed(void)
{
	home_lock(actor);
	home_rename(actor, "n");
	home_unlock(actor);
}

static void
is_removed(void)
{
	home_lock(actor);
	home_remove(actor);
	home_unlock(actor);
}

static void
is_swept(void)
{
	home_sweep(home);
}

/* By a sweeper that died before it had deleted all. */
static void
loses_lock(void)
{
	system("rm -f \"$VM_TEST_ROOT\"/.new/*/lock");
}

static void
test_between(void)
{
	struct home_vm *vm;

	create("m");
	actor = find("m");
	home_lock(actor);
	set_phase(actor, HOME_RUNNING, true);
	comes(ends_well, F_OFD_GETLK);
	ok(state("m") == HOME_STOPPED && !between,
		"what ends well while it is looked at does not look crashed");
	home_lock(actor);
	set_phase(actor, HOME_RUNNING, true);
	comes(ends_and_runs_again, F_OFD_GETLK);
	ok(state("m") == HOME_CRASHED && !between, "what then crashes does");
	vm = find("m");
	comes(is_renamed, F_OFD_SETLK);
	ok(home_lock(vm) == -ENOENT && !home_is_locked(vm),
		"no lock on what is renamed just before");
	comes(is_removed, F_OFD_SETLK);
	home_vm_close(vm);
	vm = find("n");
	ok(home_lock(vm) == -ENOENT && !between, "nor on what is removed then");
	home_vm_close(vm);
	home_vm_close(actor);
	comes(is_swept, F_OFD_SETLK);
	ok(create("m") == 0 && !between && exists("m/lock"),
		"a machine is made even if a sweep comes in between");
	drop("m");
	comes(loses_lock, F_OFD_SETLK);
	ok(create("m") == 0 && !between && exists("m/lock"),
		"or one that died");
	drop("m");
	home_sweep(home);
	ok(count(".new") == 0 && count(".trash") == 0, "nothing is left");
}

static void
test_pidfd(void)
{
	struct home_status st = full, wrong;
	struct home_vm *vm;
	struct home_look look;
	pid_t pid;
	int fd;

	create("m");
	vm = find("m");
	home_status_self(&st);
	ok(st.pid == getpid() && st.start > 0 && strlen(st.boot) == 36,
		"a process knows itself");
	ok(home_pidfd(vm, &st) == -ESRCH, "no pidfd without the lock");
	pid = child(act_run);
	home_vm_look(vm, &look);
	fd = home_pidfd(vm, &look.status);
	ok(fd >= 0 && look.status.pid == pid, "the process that runs it");
	close(fd);
	wrong = look.status;
	wrong.start++;
	ok(home_pidfd(vm, &wrong) == -ESRCH, "not with another start time");
	wrong = look.status;
	wrong.boot[0] ^= 1;
	ok(home_pidfd(vm, &wrong) == -ESRCH, "not of another boot");
	wrong = look.status;
	wrong.pid = 0;
	ok(home_pidfd(vm, &wrong) == -ESRCH, "not without a process");
	wrong = look.status;
	home_status_self(&wrong);
	ok(home_pidfd(vm, &wrong) == -ESRCH,
		"nor of another that is there, but does not hold the lock");
	end(pid);
	ok(home_pidfd(vm, &look.status) == -ESRCH, "not when it has ended");
	home_vm_close(vm);
	drop("m");
}

/* What a hostile process can leave where files are to be. */
static void
test_tidy(void)
{
	static const char text[] = "cpus = 2\n";
	struct home_status st = full;
	struct home_vm *vm;

	create("m");
	system("cd \"$VM_TEST_ROOT\"/m && mkdir -p config.new/a/b "
	       "console.log.old/c events.jsonl.1 ctl console console.log");
	vm = find("m");
	ok(home_set_config(vm, text, sizeof(text) - 1) == 0,
		"a config is replaced though a directory is in its way");
	system("cd \"$VM_TEST_ROOT\"/m && rm -f status && mkdir -p status/a");
	ok(home_lock(vm) == 0 && home_set_status(vm, &st) == 0 &&
			strstr(get("m/status"), "phase = "),
		"so is a status under the lock");
	ok(!exists("m/console.log.old") && !exists("m/events.jsonl.1") &&
			!exists("m/ctl") && !exists("m/console") &&
			!exists("m/console.log"),
		"and a run finds none where it makes its files");
	ok(exists("m/config") && exists("m/format") && exists("m/lock"),
		"the files are still there");
	home_vm_close(vm);
	drop("m");
}

int
main(void)
{
	deadline(50);
	if (begin())
		return 1;
	test_lock();
	test_inherit();
	test_between();
	test_pidfd();
	test_tidy();
	return finish();
}
