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

#include "lib/console.h"
#include "lib/err.h"
#include "lib/sock.h"
#include "vmm/confine.h"
#include "vmm/control.h"

struct instance {
	struct instance_options o;
	struct machine *machine;
	struct chr *front;
	struct console *console;
	struct control *control;
	struct home_status status;
	struct confine_report report;
	struct timer button; /* waits for what the button began */
	int button_code; /* 0: nobody ends it */
	char button_cause[96];
	bool failed; /* before there was a machine's end */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool go; /* all threads are confined: into the guest */
};

/* ---- what others see ---- */

static void
set_phase(struct instance *i, enum home_state phase)
{
	if (!i->o.vm)
		return;
	i->status.phase = phase;
	i->status.since = time(NULL);
	home_set_status(i->o.vm, &i->status);
}

/* Told in events.jsonl and over the control socket; fill() adds members. */
static void
tell(struct instance *i, const char *event,
	void (*fill)(struct instance *, struct json *))
{
	char *text = NULL;
	size_t n = 0;
	struct json j;
	FILE *f;

	if (!i->o.vm)
		return;
	f = fill ? open_memstream(&text, &n) : NULL;
	if (f) {
		json_open(&j, f);
		json_object(&j, NULL);
		fill(i, &j);
		json_end(&j);
		json_close(&j);
		fclose(f);
	}
	if (text && n > 2) {
		if (text[n - 1] == '\n')
			text[--n] = '\0';
		if (i->control)
			control_event(i->control, event, text);
		text[n - 1] = '\0'; /* the members without their braces */
		home_event(i->o.vm, event, text + 1);
	} else {
		if (i->control)
			control_event(i->control, event, NULL);
		home_event(i->o.vm, event, NULL);
	}
	free(text);
}

static void
fill_start(struct instance *i, struct json *j)
{
	json_int(j, "pid", i->status.pid);
	json_string(j, "engine", i->status.engine);
}

static const char *
reason(int code)
{
	switch (code) {
	case END_POWEROFF:
		return "guest-shutdown";
	case END_RESET:
	case END_TRIPLE:
		return "guest-reset";
	case END_PANIC:
		return "guest-panic";
	case END_OUTSIDE:
		return "host-qmp-quit";
	default:
		return code > 128 ? "host-signal" : "subsystem-reset";
	}
}

static void
fill_end(struct instance *i, struct json *j)
{
	json_bool(j, "guest", i->status.exit < END_OUTSIDE);
	json_string(j, "reason", reason(i->status.exit));
	json_int(j, "exit", i->status.exit);
	json_string(j, "cause", i->status.cause);
}

static void
fill_panic(struct instance *i, struct json *j)
{
	(void)i;
	json_string(j, "action", "poweroff");
}

static void
took_end(struct instance *i, int code, const char *cause)
{
	i->status.exit = code;
	snprintf(i->status.cause, sizeof(i->status.cause), "%s", cause);
	i->status.ended = time(NULL);
}

static enum home_state
end_state(const struct instance *i)
{
	const struct end *e = i->machine ? machine_end(i->machine) : NULL;

	if (i->failed || !e || e->how == END_BADLY)
		return HOME_ERROR;
	return e->how == END_GUEST_FAILED ? HOME_CRASHED : HOME_STOPPED;
}

static void
on_event(void *to, enum machine_event ev)
{
	struct instance *i = to;
	const struct end *e;

	switch (ev) {
	case MACHINE_UP:
		if (i->status.phase == HOME_STARTING)
			set_phase(i, HOME_RUNNING);
		if (i->o.up)
			i->o.up(i->o.to);
		break;
	case MACHINE_STOP:
		set_phase(i, HOME_PAUSED);
		tell(i, "STOP", NULL);
		break;
	case MACHINE_RESUME:
		set_phase(i, HOME_RUNNING);
		tell(i, "RESUME", NULL);
		break;
	case MACHINE_RESET:
		tell(i, "RESET", NULL);
		break;
	case MACHINE_POWERDOWN:
		tell(i, "POWERDOWN", NULL);
		break;
	case MACHINE_PANICKED:
		tell(i, "GUEST_PANICKED", fill_panic);
		break;
	case MACHINE_SHUTDOWN:
		e = machine_end(i->machine);
		took_end(i, e->code, e->cause);
		tell(i, "SHUTDOWN", fill_end);
		break;
	}
}

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
		set_phase(i, HOME_RUNNING); /* it took no notice */
}

