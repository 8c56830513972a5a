/* SPDX-License-Identifier: MIT */
/*
 * Child processes: whatever is to be done to a machine is done by the tool of
 * that name, which has the checks and the deadlines. Each runs in a session of
 * its own, without a terminal and without our descriptors, so that our end, or
 * the terminal's, is not its end; what it says on stderr is read, the first
 * line told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bin/tui/tui-int.h"
#include "lib/text.h"
#include "vmm/api-int.h"

enum { RUNNING = 8 };

struct job {
	struct job *next;
	char **argv; /* one allocation */
	job_done *done;
	char about[NAME_SIZE];
	unsigned what;
	pid_t pid; /* 0: not begun */
	int pidfd, pipe; /* -1 */
	char said[512];
	size_t used;
};

static char **
copy_argv(const char *const *argv)
{
	size_t n = 0, size = 0;
	char **copy, *at;

	for (; argv[n]; n++)
		size += strlen(argv[n]) + 1;
	copy = malloc((n + 1) * sizeof(*copy) + size);
	if (!copy)
		return NULL;
	at = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		copy[i] = strcpy(at, argv[i]);
		at += strlen(at) + 1;
	}
	copy[n] = NULL;
	return copy;
}

/* Beside us, else in PATH: a build tree uses its own. */
static void
find_tool(const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 64);
	char *slash;

	path[n < 0 ? 0 : n] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		snprintf(slash + 1, 63, "%s", name);
		if (access(path, X_OK) == 0)
			return;
	}
	snprintf(path, size, "%s", name);
}

/* The state directory that we look at, whatever is in the environment. */
static char **
environment(struct tui *t, char **var)
{
	struct vmm_home *h = model_home(t->model);
	size_t n = 0, k = 0;
	char **env;

	*var = NULL;
	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env ||
		(h && asprintf(var, "VM_HOME=%s", home_path(h->home)) < 0)) {
		free(env);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (!*var || strncmp(environ[i], "VM_HOME=", 8) != 0)
			env[k++] = environ[i];
	if (*var)
		env[k] = *var;
	return env;
}

/* A positive errno. */
static int
spawn(struct tui *t, struct job *j, int err_fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	char path[4096], *var, **env = environment(t, &var);
	sigset_t none, all;
	int r;

	if (!env)
		return ENOMEM;
	find_tool(j->argv[0], path, sizeof(path));
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
						POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, err_fd, 2);
	r = posix_spawnp(&j->pid, path, &files, &attr, j->argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	free(env);
	free(var);
	return r;
}

static void
free_job(struct job *j)
{
	if (j->pidfd >= 0)
		close(j->pidfd);
	if (j->pipe >= 0)
		close(j->pipe);
	free(j->argv);
	free(j);
}

/* One that cannot be begun has ended with 127. */
static void
begin(struct tui *t, struct job *j)
{
	int pipes[2], r;

	t->jobs_running++;
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0) {
		j->pid = -1;
		snprintf(j->said, sizeof(j->said), "%s", strerror(errno));
		return;
	}
	/* The child's end waits, as it expects. */
	fcntl(pipes[1], F_SETFL, 0);
	r = spawn(t, j, pipes[1]);
	close(pipes[1]);
	j->pipe = pipes[0];
	if (r) {
		j->pid = -1;
		snprintf(j->said, sizeof(j->said), "%s: %s", j->argv[0],
			strerror(r));
		return;
	}
	j->pidfd = (int)syscall(SYS_pidfd_open, j->pid, 0);
}

static void
begin_some(struct tui *t)
{
	for (struct job *j = t->jobs; j && t->jobs_running < RUNNING;
		j = j->next)
		if (!j->pid)
			begin(t, j);
}

int
job_add(struct tui *t, const char *const *argv, job_done *done,
	const char *about, unsigned what)
{
	struct job *j = calloc(1, sizeof(*j)), **end = &t->jobs;

	if (j)
		j->argv = copy_argv(argv);
	if (!j || !j->argv) {
		free(j);
		return -ENOMEM;
	}
	j->done = done;
	j->what = what;
	j->pidfd = j->pipe = -1;
	snprintf(j->about, sizeof(j->about), "%s", about);
	while (*end)
		end = &(*end)->next;
	*end = j;
	begin_some(t);
	return 0;
}

unsigned
job_fds(struct tui *t, struct pollfd *p, unsigned max)
{
	unsigned n = 0;

	for (struct job *j = t->jobs; j && n + 2 <= max; j = j->next) {
		if (j->pid <= 0)
			continue;
		p[n++] = (struct pollfd){.fd = j->pidfd, .events = POLLIN};
		p[n++] = (struct pollfd){.fd = j->pipe, .events = POLLIN};
	}
	return n;
}

static void
listen_to(struct job *j)
{
	char buf[512];
	ssize_t n;

	while (j->pipe >= 0 && (n = read(j->pipe, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		for (ssize_t i = 0; i < n && j->used < sizeof(j->said) - 1; i++)
			j->said[j->used++] = buf[i];
	}
	if (j->pipe >= 0)
		close(j->pipe);
	j->pipe = -1;
}

/* "vm-run: web: ..." without what every line begins with. */
static const char *
first_line(struct job *j)
{
	size_t n = strlen(j->argv[0]);
	char *said = j->said;

	said[j->used < sizeof(j->said) && j->used ? j->used : strlen(said)] =
		'\0';
	said[strcspn(said, "\n")] = '\0';
	text_clean(said);
	if (strncmp(said, j->argv[0], n) == 0 &&
		strncmp(said + n, ": ", 2) == 0)
		said += n + 2;
	return said;
}

/* Its exit status; -1: it goes on. */
static int
ended(struct job *j)
{
	int status;
	pid_t pid;

	if (j->pid < 0)
		return 127;
	pid = waitpid(j->pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return -1;
	if (pid < 0)
		return 127;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

void
job_ready(struct tui *t, const struct pollfd *p, unsigned n)
{
	struct job **at = &t->jobs, *j;

	(void)p;
	(void)n;
	while ((j = *at)) {
		int status = j->pid ? ended(j) : -1;

		if (j->pid > 0)
			listen_to(j);
		if (status < 0) {
			at = &j->next;
			continue;
		}
		*at = j->next;
		t->jobs_running--;
		j->done(t, j->about, j->what, status, first_line(j));
		free_job(j);
	}
	begin_some(t);
}

void
job_free_all(struct tui *t)
{
	struct job *next;

	for (struct job *j = t->jobs; j; j = next) {
		next = j->next;
		if (!j->pid)
			begin(t, j);
		free_job(j);
	}
	t->jobs = NULL;
}
