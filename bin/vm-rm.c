/* SPDX-License-Identifier: MIT */
/*
 * vm-rm: removes machines. One that runs stays, unless it may be powered off
 * first.
 */
#include <errno.h>
#include <time.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "vmm/api-int.h"

struct conf {
	bool force, if_exists;
};

static const struct opt options[] = {
	{.name = "force",
		.letter = 'f',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, force),
		.help = "power off what runs"},
	{.name = "if-exists",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, if_exists),
		.help = "be content where there is none"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-rm",
	.what = "remove virtual machines",
	.usage = "[-f] [--if-exists] name ...",
	.opts = options,
	.min = 1,
	.max = OPT_ANY,
};

/* Somebody may start it again in between, or hold it for a moment. */
enum { TRIES = 40, PAUSE = 50 /* ms */ };

/* *off: it was powered off. Then it may be going by itself, and for a moment
 * look like something that never was a machine. */
static int
remove_one(const struct conf *conf, struct vmm_home *home, const char *name,
	bool *off)
{
	const struct timespec pause = {.tv_nsec = PAUSE * 1000000};
	int e = vmm_remove(home, name);

	for (unsigned n = 0; conf->force && n < TRIES; n++) {
		if (e != -EBUSY && !(*off && e == -EINVAL))
			break;
		if (n)
			nanosleep(&pause, NULL);
		if (e == -EBUSY) {
			e = vmm_poweroff(home, name);
			*off |= !e;
		}
		if (!e || e == -EINVAL)
			e = vmm_remove(home, name);
	}
	return e;
}

static int
removed(const struct conf *conf, struct vmm_home *home, const char *name)
{
	bool off = false;
	int e = remove_one(conf, home, name, &off);

	if (!e || (e == -ENOENT && (conf->if_exists || off)))
		return 0;
	return tool_fail();
}

static int
remove_all(const struct conf *conf, const struct opt_rest *rest)
{
	struct vmm_home *home = NULL;
	int e = api_home_open(&home, NULL, false), code = 0;

	if (e && e != -ENOENT)
		return tool_fail();
	for (unsigned n = 0; home && n < rest->n; n++)
		if (removed(conf, home, rest->v[n]))
			code = TOOL_FAILED;
	for (unsigned n = 0; !home && !conf->if_exists && n < rest->n; n++) {
		tool_say("%s: no such machine", rest->v[n]);
		code = TOOL_FAILED;
	}
	vmm_home_close(home);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	code = 0;
	for (unsigned n = 0; !code && n < rest.n; n++)
		code = tool_check_name(rest.v[n]);
	if (!code)
		code = remove_all(&conf, &rest);
	return tool_end(code);
}
