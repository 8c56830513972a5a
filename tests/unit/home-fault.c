/* SPDX-License-Identifier: MIT */
/*
 * The state directory with calls that fail, and with processes that die: each
 * verb, at each of the calls it makes. Whatever happened, the next command
 * finds machines that are whole and can do its work, and a sweep leaves
 * nothing behind.
 */
#include "lib/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/err.h"
#include "tests/entries.h"
#include "tests/tap.h"

static char root[300];

/* --- the plan: what happens at which call --- */

enum { DIE = 1, DIED = 42 }; /* the former instead of a -errno */

struct plan {
	int at, what;
	int n; /* calls so far */
	bool confined; /* it may not rename its directory */
	bool shell; /* nor remove it */
};

static int
step(void *to, const char *call)
{
	struct plan *p = to;

	if (p->n++ == p->at) {
		if (p->what == DIE)
			_exit(DIED);
		return p->what;
	}
	/* The first of all renames is the one that leaves, and the first
	 * removal then that of the whole. */
	if (p->confined && strcmp(call, "renameat2") == 0) {
		p->confined = false;
		return -EXDEV;
	}
	if (!p->confined && p->shell && strcmp(call, "unlinkat") == 0) {
		p->shell = false;
		return -EACCES;
	}
	return 0;
}

/* --- the scene --- */

static const char OLD[] = "id = old\n# whole\n", NEW[] = "id = new\n# whole\n";

static struct home *
open_home(const struct calls *calls)
{
	struct home *h = NULL;

	if (home_open(&h, root, true, calls))
		printf("# open: %s\n", fail_text());
	return h;
}

static void
put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

static void
dir(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	mkdir(path, 0700);
}

/* Left by processes that died: in .new, in .trash, and with its name. */
static void
leftovers(struct home *h)
{
	struct home_vm *vm;

	dir(".new/1");
	dir(".new/2");
	put(".new/2/lock", "");
	put(".new/2/format", "vm-st");
	dir(".trash");
	dir(".trash/3");
	put(".trash/3/lock", "");
	put(".trash/3/config", "x");
	dir(".trash/3/disks");
	put(".trash/3/disks/a", "x");
	if (home_create(h, "dead", OLD, sizeof(OLD) - 1, true, &vm) == 0)
		home_vm_close(vm);
}

/* Machine m, never run, with a disk. Created unsynced, to be quick. */
static void
scene(void)
{
	struct home *h = open_home(NULL);
	struct home_vm *vm;
	struct home_status st = {.phase = HOME_STOPPED, .exit = 7};

	if (home_create(h, "m", OLD, sizeof(OLD) - 1, true, &vm) == 0) {
		home_set_status(vm, &st);
		home_vm_close(vm);
	} else {
		printf("# scene: %s\n", fail_text());
	}
	dir("m/disks");
	put("m/disks/a", "x");
	home_close(h);
}

/* --- the verbs --- */

static int
verb_open(struct home *h)
{
	(void)h; /* is the verb */
	return 0;
}

static int
verb_create(struct home *h)
{
	struct home_vm *vm;
	int err = home_create(h, "n", NEW, sizeof(NEW) - 1, false, &vm);

	if (!err)
		home_vm_close(vm);
	return err;
}

static int
verb_run(struct home *h)
{
	struct home_vm *vm;
	int err = home_create(h, "n", NEW, sizeof(NEW) - 1, true, &vm);

	if (!err) {
		home_event(vm, "STARTED", NULL);
		err = home_leave(vm, HOME_KEEP_NEVER, false);
		home_vm_close(vm);
	}
	return err;
}

static int
verb_keep(struct home *h)
{
	struct home_vm *vm;
	struct home_status st = {.phase = HOME_CRASHED, .exit = 1};
	int err = home_create(h, "n", NEW, sizeof(NEW) - 1, true, &vm);

	if (err)
		return err;
	err = home_set_status(vm, &st);
	if (!err)
		err = home_leave(vm, HOME_KEEP_ALWAYS, true);
	home_vm_close(vm);
	return err;
}

static int
with_m(struct home *h, int (*act)(struct home_vm *))
{
	struct home_vm *vm;
	int err = home_find(h, "m", &vm);

	if (err)
		return err;
	err = home_lock(vm);
	if (!err)
		err = act(vm);
	home_vm_close(vm);
	return err;
}

static int
act_config(struct home_vm *vm)
{
	return home_set_config(vm, NEW, sizeof(NEW) - 1);
}

static int
act_status(struct home_vm *vm)
{
	struct home_status st = {.phase = HOME_ERROR, .exit = 9};

	return home_set_status(vm, &st);
}

static int
act_rename(struct home_vm *vm)
{
	return home_rename(vm, "r");
}

static int
act_event(struct home_vm *vm)
{
	home_event(vm, "ONE", NULL);
	home_event(vm, "TWO", NULL);
	return 0;
}

