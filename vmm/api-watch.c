/* SPDX-License-Identifier: MIT */
/*
 * Watching all machines, in the public interface, lib/vmm.h. The root tells of
 * names that come and go, each machine's directory of its status (renamed) and
 * of its lock (open for writing, so closed even by a process that was killed,
 * just before it is free: therefore one looks again a few times).
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/err.h"
#include "vmm/api-int.h"

enum {
	NAME_SIZE = 64,
	ROOT = IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
	       IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF,
	MACHINE = IN_ONLYDIR | IN_CLOSE_WRITE | IN_MOVED_TO,
	SOON = 1, /* ms */
	PATIENCE = 64,
	LATEST = 1000
};

struct seen {
	char name[NAME_SIZE];
	int wd; /* -1: the kernel does not watch it */
	int again; /* ms until it is looked at again; 0: only on news */
	int64_t due;
	bool told;
	/* What was told of it. */
	enum home_state state;
	pid_t pid;
	uint64_t start;
	int64_t started, ended;
};

struct vmm_watch {
	struct vmm_home *home;
	unsigned what;
	int (*each)(void *to, const struct vmm_info *);
	void *to;
	struct seen *v;
	size_t n, room;
	int in, root;
	bool warned;
};

static struct seen *
find(struct vmm_watch *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->v[i].name, name) == 0)
			return &w->v[i];
	return NULL;
}

static struct seen *
add(struct vmm_watch *w, const char *name)
{
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : 64;
		struct seen *v = realloc(w->v, room * sizeof(*v));

		if (!v)
			return NULL;
		w->v = v;
		w->room = room;
	}
	w->v[w->n] = (struct seen){.wd = -1};
	snprintf(w->v[w->n].name, NAME_SIZE, "%s", name);
	return &w->v[w->n++];
}

static void
later(struct seen *s, int ms)
{
	s->again = ms;
	s->due = now_ms() + ms;
}

static int
warn(struct vmm_watch *w, int err)
{
	if (w->warned)
		return 0;
	w->warned = true;
	if (err == ENOSPC)
		failx(-err, "more machines than the kernel watches for a user "
			    "(fs.inotify.max_user_watches): some are looked at "
			    "every second");
	else
		fail(-err, "some are looked at every second: inotify");
	return w->each(w->to, NULL);
}

/* Through its descriptor: no path is too long. */
static int
watch(struct vmm_watch *w, struct seen *s)
{
	struct home_vm *vm;
	char path[32];
	int err = 0;

	if (s->wd >= 0)
		inotify_rm_watch(w->in, s->wd);
	s->wd = -1;
	if (home_find(w->home->home, s->name, &vm))
		return 0; /* looking at it will tell */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", home_vm_fd(vm));
	s->wd = inotify_add_watch(w->in, path, MACHINE);
	if (s->wd < 0)
		err = errno;
	home_vm_close(vm);
	return err ? warn(w, err) : 0;
}

static int
gone(struct vmm_watch *w, struct seen *s)
{
	struct vmm_info i = {.name = s->name,
		.state = "removed",
		.engine = "",
		.cause = "",
		.description = "",
		.exit = -1};
	bool told = s->told;
	char name[NAME_SIZE];

	strcpy(name, s->name);
	i.name = name;
	if (s->wd >= 0)
		inotify_rm_watch(w->in, s->wd);
	*s = w->v[--w->n];
	return told ? w->each(w->to, &i) : 0;
}

/* Somebody has it and has not said what for: most often for a moment, to make
 * it or to change its name. */
static bool
unclear(const struct home_look *l)
{
	return l->state == HOME_STARTING && l->status.phase != HOME_STARTING;
}

static bool
news(struct seen *s, const struct home_look *l)
{
	const struct home_status *t = &l->status;
	bool same = s->told && s->state == l->state && s->pid == t->pid &&
		    s->start == t->start && s->started == t->started &&
		    (l->held || s->ended == t->ended);

	/* The lock is taken first, the status written then. */
	if (s->told && s->state == HOME_STARTING && l->state == HOME_STARTING)
		same = true;
	s->told = true;
	s->state = l->state;
	s->pid = t->pid;
	s->start = t->start;
	s->started = t->started;
	s->ended = t->ended;
	return !same;
}

