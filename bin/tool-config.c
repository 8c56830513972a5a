/* SPDX-License-Identifier: MIT */
/*
 * key=value on the command line, and the configurations of machines.
 */
#include "bin/tool-config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"

int
tool_check_name(const char *name)
{
	return home_check_name(name) ? tool_misused() : 0;
}

int
tool_home(struct vmm_home **h, bool make, const char *name)
{
	int e = api_home_open(h, NULL, make);

	if (e == -ENOENT && !make)
		failx(e, "%s: no such machine", name);
	return e ? tool_fail() : 0;
}

void
tool_key(char key[64], const char *arg)
{
	size_t n = strcspn(arg, "=");

	if (n > 63 || !arg[n])
		n = 0;
	memcpy(key, arg, n);
	key[n] = '\0';
}

int
tool_set(struct config *c, const char *key, const char *value,
	struct tool_disks *disks)
{
	char *full, *spec;
	int e = config_absolute(key, value, &full);

	if (!e && strcmp(key, "disk") == 0 && tool_disk_is_new(full)) {
		e = tool_disks_plan(disks, c, full, &spec);
		free(full);
		full = spec;
	}
	if (e)
		return e;
	e = config_set(c, key, full);
	free(full);
	return e;
}

int
tool_assign(struct config *c, const char *arg, struct tool_disks *disks)
{
	const char *value = strchr(arg, '=');
	char key[64];
	int e;

	if (!value || value == arg) {
		tool_say("'%s' is not key=value", arg);
		return TOOL_USAGE;
	}
	tool_key(key, arg);
	if (!config_find(key)) {
		tool_say("%.*s: no such key", (int)(value - arg), arg);
		return TOOL_USAGE;
	}
	value++;
	if (!*value)
		return config_unset(c, key) ? tool_fail() : 0;
	e = tool_set(c, key, value, disks);
	if (!e)
		return 0;
	return e == -EINVAL || e == -ERANGE ? tool_misused() : tool_fail();
}

int
tool_load(struct vmm_home *h, const char *name, struct config *c, char **text)
{
	char where[80];
	int e;

	*text = NULL;
	config_init(c);
	e = vmm_config(h, name, text);
	if (e)
		return tool_fail();
	snprintf(where, sizeof(where), "%s/config", name);
	e = config_parse(c, where, *text, strlen(*text));
	if (!e)
		return 0;
	config_free(c);
	free(*text);
	*text = NULL;
	return tool_fail();
}

int
tool_check_config(const struct config *c)
{
	return config_check(c) ? tool_misused() : 0;
}

static int
is_there(void *to, const char *key, const char *path)
{
	(void)to;
	/* A relative one is in the machine's directory. */
	if (*path != '/' && strcmp(path, "-"))
		return 0;
	if (access(path, F_OK) == 0)
		return 0;
	return fail(-errno, "%s: %s", key, path);
}

int
tool_check_files(const struct config *c)
{
	for (size_t n = 0; n < c->items; n++) {
		const struct config_item *i = &c->item[n];

		if (config_inputs(i->key, i->value, is_there, NULL))
			return tool_fail();
	}
	return 0;
}
