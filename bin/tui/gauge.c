/* SPDX-License-Identifier: MIT */
/*
 * Metrics of machines (lib/metrics.h): a reader each, as long as somebody looks
 * at the row; the machine writes them for no longer than that. Bounded, since
 * each takes a descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui-int.h"
#include "lib/deadline.h"
#include "vmm/api-int.h"

enum {
	GAUGES = 512,
	RETRY = 3000, /* ms, where there are none (yet) */
	STALE = 3500 /* ms without a new reading: it hangs */
};

#define RATE_MAX 1e15

struct gauge {
	struct metrics_reader *reader;
	struct metrics now;
	struct metrics_rates rates;
	unsigned readings; /* up to 2 */
	int64_t fresh; /* when the last new one came */
};

void
gauge_free(struct machine *v)
{
	if (!v->gauge)
		return;
	metrics_close(v->gauge->reader);
	free(v->gauge);
	v->gauge = NULL;
}

static void
open_one(struct model *m, struct machine *v)
{
	struct home_vm *vm;

	if (v->gauge_due > now_ms())
		return;
	v->gauge_due = now_ms() + RETRY;
	if (home_find(model_home(m)->home, v->name, &vm))
		return;
	v->gauge = calloc(1, sizeof(*v->gauge));
	if (v->gauge && metrics_open(home_vm_fd(vm), &v->gauge->reader)) {
		free(v->gauge);
		v->gauge = NULL;
	}
	if (v->gauge)
		v->gauge->fresh = now_ms();
	home_vm_close(vm);
}

/* The file may hold anything. */
static void
bound(double *rate)
{
	if (!(*rate > 0))
		*rate = 0;
	if (*rate > RATE_MAX)
		*rate = RATE_MAX;
}

static void
take_rates(struct gauge *t, const struct metrics *now)
{
	metrics_rate(&t->now, now, &t->rates);
	bound(&t->rates.cpu);
	bound(&t->rates.disk_read);
	bound(&t->rates.disk_write);
	bound(&t->rates.net_in);
	bound(&t->rates.net_out);
}

/* A writer that is gone does not come back: another one is looked for. */
static void
read_one(struct machine *v)
{
	struct gauge *t = v->gauge;
	struct metrics now;
	int r = metrics_read(t->reader, &now);

	if (r == -ESTALE)
		gauge_free(v);
	if (r || !now.time || (t->readings && now.time == t->now.time))
		return;
	if (t->readings && now.time > t->now.time) {
		take_rates(t, &now);
		t->readings = 2;
	} else {
		t->readings = 1;
	}
	t->now = now;
	t->fresh = now_ms();
}

void
gauge_all(struct model *m, bool all)
{
	size_t n, open = 0;
	struct machine *const *v = model_machines(m, &n);

	for (size_t i = 0; i < n; i++)
		if (!machine_runs(v[i]) || !(all || v[i]->visible))
			gauge_free(v[i]);
		else
			open += v[i]->gauge != NULL;
	for (size_t i = 0; i < n; i++) {
		if (!machine_runs(v[i]) || !(all || v[i]->visible))
			continue;
		if (!v[i]->gauge && open < GAUGES) {
			open_one(m, v[i]);
			open += v[i]->gauge != NULL;
		}
		if (v[i]->gauge)
			read_one(v[i]);
	}
}

static bool
is_stale(const struct gauge *t)
{
	return now_ms() - t->fresh > STALE;
}

const struct metrics *
gauge_now(const struct machine *v)
{
	const struct gauge *t = v->gauge;

	return t && t->readings && !is_stale(t) ? &t->now : NULL;
}

const struct metrics_rates *
gauge_rates(const struct machine *v)
{
	const struct gauge *t = v->gauge;

	return t && t->readings > 1 && !is_stale(t) ? &t->rates : NULL;
}

bool
gauge_waits(const struct machine *v)
{
	return v->gauge && v->gauge->readings < 2 && !is_stale(v->gauge);
}
