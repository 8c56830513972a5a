/* SPDX-License-Identifier: MIT */
/*
 * The columns of vm-ls, and the rows: read, filtered, sorted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bin/ls/ls.h"
#include "lib/err.h"
#include "lib/home.h"
#include "lib/text.h"

#define AT(member) offsetof(struct row, member)

/* In the order of the manual and of JSON; new ones come last. */
static const struct column columns[] = {
	{"name", TEXT, AT(name), 0, "its name"},
	{"state", STATE, AT(state), 0, "what it does"},
	{"cpus", NUMBER, AT(cpus), VMM_CONFIG, "virtual CPUs"},
	{"memory", BYTES, AT(memory), VMM_CONFIG, "guest memory"},
	{"uptime", SPAN, AT(uptime), 0, "for how long it has been running"},
	{"pid", NUMBER, AT(pid), 0, "process"},
	{"engine", TEXT, AT(engine), 0, "kvm or soft, in this or the last run"},
	{"cpu", CPU, AT(cpu), VMM_USAGE, "CPU time used in this run"},
	{"rss", BYTES, AT(rss), VMM_USAGE, "host memory in use"},
	{"own", BYTES, AT(own), VMM_OWN, "private memory beside the guest's"},
	{"exit", NUMBER, AT(exit), 0, "exit status of the last run"},
	{"cause", TEXT, AT(cause), 0, "why the last run ended"},
	{"created", TIME, AT(created), 0, "when it was made"},
	{"started", TIME, AT(started), 0, "when this or the last run began"},
	{"ended", TIME, AT(ended), 0, "when the last run ended"},
	{"description", TEXT, AT(description), VMM_CONFIG, "its description"},
	{"cpu-percent", PERCENT, AT(percent), LS_RATES,
		"percent of a CPU that it takes now"},
	{"resident", BYTES, AT(resident), LS_COUNTERS,
		"guest memory that the host has pages for"},
	{"disk-read", RATE, AT(disk_read), LS_RATES,
		"bytes a second read from its disks now"},
	{"disk-write", RATE, AT(disk_write), LS_RATES,
		"bytes a second written to its disks now"},
	{"net-in", RATE, AT(net_in), LS_RATES,
		"bytes a second that it receives now"},
	{"net-out", RATE, AT(net_out), LS_RATES,
		"bytes a second that it sends now"},
	{"disk-read-bytes", BYTES, AT(disk_read_bytes), LS_COUNTERS,
		"read from its disks in this run"},
	{"disk-write-bytes", BYTES, AT(disk_write_bytes), LS_COUNTERS,
		"written to its disks in this run"},
	{"disk-reads", NUMBER, AT(disk_reads), LS_COUNTERS,
		"requests to read in this run"},
	{"disk-writes", NUMBER, AT(disk_writes), LS_COUNTERS,
		"requests to write in this run"},
	{"net-in-bytes", BYTES, AT(net_in_bytes), LS_COUNTERS,
		"received in this run"},
	{"net-out-bytes", BYTES, AT(net_out_bytes), LS_COUNTERS,
		"sent in this run"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

const struct column *
find_column(const char *name, size_t n)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		if (strlen(columns[i].name) == n &&
			memcmp(columns[i].name, name, n) == 0)
			return &columns[i];
	failx(-EINVAL, "'%.*s' is not a column (--list-columns tells)",
		n < 64 ? (int)n : 64, name);
	return NULL;
}

int
show_columns(struct list *l, const char *names)
{
	for (const char *p = names; p;) {
		size_t n = strcspn(p, ",");
		const struct column *c = find_column(p, n);

		if (!c)
			return -EINVAL;
		if (l->n == SHOWN_MAX)
			return failx(-EINVAL, "too many columns");
		l->shown[l->n++] = c;
		l->what |= c->what;
		p = p[n] ? p + n + 1 : NULL;
	}
	return 0;
}

void
list_columns(void)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		printf("%s\t%s\n", columns[i].name, columns[i].help);
}

