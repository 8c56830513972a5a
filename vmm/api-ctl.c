/* SPDX-License-Identifier: MIT */
/*
 * The public interface of libvmm, lib/vmm.h: what is asked of a machine that
 * runs. Whoever runs it is asked over the socket; a process that does not
 * answer is killed through a pidfd, once it is sure to be the one.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/qmp.h"
#include "lib/vmm.h"
#include "vmm/api-int.h"

enum {
	ANSWER_MS = 2000, /* a loop that lives answers */
	LEAVE_MS = 5000, /* and needs that long to put things away */
	POLL_MS = 5
};

/* The run that we are about, among those that may follow it. */
struct run {
	struct home_vm *vm;
	struct home_look look;
};

/* Does another process hold the lock by now? The status alone could be a lie.
 */
static bool
another(const struct run *r)
{
	struct home_look now;
	int fd;

	if (!r->look.status.pid || home_vm_look(r->vm, &now) ||
		!now.status.pid ||
		(now.status.pid == r->look.status.pid &&
			now.status.start == r->look.status.start))
		return false;
	fd = home_pidfd(r->vm, &now.status);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
over(const struct run *r)
{
	int held = home_held(r->vm);

	/* -ENOENT: its directory has gone. */
	return held == 0 || held == -ENOENT || another(r);
}

static bool
wait_over(const struct run *r, int64_t end)
{
	struct timespec pause = {.tv_nsec = POLL_MS * 1000000};

	while (!over(r)) {
		if (now_ms() >= end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static int
find_run(struct run *r, struct vmm_home *h, const char *name)
{
	int e = home_find(h->home, name, &r->vm);

	if (!e) {
		e = home_vm_look(r->vm, &r->look);
		if (e)
			home_vm_close(r->vm);
	}
	/* It has not said anything yet: that is the run before. */
	if (!e && r->look.state == HOME_STARTING &&
		r->look.status.phase != HOME_STARTING)
		r->look.status.pid = 0;
	return e;
}

/* ---- powering off ---- */

static int
kill_run(const struct run *r)
{
	const char *name = home_vm_name(r->vm);
	struct home_look now;
	int fd = -ESRCH;

	if (home_vm_look(r->vm, &now) == 0)
		fd = home_pidfd(r->vm, &now.status);
	/* Also if there is one: it may be the next run's by now. */
	if (over(r)) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if (fd < 0)
		return failx(fd,
			"%s: does not answer, nor can its process be told",
			name);
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 &&
		errno != ESRCH) {
		int e = fail(-errno, "%s: cannot be killed", name);

		close(fd);
		return e;
	}
	close(fd);
	if (wait_over(r, now_ms() + LEAVE_MS))
		return 0;
	return failx(-ETIMEDOUT, "%s: was killed, and is still there", name);
}

static int
quit_run(const struct run *r)
{
	struct qmp *q;
	int e = qmp_open(&q, r->vm, ANSWER_MS);

	if (e == -ENOTCONN)
		return 0;
	if (!e) {
		e = qmp_call(q, "quit", NULL, NULL, ANSWER_MS);
		qmp_close(q);
	}
	if ((!e || e == -EPIPE) && wait_over(r, now_ms() + LEAVE_MS))
		return 0;
	return kill_run(r);
}

int
vmm_poweroff(struct vmm_home *h, const char *name)
{
	struct run r;
	int e = find_run(&r, h, name);

	if (e)
		return e;
	e = over(&r) ? 0 : quit_run(&r);
	home_vm_close(r.vm);
	return e;
}

/* ---- stopping ---- */

static int
stop_run(const struct run *r, int timeout_ms)
{
	int64_t end = deadline_ms(timeout_ms);
	/* Who is slow to answer is given the guest's time too. */
	int ms = timeout_ms < 0 || timeout_ms > ANSWER_MS ? timeout_ms
							  : ANSWER_MS;
	struct qmp *q;
	int e = qmp_open(&q, r->vm, ms);

	if (e == -ENOTCONN)
		return 0;
	if (!e) {
		e = qmp_call(q, "system_powerdown", NULL, NULL, ms);
		qmp_close(q);
	}
	if (!e && wait_over(r, end))
		return 0;
	return over(r) ? 0 : quit_run(r);
}

int
vmm_stop(struct vmm_home *h, const char *name, int timeout_ms)
{
	struct run r;
	int e = find_run(&r, h, name);

	if (e)
		return e;
	e = over(&r) ? 0 : stop_run(&r, timeout_ms);
	home_vm_close(r.vm);
	return e;
}

/* ---- anything ---- */

static int
control(struct home_vm *vm, const char *command, json_t *args, char **reply,
	int timeout_ms)
{
	int64_t end = deadline_ms(timeout_ms);
	struct qmp *q;
	json_t *v = NULL;
	int e = qmp_open(&q, vm, timeout_ms);

	if (e) {
		json_decref(args);
		return e;
	}
	if (timeout_ms >= 0)
		timeout_ms = end > now_ms() ? (int)(end - now_ms()) : 0;
	e = qmp_call(q, command, args, &v, timeout_ms);
	if (!e && reply) {
		*reply = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!*reply)
			e = fail(-ENOMEM, "%s", home_vm_name(vm));
	}
	json_decref(v);
	qmp_close(q);
	return e;
}

int
vmm_control(struct vmm_home *h, const char *name, const char *command,
	const char *args, char **reply, int timeout_ms)
{
	json_error_t err;
	json_t *v = NULL;
	struct home_vm *vm;
	int e;

	if (args) {
		v = json_loads(args, 0, &err);
		if (!json_is_object(v)) {
			e = failx(-EINVAL, "arguments: not a JSON object");
			json_decref(v);
			return e;
		}
	}
	e = home_find(h->home, name, &vm);
	if (e) {
		json_decref(v);
		return e;
	}
	e = control(vm, command, v, reply, timeout_ms);
	home_vm_close(vm);
	return e;
}
