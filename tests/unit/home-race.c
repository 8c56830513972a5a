/* SPDX-License-Identifier: MIT */
/*
 * A hundred processes make, run, rename, change and remove three machines at
 * once, some of them killed at random. No machine is ever run twice at a time,
 * nobody ever sees half of one, and at the end nothing is left and nothing
 * stuck. VMT_RACE_SECONDS: how long, 5 if it is not set.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/err.h"
#include "tests/entries.h"
#include "tests/tap.h"

enum { WORKERS = 100, SLOTS = 1 << 20, LINES = 100 };
enum verb { CREATE, RUN, TRANSIENT, REMOVE, RENAME, CONFIG, LIST, VERBS };

static const char *const verb_names[VERBS] = {
	"create", "run", "transient", "remove", "rename", "config", "list"};
static const char *const names[] = {"a", "b", "c"};

static struct shared {
	/* Who runs the directory with that inode number, modulo: they are near
	 * each other, so two that exist at once do not meet. */
	_Atomic pid_t runner[SLOTS];
	_Atomic pid_t named[3]; /* who runs what bears that name */
	atomic_uint done[VERBS], killed;
	atomic_bool stop;
	atomic_flag first;
	char why[512]; /* the first thing that went wrong */
	/* Who was sent a SIGKILL, or is about to be. */
	_Atomic pid_t doomed[WORKERS];
} * shared;

static char root[300];

