/* SPDX-License-Identifier: MIT */
/*
 * What is to run: a created machine, or one that the options describe, for
 * which a directory is made that lives as long as it does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/run/run.h"
#include "lib/err.h"
#include "lib/kv.h"
#include "vmm/api-int.h"

/* The options on top of what is there; a list given replaces the list. */
static int
overlay(struct config *cfg, const struct config *with)
{
	int e = 0;

	for (size_t n = 0; n < with->items && !e; n++) {
		const char *key = with->item[n].key;
		bool first = true;

		for (size_t k = 0; k < n; k++)
			first &= strcmp(with->item[k].key, key) != 0;
		if (first && config_find(key)->flags & CONFIG_LIST)
			e = config_unset(cfg, key);
		if (!e)
			e = config_set(cfg, key, with->item[n].value);
	}
	return e;
}

static int
read_config(struct run *r)
{
	char *text = NULL, where[96];
	size_t size;
	int e = home_lock_config(r->vm);

	/* Who changes it looks under this lock whether it runs: changes are
	 * either read here, or refused there. */
	if (e)
		return e;
	e = home_config(r->vm, &text, &size);
	home_unlock_config(r->vm);
	if (e)
		return e;
	snprintf(where, sizeof(where), "%s/config", r->operand);
	e = config_parse(&r->cfg, where, text, size);
	free(text);
	return e;
}

/* A file that the config names without a path from the root is in the
 * machine's directory, or its disks/, and nowhere else. Drives are opened from
 * there, so that nothing leads out of it. */
static int
in_directory(void *to, const char *key, const char *path, char **out)
{
	struct run *r = to;
	const char *name = path;

	if (*path == '/') {
		*out = strdup(path);
		return *out ? 0 : fail(-ENOMEM, "config");
	}
	if (strncmp(path, "disks/", 6) == 0)
		name += 6;
	if (!*name || strchr(name, '/') || strcmp(name, "..") == 0)
		return failx(-EINVAL,
			"%s/config: %s: '%s' is neither a whole path nor a "
			"name in the machine's directory",
			r->operand, key, path);
	if (strcmp(key, "disk") == 0 || strcmp(key, "cdrom") == 0)
		*out = strdup(path);
	else if (asprintf(out, "%s/%s", home_vm_path(r->vm), path) < 0)
		*out = NULL;
	return *out ? 0 : fail(-ENOMEM, "config");
}

/* Of what has to be there; what is written may lie where it is run. */
static int
resolve_item(struct run *r, const struct config_item *i, struct config *to)
{
	char *value;
	int e;

	if (!(config_find(i->key)->flags & CONFIG_FILE))
		return config_set(to, i->key, i->value);
	e = config_map_files(i->key, i->value, in_directory, r, &value);
	if (e)
		return e;
	e = config_set(to, i->key, value);
	free(value);
	return e;
}

static int
resolve(struct run *r)
{
	struct config whole;
	int e = 0;

	config_init(&whole);
	for (size_t n = 0; !e && n < r->cfg.items; n++)
		e = resolve_item(r, &r->cfg.item[n], &whole);
	if (e) {
		config_free(&whole);
		return e;
	}
	config_free(&r->cfg);
	r->cfg = whole;
	return 0;
}

static int
created(struct run *r)
{
	int e = home_open(&r->home, NULL, false, NULL);

	if (e == -ENOENT)
		e = failx(e, "%s: no such machine", r->operand);
	if (!e)
		e = home_find(r->home, r->operand, &r->vm);
	if (!e)
		e = home_lock(r->vm);
	if (!e)
		e = read_config(r);
	if (!e)
		e = resolve(r);
	if (!e)
		e = overlay(&r->cfg, &r->conf->cfg);
	if (!e && !config_get(&r->cfg, "on-reset", 0))
		r->cfg.on_reset = ON_RESET_RESTART;
	r->what = r->operand;
	return e;
}

