/* SPDX-License-Identifier: MIT */
/*
 * Namespaces and capabilities, namespaces(7), user_namespaces(7),
 * capabilities(7). libcap-ng drops them, and is not believed: its functions
 * return 0 with the bounding set full, so all five sets are read again.
 */
// LDLIBS: -lcap-ng
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/confine-int.h"

/* Refused, an ID is unmapped: nothing here minds. */
static void
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0)
		return;
	if (write(fd, text, n) != (ssize_t)n)
		n = 0;
	close(fd);
}

static void
map_ids(uid_t uid, gid_t gid)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	put("/proc/self/uid_map", text);
	put("/proc/self/setgroups", "deny"); /* or gid_map is refused */
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	put("/proc/self/gid_map", text);
}

void
confine_namespaces(struct confine_report *r)
{
	const int want = CLONE_NEWIPC | CLONE_NEWUTS;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(want) < 0) {
		if (unshare(want | CLONE_NEWUSER) < 0)
			return;
		map_ids(uid, gid);
		r->user_ns = true;
	}
	r->ipc_ns = r->uts_ns = true;
}

static bool
bounding_left(void)
{
	int v;

	for (unsigned long cap = 0; cap < 64; cap++) {
		v = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (v < 0)
			return false; /* EINVAL: behind the last one */
		if (v)
			return true;
	}
	return false;
}

static bool
ambient_left(void)
{
	int v;

	for (unsigned long cap = 0; cap < 64; cap++) {
		v = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);
		if (v < 0)
			return false;
		if (v)
			return true;
	}
	return false;
}

/* Permitted, effective, inheritable. */
static int
any_left(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &head, d) < 0)
		return -errno;
	return (d[0].effective | d[0].permitted | d[0].inheritable |
		       d[1].effective | d[1].permitted | d[1].inheritable) != 0;
}

int
confine_capabilities(struct confine_report *r)
{
	int left;

	capng_clear(CAPNG_SELECT_ALL);
	/* One by one, the bounding set while CAP_SETPCAP is there: what fails
	 * must not keep the others. */
	(void)capng_apply(CAPNG_SELECT_BOUNDS);
	(void)capng_apply(CAPNG_SELECT_CAPS);
	(void)capng_apply(CAPNG_SELECT_AMBIENT);
	left = any_left();
	if (left < 0)
		return fail(left, "confinement: cannot read capabilities");
	if (left || ambient_left())
		return failx(-EPERM, "confinement: capabilities are left");
	/* It gives nothing by itself, and with no_new_privs never will. */
	r->bounding = !bounding_left();
	if (!r->bounding && geteuid() == 0)
		return failx(-EPERM, "confinement: the capability bounding set "
				     "is not empty");
	return 0;
}
