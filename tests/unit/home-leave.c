/* SPDX-License-Identifier: MIT */
/* How machines go: kept, removed, swept; confined or not. */
#include "lib/home.h"

#include "tests/unit/home-help.h"

static void
test_leave(void)
{
	static const struct {
		enum home_keep keep;
		bool failed, kept;
	} cases[] = {
		{HOME_KEEP_ALWAYS, false, true},
		{HOME_KEEP_ALWAYS, true, true},
		{HOME_KEEP_FAILURE, false, false},
		{HOME_KEEP_FAILURE, true, true},
		{HOME_KEEP_NEVER, false, false},
		{HOME_KEEP_NEVER, true, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct home_vm *vm = transient("t");

		ok(home_leave(vm, cases[i].keep, cases[i].failed) == 0 &&
				!home_is_locked(vm) &&
				exists("t") == cases[i].kept,
			"left with keep %d, failed %d", cases[i].keep,
			cases[i].failed);
		home_vm_close(vm);
		if (exists("t"))
			drop("t");
	}
	ok(count(".trash") == 0, "nothing is left");
}

/* As after a power failure: what was not synced is empty. */
static void
lose(const char *name)
{
	static const char *const files[] = {"format", "config", "status"};
	char path[128];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		if (exists(path))
			truncate(at(path), 0);
	}
}

static void
test_transient(void)
{
	struct home_vm *vm = transient("t");

	ok(exists("t/transient"), "what is not synced is marked");
	home_vm_close(vm);
	lose("t");
	home_sweep(home);
	ok(!exists("t"), "and swept after a power failure");
	vm = transient("t");
	ok(home_sync(vm) == 0 && !exists("t/transient"),
		"not so if it is to be kept");
	set_phase(vm, HOME_RUNNING, true);
	home_vm_close(vm);
	unlink(at("t/status"));
	home_sweep(home);
	is_str(names(), "t", "then it is not swept, not even without status");
	drop("t");
	vm = transient("t");
	set_phase(vm, HOME_CRASHED, true);
	home_leave(vm, HOME_KEEP_FAILURE, true);
	ok(exists("t/config") && !exists("t/transient"),
		"nor what was kept when it ended");
	ok(home_sync(vm) == 0, "once more is nothing");
	home_vm_close(vm);
	drop("t");
}

/* The root may not be touched: refuse the rename to .trash, and the rmdir that
 * is tried then. */
struct refusal {
	bool rename, rmdir;
};

static int
refuse_root(void *to, const char *call)
{
	struct refusal *r = to;

	if (r->rename && strcmp(call, "renameat2") == 0) {
		r->rename = false;
		return -EXDEV;
	}
	if (!r->rename && r->rmdir && strcmp(call, "unlinkat") == 0) {
		r->rmdir = false;
		return -EACCES;
	}
	return 0;
}

/* It leaves under such refusals. */
static int
leave_confined(bool rmdir_too)
{
	struct refusal r = {false, false};
	struct calls calls = {.step = refuse_root, .to = &r};
	struct home *own;
	struct home_vm *vm;
	int err;

	home_open(&own, root, false, &calls);
	home_create(own, "t", "", 0, true, &vm);
	set_phase(vm, HOME_STOPPED, true); /* with keep = failure */
	mkdir(at("t/disks"), 0700);
	put("t/disks/a", "x");
	home_lock_config(vm);
	r = (struct refusal){true, rmdir_too};
	err = home_leave(vm, HOME_KEEP_FAILURE, false);
	home_vm_close(vm);
	home_close(own);
	return err;
}

