/* SPDX-License-Identifier: MIT */
/*
 * vm-rename: gives a machine another name. Its directory is renamed, nothing
 * else changes.
 */
#include "bin/tool-config.h"
#include "bin/tool.h"

static const struct opt options[] = {{0}};

static const struct opt_tool tool = {
	.name = "vm-rename",
	.what = "give a virtual machine another name",
	.usage = "name new-name",
	.opts = options,
	.min = 2,
	.max = 2,
};

int
main(int argc, char **argv)
{
	struct opt_rest rest;
	struct vmm_home *home = NULL;
	int code = tool_start(&tool, argc, argv, NULL, &rest);

	if (code >= 0)
		return tool_end(code);
	code = tool_check_name(rest.v[0]);
	if (!code)
		code = tool_check_name(rest.v[1]);
	if (!code)
		code = tool_home(&home, false, rest.v[0]);
	if (!code && vmm_rename(home, rest.v[0], rest.v[1]))
		code = tool_fail();
	vmm_home_close(home);
	return tool_end(code);
}
