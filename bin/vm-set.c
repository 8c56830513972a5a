/* SPDX-License-Identifier: MIT */
/*
 * vm-set: changes a machine's configuration, all of what is asked for in one
 * write, or nothing. A running machine is told of what it can take at once.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "lib/qmp.h"
#include "vmm/api-int.h"

struct conf {
	struct opt_list unset;
	bool next, force;
};

static const struct opt options[] = {
	{.name = "next",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, next),
		.help = "for the next start: a running machine stays as it is"},
	{.name = "unset",
		.kind = OPT_LIST,
		.arg = "KEY",
		.at = offsetof(struct conf, unset),
		.help = "back to the default"},
	{.name = "force",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, force),
		.help = "files that it names need not be there"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-set",
	.what = "change the configuration of a virtual machine",
	.usage = "[--force] [--next] [--unset key] name [key=value ...]",
	.opts = options,
	.min = 1,
	.max = OPT_ANY,
};

struct change {
	const struct conf *conf;
	const struct opt_rest *rest;
	const char *name;
	struct home_vm *vm;
	struct config old, new;
	char *text;
	bool runs;
	struct tool_disks disks;
};

/* ---- what is to change ---- */

static int
assign(const struct change *m, struct config *c, struct tool_disks *disks)
{
	int code = 0;

	for (size_t n = 0; !code && n < m->conf->unset.n; n++)
		if (config_unset(c, m->conf->unset.v[n]))
			code = tool_misused();
	for (unsigned n = 1; !code && n < m->rest->n; n++)
		code = tool_assign(c, m->rest->v[n], disks);
	return code;
}

/* Mistakes on the command line are said before any machine is looked at. */
static int
check_usage(const struct change *m)
{
	struct tool_disks disks = {.dir = -1};
	struct config c;
	int code;

	if (m->rest->n < 2 && !m->conf->unset.n) {
		failx(-EINVAL, "nothing to change (vm-set -h helps)");
		return tool_misused();
	}
	config_init(&c);
	code = assign(m, &c, &disks);
	config_free(&c);
	tool_disks_free(&disks);
	return code;
}

static bool
differs(const struct change *m, const char *key)
{
	const char *a, *b;
	size_t n = 0;

	do {
		a = config_get(&m->old, key, n);
		b = config_get(&m->new, key, n);
		n++;
	} while (a && b && strcmp(a, b) == 0);
	return a || b;
}

/* Of files only those that are new here: others may be away for a while. */
static int
check_files(const struct change *m)
{
	struct config c;
	int code = 0;

	config_init(&c);
	for (size_t n = 0; !code && n < m->new.items; n++) {
		const struct config_item *i = &m->new.item[n];

		if (config_find(i->key)->flags & CONFIG_FILE &&
			differs(m, i->key) && config_set(&c, i->key, i->value))
			code = tool_fail();
	}
	if (!code)
		code = tool_check_files(&c);
	config_free(&c);
	return code;
}

static int
check_live(const struct change *m)
{
	const struct config_key *k;

	for (size_t n = 0; (k = config_key(n)) != NULL; n++) {
		if (k->flags & CONFIG_LIVE || !differs(m, k->name))
			continue;
		tool_say("%s: %s: cannot change while it runs (--next keeps it "
			 "for the next start)",
			m->name, k->name);
		return TOOL_FAILED;
	}
	return 0;
}

/* ---- telling the machine ---- */

enum { PATIENCE = 5000, PAUSE = 20 }; /* ms */

