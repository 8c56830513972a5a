/* SPDX-License-Identifier: MIT */
/*
 * vm-audit: proves from outside that the process of a running machine is
 * confined: promise S1.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tool.h"
#include "bin/audit/audit.h"
#include "lib/err.h"
#include "lib/qmp.h"
#include "lib/text.h"

enum { ANSWER_MS = 5000 };

struct conf {
	bool json, quiet;
};

static const struct opt options[] = {
	{.name = "json",
		.letter = 'J',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, json),
		.help = "print JSON"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, quiet),
		.help = "do not print the checks: the exit status tells"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-audit",
	.what = "check that running machines are confined",
	.usage = "[-Jq] name ...",
	.opts = options,
	.min = 1,
	.max = OPT_ANY,
};

void
audit_note(struct audit *a, const char *what, enum result result,
	const char *fmt, ...)
{
	struct check *c;
	va_list ap;

	a->failed |= result == FAILS;
	if (a->n == AUDIT_CHECKS)
		return;
	c = &a->check[a->n++];
	c->what = what;
	c->result = result;
	va_start(ap, fmt);
	text_format(c->detail, sizeof(c->detail), fmt, ap);
	va_end(ap);
}

ssize_t
audit_read(const struct audit *a, const char *name, char *text, size_t size)
{
	int fd = openat(a->proc, name, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got = 1;
	int err = 0;

	if (fd < 0)
		return -errno;
	while (n < size - 1 && got > 0) {
		got = read(fd, text + n, size - 1 - n);
		if (got < 0)
			err = -errno;
		else
			n += (size_t)got;
	}
	close(fd);
	text[n] = '\0';
	return err ? err : (ssize_t)n;
}

void
audit_ask(struct audit *a)
{
	int r = 0;

	json_decref(a->word);
	a->word = NULL;
	if (!a->qmp)
		r = qmp_open(&a->qmp, a->vm, ANSWER_MS);
	if (!r)
		r = qmp_call(a->qmp, "x-audit", NULL, &a->word, ANSWER_MS);
	if (r)
		snprintf(a->silence, sizeof(a->silence), "cannot be asked: %s",
			fail_text());
	else if (!a->silence[0])
		snprintf(a->silence, sizeof(a->silence),
			"the process does not say");
}

static bool
has_ended(const struct audit *a)
{
	struct pollfd p = {.fd = a->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

/* Its /proc directory, being sure that it is this process's. */
static int
open_process(struct audit *a, const char *name)
{
	struct home_look look;
	char path[32];
	int r = home_vm_look(a->vm, &look);

	if (r)
		return r;
	a->status = look.status;
	if (look.held)
		a->pidfd = home_pidfd(a->vm, &look.status);
	if (!look.held || a->pidfd < 0)
		return failx(-ESRCH, "%s: not running", name);
	snprintf(path, sizeof(path), "/proc/%d", (int)look.status.pid);
	a->proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->proc < 0 || has_ended(a))
		return failx(-ESRCH, "%s: not running", name);
	return 0;
}

static int
audit(struct audit *a, const char *name)
{
	int r;

	if (!a->home) /* there is not even a directory of machines */
		return failx(-ENOENT, "%s: no such machine", name);
	r = home_find(a->home, name, &a->vm);
	if (!r)
		r = open_process(a, name);
	if (r)
		return r;
	audit_ask(a);
	audit_threads(a);
	audit_process(a);
	audit_descriptors(a);
	if (has_ended(a))
		return failx(-ESRCH, "%s: ended meanwhile", name);
	audit_note(a, "in force", KNOWN, "%s",
		a->status.confined[0] ? a->status.confined
				      : "nothing: it was not confined");
	return 0;
}

static void
audit_end(struct audit *a)
{
	json_decref(a->word);
	json_decref(a->drives);
	qmp_close(a->qmp);
	if (a->proc >= 0)
		close(a->proc);
	if (a->pidfd >= 0)
		close(a->pidfd);
	home_vm_close(a->vm);
}

/* 0: all hold; 1: some do not, or it does not run. */
static int
audit_one(struct home *home, const char *name, const struct conf *conf,
	bool several, struct json *j)
{
	struct audit *a = calloc(1, sizeof(*a));
	int code = 0;

	if (!a) {
		fail(-ENOMEM, "%s", name);
		return tool_fail();
	}
	a->home = home;
	a->pidfd = a->proc = -1;
	if (audit(a, name) < 0)
		code = tool_fail();
	else if (j)
		audit_print_json(j, a, name);
	else if (!conf->quiet)
		audit_print(a, several ? name : NULL);
	if (a->failed)
		code = TOOL_FAILED;
	audit_end(a);
	free(a);
	return code;
}

static int
audit_all(
	struct home *home, const struct opt_rest *rest, const struct conf *conf)
{
	bool json = conf->json && !conf->quiet;
	struct json *j = json ? audit_json_begin() : NULL;
	int code = 0;

	for (unsigned i = 0; i < rest->n; i++)
		code |= audit_one(home, rest->v[i], conf, rest->n > 1, j);
	if (json)
		audit_json_end(j);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	struct home *home = NULL;
	int code = tool_start(&tool, argc, argv, &conf, &rest), r;

	if (code >= 0)
		return tool_end(code);
	for (unsigned i = 0; i < rest.n; i++)
		if (home_check_name(rest.v[i]))
			return tool_end(tool_misused());
	r = home_open(&home, NULL, false, NULL);
	if (r && r != -ENOENT)
		return tool_end(tool_fail());
	code = audit_all(home, &rest, &conf);
	if (home)
		home_close(home);
	return tool_end(code);
}