/* Its config as it is kept: files by whole paths, for a run from elsewhere. */
static int
print_config(const struct config *cfg, FILE *f)
{
	char *full;
	int e = 0;

	for (size_t n = 0; n < cfg->items && !e; n++) {
		const struct config_item *it = &cfg->item[n];

		e = config_absolute(it->key, it->value, &full);
		if (e)
			break;
		kv_print(f, it->key, full);
		free(full);
	}
	return e;
}

static int
config_text(const struct config *cfg, char **text, size_t *size)
{
	FILE *f = open_memstream(text, size);
	int e;

	if (!f)
		return fail(-ENOMEM, "config");
	e = print_config(cfg, f);
	return fclose(f) ? fail(-ENOMEM, "config") : e;
}

static int
make_directory(struct run *r)
{
	size_t size;
	char *text = NULL;
	int e = home_open(&r->home, NULL, true, NULL);

	if (e)
		return e;
	home_sweep(r->home);
	e = config_text(&r->cfg, &text, &size);
	if (e) {
		free(text);
		return e;
	}
	if (r->conf->name)
		snprintf(r->name, sizeof(r->name), "%s", r->conf->name);
	else
		snprintf(r->name, sizeof(r->name), "run-%d", (int)getpid());
	e = home_create(r->home, r->name, text, size, true, &r->vm);
	free(text);
	if (!e && r->cfg.keep != HOME_KEEP_NEVER)
		e = home_sync(r->vm);
	return e;
}

/* A filter works where nothing can be kept, too: without a name it runs
 * unseen, and says so. */
static int
transient(struct run *r)
{
	int e = config_set(&r->cfg, "on-reset", "exit");

	if (!e)
		e = overlay(&r->cfg, &r->conf->cfg);
	if (e)
		return e;
	r->what = r->cfg.kernel ? r->cfg.kernel : "firmware";
	if (strcmp(r->what, "-") == 0)
		r->what = "stdin";
	if (!config_get(&r->cfg, "keep", 0))
		r->cfg.keep = HOME_KEEP_NEVER;
	e = make_directory(r);
	if (e && !r->conf->name && !r->conf->detach &&
		r->cfg.keep == HOME_KEEP_NEVER) {
		tool_say("%s; other tools will not see the machine",
			fail_text());
		home_close(r->home);
		r->home = NULL;
		e = 0;
	}
	if (r->conf->name)
		r->what = r->conf->name;
	return e;
}

int
run_target(struct run *r)
{
	int e = r->operand ? created(r) : transient(r);

	if (!e && !r->cfg.kernel && r->cfg.firmware &&
		strcmp(r->cfg.firmware, "none") == 0)
		e = failx(
			-EINVAL, "%s: no kernel, and firmware = none", r->what);
	return e;
}

/* ---- autostart ---- */

struct autostart {
	struct vmm_home *home;
	bool failed;
};

static bool
wants(struct vmm_home *home, const char *name)
{
	struct config cfg;
	char *text;
	bool yes;

	if (vmm_config(home, name, &text))
		return false;
	config_init(&cfg);
	yes = !config_parse(&cfg, name, text, strlen(text)) && cfg.autostart;
	config_free(&cfg);
	free(text);
	return yes;
}

/* Of several, which one it is; a sentence may begin with it. */
static void
say_start(const char *name)
{
	const char *why = fail_text();
	size_t n = strlen(name);

	if (strncmp(why, name, n) == 0 && (why[n] == ':' || why[n] == '/'))
		tool_fail();
	else
		tool_say("%s: %s", name, why);
}

static int
start_one(void *to, const struct vmm_info *info)
{
	struct autostart *a = to;

	if (info->pid || !wants(a->home, info->name))
		return 0;
	if (vmm_start(a->home, info->name)) {
		say_start(info->name);
		a->failed = true;
	}
	return 0;
}

int
run_autostart(const struct conf *conf)
{
	struct autostart a = {0};
	int e = api_home_open(&a.home, NULL, false);

	(void)conf;
	if (e == -ENOENT) /* and so no machine */
		return 0;
	if (!e)
		e = vmm_list(a.home, 0, start_one, &a);
	if (e)
		tool_fail();
	vmm_home_close(a.home);
	return e || a.failed ? TOOL_FAILED : 0;
}
