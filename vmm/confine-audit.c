/* SPDX-License-Identifier: MIT */
/*
 * Looking back: what a confined process can tell of itself. Its /proc/PID/fd is
 * closed to other processes of its user, and it can itself only read the links
 * there, which Landlock does not restrict.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/json.h"
#include "vmm/confine-int.h"

enum { FDS_MAX = 65536, TARGET_MAX = 4096 };

static const struct kind {
	const char *name, *prefix;
} kinds[] = {
	{"memory", "/memfd:"},
	{"epoll", "anon_inode:[eventpoll]"},
	{"eventfd", "anon_inode:[eventfd]"},
	{"timerfd", "anon_inode:[timerfd]"},
	{"signalfd", "anon_inode:[signalfd]"},
	{"kvm-vcpu", "anon_inode:kvm-vcpu"},
	{"kvm-vm", "anon_inode:kvm-vm"},
	{"kvm", "/dev/kvm"},
	{"socket", "socket:["},
	{"pipe", "pipe:["},
	{"anon", "anon_inode:"},
};

void
confine_descriptor(char *to, size_t size, int fd, const char *link, int flags)
{
	static const char *const access[] = {"r", "w", "rw", "rw"};
	const char *kind = "file";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(link, kinds[i].prefix, strlen(kinds[i].prefix))) {
			kind = kinds[i].name;
			break;
		}
	snprintf(to, size, "%d %s %s %s", fd, kind,
		flags & O_PATH ? "path" : access[flags & O_ACCMODE], link);
}

static void
audit_descriptors(struct json *j)
{
	char path[32], link[TARGET_MAX], text[TARGET_MAX + 64];
	struct rlimit limit = {.rlim_cur = 1024};

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > FDS_MAX)
		limit.rlim_cur = FDS_MAX;
	json_put_array(j, "descriptors");
	for (int fd = 0; fd < (int)limit.rlim_cur; fd++) {
		int flags = fcntl(fd, F_GETFL);
		ssize_t n;

		if (flags < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		confine_descriptor(text, sizeof(text), fd, link, flags);
		json_put_string(j, NULL, text);
	}
	json_put_end(j);
}

static bool
root_refused(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == EACCES;
	close(fd);
	return false;
}

void
confine_audit(struct json *j)
{
	uint64_t n = 0;

	for (char **e = environ; e && *e; e++)
		n++;
	audit_descriptors(j);
	json_put_bool(j, "landlock", root_refused());
	json_put_uint(j, "environment", n);
	json_put_bool(j, "dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0);
}
