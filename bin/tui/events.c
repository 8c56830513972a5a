/* SPDX-License-Identifier: MIT */
/*
 * The events pane: what happened to one machine or to all of them, the newest
 * last.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bin/tui/history.h"
#include "bin/tui/place.h"
#include "bin/tui/tui.h"

enum { LOOK_MS = 1000 };

struct events {
	struct pane pane;
	struct history *history;
	size_t back; /* lines scrolled up from the end */
	int page;
	int64_t look_at;
};

static struct events *
events_of(struct pane *p)
{
	return (struct events *)p;
}

/* The hour, and the day before it where that is not today. */
static void
print_time(char *buf, size_t size, int64_t ms)
{
	time_t when = (time_t)(ms / 1000), now = time(NULL);
	struct tm then, today;

	localtime_r(&when, &then);
	localtime_r(&now, &today);
	strftime(buf, size,
		then.tm_year == today.tm_year && then.tm_yday == today.tm_yday
			? "%H:%M:%S"
			: "%Y-%m-%d %H:%M",
		&then);
}

/* Puts it and returns the column after it and a gap. */
static int
put(WINDOW *w, int y, int x, int most, const char *text, attr_t attrs)
{
	int room = getmaxx(w) - x;

	if (room <= 0)
		return x;
	wattr_set(w, attrs, 0, NULL);
	x += tui_put(w, y, x, room < most ? room : most, text, strlen(text));
	wattr_set(w, A_NORMAL, 0, NULL);
	return x + 1;
}

static void
put_event(const struct events *e, WINDOW *w, int y, const struct event *v)
{
	char when[32];
	int x;

	print_time(when, sizeof(when), v->time);
	x = put(w, y, 0, 16, when, A_DIM);
	if (!e->pane.machine[0])
		x = put(w, y, x, 20, v->machine, A_BOLD);
	x = put(w, y, x, 24, v->name, v->bad ? A_REVERSE : A_NORMAL);
	put(w, y, x, 1000, v->about, A_NORMAL);
}

static void
events_draw(struct pane *p, WINDOW *w)
{
	struct events *e = events_of(p);
	const struct event *v;
	int rows = getmaxy(w);
	size_t n, most, first;

	werase(w);
	e->page = rows;
	v = history_events(e->history, &n);
	if (!n) {
		put(w, 0, 0, 1000, "nothing has happened yet", A_DIM);
		return;
	}
	most = n > (size_t)rows ? n - (size_t)rows : 0;
	if (e->back > most)
		e->back = most;
	first = most - e->back;
	for (int y = 0; y < rows && first + (size_t)y < n; y++)
		put_event(e, w, y, &v[first + (size_t)y]);
}

static void
move_by(struct events *e, long lines)
{
	long to = (long)e->back + lines;

	e->back = to > 0 ? (size_t)to : 0; /* draw() brings it in range */
}

static bool
events_key(struct pane *p, wint_t ch, bool is_char)
{
	struct events *e = events_of(p);
	long page = e->page > 1 ? e->page - 1 : 1;

	if (is_char ? ch == 'k' : ch == KEY_UP)
		move_by(e, 1);
	else if (is_char ? ch == 'j' : ch == KEY_DOWN)
		move_by(e, -1);
	else if (!is_char && ch == KEY_PPAGE)
		move_by(e, page);
	else if (is_char ? ch == ' ' : ch == KEY_NPAGE)
		move_by(e, -page);
	else if (is_char ? ch == 'g' : ch == KEY_HOME)
		e->back = SIZE_MAX / 4;
	else if (is_char ? ch == 'G' : ch == KEY_END)
		e->back = 0;
	else
		return false;
	return true;
}

static const char *
events_keys(struct pane *p)
{
	(void)p;
	return "Up/Down scroll  Home oldest  End newest";
}

/* What is looked at stays in place while more comes. */
static bool
look(struct events *e)
{
	size_t n = history_look(e->history);

	e->look_at = pane_now() + LOOK_MS;
	if (e->back)
		e->back += n;
	return n != 0;
}

static int
events_next(struct pane *p)
{
	return pane_until(events_of(p)->look_at);
}

static bool
events_tick(struct pane *p)
{
	struct events *e = events_of(p);

	return pane_now() >= e->look_at && look(e);
}

static void
events_free(struct pane *p)
{
	struct events *e = events_of(p);

	history_free(e->history);
	free(e);
}

static const struct pane_ops ops = {
	.name = "events",
	.keys = events_keys,
	.draw = events_draw,
	.key = events_key,
	.next = events_next,
	.tick = events_tick,
	.free = events_free,
};

struct pane *
events_pane(struct tui *tui, const char *machine)
{
	struct events *e = calloc(1, sizeof(*e));

	if (e)
		e->history = history_new(machine);
	if (!e || !e->history) {
		free(e);
		return NULL;
	}
	e->pane.ops = &ops;
	snprintf(e->pane.machine, sizeof(e->pane.machine), "%s",
		machine ? machine : "");
	(void)tui;
	look(e);
	return &e->pane;
}
