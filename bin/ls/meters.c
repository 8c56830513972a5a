/* SPDX-License-Identifier: MIT */
/*
 * What machines measure of themselves, lib/metrics.h: all are asked first, and
 * then have measured by the time that they are looked at. One that does not
 * answer, being hung, is waited for no longer than the others.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bin/ls/ls.h"
#include "lib/metrics.h"

#define MS 1000000u
enum { PAUSE = 10, PATIENCE = 500, SECOND = 1000 }; /* ms */

struct meter {
	const char *name; /* NULL: it does not run */
	struct metrics a, b; /* time 0: none yet */
};

struct meters {
	int root;
	struct meter *all;
	size_t n;
};

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

static void
wait_ms(unsigned ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * MS};

	nanosleep(&ts, NULL);
}

/* A reading that is later than that; true: there is one. Nothing stays open:
 * there may be more machines than a process may have descriptors. */
static bool
look(int root, const char *name, struct metrics *to, uint64_t after)
{
	int dir = openat(
		root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool good = dir >= 0 && metrics_look(dir, to) == 0 && to->time > after;

	if (dir >= 0)
		close(dir);
	if (!good)
		to->time = 0;
	return good;
}

/* The first reading (of now, not of whoever looked before), or the one behind
 * that. false: there is none yet. */
static bool
look_at(const struct meters *t, struct meter *m, uint64_t since, bool second)
{
	if (!m->name)
		return true;
	if (!second)
		return m->a.time || look(t->root, m->name, &m->a, since);
	return !m->a.time || m->b.time ||
	       look(t->root, m->name, &m->b, m->a.time);
}

static void
look_at_all(struct meters *t, uint64_t since, bool second)
{
	uint64_t end = now() + PATIENCE * MS;
	size_t missing;

	do {
		missing = 0;
		for (size_t i = 0; i < t->n; i++)
			missing += !look_at(t, &t->all[i], since, second);
		if (missing)
			wait_ms(PAUSE);
	} while (missing && now() < end);
}

static int64_t
number(uint64_t n)
{
	return n <= INT64_MAX ? (int64_t)n : -1;
}

static int64_t
rate(double d)
{
	return d < 1e18 ? (int64_t)(d + 0.5) : -1;
}

static void
fill(struct row *r, const struct meter *m)
{
	const struct metrics *new = m->b.time ? &m->b : &m->a;
	struct metrics_rates rates;

	if (!m->a.time)
		return;
	r->resident = number(new->rss);
	r->disk_read_bytes = number(new->disk_read);
	r->disk_write_bytes = number(new->disk_written);
	r->disk_reads = number(new->disk_reads);
	r->disk_writes = number(new->disk_writes);
	r->net_in_bytes = number(new->net_received);
	r->net_out_bytes = number(new->net_sent);
	if (!m->b.time)
		return;
	metrics_rate(&m->a, &m->b, &rates);
	r->percent = rate(rates.cpu * 100);
	r->disk_read = rate(rates.disk_read);
	r->disk_write = rate(rates.disk_write);
	r->net_in = rate(rates.net_in);
	r->net_out = rate(rates.net_out);
}

void
read_meters(struct list *l, const char *root)
{
	struct meters t = {
		.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC),
		.all = calloc(l->count + 1, sizeof(*t.all)),
		.n = l->count,
	};
	uint64_t since = now() - SECOND * MS;

	if (t.all && t.root >= 0) {
		for (size_t i = 0; i < t.n; i++)
			if (l->rows[i].pid > 0)
				t.all[i].name = l->rows[i].name;
		look_at_all(&t, since, false);
		if (l->what & LS_RATES) {
			wait_ms(SECOND);
			look_at_all(&t, since, true);
		}
		for (size_t i = 0; i < t.n; i++)
			fill(&l->rows[i], &t.all[i]);
	}
	free(t.all);
	if (t.root >= 0)
		close(t.root);
}
