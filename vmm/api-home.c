/* SPDX-License-Identifier: MIT */
/*
 * The state directory in the public interface, lib/vmm.h: opening it, and
 * looking at machines from outside. What a machine takes of the host is read
 * from proc(5), of the process that its status names, once that is known to be
 * the same process; stat's ticks are the CPU time's resolution.
 */
#include "vmm/api-int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/kv.h"
#include "lib/units.h"
#include "vmm/config.h"

enum { CONFIG_SMALL = 8192 };

int
api_home_open(struct vmm_home **out, const char *path, bool make)
{
	struct vmm_home *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return fail(-ENOMEM, "state directory");
	r = home_open(&h->home, path, make, NULL);
	if (r) {
		free(h);
		return r;
	}
	h->root = open(home_path(h->home), O_PATH | O_DIRECTORY | O_CLOEXEC);
	*out = h;
	return 0;
}

int
vmm_home_open(struct vmm_home **out, const char *path)
{
	return api_home_open(out, path, true);
}

void
vmm_home_close(struct vmm_home *h)
{
	if (!h)
		return;
	home_close(h->home);
	if (h->root >= 0)
		close(h->root);
	free(h);
}

/*
 * The config
 */

static int
pair(void *to, const char *key, const char *value)
{
	struct api_view *v = to;
	uint64_t n;

	if (strcmp(key, "cpus") == 0 && units_parse_number(value, &n) == 0) {
		v->info.cpus = n <= CONFIG_CPUS ? (unsigned)n : 0;
	} else if (strcmp(key, "memory") == 0 &&
		   units_parse_size(value, &n) == 0) {
		v->info.memory = n;
	} else if (strcmp(key, "description") == 0) {
		free(v->description);
		v->description = strdup(value);
	}
	return 0;
}

/* A listing reads a thousand of these: no call more than it takes. What is no
 * small file is left to home_config(), which knows what to make of it. */
static bool
read_small(struct api_view *v, const struct vmm_home *h)
{
	char path[NAME_MAX + 8], text[CONFIG_SMALL];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/config", v->info.name);
	fd = h->root < 0 ? -1
			 : openat(h->root, path,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					   O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0 || n == sizeof(text))
		return false;
	kv_parse(v->info.name, text, (size_t)n, pair, v);
	return true;
}

/* One that cannot be read, or is wrong, costs what it would have said. */
static void
read_config(struct api_view *v, const struct vmm_home *h)
{
	struct config standard;
	struct home_vm *vm;
	char *text;
	size_t n;

	config_init(&standard);
	v->info.cpus = (unsigned)standard.cpus;
	v->info.memory = standard.memory;
	config_free(&standard);
	if (read_small(v, h) || home_find(h->home, v->info.name, &vm))
		return;
	if (home_config(vm, &text, &n) == 0) {
		kv_parse(v->info.name, text, n, pair, v);
		free(text);
	}
	home_vm_close(vm);
}

/*
 * The process
 */

enum { STAT_MAX = 1024, UTIME = 14, STIME = 15, START = 22, RSS = 24 };

/* Opened through its directory in /proc, a file is this process's, or gone:
 * never that of a later one with the same number. */
