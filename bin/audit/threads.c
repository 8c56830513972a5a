/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of each thread, in /proc/PID/task/TID/status: anybody
 * may read it, and the process cannot lie there.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/audit/audit.h"

enum { STATUS_MAX = 16384 };

struct thread {
	char tid[16], name[32];
	const char *text;
};

/* The value behind "key:", in the buffer; "" if there is none. */
static const char *
value(const char *text, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);

	buf[0] = '\0';
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, n) == 0 && p[n] == ':') {
			p += n + 1;
			p += strspn(p, " \t");
			snprintf(buf, size, "%.*s", (int)strcspn(p, "\n"), p);
			break;
		}
	}
	return buf;
}

static bool
is_zero(const char *digits)
{
	return digits[0] && digits[strspn(digits, "0")] == '\0';
}

struct count {
	unsigned threads, capable, bounded, privileged, unfiltered;
};

static void
look_at(struct audit *a, const struct thread *t, struct count *c)
{
	static const char *const sets[] = {
		"CapInh", "CapPrm", "CapEff", "CapAmb"};
	char v[64];
	bool capable = false;

	c->threads++;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (is_zero(value(t->text, sets[i], v, sizeof(v))))
			continue;
		capable = true;
		audit_note(a, "capabilities", FAILS, "thread %s (%s): %s %s",
			t->tid, t->name, sets[i], v);
	}
	c->capable += capable;
	c->bounded += is_zero(value(t->text, "CapBnd", v, sizeof(v)));
	if (strcmp(value(t->text, "NoNewPrivs", v, sizeof(v)), "1") != 0) {
		c->privileged++;
		audit_note(a, "no_new_privs", FAILS, "thread %s (%s): not set",
			t->tid, t->name);
	}
	if (strcmp(value(t->text, "Seccomp", v, sizeof(v)), "2") != 0) {
		c->unfiltered++;
		audit_note(a, "seccomp", FAILS, "thread %s (%s): no filter",
			t->tid, t->name);
	}
}

static void
sum_up(struct audit *a, const struct count *c)
{
	const char *s = c->threads == 1 ? "" : "s";

	if (!c->threads) {
		audit_note(a, "threads", FAILS, "cannot be read");
		return;
	}
	if (!c->capable)
		audit_note(a, "capabilities", HOLDS, "none in %u thread%s",
			c->threads, s);
	if (c->bounded == c->threads)
		audit_note(a, "bounding set", HOLDS, "empty in %u thread%s",
			c->threads, s);
	else if (c->capable || c->privileged || a->status.pid == 0)
		audit_note(a, "bounding set", FAILS,
			"not empty in %u of %u threads",
			c->threads - c->bounded, c->threads);
	else
		audit_note(a, "bounding set", KNOWN,
			"not empty, for want of a user namespace; it gives "
			"nothing with no_new_privs");
	if (!c->privileged)
		audit_note(a, "no_new_privs", HOLDS, "set in %u thread%s",
			c->threads, s);
	if (!c->unfiltered)
		audit_note(a, "seccomp", HOLDS, "a filter in %u thread%s",
			c->threads, s);
}

void
audit_threads(struct audit *a)
{
	char path[64], text[STATUS_MAX];
	int fd = openat(a->proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct count count = {0};
	const struct dirent *e;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (e = readdir(dir)) != NULL) {
		struct thread t = {.text = text};

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(t.tid, sizeof(t.tid), "%.15s", e->d_name);
		snprintf(path, sizeof(path), "task/%s/status", t.tid);
		if (audit_read(a, path, text, sizeof(text)) <= 0)
			continue; /* it has ended meanwhile */
		value(text, "Name", t.name, sizeof(t.name));
		look_at(a, &t, &count);
	}
	if (dir)
		closedir(dir);
	sum_up(a, &count);
}
