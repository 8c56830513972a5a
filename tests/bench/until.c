/* SPDX-License-Identifier: MIT */
/*
 * until PATTERN COMMAND ...: run the command with no input, wait until a line
 * of its output contains the pattern, print the seconds from exec to then, and
 * end it. Without a match in 120 s or before its end: exit 1. With PATTERN ""
 * it waits for the command's end.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pid_t
start(char **argv, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(out, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

/* True if the pattern came; false at the end of output or of patience. */
static int
watch(int fd, const char *pattern, double end)
{
	char buf[65536];
	size_t used = 0;

	for (;;) {
		struct pollfd p = {fd, POLLIN, 0};
		ssize_t n;

		if (now() > end || poll(&p, 1, 1000) < 0)
			return 0;
		if (!p.revents)
			continue;
		if (used > sizeof(buf) / 2) { /* keep a tail */
			memmove(buf, buf + used - 256, 256);
			used = 256;
		}
		n = read(fd, buf + used, sizeof(buf) - 1 - used);
		if (n <= 0)
			return !*pattern;
		used += (size_t)n;
		buf[used] = '\0';
		if (*pattern && memmem(buf, used, pattern, strlen(pattern)))
			return 1;
	}
}

int
main(int argc, char **argv)
{
	double from, took;
	int fd[2], seen;
	pid_t pid;

	if (argc < 3 || pipe(fd) < 0)
		return 2;
	from = now();
	pid = start(argv + 2, fd[1]);
	close(fd[1]);
	seen = watch(fd[0], argv[1], from + 120);
	took = now() - from;
	if (*argv[1])
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (seen)
		printf("%.5f\n", took);
	return !seen;
}
