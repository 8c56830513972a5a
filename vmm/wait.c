/* SPDX-License-Identifier: MIT */
/*
 * Waiting for machines. What is watched is the directory: the status comes by
 * a rename, and of a process that dies without a word the kernel closes the
 * lock, which was open for writing, so that is told as well. It is told just
 * before the lock is free; so after any news one looks again, soon at first,
 * then less and less often.
 *
 * A run may be over, its directory removed or the next run begun before we are
 * awake. Then events.jsonl, held open since the beginning, knows how it ended.
 */
#include "vmm/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/text.h"
#include "vmm/follow.h"
#include "vmm/wait-end.h"

enum { LATE = 64 /* rounds: more than logs are long */ };

#define MS 1000000LL
#define SOON (2 * MS)

struct run { /* which one it is */
	pid_t pid;
	uint64_t start;
	int64_t started;
};

struct one {
	struct wait_want *want;
	struct home_vm *vm;
	struct stat dir;
	int wd;
	int events; /* events.jsonl, -1: none yet */
	off_t events_at; /* what comes from here on is news */
	struct run run; /* that we watch, or the last one */
	bool lived; /* it was seen to run */
	bool done, news;
	bool following;
	struct follow log;
	struct wait_screen *screen;
};

struct waiting {
	struct one *v;
	size_t n;
	int in; /* inotify; -1: there is none left for us */
	int64_t pause; /* until all are looked at again */
};

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

int
wait_states(const char *list, unsigned *states)
{
	*states = 0;
	for (const char *p = list; p;) {
		char word[16];
		size_t n = strcspn(p, ",");
		int state = -1;

		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		if (n < sizeof(word))
			state = home_state_find(word);
		if (state < 0)
			return failx(-EINVAL, "'%.*s' is not a state",
				n < 64 ? (int)n : 64, p);
		*states |= 1u << state;
		p = p[n] ? p + n + 1 : NULL;
	}
	return 0;
}

/*
 * Deciding
 */

static void __attribute__((format(printf, 3, 4)))
decide(struct one *o, int result, const char *fmt, ...)
{
	struct wait_want *w = o->want;
	va_list ap;

	o->done = true;
	w->result = result;
	w->why[0] = '\0';
	if (!fmt)
		return;
	va_start(ap, fmt);
	text_format(w->why, sizeof(w->why), fmt, ap);
	va_end(ap);
}

static void
met(struct one *o)
{
	decide(o, 0, NULL);
}

static bool
live(enum home_state s)
{
	return s == HOME_STARTING || s == HOME_RUNNING || s == HOME_PAUSED ||
	       s == HOME_STOPPING;
}

static struct run
run_of(const struct home_status *s)
{
	return (struct run){s->pid, s->start, s->started};
}

static bool
same_run(const struct run *a, const struct run *b)
{
	return a->pid == b->pid && a->start == b->start &&
	       a->started == b->started;
}