static int
act_leave(struct home_vm *vm)
{
	return home_leave(vm, HOME_KEEP_FAILURE, false);
}

static int
verb_config(struct home *h)
{
	return with_m(h, act_config);
}

static int
verb_status(struct home *h)
{
	return with_m(h, act_status);
}

static int
verb_remove(struct home *h)
{
	return with_m(h, home_remove);
}

static int
verb_rename(struct home *h)
{
	return with_m(h, act_rename);
}

static int
verb_event(struct home *h)
{
	return with_m(h, act_event);
}

static int
verb_leave(struct home *h)
{
	return with_m(h, act_leave);
}

static int
verb_sweep(struct home *h)
{
	home_sweep(h);
	return 0;
}

enum { MAYBE, YES, NO };

static const struct verb {
	const char *name;
	int (*act)(struct home *);
	/* Afterwards, if it succeeded: is there an m, an n, an r? */
	int m, n, r;
	bool atomic; /* a failure means that it has no effect */
	bool leftovers, confined, shell;
} verbs[] = {
	{"open", verb_open, NO, NO, NO, false, false, false, false},
	{"create", verb_create, YES, YES, NO, true, false, false, false},
	{"run", verb_run, YES, NO, NO, false, false, false, false},
	{"keep", verb_keep, YES, YES, NO, false, false, false, false},
	{"config", verb_config, YES, NO, NO, false, false, false, false},
	{"status", verb_status, YES, NO, NO, true, false, false, false},
	{"remove", verb_remove, NO, NO, NO, false, false, false, false},
	{"rename", verb_rename, NO, NO, YES, false, false, false, false},
	{"event", verb_event, YES, NO, NO, false, false, false, false},
	{"leave", verb_leave, NO, NO, NO, false, false, false, false},
	{"confined", verb_leave, NO, NO, NO, false, false, true, false},
	{"shell", verb_leave, NO, NO, NO, false, false, true, true},
	{"sweep", verb_sweep, YES, NO, NO, false, true, false, false},
};

/* --- looking at what became of it --- */

static char why[600];

static bool
wrong(const char *what)
{
	if (!why[0])
		snprintf(why, sizeof(why), "%s: %s", what, fail_text());
	return false;
}

/* 0 no, 1 old, 2 new; -1 not whole. */
static int
which(struct home *h, const char *name)
{
	struct home_vm *vm;
	char *text;
	size_t size;
	int found;

	fail_clear();
	if (home_find(h, name, &vm))
		return 0;
	if (home_config(vm, &text, &size)) {
		home_vm_close(vm);
		return -1;
	}
	found = strcmp(text, OLD) == 0 ? 1 : strcmp(text, NEW) == 0 ? 2 : -1;
	free(text);
	home_vm_close(vm);
	return found;
}

/* What was listed after the fault: all are whole, can be looked at and locked.
 */
static bool listed[3];
static const char *const known[3] = {"m", "n", "r"};

static int
index_of(const char *name)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(known[i], name) == 0)
			return i;
	return -1;
}

static bool
is_listed(const char *name)
{
	return listed[index_of(name)];
}

static void
check_one(struct home *h, const char *name)
{
	struct home_look look;
	struct home_vm *vm;

	if (which(h, name) <= 0)
		wrong("not whole");
	if (home_look(h, name, &look))
		wrong("look");
	if (home_find(h, name, &vm)) {
		wrong("find");
		return;
	}
	if (home_lock(vm))
		wrong("lock");
	home_vm_close(vm);
}

static void
check_listed(struct home *h)
{
	char **list;
	size_t n;

	memset(listed, 0, sizeof(listed));
	if (home_names(h, &list, &n)) {
		wrong("list");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		int at = index_of(list[i]);

		if (at >= 0)
			listed[at] = true;
		else if (strcmp(list[i], "dead") != 0)
			wrong("a name from nowhere");
		check_one(h, list[i]);
	}
	free(list);
}

static void
expect(const char *name, int there)
{
	bool is = is_listed(name);

	if ((there == YES && !is) || (there == NO && is)) {
		snprintf(why, sizeof(why), "%s is%s there", name,
			is ? "" : " not");
	}
}

/* A machine of that name can be changed, removed and made anew. Removed as one
 * that is not to be kept: that is not synced, and there are many of these. */
static void
use_name(struct home *h, const char *name, bool change)
{
	struct home_vm *vm = NULL;
	bool there = is_listed(name);

	if (there && (home_find(h, name, &vm) || home_lock(vm))) {
		wrong("lock it");
	} else if (there) {
		if (change && (home_set_config(vm, NEW, sizeof(NEW) - 1) ||
				      which(h, name) != 2))
			wrong("change it");
		if (home_leave(vm, HOME_KEEP_NEVER, false))
			wrong("remove it");
	}
	home_vm_close(vm);
	if (home_create(h, name, NEW, sizeof(NEW) - 1, true, &vm)) {
		wrong("make it anew");
		return;
	}
	if (which(h, name) != 2)
		wrong("made anew, but not whole");
	if (home_leave(vm, HOME_KEEP_NEVER, false))
		wrong("leave it");
	home_vm_close(vm);
}

