/* SPDX-License-Identifier: MIT */
/*
 * vm: runs vm-COMMAND, found beside itself or in PATH. What a command does is
 * that command's business: adding one means adding a file.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/err.h"

struct conf {
	bool list;
};

static const struct opt options[] = {
	{.name = "list-cmds",
		.kind = OPT_FLAG,
		.at = offsetof(struct conf, list),
		.help = "print the names of all commands"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm",
	.what = "run virtual machines; each command is a tool, vm-COMMAND",
	.usage = "command [argument ...]\n"
		 "help [command]\n"
		 "--list-cmds",
	.opts = options,
	.max = OPT_ANY,
	.command = true,
	.more = "'vm help' lists the commands, "
		"'vm help COMMAND' opens the manual.\n",
};

/* --- finding commands --- */

/* The directories to look in: ours, then those of PATH. Returns their number;
 * each is to be freed. */
static size_t
search_path(char **dirs, size_t max)
{
	const char *path = getenv("PATH");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t used = 0;

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		dirs[used++] = strdup(self);
	}
	while (path && *path && used < max) {
		size_t len = strcspn(path, ":");

		dirs[used++] = len ? strndup(path, len) : strdup(".");
		path += len + (path[len] == ':');
	}
	return used;
}

enum { MAX_DIRS = 64 };

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

/* Where vm-NAME is; to be freed. NULL: nowhere. */
static char *
find_command(const char *name)
{
	char *dirs[MAX_DIRS], *found = NULL;
	size_t n = search_path(dirs, MAX_DIRS);

	for (size_t i = 0; i < n; i++) {
		char *path = NULL;

		if (!found && dirs[i] &&
			asprintf(&path, "%s/vm-%s", dirs[i], name) > 0 &&
			is_program(path))
			found = path;
		else
			free(path);
		free(dirs[i]);
	}
	return found;
}

struct names {
	char **v;
	size_t n;
};

static void
add_name(struct names *names, const char *name)
{
	char **v = realloc(names->v, (names->n + 1) * sizeof(*v));

	if (!v)
		return;
	names->v = v;
	v[names->n] = strdup(name);
	names->n += v[names->n] != NULL;
}

static void
add_dir(struct names *names, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *path = NULL;

		if (strncmp(e->d_name, "vm-", 3) == 0 &&
			asprintf(&path, "%s/%s", dir, e->d_name) > 0 &&
			is_program(path))
			add_name(names, e->d_name + 3);
		free(path);
	}
	if (d)
		closedir(d);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_commands(const char *indent)
{
	struct names names = {0};
	char *dirs[MAX_DIRS];
	size_t n = search_path(dirs, MAX_DIRS);

	for (size_t i = 0; i < n; i++) {
		if (dirs[i])
			add_dir(&names, dirs[i]);
		free(dirs[i]);
	}
	if (names.n)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	for (size_t i = 0; i < names.n; i++)
		if (!i || strcmp(names.v[i], names.v[i - 1]) != 0)
			printf("%s%s\n", indent, names.v[i]);
	for (size_t i = 0; i < names.n; i++)
		free(names.v[i]);
	free(names.v);
}

/* --- running them --- */

static bool
is_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			return false;
	return *s != '\0';
}

static int
no_such(const char *name)
{
	failx(-ENOENT, "%s: no such command (vm --list-cmds lists them)", name);
	return tool_misused();
}

/* argv[0] is the command's name; it becomes vm-NAME. */
static int
run(char **argv)
{
	const char *name = argv[0];
	char *path = is_name(name) ? find_command(name) : NULL;
	int code;

	if (!path)
		return no_such(name);
	argv[0] = strrchr(path, '/') + 1;
	execv(path, argv);
	fail(-errno, "%s: cannot run", path);
	code = tool_fail();
	free(path);
	return code;
}

/* Run man with these arguments; true if it showed a page. */
static bool
man(const char *option, const char *page, bool quiet)
{
	char *argv[] = {(char *)"man", (char *)option, (char *)page, NULL};
	posix_spawn_file_actions_t io;
	int status, err;
	pid_t pid;

	if (!option) {
		argv[1] = argv[2];
		argv[2] = NULL;
	}
	posix_spawn_file_actions_init(&io);
	for (int fd = 1; quiet && fd < 3; fd++)
		posix_spawn_file_actions_addopen(
			&io, fd, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(&pid, "man", &io, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&io);
	if (err)
		return false;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What a page about a word may be called, and where it stands. */
static const struct form {
	const char *name;
	int section;
} forms[] = {
	{"vm-%s", 1}, {"vm-%s", 5}, {"vm-%s", 7}, {"vm.%s", 5}, {"lib%s", 3}};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* The page that came with this very program, be it installed or just built. */
static bool
own_page(const char *page, int section, char *path, size_t size)
{
	char self[PATH_MAX], place[2][32] = {"", "../../man"};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(place[0], sizeof(place[0]), "../share/man/man%d", section);
	for (int i = 0; i < 2; i++) {
		int len = snprintf(path, size, "%s/%s/%s.%d", self, place[i],
			page, section);

		if (len > 0 && (size_t)len < size && access(path, R_OK) == 0)
			return true;
	}
	return false;
}

static bool
show_page(const char *word)
{
	char page[NAME_MAX], path[PATH_MAX];

	if (strncmp(word, "lib", 3) == 0)
		word += 3;
	for (int i = 0; i < FORMS; i++) {
		snprintf(page, sizeof(page), forms[i].name, word);
		if (own_page(page, forms[i].section, path, sizeof(path)) &&
			man(NULL, path, false))
			return true;
	}
	for (int i = 0; i < FORMS; i++) {
		snprintf(page, sizeof(page), forms[i].name, word);
		if (man("-w", page, true) && man(NULL, page, false))
			return true;
	}
	return false;
}

static int
help(char **argv)
{
	char *again[] = {argv[0], (char *)"--help", NULL};

	if (!argv[0]) {
		opt_help(&tool, stdout);
		printf("\nCommands:\n");
		list_commands("  ");
		return 0;
	}
	if (argv[1]) {
		failx(-EINVAL, "unexpected argument '%s'", argv[1]);
		return tool_misused();
	}
	if (!is_name(argv[0]) || strlen(argv[0]) > 64)
		return no_such(argv[0]);
	return show_page(argv[0]) ? 0 : run(again);
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	if (conf.list) {
		list_commands("");
		return tool_end(0);
	}
	if (!rest.n) {
		opt_usage(&tool, stderr);
		return tool_end(TOOL_USAGE);
	}
	if (strcmp(rest.v[0], "help") == 0)
		return tool_end(help(rest.v + 1));
	return tool_end(run(rest.v));
}