/* The name is another's by now, or nobody's. */
static bool
removed(const struct one *o)
{
	struct stat st;

	if (lstat(home_vm_path(o->vm), &st) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	return st.st_dev != o->dir.st_dev || st.st_ino != o->dir.st_ino;
}

static void
over(struct one *o, enum home_state state, const char *cause)
{
	const char *name = home_vm_name(o->vm);

	if (!o->want->console && !o->want->screen &&
		o->want->states & 1u << state)
		met(o);
	else
		decide(o, -ECANCELED, "%s: %s%s%s", name,
			home_state_name(state), *cause ? ": " : "", cause);
}

/* The run that we watched is over and its status is not to be had. */
static void
over_unseen(struct one *o, const char *otherwise)
{
	struct wait_end end;

	if (o->events >= 0 && wait_end(o->events, o->events_at, &end) == 0)
		over(o, end.state, end.cause);
	else
		decide(o, -ECANCELED, "%s: %s", home_vm_name(o->vm), otherwise);
}

static void
check_state(struct one *o, const struct home_look *l, bool another)
{
	unsigned want = o->want->states;

	if (want & 1u << l->state)
		met(o);
	else if (l->held && another)
		over_unseen(o, "ended, and was started again");
	else if (!l->held && (o->lived || another || want & 1u << HOME_STOPPED))
		over(o, l->state, l->status.cause);
}

/* Is what it says or shows that of the run in question? */
static bool
may_begin(const struct one *o, const struct home_look *l)
{
	if (l->held)
		return live(l->status.phase) &&
		       l->status.phase != HOME_STARTING;
	return !(o->lived && l->state == HOME_ERROR);
}

/* What it says or shows now will not do. what: in the last run. */
static void
check_over(struct one *o, const struct home_look *l, bool another,
	const char *what)
{
	if (!l->held && o->lived)
		over(o, l->state, l->status.cause);
	else if (!l->held)
		decide(o, -ECANCELED, "%s: does not run, and its last %s",
			home_vm_name(o->vm), what);
	else if (another)
		decide(o, -ECANCELED, "%s: ended, and was started again",
			home_vm_name(o->vm));
}

/* What was looked at before the log was read to its end decides. */
static void
check_console(struct one *o, const struct home_look *l, bool another)
{
	int r = 0;

	if (!o->following && may_begin(o, l)) {
		r = follow_open(&o->log, home_vm_fd(o->vm), o->want->console,
			l->status.started);
		o->following = r == 0;
		another = false;
	}
	if (o->following)
		r = follow_read(&o->log, !another);
	if (r == 1)
		met(o);
	else if (r == -EAGAIN)
		o->news = true; /* at once */
	else if (r < 0)
		decide(o, r, "%s", fail_text());
	else
		check_over(o, l, o->following && another,
			"console has no such line");
}

static void
check_screen(struct one *o, const struct home_look *l, bool another)
{
	int r = 0;

	if (!o->screen && may_begin(o, l)) {
		r = wait_screen_open(
			&o->screen, home_vm_fd(o->vm), o->want->screen);
		another = false;
	}
	if (o->screen)
		r = wait_screen_look(o->screen, now(), l->held && !another);
	if (r == 1)
		met(o);
	else if (r == -ENOENT)
		decide(o, r, "%s: it has no screen", home_vm_name(o->vm));
	else if (r < 0)
		decide(o, r, "%s: %s", home_vm_name(o->vm), fail_text());
	else
		check_over(o, l, o->screen && another,
			o->want->screen->still >= 0 ? "screen does not count"
						    : "screen is another");
}

/* false: there is none, not yet. */
static bool
open_events(struct one *o)
{
	struct stat st;

	if (o->events >= 0)
		return true;
	o->events = openat(home_vm_fd(o->vm), "events.jsonl",
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (o->events < 0)
		return false;
	if (fstat(o->events, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(o->events);
		o->events = -1;
	}
	return o->events >= 0;
}

static void
check(struct one *o)
{
	struct home_look l;
	struct run run;
	bool another, told;
	int r = home_vm_look(o->vm, &l);

	o->news = false;
	open_events(o);
	/* Before it is removed, the status says how it ended. */
	told = !r && !l.held && o->lived && l.status.ended;
	if (!told &&
		(removed(o) || (!r && !l.held && o->lived && !l.status.pid))) {
		over_unseen(o, "removed");
		return;
	}
	if (r) {
		decide(o, r, "%s", fail_text());
		return;
	}
	run = run_of(&l.status);
	another = !same_run(&run, &o->run);
	if (l.held && live(l.status.phase)) {
		if (!o->lived)
			another = false;
		if (!another)
			o->run = run;
		o->lived = true;
	} else if (l.held) { /* about to go, or about to come */
		another = another && o->lived;
	}
	if (o->want->console)
		check_console(o, &l, another);
	else if (o->want->screen)
		check_screen(o, &l, another);
	else
		check_state(o, &l, another);
}

/*
 * Waiting
 */

/* Without inotify one still looks, more often then. */
static void
watch(struct waiting *w, struct one *o)
{
	uint32_t mask = IN_ONLYDIR | IN_MASK_ADD | IN_CLOSE_WRITE |
			IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVE_SELF |
			IN_DELETE_SELF;
	char path[32];

	if (o->want->console)
		mask |= IN_MODIFY;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", home_vm_fd(o->vm));
	o->wd = w->in < 0 ? -1 : inotify_add_watch(w->in, path, mask);
}

static int
begin_one(struct waiting *w, struct one *o)
{
	struct home_look l;
	int r;

	if (fstat(home_vm_fd(o->vm), &o->dir) < 0)
		return fail(-errno, "%s", o->want->name);
	watch(w, o);
	r = home_vm_look(o->vm, &l);
	if (r)
		return r;
	o->run = run_of(&l.status);
	/* Its end may be told already, though it has not gone yet. */
	if (open_events(o))
		o->events_at = wait_end_begin(
			o->events, l.state == HOME_STARTING ? 0 : l.status.pid);
	return 0;
}

static int
begin(struct waiting *w, struct home *home, struct wait_want *v, size_t n)
{
	for (; w->n < n; w->n++) {
		struct one *o = &w->v[w->n];
		int r;

		o->want = &v[w->n];
		o->events = -1;
		o->news = true;
		r = home_find(home, o->want->name, &o->vm);
		if (r)
			return r;
		r = begin_one(w, o);
		if (r) {
			home_vm_close(o->vm);
			return r;
		}
	}
	return 0;
}

static void
finish(struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct one *o = &w->v[i];

		follow_close(&o->log);
		wait_screen_close(o->screen);
		if (o->events >= 0)
			close(o->events);
		home_vm_close(o->vm);
	}
	if (w->in >= 0)
		close(w->in);
	free(w->v);
}

static void
read_news(struct waiting *w)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *e;
	ssize_t n;

	while ((n = read(w->in, buf, sizeof(buf))) > 0) {
		w->pause = SOON;
		for (char *p = buf; p < buf + n; p += sizeof(*e) + e->len) {
			e = (const void *)p;
			for (size_t i = 0; i < w->n; i++)
				if (w->v[i].wd == e->wd || e->wd < 0)
					w->v[i].news = true;
		}
	}
}

/* How long between two looks, if there is no news. */
static int64_t
seldom(const struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!w->v[i].done && w->v[i].want->screen)
			return WAIT_SCREEN_MS * MS;
	return w->in < 0 ? 100 * MS : 1000 * MS;
}

