/* SPDX-License-Identifier: MIT */
/*
 * The one job that takes its time: dump-guest-memory. The machine is paused for
 * it, and it is written in steps, one a round of the loop, so that others are
 * answered meanwhile. A file takes what it gets; a socket is written to as its
 * reader goes along, and one that does not for STALL is given up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/control-int.h"
#include "vmm/dump.h"

#define STALL (30 * NS_PER_S)

struct job {
	struct control *c;
	struct client *cl; /* who waits */
	json_t *id;
	struct dump *dump;
	int fd;
	bool socket; /* watched */
	struct watch w;
	struct call step;
	struct timer stall;
	bool resume; /* it ran before */
};

static void
job_free(struct job *j)
{
	if (j->socket)
		loop_del(j->c->host.loop, &j->w);
	loop_uncall(j->c->host.loop, &j->step);
	timer_disarm(&j->stall);
	dump_close(j->dump);
	close(j->fd);
	json_decref(j->id);
	free(j);
}

/* Its machine may go on, whoever asked. */
static void
job_end(struct control *c)
{
	struct job *j = c->job;
	bool resume = j->resume;

	j->cl->waiting = false;
	c->job = NULL;
	job_free(j);
	if (resume)
		machine_resume(c->host.machine);
}

void
job_cancel(struct control *c)
{
	if (c->job)
		job_end(c);
}

static void
job_answer(struct job *j, int err)
{
	struct client *cl = j->cl;
	json_t *id = json_incref(j->id);
	char why[200];

	snprintf(why, sizeof(why), "%s", fail_text());
	job_end(j->c); /* RESUME is told before the answer, as by QEMU */
	client_answer(cl, id, err ? failx(err, "%s", why) : 0);
}

static void
job_done(struct job *j, int err)
{
	struct client *cl = j->cl;

	job_answer(j, err);
	client_turn(cl);
}

/* Perhaps in another client's turn. */
void
control_drop_dump(struct control *c, const char *why)
{
	struct client *cl;

	if (!c->job)
		return;
	cl = c->job->cl;
	job_answer(c->job, failx(-ECANCELED, "dump: given up: %s", why));
	if (!client_dead(cl))
		client_flush(cl);
	client_watch(cl);
	control_work(c);
}

static void
job_step(void *to)
{
	struct job *j = to;
	int r = dump_step(j->dump);

	if (r == 1)
		timer_arm(&j->stall, clock_now(j->stall.clock) + STALL);
	if (r == 1 && !j->socket)
		loop_call(j->c->host.loop, &j->step);
	if (r == 1 || r == -EAGAIN)
		return;
	job_done(j, r);
}

static void
job_ready(void *to, uint32_t events)
{
	(void)events;
	job_step(to);
}

static void
job_stalled(void *to)
{
	job_done(to, fail(-ETIMEDOUT, "dump: nobody reads it"));
}

/* epoll takes sockets, and no regular files. */
static int
job_watch(struct job *j)
{
	if (loop_add(j->c->host.loop, &j->w) < 0)
		return fail(-EINVAL, "dump: descriptor");
	j->socket = true;
	return 0;
}

int
job_begin(struct client *cl, const char *fd_name, json_t *id)
{
	struct control *c = cl->c;
	struct machine *m = c->host.machine;
	int fd = client_take_fd(cl, fd_name), r;
	struct job *j;

	if (fd < 0)
		return fd;
	j = calloc(1, sizeof(*j));
	if (!j) {
		close(fd);
		return fail(-ENOMEM, "dump");
	}
	j->c = c;
	j->cl = cl;
	j->fd = fd;
	j->step = (struct call){.fn = job_step, .to = j};
	j->w = (struct watch){fd, EPOLLOUT, job_ready, j};
	timer_init(&j->stall, c->costly.clock, NULL, job_stalled, j);
	j->resume = !machine_paused(m);
	machine_pause(m);
	/* He is told that it stands, and may turn out to have gone. */
	r = client_dead(cl) ? failx(-EPIPE, "dump: nobody waits for it")
			    : dump_open(&j->dump, m, fd);
	if (!r && dump_socket(j->dump))
		r = job_watch(j);
	if (r) {
		if (j->resume)
			machine_resume(m);
		job_free(j);
		return r;
	}
	j->id = json_incref(id);
	c->job = j;
	cl->waiting = true;
	timer_arm(&j->stall, clock_now(j->stall.clock) + STALL);
	if (!j->socket)
		loop_call(c->host.loop, &j->step);
	return 1;
}
