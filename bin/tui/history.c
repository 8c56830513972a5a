/* SPDX-License-Identifier: MIT */
/*
 * Reading events.jsonl, vm-state(5), from where it was left. All is bounded:
 * the machines, what is read of one at a time, the events that are kept, what
 * is kept of one.
 */
#include "bin/tui/history.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/home.h"
#include "lib/stamp.h"

enum {
	SOURCES = 1024, /* machines */
	EVENTS = 1000, /* kept */
	CHUNK = 64 << 10, /* read of one at a time; a longer line is lost */
	BEGIN_ONE = 256 << 10, /* of what was there before, of one machine */
	BEGIN_ALL = 16 << 10, /* or of each */
	ABOUT = 400 /* bytes */
};

struct source {
	char name[64];
	ino_t ino;
	off_t at;
	bool seen; /* still there, in this look */
};

struct history {
	char machine[64]; /* "": all */
	struct home *home;
	int root;
	struct source *source;
	size_t sources;
	struct event event[EVENTS];
	size_t used;
	char buf[CHUNK + 1];
};

struct history *
history_new(const char *machine)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->root = -1;
	h->source = calloc(SOURCES, sizeof(*h->source));
	if (!h->source) {
		free(h);
		return NULL;
	}
	snprintf(h->machine, sizeof(h->machine), "%s", machine ? machine : "");
	return h;
}

static void
drop(struct event *e)
{
	free(e->name);
	free(e->about);
}

void
history_free(struct history *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->used; i++)
		drop(&h->event[i]);
	if (h->root >= 0)
		close(h->root);
	home_close(h->home);
	free(h->source);
	free(h);
}

const struct event *
history_events(const struct history *h, size_t *n)
{
	*n = h->used;
	return h->event;
}

/* --- one line --- */

/* RFC 3339 in UTC with or without milliseconds. */
static int64_t
time_of(const char *text)
{
	char whole[STAMP_MAX];
	int64_t seconds = 0;
	unsigned ms = 0;

	if (!text || strlen(text) < 19)
		return 0;
	snprintf(whole, sizeof(whole), "%.19sZ", text);
	if (stamp_parse(whole, &seconds) < 0)
		return 0;
	if (text[19] == '.')
		for (unsigned i = 0, unit = 100; i < 3; i++, unit /= 10) {
			if (text[20 + i] < '0' || text[20 + i] > '9')
				break;
			ms += (unsigned)(text[20 + i] - '0') * unit;
		}
	return seconds * 1000 + ms;
}

struct about {
	char text[ABOUT];
	size_t used;
};

static void
add(struct about *a, const char *text)
{
	int n = snprintf(
		a->text + a->used, sizeof(a->text) - a->used, "%s", text);

	if (n > 0)
		a->used += (size_t)n;
	if (a->used >= sizeof(a->text))
		a->used = sizeof(a->text) - 1;
}

static void
add_member(struct about *a, const char *key, const json_t *v)
{
	char *text = NULL;

	add(a, a->used ? ", " : "");
	add(a, key);
	add(a, " ");
	if (!json_is_string(v))
		text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	add(a, text ? text : json_is_string(v) ? json_string_value(v) : "?");
	free(text);
}

static void
describe(struct about *a, json_t *o)
{
	const char *cause = json_string_value(json_object_get(o, "cause"));
	const char *key;
	json_t *v;

	*a = (struct about){.used = 0};
	if (cause)
		add(a, cause);
	json_object_foreach(o, key,
		v) if (strcmp(key, "time") != 0 && strcmp(key, "event") != 0 &&
		       !(cause && strcmp(key, "cause") == 0))
		add_member(a, key, v);
}

static bool
is_bad(const char *name, const json_t *o)
{
	const json_t *code = json_object_get(o, "exit");
	json_int_t n = json_integer_value(code);

	return strstr(name, "ERROR") || strstr(name, "PANIC") ||
	       strstr(name, "CRASH") ||
	       (strcmp(name, "SHUTDOWN") == 0 && code && n != 0 && n != 110 &&
		       n != 114);
}

/* In its place: most are the newest. */
static bool
keep(struct history *h, const struct event *e)
{
	size_t at = h->used;

	while (at && h->event[at - 1].time > e->time)
		at--;
	if (h->used == EVENTS && !at)
		return false;
	if (h->used == EVENTS) {
		drop(&h->event[0]);
		at--;
		memmove(h->event, h->event + 1, at * sizeof(*e));
	} else {
		memmove(h->event + at + 1, h->event + at,
			(h->used - at) * sizeof(*e));
		h->used++;
	}
	h->event[at] = *e;
	return true;
}

