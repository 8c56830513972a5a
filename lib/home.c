/* SPDX-License-Identifier: MIT */
/*
 * The state directory's root: where it is, whether to trust it, and the names
 * in it. Everything in it is reached through its descriptor, so that the length
 * of its path does not matter.
 */
#include "lib/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"
#include "lib/netfs.h"

static const char *const states[HOME_STATES] = {
	[HOME_STOPPED] = "stopped",
	[HOME_STARTING] = "starting",
	[HOME_RUNNING] = "running",
	[HOME_PAUSED] = "paused",
	[HOME_STOPPING] = "stopping",
	[HOME_CRASHED] = "crashed",
	[HOME_ERROR] = "error",
};

const char *
home_state_name(enum home_state state)
{
	return (unsigned)state < HOME_STATES ? states[state] : "error";
}

int
home_state_find(const char *name)
{
	for (int i = 0; i < HOME_STATES; i++)
		if (strcmp(states[i], name) == 0)
			return i;
	return -1;
}

bool
home_is_name(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"abcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n >= 1 && n <= 63 && !name[n] && !strchr("_.-", name[0]);
}

int
home_check_name(const char *name)
{
	if (home_is_name(name))
		return 0;
	return failx(-EINVAL,
		"%.80s: not a name: 1 to 63 letters, digits or "
		"_ . -, the first a letter or digit",
		name);
}

int
home_read(int dir, const char *name, size_t max, char **text, size_t *size)
{
	int fd = openat(dir, name, O_RDONLY | HOME_SAFE), err = 0;
	size_t n = 0, room;
	struct stat st;
	char *buf = NULL;
	ssize_t got;

	if (fd < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (st.st_size > (off_t)max)
		err = -EFBIG;
	room = err ? 0 : (size_t)st.st_size + 1; /* one more: has it grown? */
	if (!err && !(buf = malloc(room + 1)))
		err = -ENOMEM;
	while (!err && n < room) {
		got = read(fd, buf + n, room - n);
		if (got < 0 && errno != EINTR)
			err = -errno;
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	/* Files are replaced, never written to, so it does not grow: a caller
	 * never sees a part. */
	if (!err && n == room)
		err = -EFBIG;
	if (err) {
		free(buf);
		return err;
	}
	buf[n] = '\0';
	*text = buf;
	*size = n;
	return 0;
}

void
home_boot_id(char boot[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, boot, 39);

	if (fd >= 0)
		close(fd);
	boot[n > 0 ? n : 0] = '\0';
	boot[strspn(boot, "0123456789abcdef-")] = '\0';
}

/* The user's home directory, free(); NULL if nobody knows. */
static char *
user_home(void)
{
	const char *env = getenv("HOME");
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (env && *env)
		return strdup(env);
	if (getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found) || !found)
		return NULL;
	return strdup(found->pw_dir);
}

/* Where it is if nobody says; free(). NULL: out of memory, or no home. */
static char *
standard_path(void)
{
	const char *vm_home = getenv("VM_HOME"), *xdg = getenv("XDG_DATA_HOME");
	char *home, *path = NULL;

	if (vm_home && *vm_home)
		return strdup(vm_home);
	if (geteuid() == 0)
		return strdup("/var/lib/vm");
	/* The base directory specification: relative ones are ignored. */
	if (xdg && *xdg == '/')
		return asprintf(&path, "%s/vm", xdg) < 0 ? NULL : path;
	home = user_home();
	if (home && asprintf(&path, "%s/.local/share/vm", home) < 0)
		path = NULL;
	free(home);
	return path;
}

/* path, or the standard one, absolute and without slashes at its end. */
static int
find_path(const char *path, char **out)
{
	char *s = path ? strdup(path) : standard_path(), *cwd, *full;
	int n;

	if (!s)
		return failx(-ENOENT, "no home directory: set VM_HOME");
	for (size_t len = strlen(s); len > 1 && s[len - 1] == '/'; len--)
		s[len - 1] = '\0';
	if (*s == '/') {
		*out = s;
		return 0;
	}
	cwd = getcwd(NULL, 0);
	n = cwd ? asprintf(&full, "%s/%s", cwd, s) : -1;
	free(cwd);
	if (n < 0) {
		int err = fail(-errno, "%s", s);

		free(s);
		return err;
	}
	free(s);
	*out = full;
	return 0;
}

/* mkdir -p. Somebody else may be making them at the same time. */
static int
make_path(const struct calls *calls, char *path)
{
	char *at = path;
	int err;

	do {
		at = strchr(at + 1, '/');
		if (at)
			*at = '\0';
		err = call_mkdirat(calls, AT_FDCWD, path, 0700) ? errno : 0;
		if (at)
			*at = '/';
	} while (at && (!err || err == EEXIST || err == EACCES ||
			       err == EROFS || err == EPERM));
	return err && err != EEXIST ? -err : 0;
}

/* Locks and renames of other hosts are seen late or not at all there. */
static bool
is_network(int fd)
{
	const char *env = getenv("VM_HOME_NETWORK");

	return !(env && strcmp(env, "yes") == 0) && netfs_is(fd);
}

static int
check_root(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail(-errno, "%s", path);
	if (st.st_uid != geteuid())
		return failx(-EPERM, "%s: belongs to another user", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return failx(-EPERM, "%s: others may write to it", path);
	if (is_network(fd))
		return failx(-EPERM,
			"%s: on a network file system "
			"(VM_HOME_NETWORK=yes allows it)",
			path);
	return 0;
}

static int
open_root(struct home *h, bool make)
{
	int err;

	h->fd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->fd < 0 && errno == ENOENT && make) {
		err = make_path(h->calls, h->path);
		if (err)
			return fail(err, "%s: cannot make it", h->path);
		h->fd = open(h->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (h->fd < 0)
		return fail(-errno, "%s", h->path);
	return check_root(h->path, h->fd);
}

int
home_open(struct home **out, const char *path, bool make,
	const struct calls *calls)
{
	struct home *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return fail(-ENOMEM, "the state directory");
	h->fd = -1;
	h->calls = calls;
	home_boot_id(h->boot);
	err = find_path(path, &h->path);
	if (!err)
		err = open_root(h, make);
	if (err) {
		home_close(h);
		return err;
	}
	*out = h;
	return 0;
}

void
home_close(struct home *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	free(h->path);
	free(h);
}

const char *
home_path(const struct home *h)
{
	return h->path;
}