/* It may be on its way up, and not listen yet, or on its way down. */
static int
connect(const struct change *m, struct qmp **q)
{
	const struct timespec pause = {.tv_nsec = PAUSE * 1000000};
	int e = 0;

	for (int waited = 0; waited < PATIENCE; waited += PAUSE) {
		e = qmp_open(q, m->vm, PATIENCE);
		if (e != -ENOTCONN)
			return e;
		if (home_held(m->vm) <= 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return e;
}

/* What a running machine acts on; all else is on disk alone. */
static bool
acted_on(const char *key)
{
	static const char *const keys[] = {
		"on-reset", "on-crash", "on-io-error", "stop-timeout", "keep"};

	for (size_t n = 0; n < sizeof(keys) / sizeof(*keys); n++)
		if (strcmp(keys[n], key) == 0)
			return true;
	return false;
}

static int
tell_one(const struct change *m, struct qmp *q, const struct config *now,
	const struct config_key *k)
{
	const char *value = config_get(now, k->name, 0);
	json_t *args = json_pack("{s:s, s:s}", "key", k->name, "value",
		value ? value : k->standard);

	if (!args)
		return fail(-ENOMEM, "%s", m->name);
	return qmp_call(q, "x-set", args, NULL, PATIENCE);
}

/* What is on disk by now, which another may have changed again: whoever comes
 * last tells the last of it. */
static int
tell_all(const struct change *m, struct qmp *q)
{
	const struct config_key *k;
	struct config now;
	char *text = NULL;
	size_t size;
	int e = home_lock_config(m->vm);

	if (e)
		return e;
	config_init(&now);
	e = home_config(m->vm, &text, &size);
	if (!e)
		e = config_parse(&now, m->name, text, size);
	for (size_t n = 0; !e && (k = config_key(n)) != NULL; n++)
		if (acted_on(k->name) && differs(m, k->name))
			e = tell_one(m, q, &now, k);
	home_unlock_config(m->vm);
	config_free(&now);
	free(text);
	return e;
}

static bool
has_to_know(const struct change *m)
{
	const struct config_key *k;

	for (size_t n = 0; (k = config_key(n)) != NULL; n++)
		if (acted_on(k->name) && differs(m, k->name))
			return true;
	return false;
}

/* Without the config's lock at first: one that starts may want it before it
 * listens. */
static int
tell(const struct change *m)
{
	struct qmp *q = NULL;
	int e;

	if (!has_to_know(m))
		return 0;
	e = connect(m, &q);
	if (!e && q) /* else it has ended meanwhile */
		e = tell_all(m, q);
	qmp_close(q);
	if (!e)
		return 0;
	tool_say("%s (the change is kept for the next start)", fail_text());
	return TOOL_FAILED;
}

/* ---- changing ---- */

static int
load(struct change *m)
{
	char where[80];
	size_t size;
	int e = home_config(m->vm, &m->text, &size);

	snprintf(where, sizeof(where), "%s/config", m->name);
	if (!e)
		e = config_parse(&m->old, where, m->text, size);
	if (!e)
		e = config_parse(&m->new, where, m->text, size);
	m->disks.dir = home_vm_fd(m->vm);
	return e ? tool_fail() : assign(m, &m->new, &m->disks);
}

static int
write_config(const struct change *m)
{
	size_t size;
	char *text = config_edit(&m->new, m->text, strlen(m->text), &size);
	int e = text ? home_set_config(m->vm, text, size)
		     : fail(-ENOMEM, "config");

	free(text);
	return e ? tool_fail() : 0;
}

/* Under the config's lock. */
static int
change(struct change *m)
{
	int held, code = load(m);

	if (!code)
		code = tool_check_config(&m->new);
	if (!code && !m->conf->force)
		code = check_files(m);
	if (code)
		return code;
	held = home_held(m->vm);
	if (held < 0)
		return tool_fail();
	m->runs = held && !m->conf->next;
	if (m->runs)
		code = check_live(m);
	if (!code && tool_disks_make(&m->disks, m->disks.dir))
		code = tool_fail();
	if (code)
		return code;
	code = write_config(m);
	if (code)
		tool_disks_drop(&m->disks, m->disks.dir);
	return code;
}

static int
run(struct change *m, struct vmm_home *home)
{
	int code;

	if (home_find(home->home, m->name, &m->vm))
		return tool_fail();
	if (home_lock_config(m->vm))
		return tool_fail();
	code = change(m);
	home_unlock_config(m->vm);
	return !code && m->runs ? tell(m) : code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	struct change m = {.conf = &conf, .rest = &rest};
	struct vmm_home *home = NULL;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	m.name = rest.v[0];
	config_init(&m.old);
	config_init(&m.new);
	code = tool_check_name(m.name);
	if (!code)
		code = check_usage(&m);
	if (!code)
		code = tool_home(&home, false, m.name);
	if (!code)
		code = run(&m, home);
	home_vm_close(m.vm);
	config_free(&m.old);
	config_free(&m.new);
	tool_disks_free(&m.disks);
	free(m.text);
	vmm_home_close(home);
	opt_list_free(&conf.unset);
	return tool_end(code);
}
