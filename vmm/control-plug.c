/* SPDX-License-Identifier: MIT */
/*
 * The control socket's commands for devices that come, go and swell: disks that
 * are plugged in, and the balloon. device_del, balloon and query-balloon are
 * QEMU 7.2's; DEVICE_DELETED says when a disk has gone.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/control-int.h"

enum { BALLOON_IDLE = 120 }; /* looks in vain */
#define BALLOON_LOOK NS_PER_S

static int
check_busy(const struct request *q)
{
	if (machine_end(q->c->host.machine))
		return failx(-ESRCH, "the machine has ended");
	if (q->c->job)
		return failx(-EBUSY, "a dump is being written");
	return 0;
}

/* ---- disks ---- */

/* The names that getfd gave. *n: how many were taken, also after a failure. */
static int
take_fds(struct request *q, int fd[QMP_FDS], unsigned *n)
{
	json_t *names = json_object_get(q->args, "fds"), *v;
	size_t k;
	int r;

	*n = 0;
	if (!json_is_array(names) || json_array_size(names) > QMP_FDS)
		return failx(-EINVAL,
			"Parameter 'fds' is an array of up to %u names",
			(unsigned)QMP_FDS);
	json_array_foreach(names, k, v)
	{
		if (!json_is_string(v))
			return failx(-EINVAL,
				"Parameter 'fds' is an array of names");
		r = client_take_fd(q->cl, json_string_value(v));
		if (r < 0)
			return r;
		fd[(*n)++] = r;
	}
	return 0;
}

/* An id that no drive has, of the config or plugged in. */
static int
choose_id(struct drives *ds, struct config_disk *d)
{
	char id[16];
	unsigned n = 0;

	if (d->id)
		return 0;
	do
		snprintf(id, sizeof(id), "disk%u", n++);
	while (drives_find(ds, id));
	d->id = strdup(id);
	return d->id ? 0 : fail(-ENOMEM, "drive");
}

static int
attach(struct request *q, struct config_disk *d)
{
	struct machine *m = q->c->host.machine;
	struct image *image;
	int fd[QMP_FDS], r;
	unsigned n;

	r = choose_id(machine_drives(m), d);
	if (!r)
		r = take_fds(q, fd, &n);
	else
		n = 0;
	if (r) {
		while (n)
			close(fd[--n]);
		return r;
	}
	r = drives_open_fds(d, fd, n, &image);
	if (!r)
		r = machine_attach(m, d, image);
	if (!r)
		json_put_string(&q->out, "id", d->id);
	return r;
}

int
control_attach(struct request *q)
{
	struct config_disk d;
	const char *spec = NULL;
	int r = check_busy(q);

	if (!r)
		r = request_string(q, "spec", &spec);
	if (!r)
		r = config_disk_parse(spec, false, &d);
	if (r)
		return r;
	r = attach(q, &d);
	config_disk_free(&d); /* says nothing */
	return r;
}

int
control_device_del(struct request *q)
{
	const char *id = NULL;
	int r = check_busy(q);

	if (!r)
		r = request_string(q, "id", &id);
	return r ? r : machine_detach(q->c->host.machine, id);
}

/* ---- the balloon ---- */

bool
control_has_balloon(const struct control *c)
{
	return machine_config(c->host.machine)->balloon;
}

/* The guest tells nobody when it changes what it has: look, once a second, as
 * often as QEMU tells it at most, until it is there or has given up. */
void
control_look_at_balloon(void *to)
{
	struct control *c = to;
	char members[40];
	uint64_t now;

	if (machine_balloon_now(c->host.machine, &now))
		return;
	if (now != c->balloon_now) {
		c->balloon_now = now;
		c->balloon_idle = 0;
		snprintf(members, sizeof(members), "\"actual\":%" PRIu64, now);
		if (c->host.tell)
			c->host.tell(c->host.to, "BALLOON_CHANGE", members);
	}
	if (now != c->balloon_to && c->balloon_idle++ < BALLOON_IDLE)
		timer_arm(&c->balloon,
			clock_now(c->balloon.clock) + BALLOON_LOOK);
}

static int
set_balloon(struct control *c, uint64_t size)
{
	int r = machine_balloon_now(c->host.machine, &c->balloon_now);

	if (!r)
		r = machine_balloon(c->host.machine, size);
	if (r)
		return r;
	c->balloon_to = size;
	c->balloon_idle = 0;
	timer_arm(&c->balloon, clock_now(c->balloon.clock) + BALLOON_LOOK);
	return 0;
}

int
control_balloon(struct request *q)
{
	json_t *v = json_object_get(q->args, "value");
	int r = check_busy(q);

	if (!r && !v)
		r = failx(-EINVAL, "Parameter 'value' is missing");
	if (!r && !json_is_integer(v))
		r = failx(-EINVAL,
			"Invalid parameter type for 'value', expected: "
			"integer");
	if (!r && json_integer_value(v) <= 0)
		r = failx(-EINVAL, "Parameter 'value' expects a size");
	return r ? r : set_balloon(q->c, (uint64_t)json_integer_value(v));
}

int
control_query_balloon(struct request *q)
{
	uint64_t now = 0;
	int r = machine_balloon_now(q->c->host.machine, &now);

	if (!r)
		json_put_uint(&q->out, "actual", now);
	return r;
}
