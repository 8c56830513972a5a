/* SPDX-License-Identifier: MIT */
/*
 * How the host does, from proc(5): stat, meminfo, loadavg. What cannot be read
 * is not known.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tui/tui-int.h"

static bool
slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* user nice system idle iowait irq softirq steal; guests are in user. */
static void
read_cpu(struct host *h, const char *text)
{
	unsigned long long t[8] = {0}, total = 0, idle;

	if (sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0],
		    &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) < 4)
		return;
	for (unsigned i = 0; i < 8; i++)
		total += t[i];
	idle = t[3] + t[4];
	if (h->total && total > h->total)
		h->cpu = 100.0 * (double)(total - idle - h->busy) /
			 (double)(total - h->total);
	if (h->cpu < 0 && h->total)
		h->cpu = 0;
	h->busy = total - idle;
	h->total = total;
}

static uint64_t
kilobytes(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

void
host_read(struct host *h)
{
	char text[4096];
	uint64_t available;

	if (!h->total)
		h->cpu = -1;
	h->cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (slurp("/proc/stat", text, sizeof(text)))
		read_cpu(h, text);
	if (slurp("/proc/meminfo", text, sizeof(text))) {
		h->memory = kilobytes(text, "MemTotal:");
		available = kilobytes(text, "MemAvailable:");
		h->used = h->memory > available ? h->memory - available : 0;
	}
	h->load[0] = -1;
	if (slurp("/proc/loadavg", text, sizeof(text)) &&
		sscanf(text, "%lf %lf %lf", &h->load[0], &h->load[1],
			&h->load[2]) != 3)
		h->load[0] = -1;
}
