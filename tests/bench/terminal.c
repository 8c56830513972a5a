// LDLIBS: -lutil
/* SPDX-License-Identifier: MIT */
/*
 * terminal SECONDS KEYS COMMAND...: runs it on a terminal of 80x24, leaves it
 * alone for so long, then presses the down arrow so many times; prints the CPU
 * time that it took meanwhile, in percent of one CPU, and the median and the
 * most of milliseconds from key to the end of what is drawn. Then it is ended.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEYS_MAX = 1000, START_MS = 10000, QUIET_MS = 300, LATE_MS = 5000 };

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Something to read within ms; it is read. */
static int
drain(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[4096];

	if (poll(&p, 1, ms) <= 0)
		return 0;
	return read(fd, buf, sizeof(buf)) > 0;
}

static double
cpu_seconds(pid_t pid)
{
	unsigned long long user = 0, kernel = 0;
	char path[32], text[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		exit(1);
	fclose(f);
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1,
			  "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			  "%llu %llu",
			  &user, &kernel) != 2)
		exit(1);
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Until nothing more comes for 2 ms: the end of what one key draws. */
static double
press(int fd)
{
	double begin = now(), last = begin;

	if (write(fd, "\033OB", 3) != 3)
		exit(1);
	if (!drain(fd, LATE_MS)) {
		fputs("terminal: no answer\n", stderr);
		exit(1);
	}
	last = now();
	while (drain(fd, 2))
		last = now();
	return last - begin;
}

int
main(int argc, char **argv)
{
	struct winsize ws = {.ws_row = 24, .ws_col = 80};
	int seconds = argc > 3 ? atoi(argv[1]) : 0, fd;
	int keys = argc > 3 ? atoi(argv[2]) : 0;
	static double took[KEYS_MAX];
	double end, cpu;
	pid_t pid;

	if (seconds < 1 || keys < 1 || keys > KEYS_MAX)
		return 2;
	pid = forkpty(&fd, NULL, NULL, &ws);
	if (pid < 0)
		return 1;
	if (!pid) {
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	if (!drain(fd, START_MS))
		return 1;
	while (drain(fd, QUIET_MS))
		;
	cpu = cpu_seconds(pid);
	end = now() + seconds * 1e3;
	for (double t = now(); t < end; t = now())
		drain(fd, (int)(end - t) + 1);
	cpu = cpu_seconds(pid) - cpu;
	for (int i = 0; i < keys; i++)
		took[i] = press(fd);
	qsort(took, (size_t)keys, sizeof(*took), by_size);
	printf("%.2f %.1f %.1f\n", 100 * cpu / seconds, took[keys / 2],
		took[keys - 1]);
	kill(pid, SIGTERM);
	while (drain(fd, 1000))
		;
	waitpid(pid, NULL, 0);
	return 0;
}