__attribute__((format(printf, 1, 2))) static void
wrong(const char *fmt, ...)
{
	va_list ap;

	if (atomic_flag_test_and_set(&shared->first))
		return;
	va_start(ap, fmt);
	vsnprintf(shared->why, sizeof(shared->why), fmt, ap);
	va_end(ap);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- configs that show whether they are whole --- */

static size_t
make_config(char *buf, size_t size, unsigned id)
{
	size_t n = 0;

	for (int i = 0; i < LINES; i++)
		n += (size_t)snprintf(buf + n, size - n, "id = %u\n", id);
	return n;
}

static void
check_config(const struct home_vm *vm)
{
	char *text, *at, line[32];
	size_t size, n;
	int lines = 0;

	if (home_config(vm, &text, &size)) {
		wrong("config: %s", fail_text());
		return;
	}
	n = strcspn(text, "\n") + 1;
	snprintf(line, sizeof(line), "%.*s", (int)n, text);
	for (at = text; *at && strncmp(at, line, n) == 0; at += n)
		lines++;
	if (lines != LINES || *at)
		wrong("%s: config is not whole: %d lines", home_vm_name(vm),
			lines);
	free(text);
}

/* --- what a worker does --- */

static unsigned
random_below(unsigned n)
{
	return (unsigned)random() % n;
}

/* One that was killed holds the lock no more, but may be there still. */
static bool
is_dead(pid_t pid)
{
	char path[40], text[256] = "", *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	at = strrchr(text, ')');
	return !at || at[2] == 'Z' || at[2] == 'X';
}

static bool
is_doomed(pid_t pid)
{
	for (int i = 0; i < WORKERS; i++)
		if (shared->doomed[i] == pid)
			return true;
	return false;
}

/* We have the lock: are we alone? */
static void
enter(const struct home_vm *vm, _Atomic pid_t *slot)
{
	pid_t other = atomic_exchange(slot, getpid());

	if (!other)
		return;
	for (int i = 0; is_doomed(other) && i < 2000; i++) {
		if (is_dead(other))
			return;
		usleep(5000);
	}
	if (!is_dead(other))
		wrong("%s: run by %d and %d", home_vm_name(vm), other,
			getpid());
}

static void
leave(const struct home_vm *vm, _Atomic pid_t *slot)
{
	pid_t other = atomic_exchange(slot, 0);

	if (other != getpid())
		wrong("%s: %d came in while %d ran it", home_vm_name(vm), other,
			getpid());
}

static _Atomic pid_t *
name_of(const struct home_vm *vm)
{
	return &shared->named[home_vm_name(vm)[0] - 'a'];
}

static _Atomic pid_t *
slot_of(const struct home_vm *vm)
{
	struct stat st;

	if (fstat(home_vm_fd(vm), &st))
		wrong("fstat");
	return &shared->runner[st.st_ino % SLOTS];
}

/* Locked: what a run does. */
static void
run(struct home_vm *vm, enum home_keep keep)
{
	struct home_status st = {
		.phase = HOME_RUNNING, .exit = -1, .keep = keep};
	_Atomic pid_t *slot = slot_of(vm);

	enter(vm, slot);
	enter(vm, name_of(vm));
	home_status_self(&st);
	if (home_set_status(vm, &st))
		wrong("status: %s", fail_text());
	check_config(vm);
	home_event(vm, "RUN", NULL);
	usleep(random_below(2000));
	st.phase = HOME_STOPPED;
	st.exit = 0;
	if (home_set_status(vm, &st))
		wrong("status: %s", fail_text());
	leave(vm, name_of(vm));
	leave(vm, slot);
}

/* Only these may happen. */
static bool
went(enum verb verb, int err, int may1, int may2)
{
	if (err && err != may1 && err != may2)
		wrong("%s: %s", verb_names[verb], fail_text());
	if (!err)
		shared->done[verb]++;
	return !err;
}

static void
do_create(struct home *h, const char *name, bool transient)
{
	enum verb verb = transient ? TRANSIENT : CREATE;
	struct home_vm *vm;
	char config[4096];
	size_t n = make_config(config, sizeof(config), (unsigned)random());
	int err = home_create(h, name, config, n, transient, &vm);

	if (!went(verb, err, -EEXIST, 0))
		return;
	if (transient) {
		run(vm, HOME_KEEP_NEVER);
		if (home_leave(vm, HOME_KEEP_NEVER, false))
			wrong("leave: %s", fail_text());
	}
	home_vm_close(vm);
}

static void
do_config(struct home_vm *vm)
{
	char config[4096];
	size_t n = make_config(config, sizeof(config), (unsigned)random());
	int err = home_lock_config(vm);

	/* Too many at once: one may wait in vain. */
	if (err == -EBUSY)
		return;
	if (!went(CONFIG, err, -ENOENT, 0))
		return;
	/* Even if it is removed meanwhile. */
	check_config(vm);
	usleep(random_below(3000));
	if (home_set_config(vm, config, n))
		wrong("set: %s", fail_text());
	home_unlock_config(vm);
}

static void
do_locked(struct home_vm *vm, enum verb verb)
{
	/* Alone with it: a rename does not let another run it. */
	_Atomic pid_t *slot = slot_of(vm);

	if (verb == RUN) {
		run(vm, HOME_KEEP_ALWAYS);
		went(verb, 0, 0, 0);
		return;
	}
	enter(vm, slot);
	if (verb == RENAME)
		went(verb, home_rename(vm, names[random_below(3)]), -EEXIST, 0);
	else
		went(verb, home_remove(vm), 0, 0);
	leave(vm, slot);
}

static void
do_list(struct home *h)
{
	struct home_look look;
	char **list;
	size_t n;

	if (!went(LIST, home_names(h, &list, &n), 0, 0))
		return;
	for (size_t i = 0; i < n; i++)
		went(LIST, home_look(h, list[i], &look), -ENOENT, 0);
	free(list);
	if (random_below(4) == 0)
		home_sweep(h);
}

static void
do_one(struct home *h)
{
	/* Many runs, few of what ends them. */
	static const enum verb dice[] = {CREATE, CREATE, CREATE, CREATE,
		TRANSIENT, RUN, RUN, RUN, RUN, REMOVE, RENAME, RENAME, RENAME,
		CONFIG, LIST};
	enum verb verb = dice[random_below(sizeof(dice) / sizeof(*dice))];
	const char *name = names[random_below(3)];
	struct home_vm *vm;
	int err;

	if (verb == CREATE || verb == TRANSIENT) {
		do_create(h, name, verb == TRANSIENT);
		return;
	}
	if (verb == LIST) {
		do_list(h);
		return;
	}
	err = home_find(h, name, &vm);
	if (err && err != -ENOENT)
		wrong("find: %s", fail_text());
	if (err)
		return;
	usleep(random_below(3000)); /* so that something comes in between */
	if (verb == CONFIG) {
		do_config(vm);
	} else {
		err = home_lock(vm);
		if (err && err != -ENOENT && err != -EBUSY)
			wrong("lock: %s", fail_text());
		if (!err)
			do_locked(vm, verb);
	}
	home_vm_close(vm);
}

static pid_t
start(void)
{
	pid_t pid = fork();
	struct home *h;

	if (pid)
		return pid;
	srandom((unsigned)getpid() ^ (unsigned)time(NULL));
	if (home_open(&h, root, true, NULL)) {
		wrong("open: %s", fail_text());
		_exit(1);
	}
	while (!shared->stop)
		do_one(h);
	home_close(h);
	_exit(0);
}

/* --- the whole --- */

static void
kill_one(pid_t *pid)
{
	int i = (int)random_below(WORKERS), status;

	shared->doomed[i] = pid[i];
	kill(pid[i], SIGKILL);
	waitpid(pid[i], &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		wrong("a worker ended by itself");
	shared->killed++;
	pid[i] = start();
}

/* All have ended within 20 s of being asked to. */
static bool
end_all(const pid_t *pid)
{
	int64_t end = now_ms() + 20000;
	int left = 0;

	shared->stop = true;
	for (int i = 0; i < WORKERS; i++) {
		int status = 0;

		while (waitpid(pid[i], &status, WNOHANG) == 0 && now_ms() < end)
			usleep(10000);
		if (kill(pid[i], 0) == 0) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], &status, 0);
			left++;
		}
	}
	return left == 0;
}

