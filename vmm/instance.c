/* SPDX-License-Identifier: MIT */
/*
 * A machine's run: see instance.h. The order is that of "Confinement" in the
 * design: everything is opened and the machine built, then the process is
 * confined, then each thread, and only then does a vCPU enter the guest.
 */
#include "vmm/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/sock.h"
#include "vmm/instance-int.h"

static void
ended(void *to)
{
	struct instance *i = to;

	timer_disarm(&i->button);
	i->o.ended(i->o.to);
}

/* ---- what others ask ---- */

static void
button_over(void *to)
{
	struct instance *i = to;

	if (i->button_code)
		machine_stop(i->machine, i->button_code, i->button_cause);
	else if (i->status.phase == HOME_STOPPING)
		instance_set_phase(i, HOME_RUNNING); /* it took no notice */
}

static void
press(struct instance *i)
{
	if (i->control) /* of a machine that stands, and is to go on */
		control_drop_dump(i->control, "the power button was pressed");
	if (machine_paused(i->machine))
		machine_resume(i->machine);
	instance_set_phase(i, HOME_STOPPING);
	machine_button(i->machine);
	timer_arm(&i->button, clock_now(i->o.clock) + i->o.cfg->stop_timeout);
}

void
instance_button(struct instance *i, int code, const char *cause)
{
	if (i->button_code)
		return;
	i->button_code = code;
	snprintf(i->button_cause, sizeof(i->button_cause), "%s", cause);
	press(i);
}

void
instance_powerdown(struct instance *i)
{
	if (!i->button_code)
		press(i);
}

static void
asked_powerdown(void *to)
{
	instance_powerdown(to);
}

void
instance_reset(struct instance *i)
{
	if (i->control) /* of memory that is to be laid anew */
		control_drop_dump(i->control, "the machine was reset");
	machine_reset(i->machine);
}

static void
asked_quit(void *to)
{
	struct instance *i = to;

	machine_stop(i->machine, END_OUTSIDE, "powered off from outside");
}

static void
asked_tell(void *to, const char *event, const char *members)
{
	instance_say(to, event, members);
}

static void
set_on_error(struct instance *i)
{
	struct drives *ds = machine_drives(i->machine);
	struct drive *d;

	for (unsigned n = 0; (d = drives_get(ds, n)); n++)
		disk_set_on_error(
			d->disk, (enum disk_on_error)i->o.cfg->on_io_error);
}

static int
asked_set(void *to, const char *key, const char *value)
{
	struct instance *i = to;
	const struct config_key *k = config_find(key);
	int r;

	if (!k || !(k->flags & CONFIG_LIVE))
		return failx(-EPERM, "%s: cannot change while it runs", key);
	r = *value ? config_set(i->o.cfg, key, value)
		   : config_unset(i->o.cfg, key);
	if (!r && strcmp(key, "on-io-error") == 0)
		set_on_error(i);
	/* Whoever finds it dead goes by the status. */
	if (r || i->status.keep == (enum home_keep)i->o.cfg->keep)
		return r;
	i->status.keep = (enum home_keep)i->o.cfg->keep;
	return home_set_status(i->o.vm, &i->status);
}

static void
asked_status(void *to, struct json *j)
{
	struct instance *i = to;
	const struct home_status *s = &i->status;

	json_put_string(j, "name", home_vm_name(i->o.vm));
	json_put_string(j, "state", home_state_name(s->phase));
	json_put_int(j, "pid", s->pid);
	json_put_string(j, "engine", s->engine);
	json_put_uint(j, "cpus", s->cpus);
	json_put_uint(j, "memory", s->memory);
	json_put_int(j, "uptime", time(NULL) - s->started);
	json_put_string(j, "confined", s->confined);
	json_put_uint(j, strcmp(s->engine, "kvm") ? "instructions" : "exits",
		machine_count(i->machine));
}

static void
asked_audit(void *to, struct json *j)
{
	(void)to;
	confine_audit(j);
}

/* ---- building ---- */

static int
open_console(void *to, const char *spec, struct chr **out)
{
	struct instance *i = to;
	int r = 0;

	if (strcmp(spec, "null"))
		r = chr_open(&i->front, spec, i->o.loop);
	if (!r)
		r = console_new(&i->console, home_vm_fd(i->o.vm), i->front,
			i->o.loop, CONSOLE_CAP, false);
	if (!r)
		*out = console_chr(i->console);
	return r;
}

static int
open_control(struct instance *i)
{
	struct control_host host = {
		.machine = i->machine,
		.loop = i->o.loop,
		.name = home_vm_name(i->o.vm),
		.uuid = i->o.cfg->uuid,
		.to = i,
		.powerdown = asked_powerdown,
		.quit = asked_quit,
		.set = asked_set,
		.tell = asked_tell,
		.status = asked_status,
		.audit = asked_audit,
	};
	int fd = sock_listen(home_vm_fd(i->o.vm), "ctl", host.name);

	return fd < 0 ? fd : control_new(&i->control, fd, &host);
}

/* The directories where its own listening sockets lie: they are removed at the
 * end; opened now, while paths mean what they meant. */
