/* SPDX-License-Identifier: MIT */
/*
 * The details of one machine as text: what it does, what it takes, its config
 * and the last lines of its console. The files are read again when they have
 * changed.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/tui/tui-int.h"
#include "lib/console.h"
#include "lib/stamp.h"
#include "lib/units.h"
#include "bin/tui/tail.h"
#include "vmm/api-int.h"

enum { LINES_MAX = 400, TAIL = 100, LABEL = 10 };

struct stamp { /* of a file, to see that it has changed */
	ino_t ino;
	off_t size;
	struct timespec time;
};

struct details {
	char name[NAME_SIZE];
	char *config; /* NULL: it cannot be read */
	struct stamp config_stamp, log_stamp;
	struct tail tail;
	char *line[LINES_MAX];
	bool bold[LINES_MAX];
	int n, top, page;
};

static void
empty(struct details *d)
{
	for (int i = 0; i < d->n; i++)
		free(d->line[i]);
	d->n = 0;
}

void
details_free(struct details *d)
{
	if (!d)
		return;
	empty(d);
	free(d->config);
	tail_free(&d->tail);
	free(d);
}

struct details *
details_open(struct tui *t, const char *name)
{
	struct details *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	snprintf(d->name, sizeof(d->name), "%s", name);
	details_refresh(d, t);
	return d;
}

/* --- lines --- */

static void add(struct details *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
add(struct details *d, const char *fmt, ...)
{
	va_list ap;

	if (d->n == LINES_MAX)
		return;
	va_start(ap, fmt);
	d->bold[d->n] = false;
	if (vasprintf(&d->line[d->n], fmt, ap) >= 0)
		d->n++;
	va_end(ap);
}

static void
heading(struct details *d, const char *text)
{
	if (d->n)
		add(d, "%s", "");
	add(d, "%s", text);
	d->bold[d->n - 1] = true;
}

static void
add_state(struct details *d, const struct machine *v)
{
	char buf[32], when[STAMP_MAX];

	add(d, "%-*s%s", LABEL, "state", machine_state(v));
	if (*v->cause)
		add(d, "%-*s%s", LABEL, "cause", v->cause);
	if (v->exit >= 0)
		add(d, "%-*s%d", LABEL, "exit", v->exit);
	if (v->pid > 0)
		add(d, "%-*s%d", LABEL, "process", v->pid);
	if (*v->engine)
		add(d, "%-*s%s", LABEL, "engine", v->engine);
	if (v->started)
		add(d, "%-*s%s", LABEL, "started",
			stamp_print(when, v->started));
	if (v->ended)
		add(d, "%-*s%s", LABEL, "ended", stamp_print(when, v->ended));
	add(d, "%-*s%u", LABEL, "cpus", v->cpus);
	if (v->memory)
		add(d, "%-*s%s", LABEL, "memory",
			units_print_short(buf, v->memory));
}

static void
add_rate(struct details *d, const char *label, double in, double out,
	uint64_t all_in, uint64_t all_out)
{
	char a[32], b[32], e[32], f[32];

	add(d, "%-*s%s/s in, %s/s out; %s and %s in all", LABEL, label,
		units_print_short(a, (uint64_t)in),
		units_print_short(b, (uint64_t)out),
		units_print_short(e, all_in), units_print_short(f, all_out));
}

static void
add_metrics(struct details *d, const struct machine *v)
{
	const struct metrics *m = gauge_now(v);
	const struct metrics_rates *r = gauge_rates(v);
	char buf[32];

	if (!m)
		return;
	heading(d, "Metrics");
	if (r)
		add(d, "%-*s%.1f%% of one", LABEL, "CPU", r->cpu);
	add(d, "%-*s%.1f s", LABEL, "CPU time", (double)m->cpu / 1e9);
	add(d, "%-*s%s", LABEL, "resident", units_print_short(buf, m->rss));
	if (!r)
		return;
	add_rate(d, "disks", r->disk_read, r->disk_write, m->disk_read,
		m->disk_written);
	add_rate(d, "network", r->net_in, r->net_out, m->net_received,
		m->net_sent);
}

static void
add_config(struct details *d)
{
	const char *p = d->config;

	heading(d, "Configuration");
	if (!p)
		add(d, "it cannot be read");
	while (p && *p) {
		size_t n = strcspn(p, "\n");

		if (n)
			add(d, "%.*s", (int)n, p);
		p += n + (p[n] != '\0');
	}
}

static void
add_console(struct details *d)
{
	if (!d->tail.n)
		return;
	heading(d, "Console");
	for (unsigned i = 0; i < d->tail.n; i++)
		add(d, "%s", d->tail.line[i]);
}

/* --- files --- */

/* Has it changed since? */
static bool
changed(int dir, const char *file, struct stamp *s)
{
	struct stat st;
	struct stamp now = {0};

	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		now = (struct stamp){st.st_ino, st.st_size, st.st_mtim};
	if (now.ino == s->ino && now.size == s->size &&
		now.time.tv_sec == s->time.tv_sec &&
		now.time.tv_nsec == s->time.tv_nsec)
		return false;
	*s = now;
	return true;
}

static void
read_files(struct details *d, struct tui *t)
{
	struct vmm_home *h = model_home(t->model);
	struct home_vm *vm;
	size_t size;

	if (!h || home_find(h->home, d->name, &vm))
		return;
	if (changed(home_vm_fd(vm), "config", &d->config_stamp)) {
		free(d->config);
		if (home_config(vm, &d->config, &size))
			d->config = NULL;
	}
	if (changed(home_vm_fd(vm), CONSOLE_LOG, &d->log_stamp))
		tail_read(&d->tail, home_vm_fd(vm), TAIL);
	home_vm_close(vm);
}

void
details_refresh(struct details *d, struct tui *t)
{
	struct machine *v = model_find(t->model, d->name);
	bool end = d->top && d->top + d->page >= d->n;

	empty(d);
	if (!v) {
		add(d, "%s: no such machine any more", d->name);
		return;
	}
	v->visible = true;
	read_files(d, t);
	add_state(d, v);
	add_metrics(d, v);
	add_config(d);
	add_console(d);
	/* Who looks at the console's end goes on looking at it. */
	if (end)
		d->top = d->n > d->page ? d->n - d->page : 0;
}

void
details_scroll(struct details *d, int lines)
{
	d->top += lines;
	if (d->top > d->n - d->page)
		d->top = d->n - d->page;
	if (d->top < 0)
		d->top = 0;
}

void
details_draw(struct details *d, struct tui *t, int y, int h, int w)
{
	struct machine *v = model_find(t->model, d->name);

	d->page = h;
	details_scroll(d, 0);
	if (v)
		v->visible = true;
	for (int i = 0; i < h && d->top + i < d->n; i++) {
		attrset(d->bold[d->top + i] ? A_BOLD : A_NORMAL);
		put_padded(stdscr, y + i, 0, w, d->line[d->top + i], false);
	}
	attrset(A_NORMAL);
}