static int
count(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return entries(path);
}

/* What remains is whole, and can be used as ever. */
static void
check_end(void)
{
	struct home_vm *vm;
	struct home *h;
	char **list;
	size_t n = 0;
	int bad = 0;

	if (!ok(home_open(&h, root, true, NULL) == 0, "the root is fine"))
		return;
	home_sweep(h);
	ok(count(".new") == 0, "a sweep leaves nothing in .new");
	ok(count(".trash") == 0, "nor in .trash");
	if (!ok(home_names(h, &list, &n) == 0, "those that remain are listed"))
		return;
	printf("# remain: %zu\n", n);
	ok((int)n + 2 == count(""), "nothing else is there");
	for (size_t i = 0; i < n; i++) {
		if (home_find(h, list[i], &vm)) {
			bad++;
			continue;
		}
		check_config(vm);
		bad += home_lock(vm) || home_remove(vm);
		home_vm_close(vm);
	}
	free(list);
	ok(!bad, "each can be locked and removed");
	for (int i = 0; i < 3; i++) {
		bad += home_create(h, names[i], "", 0, true, &vm) != 0;
		if (!bad)
			bad += home_leave(vm, HOME_KEEP_NEVER, false) != 0;
		if (!bad)
			home_vm_close(vm);
	}
	ok(!bad && count("") == 2, "each name can be used again");
	home_close(h);
}

int
main(void)
{
	const char *tmp = getenv("TMPDIR"), *env = getenv("VMT_RACE_SECONDS");
	int64_t seconds = env ? atoi(env) : 5, end;
	char top[256], cmd[400];
	pid_t pid[WORKERS];
	bool ended;

	deadline((unsigned)seconds + 50);
	snprintf(top, sizeof(top), "%s/vmrace.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return 1;
	snprintf(root, sizeof(root), "%s/vm", top);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	for (int i = 0; i < WORKERS; i++)
		pid[i] = start();
	end = now_ms() + seconds * 1000;
	while (now_ms() < end && !shared->why[0]) {
		usleep(20000);
		kill_one(pid);
	}
	ended = end_all(pid);
	for (int i = 0; i < VERBS; i++)
		printf("# %s: %u\n", verb_names[i], shared->done[i]);
	printf("# killed: %u\n", shared->killed);
	ok(ended, "nobody is stuck");
	check_end();
	is_str(shared->why, "", "nothing went wrong");
	ok(shared->done[RUN] + shared->done[TRANSIENT] > 0, "there were runs");
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	return done() | (system(cmd) != 0);
}
