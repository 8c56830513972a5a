/* SPDX-License-Identifier: MIT */
/*
 * The process as a whole: can it be traced, what is left of its environment,
 * what does Landlock do for it. The kernel's word where it is to be had, else
 * the process's own.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/audit/audit.h"

enum { TEXT_MAX = 65536 };

/* 1, 0; -1: it does not say. */
static int
says(const struct audit *a, const char *key)
{
	const json_t *v = json_object_get(a->word, key);

	return json_is_boolean(v) ? json_is_true(v) : -1;
}

/* The files of a process that is not dumpable are root's. */
static void
tracing(struct audit *a)
{
	struct stat st;
	int dumpable = says(a, "dumpable");

	if (geteuid() && fstatat(a->proc, "status", &st, 0) == 0)
		dumpable = st.st_uid == geteuid();
	if (dumpable < 0)
		audit_note(a, "tracing", FAILS, "%s", a->silence);
	else if (dumpable)
		audit_note(a, "tracing", FAILS,
			"its user's processes may read its memory");
	else
		audit_note(a, "tracing", HOLDS, "closed to its user");
}

static void
core(struct audit *a)
{
	static const char key[] = "Max core file size";
	char text[8192], soft[32] = "?", hard[32] = "?";
	const char *p = NULL;

	if (audit_read(a, "limits", text, sizeof(text)) > 0)
		p = strstr(text, key);
	if (p)
		sscanf(p + strlen(key), " %31s %31s", soft, hard);
	if (strcmp(soft, "0") == 0 && strcmp(hard, "0") == 0)
		audit_note(a, "core dumps", HOLDS, "none");
	else
		audit_note(a, "core dumps", FAILS, "limit %s, %s", soft, hard);
}

static void
landlock(struct audit *a)
{
	int held = says(a, "landlock");

	if (held > 0)
		audit_note(a, "landlock", HOLDS, "opening / is refused");
	else if (held == 0)
		audit_note(a, "landlock", FAILS, "%s",
			strstr(a->status.confined, "no-landlock")
				? "this kernel has none, or it is off"
				: "opening / is not refused");
	else
		audit_note(a, "landlock", FAILS, "%s", a->silence);
}

static void
environment(struct audit *a)
{
	char text[TEXT_MAX];
	ssize_t n = audit_read(a, "environ", text, sizeof(text));
	const json_t *v = json_object_get(a->word, "environment");
	size_t left = 0;

	for (ssize_t i = 0; i < n; i++)
		left += text[i] != '\0';
	if (left)
		audit_note(a, "environment", FAILS, "%zu bytes are left", left);
	else if (json_integer_value(v) > 0)
		audit_note(a, "environment", FAILS, "%lld variables are left",
			(long long)json_integer_value(v));
	else if (n < 0 && !json_is_integer(v))
		audit_note(a, "environment", FAILS, "%s", a->silence);
	else
		audit_note(a, "environment", HOLDS, "empty");
}

/* A map that only root may read: who sees none of it cannot tell. */
static void
code(struct audit *a)
{
	int fd = openat(a->proc, "maps", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[TEXT_MAX / 16], perm[8];
	unsigned maps = 0, both = 0;

	if (!f && fd >= 0)
		close(fd);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x-%*x %7s", perm) != 1)
			continue; /* the rest of a long name */
		maps++;
		both += strchr(perm, 'w') && strchr(perm, 'x');
	}
	if (f)
		fclose(f);
	if (both)
		audit_note(a, "code", FAILS,
			"%u mappings are writable and executable", both);
	else if (maps)
		audit_note(a, "code", HOLDS, "no page is written and executed");
	else
		audit_note(a, "code", KNOWN,
			"root alone can see that none is writable");
}

void
audit_process(struct audit *a)
{
	tracing(a);
	core(a);
	landlock(a);
	environment(a);
	code(a);
}