/* Lines of events are whole, but for one that was torn. */
static void
check_events(void)
{
	char path[512], line[256];
	int torn = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/m/events.jsonl", root);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		torn += strncmp(line, "{\"time\"", 7) != 0 ||
			!strstr(line, "}\n");
	if (f)
		fclose(f);
	if (torn > 1)
		wrong("events are torn");
}

static int
count(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return entries(path);
}

static void
check_status(struct home *h)
{
	struct home_look look;

	if (!is_listed("m") || home_look(h, "m", &look))
		return;
	if (!(look.state == HOME_STOPPED && look.status.exit == 7) &&
		!(look.state == HOME_ERROR && look.status.exit == 9))
		wrong("neither the old status nor the new");
}

static void
check(const struct verb *v, int what, int result)
{
	struct home *h = open_home(NULL);
	bool good = what != DIE && result == 0;

	check_listed(h);
	if (good && v->act == verb_status)
		check_status(h);
	if (good && v->act != verb_sweep && v->act != verb_event) {
		expect("m", v->m);
		expect("n", v->n);
		expect("r", v->r);
	}
	if (result && v->atomic) {
		expect("m", YES);
		expect("n", NO);
	}
	if (v->act == verb_rename && is_listed("m") + is_listed("r") != 1)
		wrong("not one of both names");
	if (v->act == verb_config && good && which(h, "m") != 2)
		wrong("the config is not the new one");
	check_events();
	use_name(h, "m", v->act == verb_config);
	use_name(h, "n", v->act == verb_create);
	use_name(h, "r", false);
	home_sweep(h);
	if (count(".new") || count(".trash") || count("") > 2)
		wrong("the sweep left something");
	home_close(h);
}

/* --- one case --- */

static int
descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	int n = 0;

	while (list && readdir(list))
		n++;
	if (list)
		closedir(list);
	return n;
}

static int
run_verb(const struct verb *v, const struct calls *calls)
{
	struct home *h = NULL;
	int err = home_open(&h, root, true, calls);

	if (!err)
		err = v->act(h);
	home_close(h);
	return err;
}

/* In a child that dies on the way; false: it did not. */
static bool
die_at(const struct verb *v, const struct calls *calls)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_verb(v, calls) ? 1 : 0);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == DIED;
}

static void
set_scene(const struct verb *v)
{
	struct home *h;

	if (v->act == verb_open) { /* is to make it */
		char cmd[400];

		snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
		if (system(cmd))
			wrong("rm");
		return;
	}
	scene();
	if (!v->leftovers)
		return;
	h = open_home(NULL);
	leftovers(h);
	home_close(h);
}

/* false: the verb makes no such call. */
static bool
try(const struct verb *v, int at, int what)
{
	struct plan plan = {.at = at,
		.what = what,
		.confined = v->confined,
		.shell = v->shell};
	struct calls calls = {.step = step, .to = &plan};
	int before, result = 0;
	bool reached;

	set_scene(v);
	before = descriptors();
	fail_clear();
	if (what == DIE) {
		reached = die_at(v, &calls);
	} else {
		result = run_verb(v, &calls);
		reached = plan.n > at;
	}
	if (descriptors() != before)
		wrong("descriptors are lost");
	if (result && !fail_text()[0])
		wrong("no sentence");
	check(v, what, result);
	if (why[0])
		printf("# %s, call %d, %s: %s\n", v->name, at,
			what == DIE ? "dead" : strerror(-what), why);
	return reached;
}

static void
try_all(const struct verb *v, int what)
{
	bool good = true, reached = true;
	int n = 0;

	for (; reached && n < 100; n++) {
		reached = try(v, n, what);
		good &= !why[0];
		why[0] = '\0';
	}
	ok(good && n > 1 && n < 100, "%s: %s at each of %d calls", v->name,
		what == DIE ? "dead" : strerror(-what), n - 1);
}

int
main(void)
{
	static const int what[] = {-ENOSPC, -EIO, -EINTR, DIE};
	const char *tmp = getenv("TMPDIR");
	char top[256], cmd[400];

	deadline(55);
	snprintf(top, sizeof(top), "%s/vmfault.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return 1;
	snprintf(root, sizeof(root), "%s/a/vm", top);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		for (size_t j = 0; j < sizeof(what) / sizeof(*what); j++)
			try_all(&verbs[i], what[j]);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	return done() | (system(cmd) != 0);
}
