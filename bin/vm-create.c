/* SPDX-License-Identifier: MIT */
/*
 * vm-create: makes a machine, a directory with a configuration, of key=value, a
 * file, or another machine's, and with its disks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tool-config.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/kv.h"
#include "vmm/api-int.h"

struct conf {
	const char *file, *from;
	bool if_not_exists, force, list_keys;
};

#define CONF(member) offsetof(struct conf, member)

static const struct opt options[] = {
	{.name = "file",
		.letter = 'f',
		.kind = OPT_STRING,
		.arg = "FILE",
		.at = CONF(file),
		.help = "take the configuration from a file; - is stdin"},
	{.name = "from",
		.kind = OPT_STRING,
		.arg = "NAME",
		.at = CONF(from),
		.help = "take that of another machine, but for its uuid"},
	{.name = "if-not-exists",
		.kind = OPT_FLAG,
		.at = CONF(if_not_exists),
		.help = "be content with a machine that is there, unchanged"},
	{.name = "force",
		.kind = OPT_FLAG,
		.at = CONF(force),
		.help = "files that it names need not be there"},
	{.name = "list-keys",
		.kind = OPT_FLAG,
		.at = CONF(list_keys),
		.help = "print the configuration keys: key, form, meaning"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-create",
	.what = "make a virtual machine",
	.usage = "[--force] [--if-not-exists] [-f file] [--from name] name "
		 "[key=value ...]\n"
		 "--list-keys",
	.opts = options,
	.max = OPT_ANY,
};

struct create {
	const struct conf *conf;
	struct vmm_home *home;
	struct config c;
	char *text; /* of the file or of the other machine */
	struct tool_disks disks;
};

static void
list_keys(void)
{
	const struct config_key *k;

	for (size_t n = 0; (k = config_key(n)) != NULL; n++)
		printf("%s\t%s\t%s\n", k->name, k->form, k->help);
}

/* All there is, but no more than a configuration can be. */
static char *
read_all(int fd, const char *name)
{
	char *text = malloc(KV_TEXT_MAX + 2);
	size_t n = 0;
	ssize_t got = 1;

	if (!text) {
		fail(-ENOMEM, "%s", name);
		return NULL;
	}
	while (n <= KV_TEXT_MAX && got) {
		got = read(fd, text + n, KV_TEXT_MAX + 1 - n);
		if (got > 0)
			n += (size_t)got;
		else if (got < 0 && errno != EINTR)
			break;
	}
	if (got >= 0 && n <= KV_TEXT_MAX && !memchr(text, '\0', n)) {
		text[n] = '\0';
		return text;
	}
	if (got < 0)
		fail(-errno, "%s: cannot read", name);
	else
		failx(-EINVAL, "%s: not a configuration", name);
	free(text);
	return NULL;
}

/* Files and new disks are as on the command line. */
static int
take(void *to, const char *key, const char *value)
{
	struct create *m = to;

	return tool_set(&m->c, key, value, &m->disks);
}

static int
load_file(struct create *m, const char *path)
{
	bool piped = strcmp(path, "-") == 0;
	const char *name = piped ? "stdin" : path;
	int fd = piped ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		fail(-errno, "%s: cannot open", name);
		return tool_fail();
	}
	m->text = read_all(fd, name);
	if (!piped)
		close(fd);
	if (!m->text)
		return tool_fail();
	if (kv_parse(name, m->text, strlen(m->text), take, m))
		return tool_misused();
	return 0;
}

static int
load(struct create *m)
{
	int code;

	config_init(&m->c);
	if (m->conf->file)
		return load_file(m, m->conf->file);
	if (!m->conf->from) {
		m->text = strdup("");
		return m->text ? 0 : (fail(-ENOMEM, "config"), tool_fail());
	}
	code = tool_check_name(m->conf->from);
	if (!code)
		code = tool_load(m->home, m->conf->from, &m->c, &m->text);
	if (!code)
		config_unset(&m->c, "uuid");
	return code;
}

/* A disk in the other machine's directory is not in this one's. */
static int
check_from(const struct create *m)
{
	for (unsigned n = 0; m->conf->from && n < m->c.disks; n++) {
		const char *path = m->c.disk[n].image.path;
		bool ours = !path || *path == '/';

		for (unsigned k = 0; !ours && k < m->disks.n; k++)
			ours = !strcmp(
				path, m->disks.disk[k].config.image.path);
		if (!ours) {
			tool_say("disk: %s is in the directory of %s: vm-clone "
				 "copies it",
				path, m->conf->from);
			return TOOL_FAILED;
		}
	}
	return 0;
}

static bool
exists(struct create *m, const char *name)
{
	char *text;

	if (vmm_config(m->home, name, &text))
		return false;
	free(text);
	return true;
}

static int
create(struct create *m, const char *name)
{
	size_t size;
	char *text = config_edit(&m->c, m->text, strlen(m->text), &size);
	int e;

	if (!text) {
		fail(-ENOMEM, "config");
		return tool_fail();
	}
	e = api_create(m->home, name, text, tool_disks_make, &m->disks);
	free(text);
	if (!e || (e == -EEXIST && m->conf->if_not_exists))
		return 0;
	return tool_fail();
}

static int
run(struct create *m, const struct opt_rest *rest)
{
	const char *name = rest->v[0];
	int code = tool_check_name(name);

	if (!code && m->conf->from)
		code = tool_home(&m->home, false, m->conf->from);
	if (!code)
		code = load(m);
	for (unsigned n = 1; !code && n < rest->n; n++)
		code = tool_assign(&m->c, rest->v[n], &m->disks);
	if (!code)
		code = tool_check_config(&m->c);
	if (!code && !m->home)
		code = tool_home(&m->home, true, name);
	if (!code && m->conf->if_not_exists && exists(m, name))
		return 0;
	if (!code)
		code = check_from(m);
	if (!code && !m->conf->force)
		code = tool_check_files(&m->c);
	return code ? code : create(m, name);
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct create m = {.conf = &conf, .disks = {.dir = -1}};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	if (conf.list_keys) {
		list_keys();
		return tool_end(0);
	}
	if (!rest.n || (conf.file && conf.from)) {
		failx(-EINVAL, rest.n ? "either --file or --from"
				      : "no name given (vm-create -h helps)");
		return tool_end(tool_misused());
	}
	code = run(&m, &rest);
	config_free(&m.c);
	tool_disks_free(&m.disks);
	free(m.text);
	vmm_home_close(m.home);
	return tool_end(code);
}