static void
sleep_until(struct waiting *w, int64_t end)
{
	struct pollfd p = {.fd = w->in, .events = POLLIN};
	int64_t ns = w->pause;
	struct timespec ts;

	if (end >= 0 && end - now() < ns)
		ns = end - now();
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].news && !w->v[i].done)
			ns = 0;
	if (ns < 0)
		ns = 0;
	ts = (struct timespec){ns / (1000 * MS), ns % (1000 * MS)};
	if (ppoll(&p, 1, &ts, NULL) > 0) {
		read_news(w);
		return;
	}
	for (size_t i = 0; i < w->n; i++)
		w->v[i].news = true;
	w->pause *= 2;
	if (w->pause > seldom(w))
		w->pause = seldom(w);
}

/* Look at those of which there is news. Are all decided? */
static bool
check_all(struct waiting *w)
{
	bool all = true;

	for (size_t i = 0; i < w->n; i++) {
		struct one *o = &w->v[i];

		if (!o->done && o->news)
			check(o);
		all = all && o->done;
	}
	return all;
}

/* A log that is there is read before time is said to have run out. */
static bool
behind(const struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!w->v[i].done && w->v[i].news)
			return true;
	return false;
}

int
wait_for(struct home *home, struct wait_want *v, size_t n, int64_t timeout_ns)
{
	struct waiting w = {.in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.pause = SOON,
		.v = calloc(n, sizeof(*w.v))};
	int64_t end = -1;
	unsigned late = 0;
	int r = w.v ? begin(&w, home, v, n) : fail(-ENOMEM, "waiting");

	if (timeout_ns >= 0)
		end = now() + timeout_ns;
	while (!r && !check_all(&w)) {
		if (end >= 0 && now() >= end && (!behind(&w) || late++ == LATE))
			break;
		sleep_until(&w, end);
	}
	for (size_t i = 0; !r && i < n; i++)
		if (!w.v[i].done)
			decide(&w.v[i], -ETIMEDOUT, "%s: timed out",
				home_vm_name(w.v[i].vm));
	finish(&w);
	return r;
}
