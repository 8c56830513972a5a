/* SPDX-License-Identifier: MIT */
/*
 * Is it this process that holds a machine's lock? The kernel does not name the
 * owner of such a lock, and the status is the word of a process that may have
 * been taken over: it could name any other of its user's, to have that killed
 * in its stead. So the kernel is asked the other way round: proc(5) shows the
 * locks behind a process's descriptors, to whom it may; to others the socket
 * "ctl" tells who listens there (unix(7), SO_PEERCRED), which a confined
 * process cannot have another do.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/home-int.h"
#include "lib/sock.h"

/* "lock:	1: OFDLCK ADVISORY  WRITE -1 fe:00:123 0 0" */
static bool
is_run_lock(char *text)
{
	static const char bytes[] = " 0 0"; /* HOME_BYTE_RUN, from and to */
	char *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		size_t n = strlen(line);

		if (strncmp(line, "lock:", 5) == 0 && strstr(line, "OFDLCK") &&
			strstr(line, " WRITE ") && n >= sizeof(bytes) - 1 &&
			strcmp(line + n - (sizeof(bytes) - 1), bytes) == 0)
			return true;
	}
	return false;
}

static bool
has_lock(int proc, const char *fd, const struct stat *lock)
{
	char path[40], text[2048];
	struct stat st;
	ssize_t n;
	int info;

	snprintf(path, sizeof(path), "fd/%.15s", fd);
	if (fstatat(proc, path, &st, 0) || st.st_dev != lock->st_dev ||
		st.st_ino != lock->st_ino)
		return false;
	snprintf(path, sizeof(path), "fdinfo/%.15s", fd);
	info = openat(proc, path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? 0 : read(info, text, sizeof(text) - 1);
	if (info >= 0)
		close(info);
	text[n > 0 ? n : 0] = '\0';
	return is_run_lock(text);
}

/* 1, 0; -EACCES: we may not know. */
static int
shows_lock(int dir, pid_t pid)
{
	char path[32];
	struct stat lock;
	const struct dirent *d;
	int proc, fd, has = 0;
	DIR *list;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	proc = open(path, HOME_DIR);
	fd = proc < 0 ? -1 : openat(proc, "fd", HOME_DIR);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list)
		has = -EACCES;
	if (!list && fd >= 0)
		close(fd);
	if (list && fstatat(dir, "lock", &lock, AT_SYMLINK_NOFOLLOW) == 0)
		while (!has && (d = readdir(list)))
			has = d->d_name[0] != '.' &&
			      has_lock(proc, d->d_name, &lock);
	if (list)
		closedir(list);
	if (proc >= 0)
		close(proc);
	return has;
}

static bool
listens(int dir, pid_t pid)
{
	int fd = sock_connect(dir, "ctl", 0);
	struct ucred peer = {0};
	socklen_t n = sizeof(peer);
	bool does;

	if (fd < 0)
		return false;
	does = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       peer.pid == pid;
	close(fd);
	return does;
}

bool
home_is_holder(int dir, pid_t pid)
{
	int shows = shows_lock(dir, pid);

	return shows < 0 ? listens(dir, pid) : shows > 0;
}
