/* SPDX-License-Identifier: MIT */
/*
 * vm-ls --watch: changes as they happen.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bin/ls/ls.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/stamp.h"
#include "vmm/api-int.h"

static bool
named(const struct list *l, const char *name)
{
	for (char **p = l->names; *p; p++)
		if (strcmp(*p, name) == 0)
			return true;
	return !l->names[0];
}

static void
change_json(const struct vmm_info *i, const char *at)
{
	struct json j;

	json_open(&j, stdout);
	json_put_object(&j, NULL);
	json_put_string(&j, "time", at);
	json_put_string(&j, "name", i->name);
	json_put_string(&j, "state", i->state);
	if (i->pid > 0)
		json_put_int(&j, "pid", i->pid);
	if (i->exit >= 0)
		json_put_int(&j, "exit", i->exit);
	if (*i->cause)
		json_put_string(&j, "cause", i->cause);
	json_put_end(&j);
	json_close(&j);
}

static int
change(void *to, const struct vmm_info *i)
{
	const struct list *l = to;
	char at[32];

	if (!i) {
		tool_say("%s", fail_text());
		return 0;
	}
	/* Of what was removed, the state is none that one could ask for. */
	if (!named(l, i->name) ||
		(strcmp(i->state, "removed") != 0 && !wanted(l, i)))
		return 0;
	stamp_print(at, time(NULL));
	if (l->conf->json)
		change_json(i, at);
	else
		printf("%s %s %s\n", at, i->name, i->state);
	return tool_flush() == 0 ? 0 : 1;
}

int
watch_changes(struct list *l)
{
	struct vmm_home *home;
	int r;

	if (api_home_open(&home, NULL, true))
		return tool_fail();
	r = vmm_watch(home, 0, change, l);
	vmm_home_close(home);
	return r < 0 ? tool_fail() : TOOL_FAILED; /* tool_end() says why */
}