static int
process_open(const struct home_status *s)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)s->pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The numbers behind the command's name, which may hold anything. */
static bool
process_stat(int dir, uint64_t field[RSS + 1])
{
	char buf[STAT_MAX], *p;
	int fd = openat(dir, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	p = strrchr(buf, ')');
	if (!p || p[1] != ' ' || !p[2] || p[3] != ' ')
		return false;
	p += 3; /* past field 3, a letter */
	for (int i = 4; i <= RSS; i++) {
		char *end;

		field[i] = strtoull(p, &end, 10);
		if (end == p)
			return false;
		p = end;
	}
	return true;
}

/* Private memory in mappings that are not a memory file, as guest memory is. */
static uint64_t
process_own(int dir)
{
	int fd = openat(dir, "smaps", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned long long kb;
	uint64_t sum = 0;
	char line[4352];
	bool guest = false;

	if (!f) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (fgets(line, sizeof(line), f)) {
		if (line[0] < 'A' || line[0] > 'Z') /* an address: a mapping */
			guest = strstr(line, "/memfd:") != NULL;
		else if (!guest &&
			 (sscanf(line, "Private_Clean: %llu", &kb) == 1 ||
				 sscanf(line, "Private_Dirty: %llu", &kb) == 1))
			sum += kb << 10;
	}
	fclose(f);
	return sum;
}

static void
read_process(struct vmm_info *i, const struct home_status *s, unsigned what)
{
	uint64_t field[RSS + 1], hz = (uint64_t)sysconf(_SC_CLK_TCK);
	struct home_status self = {0};
	int dir;

	home_status_self(&self);
	if (s->pid <= 0 || strcmp(s->boot, self.boot) != 0)
		return;
	dir = process_open(s);
	if (dir < 0)
		return;
	if (process_stat(dir, field) && field[START] == s->start) {
		if (what & VMM_USAGE) {
			i->cpu_ns = (field[UTIME] + field[STIME]) *
				    (1000000000 / hz);
			i->rss = field[RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
		}
		if (what & VMM_OWN)
			i->own = process_own(dir);
	}
	close(dir);
}

/*
 * All of it
 */

static bool
live(enum home_state s)
{
	return s == HOME_STARTING || s == HOME_RUNNING || s == HOME_PAUSED ||
	       s == HOME_STOPPING;
}

/* The status of a machine whose lock is held may still be that of the run
 * before, which says nothing of this one. */
static void
read_status(struct api_view *v)
{
	const struct home_status *s = &v->look.status;
	struct vmm_info *i = &v->info;
	bool stale = v->look.held && !live(s->phase);

	i->state = home_state_name(v->look.state);
	i->created = v->look.created;
	i->exit = -1;
	i->engine = i->cause = i->description = "";
	if (stale)
		return;
	i->engine = s->engine;
	i->cause = s->cause;
	i->started = s->started;
	if (v->look.held) {
		i->pid = s->pid;
		return;
	}
	if (live(s->phase)) /* it went without a word, who knows when */
		return;
	i->ended = s->ended;
	if (s->ended)
		i->exit = s->exit;
}

int
api_view(
	struct vmm_home *h, const char *name, unsigned what, struct api_view *v)
{
	const struct home_status *s = &v->look.status;
	int r;

	memset(v, 0, sizeof(*v));
	r = home_look(h->home, name, &v->look);
	if (r)
		return r;
	v->info.name = name;
	read_status(v);
	if (what & VMM_CONFIG)
		read_config(v, h);
	if (v->description)
		v->info.description = v->description;
	/* What runs has what it was started with; what does not would get what
	 * the config says by now. */
	if (v->info.pid || !v->info.memory) {
		if (s->cpus && s->cpus <= CONFIG_CPUS)
			v->info.cpus = (unsigned)s->cpus;
		if (s->memory)
			v->info.memory = s->memory;
	}
	if (v->info.pid && what & (VMM_USAGE | VMM_OWN))
		read_process(&v->info, s, what);
	return 0;
}

void
api_view_free(struct api_view *v)
{
	free(v->description);
	v->description = NULL;
}

int
vmm_look(struct vmm_home *h, const char *name, unsigned what,
	int (*each)(void *to, const struct vmm_info *), void *to)
{
	struct api_view v;
	int r = api_view(h, name, what, &v);

	if (r)
		return r;
	r = each(to, &v.info);
	api_view_free(&v);
	return r;
}

/* One that cannot be looked at does not hide the others: it is said at the
 * end. */
int
vmm_list(struct vmm_home *h, unsigned what,
	int (*each)(void *to, const struct vmm_info *), void *to)
{
	char **names, said[512] = "";
	struct api_view v;
	size_t n;
	int r = home_names(h->home, &names, &n), bad = 0;

	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++) {
		int e = api_view(h, names[i], what, &v);

		if (e && e != -ENOENT && !bad) {
			bad = e;
			snprintf(said, sizeof(said), "%s", fail_text());
		}
		if (e)
			continue;
		r = each(to, &v.info);
		api_view_free(&v);
	}
	free(names);
	return r || !bad ? r : failx(bad, "%s", said);
}
