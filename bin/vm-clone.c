/* SPDX-License-Identifier: MIT */
/*
 * vm-clone: makes a machine with the configuration of another and copies of its
 * disks, under an identity of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"

struct conf {
	bool force;
};

static const struct opt options[] = {
	{.name = "force",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, force),
		.help = "files that it names need not be there"},
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

struct clone {
	const struct conf *conf;
	struct vmm_home *home;
	const struct opt_rest *rest;
	struct home_vm *vm; /* the other */
	struct config c;
	struct tool_disks disks; /* new ones */
};

static int
change(struct clone *m)
{
	int code = 0;

	config_unset(&m->c, "uuid");
	for (unsigned n = 2; !code && n < m->rest->n; n++)
		code = tool_assign(&m->c, m->rest->v[n], &m->disks);
	if (!code)
		code = tool_check_config(&m->c);
	if (!code && !m->conf->force)
		code = tool_check_files(&m->c);
	return code;
}

/* The disks of a machine that runs are not for copying, and nobody is to start
 * it meanwhile. */
static int
take_disks(struct clone *m)
{
	int e = home_find(m->home->home, m->rest->v[0], &m->vm);

	if (e)
		return e;
	m->disks.dir = home_vm_fd(m->vm);
	if (!tool_disks_any(m->disks.dir))
		return 0;
	return home_lock(m->vm);
}

static int
fill(void *to, int dir)
{
	struct clone *m = to;
	int e = tool_disks_copy(home_vm_fd(m->vm), dir);

	return e ? e : tool_disks_make(&m->disks, dir);
}

static int
clone(struct clone *m)
{
	char *text, *copy = NULL;
	size_t size;
	int e, code = tool_load(m->home, m->rest->v[0], &m->c, &text);

	if (code)
		return code;
	if (take_disks(m))
		code = tool_fail();
	if (!code)
		code = change(m);
	if (!code) {
		copy = config_edit(&m->c, text, strlen(text), &size);
		e = copy ? api_create(m->home, m->rest->v[1], copy, fill, m)
			 : fail(-ENOMEM, "config");
		code = e ? tool_fail() : 0;
	}
	free(copy);
	free(text);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	struct clone m = {.conf = &conf, .rest = &rest, .disks = {.dir = -1}};
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	code = tool_check_name(rest.v[0]);
	if (!code)
		code = tool_check_name(rest.v[1]);
	if (!code)
		code = tool_home(&m.home, false, rest.v[0]);
	if (!code)
		code = clone(&m);
	home_vm_close(m.vm);
	config_free(&m.c);
	tool_disks_free(&m.disks);
	vmm_home_close(m.home);
	return tool_end(code);
}
