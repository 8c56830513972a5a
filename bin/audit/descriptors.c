/* SPDX-License-Identifier: MIT */
/*
 * What the process has open. Each descriptor must be of a kind that a machine
 * needs: its memory, events, its engine, unix sockets, what lies in its
 * directory, what its config names (files.c), and the three it was started
 * with. Media that were put into its drives since are told, by its own word.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bin/audit/audit.h"
#include "vmm/config.h"
#include "vmm/confine.h"

enum { LIST_MAX = 8192, TRIES = 10 };

struct list {
	char **v;
	size_t n;
};

struct judge {
	struct audit *a;
	struct config cfg;
	char dir[PATH_MAX], root[PATH_MAX];
	const char *stdio[3];
	char *sockets; /* /proc/PID/net/unix */
};

static void
list_add(struct list *l, const char *s)
{
	char **v;

	if (l->n == LIST_MAX)
		return;
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (!v)
		return;
	l->v = v;
	l->v[l->n] = strdup(s);
	l->n += l->v[l->n] != NULL;
}

static void
list_free(struct list *l)
{
	while (l->n)
		free(l->v[--l->n]);
	free(l->v);
	l->v = NULL;
}

static int
by_number(const void *a, const void *b)
{
	int x = atoi(*(char *const *)a), y = atoi(*(char *const *)b);

	return (x > y) - (x < y);
}

/* --- two sources --- */

static int
flags_of(const struct audit *a, const char *fd)
{
	char path[64], text[1024];
	const char *p;

	snprintf(path, sizeof(path), "fdinfo/%.15s", fd);
	if (audit_read(a, path, text, sizeof(text)) < 0)
		return -1;
	p = strstr(text, "flags:");
	return p ? (int)strtol(p + 6, NULL, 8) : -1;
}

/* false: we may not. */
static bool
from_kernel(const struct audit *a, struct list *l)
{
	int fd = openat(a->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char target[PATH_MAX], text[PATH_MAX + 64];
	const struct dirent *e;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (e = readdir(dir)) != NULL) {
		int flags;
		ssize_t n;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		n = readlinkat(fd, e->d_name, target, sizeof(target) - 1);
		flags = flags_of(a, e->d_name);
		if (n < 0 || flags < 0)
			continue; /* closed meanwhile */
		target[n] = '\0';
		confine_descriptor(
			text, sizeof(text), atoi(e->d_name), target, flags);
		list_add(l, text);
	}
	if (dir)
		closedir(dir);
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_number);
	return l->n > 0;
}

static bool
from_itself(const struct audit *a, struct list *l)
{
	const json_t *all = json_object_get(a->word, "descriptors"), *v;
	size_t i;

	json_array_foreach(all, i, v) if (json_is_string(v))
		list_add(l, json_string_value(v));
	return l->n > 0;
}

/* --- judging --- */

static bool
parse(const char *s, struct one *o)
{
	int at = 0;

	if (sscanf(s, "%d %15s %7s %n", &o->fd, o->kind, o->access, &at) != 3)
		return false;
	o->target = s + at;
	return at > 0;
}

static bool
inside(const char *target, const char *dir)
{
	size_t n = strlen(dir);

	return n && strncmp(target, dir, n) == 0 &&
	       (target[n] == '/' || target[n] == '\0');
}

/* "socket:[123]": is 123 the inode of a unix socket? */
static bool
is_unix(const struct judge *j, const char *target)
{
	char want[32], *end;
	unsigned long inode;

	if (strncmp(target, "socket:[", 8) != 0)
		return false;
	inode = strtoul(target + 8, &end, 10);
	if (*end != ']' || !j->sockets)
		return false;
	snprintf(want, sizeof(want), " %lu", inode);
	for (const char *p = j->sockets; (p = strstr(p, want)) != NULL; p++)
		if (strchr(" \n", p[strlen(want)]))
			return true;
	return false;
}

static bool
is_known(const struct judge *j, const struct one *o)
{
	static const char *const kinds[] = {"memory", "epoll", "eventfd",
		"timerfd", "signalfd", "kvm-vm", "kvm-vcpu"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(o->kind, kinds[i]) == 0)
			return true;
	if (strcmp(o->kind, "socket") == 0 && is_unix(j, o->target))
		return true;
	if (o->fd >= 0 && o->fd < 3)
		return true;
	for (int i = 0; i < 3; i++)
		if (j->stdio[i] && strcmp(o->target, j->stdio[i]) == 0)
			return true;
	if (strcmp(o->kind, "file") != 0)
		return false;
	return inside(o->target, j->dir) || strcmp(o->target, j->root) == 0 ||
	       audit_configured(&j->cfg, o);
}

/* Its first three descriptors are what they are, and it may copy them. */
static void
find_stdio(struct judge *j, const struct list *l)
{
	struct one o;

	for (size_t i = 0; i < l->n; i++)
		if (parse(l->v[i], &o) && o.fd >= 0 && o.fd < 3)
			j->stdio[o.fd] = o.target;
}

static void
judge_all(struct judge *j, const struct list *l)
{
	size_t unknown = 0;
	struct one o;

	find_stdio(j, l);
	for (size_t i = 0; i < l->n; i++)
		if (!parse(l->v[i], &o) || !is_known(j, &o)) {
			bool medium = audit_medium(j->a, &o);

			unknown += !medium;
			audit_note(j->a, medium ? "medium" : "descriptors",
				medium ? KNOWN : FAILS, "%s", l->v[i]);
		}
	if (!unknown)
		audit_note(j->a, "descriptors", HOLDS,
			"%zu, all of known kinds", l->n);
}

static bool
same(const struct list *a, const struct list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

/* The kernel's list, or its own. Where we have both they must agree; clients
 * come and go, so that is tried some times. */
static bool
collect(struct audit *a, struct list *l)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct list own = {0};

	for (int i = 0; i < TRIES; i++) {
		bool agree;

		list_free(&own);
		list_free(l);
		from_itself(a, &own);
		if (!from_kernel(a, l)) {
			*l = own;
			return l->n > 0;
		}
		agree = same(l, &own);
		if (agree || !own.n) {
			list_free(&own);
			return true;
		}
		nanosleep(&pause, NULL);
		audit_ask(a);
	}
	list_free(&own);
	audit_note(a, "descriptors", FAILS,
		"the process does not tell the truth about them");
	return true;
}

static char *
read_sockets(const struct audit *a)
{
	enum { SOCKETS_MAX = 4 << 20 };
	char *text = malloc(SOCKETS_MAX);

	if (text && audit_read(a, "net/unix", text, SOCKETS_MAX) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void
resolve(char to[PATH_MAX], const char *path)
{
	if (!realpath(path, to))
		snprintf(to, PATH_MAX, "%s", path);
}

void
audit_descriptors(struct audit *a)
{
	struct judge j = {.a = a};
	struct list l = {0};
	char *text = NULL;
	size_t n;

	if (!collect(a, &l)) {
		audit_note(a, "descriptors", FAILS, "%s", a->silence);
		return;
	}
	config_init(&j.cfg);
	if (home_config(a->vm, &text, &n) == 0)
		config_parse(&j.cfg, home_vm_name(a->vm), text, n);
	free(text);
	resolve(j.dir, home_vm_path(a->vm));
	resolve(j.root, home_path(a->home));
	j.sockets = read_sockets(a);
	judge_all(&j, &l);
	free(j.sockets);
	config_free(&j.cfg);
	list_free(&l);
}
