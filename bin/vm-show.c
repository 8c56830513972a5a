/* SPDX-License-Identifier: MIT */
/*
 * vm-show: prints a machine's configuration, as text that vm-create takes, as
 * JSON, or the values of some keys.
 */
#include <errno.h>
#include <stdlib.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/json.h"

#define SCHEMA 1

struct conf {
	bool all, json;
};

static const struct opt options[] = {
	{.name = "all",
		.letter = 'a',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, all),
		.help = "also what was not set: the defaults"},
	{.name = "json",
		.letter = 'J',
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, json),
		.help = "print JSON"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-show",
	.what = "print the configuration of a virtual machine",
	.usage = "[-aJ] name\n"
		 "name key ...",
	.opts = options,
	.min = 1,
	.max = OPT_ANY,
};

static int
check_keys(const struct opt_rest *rest)
{
	for (unsigned n = 1; n < rest->n; n++) {
		if (!config_find(rest->v[n])) {
			tool_say("%s: no such key", rest->v[n]);
			return TOOL_USAGE;
		}
	}
	return 0;
}

static int
print_values(const struct config *c, const struct opt_rest *rest)
{
	int code = 0;

	for (unsigned n = 1; n < rest->n; n++) {
		const char *key = rest->v[n], *v;
		const char *standard = config_find(key)->standard;

		for (size_t i = 0; (v = config_get(c, key, i)) != NULL; i++)
			puts(v);
		if (config_get(c, key, 0))
			continue;
		if (*standard) {
			puts(standard);
			continue;
		}
		tool_say("%s: %s: not set", rest->v[0], key);
		code = TOOL_FAILED;
	}
	return code;
}

static void
print_json(const struct config *c, const char *name, bool all)
{
	struct json j;

	json_open(&j, stdout);
	json_put_object(&j, NULL);
	json_put_uint(&j, "schema", SCHEMA);
	json_put_string(&j, "name", name);
	json_put_object(&j, "config");
	config_json(c, &j, all);
	json_put_end(&j);
	json_put_end(&j);
	json_close(&j);
}

static int
show(const struct conf *conf, struct vmm_home *home,
	const struct opt_rest *rest)
{
	struct config c;
	char *text;
	int code = tool_load(home, rest->v[0], &c, &text);

	if (code)
		return code;
	if (rest->n > 1)
		code = print_values(&c, rest);
	else if (conf->json)
		print_json(&c, rest->v[0], conf->all);
	else if (conf->all)
		config_print(&c, stdout, true);
	else
		fputs(text, stdout);
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
	if (rest.n > 1 && (conf.json || conf.all)) {
		failx(-EINVAL, "--json and --all take no keys");
		return tool_end(tool_misused());
	}
	code = tool_check_name(rest.v[0]);
	if (!code)
		code = check_keys(&rest);
	if (!code)
		code = tool_home(&home, false, rest.v[0]);
	if (!code)
		code = show(&conf, home, &rest);
	vmm_home_close(home);
	return tool_end(code);
}