static void
press(struct instance *i)
{
	if (machine_paused(i->machine))
		machine_resume(i->machine);
	set_phase(i, HOME_STOPPING);
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

static void
asked_powerdown(void *to)
{
	struct instance *i = to;

	if (!i->button_code)
		press(i);
}

static void
asked_quit(void *to)
{
	struct instance *i = to;

	machine_stop(i->machine, END_OUTSIDE, "powered off from outside");
}

static int
asked_set(void *to, const char *key, const char *value)
{
	struct instance *i = to;
	const struct config_key *k = config_find(key);

	if (!k || !(k->flags & CONFIG_LIVE))
		return failx(-EPERM, "%s: cannot change while it runs", key);
	return *value ? config_set(i->o.cfg, key, value)
		      : config_unset(i->o.cfg, key);
}

static void
asked_status(void *to, struct json *j)
{
	struct instance *i = to;
	const struct home_status *s = &i->status;

	json_string(j, "name", home_vm_name(i->o.vm));
	json_string(j, "state", home_state_name(s->phase));
	json_int(j, "pid", s->pid);
	json_string(j, "engine", s->engine);
	json_uint(j, "cpus", s->cpus);
	json_uint(j, "memory", s->memory);
	json_int(j, "uptime", time(NULL) - s->started);
	json_string(j, "confined", s->confined);
	json_uint(j, strcmp(s->engine, "kvm") ? "instructions" : "exits",
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
open_console(struct instance *i, struct chr *serial[CONFIG_UARTS])
{
	const struct config *cfg = i->o.cfg;
	int r = 0;

	if (!i->o.vm || !cfg->serials)
		return 0;
	if (strcmp(cfg->serial[0], "null"))
		r = chr_open(&i->front, cfg->serial[0], i->o.loop);
	if (!r)
		r = console_new(&i->console, home_vm_fd(i->o.vm), i->front,
			i->o.loop, CONSOLE_CAP, false);
	if (!r)
		serial[0] = console_chr(i->console);
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
		.status = asked_status,
		.audit = asked_audit,
	};
	int fd = sock_listen(home_vm_fd(i->o.vm), "ctl", host.name);

	return fd < 0 ? fd : control_new(&i->control, fd, &host);
}

static void
begin_status(struct instance *i)
{
	struct home_look old;

	if (!i->o.vm)
		return;
	if (home_vm_look(i->o.vm, &old) == 0)
		i->status = old.status;
	home_status_self(&i->status);
	i->status.cpus = i->o.cfg->cpus;
	i->status.memory = i->o.cfg->memory;
	i->status.keep = (enum home_keep)i->o.cfg->keep;
	i->status.exit = -1;
	i->status.started = time(NULL);
	i->status.ended = 0;
	i->status.engine[0] = i->status.cause[0] = i->status.confined[0] = '\0';
	set_phase(i, HOME_STARTING);
}

static int
build(struct instance *i)
{
	struct chr *serial[CONFIG_UARTS] = {NULL};
	int r = open_console(i, serial);

	if (!r)
		r = machine_new(&i->machine, i->o.cfg, i->o.loop, i->o.clock,
			i->o.log, serial);
	if (!r && i->o.vm)
		r = open_control(i);
	if (r)
		return r;
	snprintf(i->status.engine, sizeof(i->status.engine), "%s",
		machine_engine(i->machine));
	machine_on_event(i->machine, on_event, i);
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
	begin_status(i);
	r = build(i);
	if (r) {
		instance_free(i);
		return r;
	}
	*out = i;
	return 0;
}

/* The status that tells the end comes last: who reads it finds the lock free a
 * moment later. */
void
instance_free(struct instance *i)
{
	char why[160];

	if (!i)
		return;
	snprintf(why, sizeof(why), "%s", fail_text());
	timer_disarm(&i->button);
	if (i->status.exit < 0) {
		i->failed = true;
		took_end(i, END_FAILED, why);
		tell(i, "SHUTDOWN", fill_end);
	}
	i->status.phase = end_state(i);
	control_free(i->control);
	machine_free(i->machine);
	console_free(i->console);
	chr_free(i->front);
	if (i->o.vm) {
		unlinkat(home_vm_fd(i->o.vm), "ctl", 0);
		set_phase(i, i->status.phase);
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

/* The directories where its own listening sockets lie: they are removed at the
 * end. */
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
confine(struct instance *i)
{
	int dirs[CONFIG_UARTS];
	struct confine c = {
		.dir = i->o.vm ? home_vm_fd(i->o.vm) : -1,
		.remove = dirs,
		.removes = socket_dirs(i->o.cfg, dirs),
	};
	int r = confine_process(&c, &i->report);

	while (c.removes)
		close(dirs[--c.removes]);
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
	set_phase(i, HOME_STARTING);
	tell(i, "START", fill_start);
	machine_on_thread(i->machine, thread_begins, i);
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