static bool
line(struct history *h, const char *machine, const char *text, size_t n)
{
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(o, "event"));
	struct event e = {.bad = false};
	struct about about;
	bool kept = false;

	if (name) {
		describe(&about, o);
		e.time = time_of(json_string_value(json_object_get(o, "time")));
		e.bad = is_bad(name, o);
		snprintf(e.machine, sizeof(e.machine), "%s", machine);
		e.name = strndup(name, 40);
		e.about = strdup(about.text);
		kept = e.name && e.about && keep(h, &e);
		if (!kept)
			drop(&e);
	}
	json_decref(o);
	return kept;
}

/* --- one file --- */

static size_t
lines(struct history *h, struct source *s, size_t n)
{
	size_t at = 0, found = 0;
	const char *lf;

	while ((lf = memchr(h->buf + at, '\n', n - at)) != NULL) {
		size_t end = (size_t)(lf - h->buf);

		found += line(h, s->name, h->buf + at, end - at);
		at = end + 1;
	}
	/* A line that is longer than all we read is none. */
	s->at += (off_t)(!at && n == CHUNK ? n : at);
	return found;
}

static size_t
read_source(struct history *h, struct source *s, int fd, off_t size)
{
	size_t found = 0;

	for (unsigned i = 0; i < 8 && s->at < size; i++) {
		off_t before = s->at;
		ssize_t n = pread(fd, h->buf, CHUNK, s->at);

		if (n <= 0)
			break;
		found += lines(h, s, (size_t)n);
		if (s->at == before)
			break; /* half a line */
	}
	return found;
}

static size_t
look_at(struct history *h, struct source *s)
{
	off_t most = h->machine[0] ? BEGIN_ONE : BEGIN_ALL;
	char path[96];
	struct stat st;
	size_t found;
	int fd;

	s->seen = true;
	snprintf(path, sizeof(path), "%s/events.jsonl", s->name);
	if (fstatat(h->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISREG(st.st_mode) ||
		(st.st_ino == s->ino && st.st_size == s->at))
		return 0;
	fd = openat(h->root, path,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if (st.st_ino != s->ino || st.st_size < s->at) {
		bool first = !s->ino;

		s->ino = st.st_ino;
		s->at = first && st.st_size > most ? st.st_size - most : 0;
	}
	found = read_source(h, s, fd, st.st_size);
	close(fd);
	return found;
}

/* --- all of them --- */

static struct source *
source_of(struct history *h, const char *name)
{
	struct source *s;

	for (size_t i = 0; i < h->sources; i++)
		if (strcmp(h->source[i].name, name) == 0)
			return &h->source[i];
	if (h->sources == SOURCES)
		return NULL;
	s = &h->source[h->sources++];
	*s = (struct source){.seen = true};
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

static void
forget_gone(struct history *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->sources; i++)
		if (h->source[i].seen)
			h->source[n++] = h->source[i];
	h->sources = n;
	for (size_t i = 0; i < n; i++)
		h->source[i].seen = false;
}

static size_t
look_at_all(struct history *h)
{
	size_t n = 0, found = 0;
	char **names = NULL;

	if (home_names(h->home, &names, &n) < 0)
		return 0;
	/* Both are in order, but for what is new: then it is searched for. */
	for (size_t i = 0; i < n; i++) {
		struct source *s = i < h->sources && strcmp(h->source[i].name,
							     names[i]) == 0
					   ? &h->source[i]
					   : source_of(h, names[i]);

		if (s)
			found += look_at(h, s);
	}
	free(names);
	forget_gone(h);
	return found;
}

static bool
open_root(struct history *h)
{
	if (h->root >= 0)
		return true;
	if (!h->home && home_open(&h->home, NULL, false, NULL) < 0)
		h->home = NULL;
	if (h->home)
		h->root = open(
			home_path(h->home), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return h->root >= 0;
}

size_t
history_look(struct history *h)
{
	struct source *s;

	if (!open_root(h))
		return 0;
	if (!h->machine[0])
		return look_at_all(h);
	s = source_of(h, h->machine);
	return s ? look_at(h, s) : 0;
}
