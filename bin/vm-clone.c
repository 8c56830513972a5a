/* SPDX-License-Identifier: MIT */
/*
 * vm-clone: makes a machine with the configuration of another, under an
 * identity of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "lib/err.h"

struct conf {
	bool force;
};

static const struct opt options[] = {
	{.name = "force",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, force),
		.help = "kernel and initrd need not be there"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-clone",
	.what = "make a virtual machine like another",
	.usage = "[--force] name new-name [key=value ...]",
	.opts = options,
	.min = 2,
	.max = OPT_ANY,
};

static int
change(const struct conf *conf, struct config *c, const struct opt_rest *rest)
{
	int code = 0;

	config_unset(c, "uuid");
	for (unsigned n = 2; !code && n < rest->n; n++)
		code = tool_assign(c, rest->v[n]);
	if (!code)
		code = tool_check_config(c);
	if (!code && !conf->force)
		code = tool_check_files(c);
	return code;
}

static int
clone(const struct conf *conf, struct vmm_home *home,
	const struct opt_rest *rest)
{
	struct config c;
	char *text, *copy;
	size_t size;
	int code = tool_load(home, rest->v[0], &c, &text);

	if (code)
		return code;
	code = change(conf, &c, rest);
	if (!code) {
		copy = config_edit(&c, text, strlen(text), &size);
		if (!copy)
			code = fail(-ENOMEM, "config");
		else
			code = vmm_create(home, rest->v[1], copy);
		free(copy);
		if (code)
			code = tool_fail();
	}
	free(text);
	config_free(&c);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	struct vmm_home *home = NULL;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	code = tool_check_name(rest.v[0]);
	if (!code)
		code = tool_check_name(rest.v[1]);
	if (!code)
		code = tool_home(&home, false, rest.v[0]);
	if (!code)
		code = clone(&conf, home, &rest);
	vmm_home_close(home);
	return tool_end(code);
}
