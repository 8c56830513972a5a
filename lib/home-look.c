/* SPDX-License-Identifier: MIT */
/*
 * How a machine looks from outside: what its status and its lock say together.
 * The status is what a process said of itself; whether it lives, the lock alone
 * knows. Nothing is taken, nobody asked, nothing waited for.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"

static bool
is_live(enum home_state phase)
{
	return phase == HOME_STARTING || phase == HOME_RUNNING ||
	       phase == HOME_PAUSED || phase == HOME_STOPPING;
}

static bool
other_boot(const struct home *h, const struct home_status *st)
{
	return *h->boot && *st->boot && strcmp(h->boot, st->boot) != 0;
}

/* When it started, in clock ticks since boot; 0 if that cannot be told. The
 * name in parentheses may hold anything, so look behind the last of them. */
static uint64_t
start_time(const char *pid)
{
	char path[40], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strrchr(text, ')');
	/* Behind it comes field 3; 22 is wanted. */
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static bool
is_there(const struct home *h, const struct home_status *st)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)st->pid);
	return st->pid > 1 && st->start && !other_boot(h, st) &&
	       start_time(pid) == st->start;
}

/* A held lock with what an earlier run left is a run that has not said anything
 * yet, unless it is the same process still: that is about to let go. No status
 * is one that says stopped, of no process. */
static enum home_state
judge_held(const struct home *h, const struct home_status *st)
{
	if (is_live(st->phase))
		return other_boot(h, st) ? HOME_STARTING : st->phase;
	return is_there(h, st) ? HOME_STOPPING : HOME_STARTING;
}

/* A free one with a live phase is one that will say nothing any more. */
static enum home_state
judge_free(const struct home *h, struct home_status *st)
{
	if (!is_live(st->phase))
		return st->phase;
	snprintf(st->cause, sizeof(st->cause), "%s",
		other_boot(h, st) ? "the host was started anew"
				  : "the process ended without a word");
	return HOME_CRASHED;
}

/* Has another file taken its place? */
static bool
is_replaced(int fd)
{
	struct stat st;

	return fstat(fd, &st) || !st.st_nlink;
}

/*
 * Status first, then the lock. A process that ends in between has a live phase
 * and then a free lock, and did not crash: so that verdict is only believed if
 * the status still is the same after the lock was seen free.
 */
static int
look_dir(const struct home *h, int dir, struct home_look *look)
{
	bool again = true;
	int fd, held;

	for (int i = 0; again && i < 8; i++) {
		home_open_status(dir, &look->status, &fd);
		held = home_dir_held(dir);
		again = held == 0 && is_live(look->status.phase) &&
			is_replaced(fd);
		if (fd >= 0)
			close(fd);
		if (held < 0)
			return held;
		look->held = held;
	}
	look->state = look->held ? judge_held(h, &look->status)
				 : judge_free(h, &look->status);
	return 0;
}

static int64_t
created(int dir)
{
	struct statx stx;
	struct stat st;

	if (statx(dir, "", AT_EMPTY_PATH, STATX_BTIME, &stx) == 0 &&
		stx.stx_mask & STATX_BTIME)
		return stx.stx_btime.tv_sec;
	if (fstatat(dir, "format", &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return st.st_mtim.tv_sec;
}

static int
look_at(const struct home *h, const char *name, int dir, struct home_look *look)
{
	int err;

	memset(look, 0, sizeof(*look));
	err = look_dir(h, dir, look);
	if (err == -ENOENT)
		return failx(err, "%s: no such machine", name);
	if (err)
		return fail(err, "%s/lock", name);
	look->created = created(dir);
	return 0;
}

int
home_look(struct home *h, const char *name, struct home_look *look)
{
	int err = home_check_name(name), dir;

	if (err)
		return err;
	dir = openat(h->fd, name, O_PATH | O_DIRECTORY | HOME_SAFE);
	if (dir < 0 && errno == ENOENT)
		return failx(-ENOENT, "%s: no such machine", name);
	if (dir < 0 && (errno == ENOTDIR || errno == ELOOP))
		return failx(-EINVAL, "%s: not a machine's directory", name);
	if (dir < 0)
		return fail(-errno, "%s", name);
	err = look_at(h, name, dir, look);
	close(dir);
	return err;
}

int
home_vm_look(const struct home_vm *vm, struct home_look *look)
{
	return look_at(vm->home, vm->name, vm->dir, look);
}

/* --- the process --- */

void
home_status_self(struct home_status *st)
{
	st->pid = getpid();
	st->start = start_time("self");
	home_boot_id(st->boot);
}

/* The descriptor first: what is seen to be the right process after that, was
 * it when it was opened. */
int
home_pidfd(const struct home_vm *vm, const struct home_status *st)
{
	int fd = st->pid > 1 ? (int)syscall(SYS_pidfd_open, st->pid, 0) : -1;

	if (fd >= 0 && is_there(vm->home, st) && home_dir_held(vm->dir) == 1 &&
		home_is_holder(vm->dir, st->pid))
		return fd;
	if (fd >= 0)
		close(fd);
	return failx(-ESRCH, "%s: its process is not there", vm->name);
}