/* Look at it, tell what is new. One that cannot be looked at is left out. */
static int
look(struct vmm_watch *w, struct seen *s)
{
	struct api_view v;
	int r = api_view(w->home, s->name, w->what, &v);
	bool soon = !r && unclear(&v.look) && s->again < PATIENCE;

	if (r == -ENOENT || (r && s->wd < 0))
		return gone(w, s);
	if (soon)
		later(s, s->again ? s->again * 4 : SOON);
	else if (s->wd < 0)
		later(s, LATEST);
	else if (s->again && (r || v.look.held) && s->again < LATEST)
		later(s, s->again * 4);
	else
		s->again = 0;
	if (r)
		return 0;
	if (!soon && news(s, &v.look))
		r = w->each(w->to, &v.info);
	api_view_free(&v);
	return r;
}

/* All names that there are; those that were and are no more. */
static int
look_at_all(struct vmm_watch *w)
{
	char **names;
	size_t n;
	int r = home_names(w->home->home, &names, &n);

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++) {
		struct seen *s = find(w, names[i]);

		if (!s && (s = add(w, names[i])) == NULL)
			r = fail(-ENOMEM, "watching");
		if (!r)
			r = watch(w, s);
		if (!r)
			r = look(w, s);
	}
	free(names);
	for (size_t i = w->n; i-- > 0 && !r;)
		r = look(w, &w->v[i]);
	return r;
}

/* A name came or went, or now means another machine. */
static int
root_news(struct vmm_watch *w, const struct inotify_event *e)
{
	struct seen *s;
	int r;

	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return failx(-ENOENT, "%s: is gone", home_path(w->home->home));
	if (!e->len || home_check_name(e->name))
		return 0;
	s = find(w, e->name);
	if (!s && (s = add(w, e->name)) == NULL)
		return fail(-ENOMEM, "watching");
	r = watch(w, s);
	return r ? r : look(w, s);
}

static int
machine_news(struct vmm_watch *w, const struct inotify_event *e)
{
	bool lock = e->len && !strcmp(e->name, "lock");
	bool status = e->len && !strcmp(e->name, "status");

	for (size_t i = 0; i < w->n; i++) {
		struct seen *s = &w->v[i];

		if (s->wd != e->wd)
			continue;
		if (e->mask & IN_IGNORED)
			s->wd = -1;
		else if (lock || status)
			later(s, SOON);
		else
			return 0;
		return look(w, s);
	}
	return 0;
}

static int
read_news(struct vmm_watch *w)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *e;
	ssize_t n;
	int r = 0;

	while (!r && (n = read(w->in, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n && !r;
			p += sizeof(*e) + e->len) {
			e = (const void *)p;
			if (e->mask & IN_Q_OVERFLOW)
				r = look_at_all(w);
			else if (e->wd == w->root)
				r = root_news(w, e);
			else
				r = machine_news(w, e);
		}
	return r;
}

static int
look_again(struct vmm_watch *w)
{
	int64_t t = now_ms();
	int r = 0;

	for (size_t i = w->n; i-- > 0 && !r;)
		if (w->v[i].again && w->v[i].due <= t)
			r = look(w, &w->v[i]);
	return r;
}

static int
wait_ms(const struct vmm_watch *w)
{
	int64_t t = now_ms(), ms = -1;

	for (size_t i = 0; i < w->n; i++) {
		int64_t left = w->v[i].due - t;

		if (w->v[i].again && (ms < 0 || left < ms))
			ms = left > 0 ? left : 0;
	}
	return (int)ms;
}

int
vmm_watch(struct vmm_home *h, unsigned what,
	int (*each)(void *to, const struct vmm_info *), void *to)
{
	struct vmm_watch w = {
		.home = h, .what = what, .each = each, .to = to, .root = -1};
	int r = 0;

	w.in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w.in < 0)
		return fail(-errno, "inotify");
	w.root = inotify_add_watch(w.in, home_path(h->home), ROOT);
	if (w.root < 0)
		r = fail(-errno, "%s: cannot watch", home_path(h->home));
	if (!r)
		r = look_at_all(&w);
	while (!r) {
		struct pollfd p = {.fd = w.in, .events = POLLIN};

		if (poll(&p, 1, wait_ms(&w)) < 0 && errno != EINTR)
			r = fail(-errno, "inotify");
		if (!r && p.revents)
			r = read_news(&w);
		if (!r)
			r = look_again(&w);
	}
	close(w.in);
	free(w.v);
	return r;
}
