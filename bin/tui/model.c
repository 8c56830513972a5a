/* SPDX-License-Identifier: MIT */
/*
 * The machines as the state directory has them. Looking at one takes a dozen
 * system calls, so that is done where there is news (news.c). What the kernel
 * does not watch is looked at each time, all else in turns every few seconds,
 * for what it does not tell.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/tui/model.h"
#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/text.h"
#include "vmm/api-int.h"

enum {
	TURNS = 16, /* each machine is looked at every so many times */
	LIST_MS = 10000, /* and the names are read so often */
	LATEST = 500, /* ms */
	CALM = 50 /* ms between two readings of news */
};

/* --- one of them --- */

bool
machine_runs(const struct machine *v)
{
	return v->state == HOME_STARTING || v->state == HOME_RUNNING ||
	       v->state == HOME_PAUSED || v->state == HOME_STOPPING;
}

const char *
machine_state(const struct machine *v)
{
	return v->state < HOME_STATES ? home_state_name(v->state) : "unknown";
}

static void
copy_text(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	/* A character that would be cut stays out. */
	if (from[n])
		while (n && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	memcpy(to, from, n);
	to[n] = '\0';
	text_clean(to);
}

static void
take(struct machine *v, const struct api_view *view)
{
	const struct vmm_info *i = &view->info;

	v->state = view->look.state;
	v->cpus = i->cpus;
	v->memory = i->memory;
	v->started = i->started;
	v->ended = i->ended;
	v->pid = i->pid;
	v->exit = i->exit;
	copy_text(v->engine, sizeof(v->engine), i->engine);
	copy_text(v->cause, sizeof(v->cause), i->cause);
	copy_text(v->description, sizeof(v->description), i->description);
}

static void
look(struct model *m, struct machine *v)
{
	struct api_view view;
	int r = api_view(m->home, v->name, VMM_CONFIG, &view);

	v->news = false;
	if (r == -ENOENT) {
		v->gone = true;
		m->news = true;
		return;
	}
	if (r) {
		v->state = STATE_UNKNOWN;
		v->pid = 0;
		v->again = 0;
		copy_text(v->cause, sizeof(v->cause), fail_text());
		return;
	}
	take(v, &view);
	/* It says what it will do next, or lets go, in a moment. */
	if (v->again && view.look.held && v->again < LATEST)
		model_later(v, v->again * 4);
	else
		v->again = 0;
	api_view_free(&view);
}

/* --- which there are --- */

static void
drop(struct model *m, struct machine *v)
{
	model_unwatch(m, v);
	gauge_free(v);
	free(v);
}

static int
by_name(const void *a, const void *b)
{
	const struct machine *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct machine *
model_find(const struct model *m, const char *name)
{
	struct machine key, *at = &key, **p;

	snprintf(key.name, sizeof(key.name), "%s", name);
	p = m->n ? bsearch(&at, m->v, m->n, sizeof(at), by_name) : NULL;
	return p ? *p : NULL;
}

static struct machine *
fresh(const char *name)
{
	struct machine *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->state = STATE_UNKNOWN;
	v->watch = v->exit = -1;
	v->news = true;
	return v;
}

/* The new list from the old one and the names, both in order. What has gone
 * goes first: its watch may be that of a new name. */
static int
merge(struct model *m, char **names, size_t n)
{
	struct machine **v = calloc(n + 1, sizeof(*v));
	size_t k = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++) {
		int c = -1;

		while (k < n && (c = strcmp(names[k], m->v[i]->name)) < 0)
			k++;
		if (k < n && c == 0 && !m->v[i]->gone)
			v[k] = m->v[i];
		else
			drop(m, m->v[i]);
	}
	free(m->v);
	m->v = v;
	m->n = 0;
	for (k = 0; k < n; k++) {
		struct machine *one = v[k] ? v[k] : fresh(names[k]);

		v[k] = NULL;
		if (!one)
			continue;
		if (one->watch < 0)
			model_watch(m, one);
		m->v[m->n++] = one;
	}
	return 0;
}

static void
forget(struct model *m)
{
	for (size_t i = 0; i < m->n; i++)
		drop(m, m->v[i]);
	m->n = 0;
	vmm_home_close(m->home);
	m->home = NULL;
	if (m->root >= 0)
		inotify_rm_watch(m->in, m->root);
	m->root = -1;
}

static void
list(struct model *m)
{
	char **names;
	size_t n;
	int r = home_names(m->home->home, &names, &n);

	m->news = false;
	m->listed = now_ms();
	*m->trouble = '\0';
	if (!r) {
		r = merge(m, names, n);
		free(names);
	}
	if (r == -ENOMEM)
		fail(r, "machines");
	if (r)
		copy_text(m->trouble, sizeof(m->trouble), fail_text());
}

/* --- the root --- */

static int
find_home(struct model *m)
{
	int r = api_home_open(&m->home, NULL, false);

	if (r) {
		m->home = NULL;
		return r == -ENOENT ? 0 : r;
	}
	m->news = true;
	model_watch_root(m);
	return 0;
}

int
model_open(struct model **out)
{
	struct model *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return fail(-ENOMEM, "machines");
	m->root = -1;
	m->in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	r = find_home(m);
	if (r) {
		model_close(m);
		return r;
	}
	*out = m;
	return 0;
}

void
model_close(struct model *m)
{
	if (!m)
		return;
	forget(m);
	free(m->v);
	if (m->in >= 0)
		close(m->in);
	free(m);
}

/* Its directory may have been removed, and made anew. */
static void
check_root(struct model *m)
{
	struct stat is, was;

	model_watch_root(m);
	if (m->home && m->home->root >= 0 &&
		(stat(home_path(m->home->home), &is) ||
			fstat(m->home->root, &was) || is.st_ino != was.st_ino ||
			is.st_dev != was.st_dev))
		forget(m);
	if (!m->home && find_home(m))
		copy_text(m->trouble, sizeof(m->trouble), fail_text());
}

static bool
is_due(const struct model *m, const struct machine *v, bool all, size_t i,
	int64_t now)
{
	if (v->news || (v->again && v->due <= now))
		return true;
	return all &&
	       (v->watch < 0 || (i + m->turn) % TURNS == 0 ||
		       v->state == HOME_STARTING || v->state == HOME_STOPPING);
}

void
model_refresh(struct model *m, bool all)
{
	int64_t now = now_ms();

	m->calm = now + CALM;
	model_read_news(m);
	if (all)
		check_root(m);
	if (!m->home)
		return;
	if (m->news || (all && (m->root < 0 || m->unsure ||
				       now - m->listed >= LIST_MS))) {
		m->unsure &= !all;
		list(m);
	}
	m->turn += all;
	for (size_t i = 0; i < m->n; i++)
		if (is_due(m, m->v[i], all, i, now))
			look(m, m->v[i]);
	/* What has gone since it was listed. */
	if (m->news)
		list(m);
}

struct machine *const *
model_machines(const struct model *m, size_t *n)
{
	*n = m->n;
	return m->v;
}

int
model_root(const struct model *m)
{
	return m->home ? m->home->root : -1;
}

struct vmm_home *
model_home(const struct model *m)
{
	return m->home;
}

const char *
model_trouble(const struct model *m)
{
	return m->trouble;
}

int
model_fd(const struct model *m)
{
	return now_ms() >= m->calm ? m->in : -1;
}

int
model_wait(const struct model *m)
{
	int64_t now = now_ms(), ms = now < m->calm ? m->calm - now : -1;

	for (size_t i = 0; i < m->n; i++) {
		int64_t left = m->v[i]->due - now;

		if (m->v[i]->again && (ms < 0 || left < ms))
			ms = left > 0 ? left : 0;
	}
	return (int)ms;
}
