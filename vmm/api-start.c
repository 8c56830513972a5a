/* SPDX-License-Identifier: MIT */
/*
 * Starting a machine from a program: `vm-run -d NAME`, whose sentence, should
 * it fail, becomes ours. The vm-run beside the calling program is preferred to
 * the one in PATH: a build tree uses its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/vmm.h"
#include "vmm/api-int.h"

static void
find_run(char *path, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", path, n - 8);
	char *slash;

	path[len < 0 ? 0 : len] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, "vm-run");
		if (access(path, X_OK) == 0)
			return;
	}
	snprintf(path, n, "vm-run");
}

/* Reads what is said, keeps the first line. */
static void
listen_to(int fd, char *line, size_t n)
{
	char buf[512];
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0 ||
		(got < 0 && errno == EINTR)) {
		for (ssize_t k = 0; k < got && have < n - 1; k++)
			line[have++] = buf[k];
	}
	line[have] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

/* In this home, whatever the caller's environment says. */
static int
spawn(pid_t *pid, char *const argv[], const posix_spawn_file_actions_t *actions,
	const char *home)
{
	size_t n = 0, k = 0;
	char **env, *var;
	int r = ENOMEM;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (env && asprintf(&var, "VM_HOME=%s", home) >= 0) {
		for (size_t at = 0; at < n; at++)
			if (strncmp(environ[at], "VM_HOME=", 8))
				env[k++] = environ[at];
		env[k] = var;
		r = posix_spawnp(pid, argv[0], actions, NULL, argv, env);
		free(var);
	}
	free(env);
	return r;
}

int
vmm_start(struct vmm_home *h, const char *name)
{
	char path[4096], line[512], *copy = strdup(name);
	char *argv[] = {path, (char[]){"-d"}, copy, NULL};
	posix_spawn_file_actions_t actions;
	int pipes[2], status, r;
	const char *said;
	pid_t pid;

	find_run(path, sizeof(path));
	if (!copy || pipe2(pipes, O_CLOEXEC) < 0) {
		free(copy);
		return fail(-errno, "%s: pipe", name);
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	r = spawn(&pid, argv, &actions, home_path(h->home));
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	free(copy);
	if (r) {
		close(pipes[0]);
		return fail(-r, "%s: cannot run %s", name, path);
	}
	listen_to(pipes[0], line, sizeof(line));
	close(pipes[0]);
	while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (r < 0) /* the caller ignores SIGCHLD: nobody knows */
		return fail(-errno, "%s: vm-run", name);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	said = strncmp(line, "vm-run: ", 8) ? line : line + 8;
	return failx(-EIO, "%s", *said ? said : "vm-run failed");
}
