/* SPDX-License-Identifier: MIT */
/*
 * What may have changed among the machines, told by inotify(7): names that come
 * and go, a status or a config that is replaced, and a lock that is closed,
 * which it is a moment before it is free.
 */
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bin/tui/model.h"
#include "lib/deadline.h"

enum {
	ROOT_EVENTS = IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
		      IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF | IN_ATTRIB |
		      IN_DONT_FOLLOW,
	VM_EVENTS = IN_ONLYDIR | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DONT_FOLLOW,
	WATCHES = 2048, /* of our user's, whom others need some too */
	SOON = 5, /* ms */
	EVENTS = 64 << 10 /* bytes of news at a time */
};

void
model_watch_root(struct model *m)
{
	if (m->root < 0 && m->home && m->in >= 0)
		m->root = inotify_add_watch(
			m->in, home_path(m->home->home), ROOT_EVENTS);
}

void
model_unwatch(struct model *m, struct machine *v)
{
	if (v->watch < 0)
		return;
	inotify_rm_watch(m->in, v->watch);
	m->watches--;
	v->watch = -1;
}

/* Through a descriptor: no path is too long. */
void
model_watch(struct model *m, struct machine *v)
{
	char path[NAME_SIZE + 32];

	if (m->in < 0 || m->home->root < 0 || m->watches >= WATCHES)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", m->home->root,
		v->name);
	v->watch = inotify_add_watch(m->in, path, VM_EVENTS);
	if (v->watch >= 0)
		m->watches++;
}

void
model_later(struct machine *v, unsigned ms)
{
	v->again = ms;
	v->due = now_ms() + ms;
}

static struct machine *
find_watch(const struct model *m, int watch)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i]->watch == watch)
			return m->v[i];
	return NULL;
}

static void
root_event(struct model *m, const struct inotify_event *e)
{
	struct machine *v = e->len ? model_find(m, e->name) : NULL;

	if (e->mask & IN_IGNORED)
		m->root = -1;
	m->news = m->unsure = true;
	if (!v || e->mask & IN_ATTRIB)
		return;
	/* Now it is perhaps another directory. */
	model_unwatch(m, v);
	v->news = true;
}

static void
event(struct model *m, const struct inotify_event *e)
{
	struct machine *v;

	if (e->mask & IN_Q_OVERFLOW) {
		m->news = true;
		for (size_t i = 0; i < m->n; i++)
			m->v[i]->news = true;
		return;
	}
	if (e->wd == m->root) {
		root_event(m, e);
		return;
	}
	v = find_watch(m, e->wd);
	if (!v)
		return;
	if (e->mask & IN_IGNORED) {
		v->watch = -1;
		m->watches--;
		m->news = true;
	} else if (e->len && strcmp(e->name, "lock") == 0) {
		model_later(v, SOON);
	} else if (!e->len || (strcmp(e->name, "status") != 0 &&
				      strcmp(e->name, "config") != 0)) {
		return;
	} else if (!v->again) {
		v->again = SOON;
	}
	v->news = true;
}

/* Bounded: a machine may make news faster than they are read. */
void
model_read_news(struct model *m)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *e;
	size_t done = 0;
	ssize_t n;

	if (m->in < 0)
		return;
	while (done < EVENTS && (n = read(m->in, buf, sizeof(buf))) > 0) {
		done += (size_t)n;
		for (char *p = buf; p < buf + n; p += sizeof(*e) + e->len) {
			e = (const void *)p;
			event(m, e);
		}
	}
}
