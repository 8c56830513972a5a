/* SPDX-License-Identifier: MIT */
/*
 * Into the background, and word of it to whoever waits: the parent of -d, and
 * a service manager that listens at $NOTIFY_SOCKET (sd_notify(3)).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bin/run/run.h"
#include "lib/err.h"

/* The child's word, or its exit status. */
static _Noreturn void
await(int fd, pid_t child)
{
	int status;
	char word;
	ssize_t n;

	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(END_FAILED);
	if (WIFSIGNALED(status)) {
		tool_say("ended by signal %d", WTERMSIG(status));
		_exit(END_FAILED);
	}
	_exit(WEXITSTATUS(status)); /* it has ended already */
}

int
run_detach(struct run *r)
{
	int pipes[2];
	pid_t child;

	/* What the caller left open, a pipe perhaps that somebody reads to its
	 * end. Nothing of ours is open yet. */
	close_range(3, ~0u, 0);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return fail(-errno, "pipe");
	child = fork();
	if (child < 0)
		return fail(-errno, "cannot go to the background");
	if (child) {
		close(pipes[1]);
		await(pipes[0], child);
	}
	close(pipes[0]);
	r->ready = pipes[1];
	setsid();
	/* Opened here: a confined process opens nothing. */
	r->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	return r->null < 0 ? fail(-errno, "/dev/null") : 0;
}

void
run_notify_open(struct run *r)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t len;
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(a.sun_path) ||
		(path[0] != '/' && path[0] != '@'))
		return;
	memcpy(a.sun_path, path, n);
	if (path[0] == '@')
		a.sun_path[0] = '\0'; /* abstract */
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	r->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r->notify < 0 ||
		connect(r->notify, (struct sockaddr *)&a, len) == 0)
		return;
	close(r->notify);
	r->notify = -1;
}

void
run_notify(const struct run *r, const char *text)
{
	if (r->notify >= 0)
		send(r->notify, text, strlen(text),
			MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The caller may be a pipeline that waits for the end of its input. */
static void
let_go(struct run *r)
{
	for (int fd = 0; fd < 3; fd++)
		dup2(r->null, fd);
	close(r->null);
	r->null = -1;
}

void
run_up(struct run *r)
{
	char text[160];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s runs under %s\n",
		r->what, machine_engine(instance_machine(r->instance)));
	run_notify(r, text);
	if (r->ready < 0)
		return;
	let_go(r);
	(void)!write(r->ready, "", 1);
	close(r->ready);
	r->ready = -1;
}