static void
test_shell(void)
{
	struct home_vm *none;
	struct home_look look;

	ok(leave_confined(false) == 0 && !exists("t"),
		"one that may not be renamed is removed where it is");
	ok(leave_confined(true) == 0, "if that is refused too");
	ok(count("t") == 2 && exists("t/lock") && exists("t/status"),
		"a lock and a status remain");
	is_str(names(), "", "it is not listed");
	ok(home_find(home, "t", &none) == -ENOENT, "it is not found");
	ok(home_look(home, "t", &look) != 0 || !look.held, "it is not held");
	ok(create("t") == 0, "its name can be used again");
	is_str(names(), "t", "for a true one");
	drop("t");
	leave_confined(true);
	home_sweep(home);
	ok(!exists("t"), "a sweep removes it");
	mkdir(at("t"), 0700);
	put("t/status", "phase = stopped\nkeep = never\n");
	home_sweep(home);
	ok(!exists("t"), "also one without its lock");
	mkdir(at("t"), 0700);
	ok(create("t") == 0, "an empty directory is not in the way");
	drop("t");
	mkdir(at("t"), 0700);
	put("t/file", "");
	put("t/status", "phase = stopped\nkeep = never\n");
	home_sweep(home);
	ok(create("t") == -EEXIST && exists("t/file"),
		"but one that holds something is");
	unlink(at("t/file"));
	rmdir(at("t"));
}

static void
test_sweep(void)
{
	struct home_vm *vm;

	create("m");
	vm = find("m");
	set_phase(vm, HOME_RUNNING, true); /* crashed, kept on failure */
	home_vm_close(vm);
	home_vm_close(transient("t"));
	is_str(names(), "m t", "two that crashed");
	vm = transient("u");
	mkdir(at(".new/1"), 0700);
	mkdir(at(".new/2"), 0700);
	put(".new/2/lock", "");
	put(".new/2/config", "");
	mkdir(at(".trash/3"), 0700);
	mkdir(at(".trash/4"), 0700);
	put(".trash/4/lock", "");
	mkdir(at(".trash/4/disks"), 0700);
	put(".trash/4/disks/a", "");
	mkdir(at(".trash/5"), 0700);
	put(".trash/5/precious", "");
	home_sweep(home);
	is_str(names(), "m u", "who was not to be kept is swept");
	ok(state("u") == HOME_STARTING, "unless it runs");
	ok(count(".new") == 0, ".new is empty");
	ok(exists(".trash/5/precious") && count(".trash") == 1,
		".trash holds but what is none of ours");
	unlink(at(".trash/5/precious"));
	rename(at("u"), at(".trash/u"));
	home_sweep(home);
	ok(exists(".trash/u/config") && count(".trash") == 1,
		"what is locked is not swept");
	home_vm_close(vm);
	home_sweep(home);
	ok(count(".trash") == 0, "until it is free");
	home_vm_close(transient("t"));
	ok(create("t") == 0, "nor is a crashed one in the way of a new one");
	drop("t");
	drop("m");
}

static void
deep(int levels)
{
	int fd = open(at("m"), O_RDONLY | O_DIRECTORY), next;

	for (int i = 0; i < levels; i++) {
		mkdirat(fd, "d", 0700);
		close(openat(fd, "f", O_WRONLY | O_CREAT, 0600));
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void
test_tree(void)
{
	char outside[400];
	struct stat st;

	snprintf(outside, sizeof(outside), "%s/outside", top);
	mkdir(outside, 0700);
	put("../outside/file", "x");
	create("m");
	symlink(outside, at("m/link"));
	symlink("loop", at("m/loop"));
	mkfifo(at("m/fifo"), 0600);
	mkdir(at("m/ro"), 0700);
	put("m/ro/file", "");
	chmod(at("m/ro"), 0500);
	mkdir(at("m/none"), 0700);
	mkdir(at("m/none/sub"), 0700);
	chmod(at("m/none"), 0);
	deep(200);
	drop("m");
	ok(!exists("m") && count(".trash") == 0,
		"links, FIFOs, locked and deep directories are deleted");
	ok(exists("../outside/file"), "what a link leads to is not");
	create("m");
	for (int i = 0; i < 600; i++) {
		char name[32];

		snprintf(name, sizeof(name), "m/%d", i);
		put(name, "");
	}
	drop("m");
	ok(count(".trash") == 0, "so are many files");
	ok(stat(outside, &st) == 0, "all is well outside");
}

int
main(void)
{
	deadline(50);
	if (begin())
		return 1;
	test_leave();
	test_transient();
	test_shell();
	test_sweep();
	test_tree();
	return finish();
}