static size_t
socket_dirs(const struct config *cfg, int dirs[CONFIG_UARTS])
{
	size_t n = 0;

	for (unsigned k = 0; k < cfg->serials; k++) {
		char path[4096];
		char *slash;

		if (strncmp(cfg->serial[k], "unix:", 5))
			continue;
		snprintf(path, sizeof(path), "%s", cfg->serial[k] + 5);
		slash = strrchr(path, '/');
		if (slash)
			slash[slash == path] = '\0';
		dirs[n] = open(slash ? path : ".", O_PATH | O_CLOEXEC);
		n += dirs[n] >= 0;
	}
	return n;
}

static int
build(struct instance *i)
{
	const struct machine_host host = {
		.dir = i->o.vm ? home_vm_fd(i->o.vm) : -1,
		.console = open_console,
		.to = i,
	};
	int r = machine_new(&i->machine, i->o.cfg, i->o.loop, i->o.clock,
		i->o.log, i->o.vm ? &host : NULL);

	if (!r && i->o.vm)
		r = open_control(i);
	if (r)
		return r;
	snprintf(i->status.engine, sizeof(i->status.engine), "%s",
		machine_engine(i->machine));
	machine_on_event(i->machine, instance_event, i);
	if (i->o.vm && meter_new(&i->meter, home_vm_fd(i->o.vm), i->machine,
			       i->o.loop, i->o.clock)) {
		log_say(i->o.log, LEVEL_WARN, "%s", fail_text());
		fail_clear();
	}
	i->n_dirs = socket_dirs(i->o.cfg, i->dirs);
	return 0;
}

int
instance_new(struct instance **out, const struct instance_options *o)
{
	struct instance *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return fail(-ENOMEM, "instance");
	i->o = *o;
	pthread_mutex_init(&i->lock, NULL);
	pthread_cond_init(&i->changed, NULL);
	timer_init(&i->button, o->clock, NULL, button_over, i);
	instance_begin_status(i);
	r = build(i);
	if (r) {
		instance_free(i);
		return r;
	}
	*out = i;
	return 0;
}

static bool
kept(const struct instance *i)
{
	return i->status.keep == HOME_KEEP_ALWAYS ||
	       (i->status.keep == HOME_KEEP_FAILURE && i->status.exit != 0);
}

/* The status that tells the end comes last: who reads it finds the lock free a
 * moment later. */
void
instance_free(struct instance *i)
{
	char why[1024];

	if (!i)
		return;
	snprintf(why, sizeof(why), "%s", fail_text());
	timer_disarm(&i->button);
	if (i->status.exit < 0) {
		i->failed = true;
		instance_took_end(i, END_FAILED, why);
		instance_tell(i, "SHUTDOWN", instance_fill_end);
	}
	i->status.phase = instance_end_state(i);
	control_free(i->control);
	meter_free(i->meter);
	machine_free(i->machine);
	console_free(i->console);
	chr_free(i->front);
	while (i->n_dirs)
		close(i->dirs[--i->n_dirs]);
	if (i->o.vm) {
		unlinkat(home_vm_fd(i->o.vm), "ctl", 0);
		if (kept(i))
			instance_set_phase(i, i->status.phase);
		home_leave(i->o.vm, i->status.keep, i->status.exit != 0);
	}
	home_vm_close(i->o.vm);
	pthread_cond_destroy(&i->changed);
	pthread_mutex_destroy(&i->lock);
	free(i);
	if (why[0])
		failx(-EIO, "%s", why); /* as it was before */
}

/* ---- starting ---- */

/* First thing in every vCPU's thread: nobody enters the guest before all are
 * confined. */
static int
thread_begins(void *to)
{
	struct instance *i = to;
	bool kvm = !strcmp(machine_engine(i->machine), "kvm");
	int r = 0;

	if (i->o.confine)
		r = confine_thread(kvm ? CONFINE_KVM : CONFINE_SOFT);
	pthread_mutex_lock(&i->lock);
	while (!i->go)
		pthread_cond_wait(&i->changed, &i->lock);
	pthread_mutex_unlock(&i->lock);
	return r;
}

static int
worker_begins(void *to)
{
	struct instance *i = to;

	return i->o.confine ? confine_thread(CONFINE_WORKER) : 0;
}

static int
confine(struct instance *i)
{
	struct confine c = {
		.dir = i->o.vm ? home_vm_fd(i->o.vm) : -1,
		.remove = i->dirs,
		.removes = i->n_dirs,
		.home = i->o.vm ? home_vm_root(i->o.vm) : -1,
	};
	int r = confine_process(&c, &i->report);

	while (i->n_dirs)
		close(i->dirs[--i->n_dirs]);
	snprintf(i->status.confined, sizeof(i->status.confined), "%s",
		i->report.text);
	log_say(i->o.log, LEVEL_INFO, "confined: %s", i->report.text);
	return r;
}

int
instance_start(struct instance *i)
{
	int r = i->o.confine ? confine(i) : 0;

	if (r)
		return r;
	instance_tell(i, "START", instance_fill_start);
	machine_on_thread(i->machine, thread_begins, i);
	machine_on_worker(i->machine, worker_begins, i);
	r = machine_start(i->machine, ended, i);
	if (!r && i->o.confine)
		r = confine_thread(CONFINE_LOOP);
	pthread_mutex_lock(&i->lock);
	i->go = true;
	pthread_cond_broadcast(&i->changed);
	pthread_mutex_unlock(&i->lock);
	return r;
}

struct machine *
instance_machine(const struct instance *i)
{
	return i->machine;
}

struct chr *
instance_front(const struct instance *i)
{
	return i->front;
}
