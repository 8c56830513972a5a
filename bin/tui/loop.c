/* SPDX-License-Identifier: MIT */
/*
 * The program on a terminal: one loop over keys, news of machines, children and
 * panes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tui/tui-int.h"
#include "lib/deadline.h"
#include "lib/err.h"

enum { FDS = 64, JOB_FDS = 32, PANE_FDS = 8, FIRST_MS = 100 };

int
tui_root(struct tui *t)
{
	return model_root(t->model);
}

struct machine *
tui_machine(struct tui *t)
{
	if (t->full && *t->full->machine)
		return model_find(t->model, t->full->machine);
	if (t->details)
		return model_find(t->model, t->open);
	return view_selected(&t->view);
}

/* --- going somewhere --- */

static void
free_pane(struct pane **p)
{
	if (*p)
		(*p)->ops->free(*p);
	*p = NULL;
}

void
tui_place_side(struct tui *t)
{
	bool room = t->details && !t->full && show_side_fits();

	if (!room)
		free_pane(&t->side);
	else if (!t->side)
		t->side = screen_pane(t, t->open);
}

void
tui_open_details(struct tui *t, const char *name)
{
	snprintf(t->open, sizeof(t->open), "%s", name);
	details_free(t->details);
	free_pane(&t->side);
	t->details = details_open(t, t->open);
	tui_place_side(t);
	tui_layout(t);
}

void
tui_open_full(struct tui *t, struct pane *p)
{
	free_pane(&t->full);
	t->full = p;
	tui_place_side(t);
	tui_layout(t);
}

void
tui_back(struct tui *t)
{
	if (t->full) {
		free_pane(&t->full);
	} else if (t->details) {
		details_free(t->details);
		t->details = NULL;
	}
	tui_place_side(t);
	tui_refresh(t, false);
	tui_layout(t);
}

/* --- the loop --- */

/* Metrics of all are needed to sort by them. */
void
tui_refresh(struct tui *t, bool all)
{
	const struct column *c = column_get((size_t)t->view.sort);

	model_refresh(t->model, all);
	if (all)
		host_read(&t->host);
	gauge_all(t->model, c->metered);
	view_make(&t->view, t->model);
	if (t->details)
		details_refresh(t->details, t);
	t->redraw = true;
}

struct polled { /* whose descriptors are where */
	struct pollfd fd[FDS];
	unsigned n;
	unsigned jobs, jobs_n;
	struct pane *pane[3];
	unsigned at[3], count[3];
};

static void
collect(struct tui *t, struct polled *p)
{
	struct pane *panes[3] = {t->full, t->lower_win ? t->lower : NULL,
		t->side_win ? t->side : NULL};

	p->n = 0;
	p->fd[p->n++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	p->fd[p->n++] =
		(struct pollfd){.fd = model_fd(t->model), .events = POLLIN};
	p->jobs = p->n;
	p->jobs_n = job_fds(t, p->fd + p->n, JOB_FDS);
	p->n += p->jobs_n;
	for (unsigned i = 0; i < 3; i++) {
		p->pane[i] = panes[i];
		p->at[i] = p->n;
		p->count[i] = 0;
		if (panes[i] && panes[i]->ops->fds)
			p->count[i] = panes[i]->ops->fds(
				panes[i], p->fd + p->n, PANE_FDS);
		p->n += p->count[i];
	}
}

static void
sooner(int64_t *ms, int64_t other)
{
	if (other >= 0 && (*ms < 0 || other < *ms))
		*ms = other;
}

static int
wait_ms(struct tui *t, const struct polled *p)
{
	int64_t now = now_ms(), ms = t->refresh - now;

	if (ms < 0)
		ms = 0;
	if (t->message_until)
		sooner(&ms,
			t->message_until > now ? t->message_until - now : 0);
	sooner(&ms, model_wait(t->model));
	for (unsigned i = 0; i < 3; i++)
		if (p->pane[i] && p->pane[i]->ops->next)
			sooner(&ms, p->pane[i]->ops->next(p->pane[i]));
	return ms > 60000 ? 60000 : (int)ms;
}

static bool
is_ready(const struct pollfd *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (p[i].revents)
			return true;
	return false;
}

static void
serve_panes(struct tui *t, const struct polled *p)
{
	for (unsigned i = 0; i < 3; i++) {
		struct pane *one = p->pane[i];
		bool draw = false;

		/* It may be gone: a key, or the one before. */
		if (!one ||
			(one != t->full && one != t->lower && one != t->side))
			continue;
		if (p->count[i] && is_ready(p->fd + p->at[i], p->count[i]) &&
			one->ops->ready)
			draw = one->ops->ready(
				one, p->fd + p->at[i], p->count[i]);
		if (one->ops->next && one->ops->tick &&
			one->ops->next(one) == 0)
			draw |= one->ops->tick(one);
		if (one->ops->done && one->ops->done(one) && one == t->full)
			tui_back(t);
		else if (draw)
			show_pane(t, one);
	}
}

static void
serve_time(struct tui *t)
{
	int64_t now = now_ms();

	if (t->message_until && t->message_until <= now) {
		t->message_until = 0;
		t->redraw = true;
	}
	if (now >= t->refresh) {
		t->refresh = now + t->delay;
		tui_refresh(t, true);
	}
}

static int
loop(struct tui *t)
{
	struct polled p;

	while (!t->quit && !tty_ended()) {
		int n;

		if (t->redraw)
			tui_draw(t);
		collect(t, &p);
		n = tty_poll(p.fd, p.n, wait_ms(t, &p));
		if (n < 0 && errno != EINTR)
			return fail(-errno, "poll");
		input_read(t);
		if (n > 0 && p.fd[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			return 0; /* the terminal has gone */
		if ((n > 0 && p.fd[1].revents) || model_wait(t->model) == 0)
			tui_refresh(t, false);
		if (p.jobs_n || t->jobs)
			job_ready(t, p.fd + p.jobs, p.jobs_n);
		serve_panes(t, &p);
		serve_time(t);
	}
	return 0;
}

static void
close_all(struct tui *t)
{
	dialog_close(t);
	show_close(t);
	free_pane(&t->full);
	free_pane(&t->lower);
	free_pane(&t->side);
	details_free(t->details);
	job_free_all(t);
	tty_close();
	view_free(&t->view);
	model_close(t->model);
}

int
tui_run(const struct want *want, const struct view *view)
{
	struct tui t = {.view = *view};
	int r = model_open(&t.model), sig;

	if (r)
		return r;
	t.delay = want->delay / 1000000;
	r = tty_open(&want->tty);
	if (r) {
		model_close(t.model);
		return r;
	}
	t.refresh = now_ms();
	serve_time(&t);
	/* Only then it is known whose metrics are wanted. */
	t.refresh = now_ms() + FIRST_MS;
	r = loop(&t);
	sig = tty_ended();
	close_all(&t);
	return r ? r : sig;
}