const char *
row_text(const struct row *r, const struct column *c)
{
	const char *s;

	memcpy(&s, (const char *)r + c->at, sizeof(s));
	return s;
}

int64_t
row_number(const struct row *r, const struct column *c)
{
	int64_t n;

	memcpy(&n, (const char *)r + c->at, sizeof(n));
	return n;
}

bool
is_text(const struct column *c)
{
	return c->kind == TEXT || c->kind == STATE;
}

static char *
copy(const struct list *l, const char *s)
{
	char *p = strdup(s);

	if (p && l->clean)
		text_clean(p);
	return p;
}

static int64_t
known(uint64_t n)
{
	return n && n <= INT64_MAX ? (int64_t)n : -1;
}

bool
wanted(const struct list *l, const struct vmm_info *i)
{
	int state = home_state_find(i->state);

	return !l->states || (state >= 0 && l->states & 1u << state);
}

/* Until read_meters() knows better. */
static void
unmetered(struct row *r)
{
	r->percent = r->resident = -1;
	r->disk_read = r->disk_write = r->net_in = r->net_out = -1;
	r->disk_read_bytes = r->disk_write_bytes = -1;
	r->disk_reads = r->disk_writes = -1;
	r->net_in_bytes = r->net_out_bytes = -1;
}

static void
fill(const struct list *l, struct row *r, const struct vmm_info *i)
{
	int64_t up = (int64_t)time(NULL) - i->started;

	*r = (struct row){
		.name = copy(l, i->name),
		.engine = copy(l, i->engine),
		.cause = copy(l, i->cause),
		.description = copy(l, i->description),
		.state = i->state,
		.cpus = known(i->cpus),
		.memory = known(i->memory),
		.uptime = -1,
		.pid = i->pid > 0 ? i->pid : -1,
		.cpu = i->rss ? (int64_t)i->cpu_ns : -1,
		.rss = known(i->rss),
		.own = known(i->own),
		.exit = i->exit,
		.created = i->created > 0 ? i->created : -1,
		.started = i->started > 0 ? i->started : -1,
		.ended = i->ended > 0 ? i->ended : -1,
	};
	unmetered(r);
	if (i->pid > 0 && i->started > 0)
		r->uptime = up > 0 ? up : 0; /* the clock was set back */
}

static void
row_free(struct row *r)
{
	free(r->name);
	free(r->engine);
	free(r->cause);
	free(r->description);
}

int
take_row(void *to, const struct vmm_info *i)
{
	struct list *l = to;
	struct row *r;

	if (!wanted(l, i))
		return 0;
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 256;
		r = realloc(l->rows, l->room * sizeof(*r));
		if (!r)
			return fail(-ENOMEM, "list");
		l->rows = r;
	}
	r = &l->rows[l->count++];
	fill(l, r, i);
	if (!r->name || !r->engine || !r->cause || !r->description)
		return fail(-ENOMEM, "list");
	return 0;
}

struct order {
	const struct column *by;
	bool reverse;
};

static int
compare(const void *a, const void *b, void *to)
{
	const struct order *o = to;
	int64_t x, y;
	int r;

	if (is_text(o->by)) {
		r = strcmp(row_text(a, o->by), row_text(b, o->by));
	} else {
		x = row_number(a, o->by);
		y = row_number(b, o->by);
		r = (x > y) - (x < y);
	}
	if (!r)
		r = strcmp(((const struct row *)a)->name,
			((const struct row *)b)->name);
	return o->reverse ? -r : r;
}

void
sort_rows(struct list *l)
{
	struct order order = {l->sort, l->conf->reverse};

	if (l->count && (l->conf->sort || l->conf->reverse))
		qsort_r(l->rows, l->count, sizeof(*l->rows), compare, &order);
}

void
free_rows(struct list *l)
{
	for (size_t i = 0; i < l->count; i++)
		row_free(&l->rows[i]);
	free(l->rows);
}
