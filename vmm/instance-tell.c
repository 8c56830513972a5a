/* SPDX-License-Identifier: MIT */
/*
 * What a machine's run shows: its status, and what happens to it, in
 * events.jsonl and to the clients of its control socket.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/instance-int.h"

void
instance_set_phase(struct instance *i, enum home_state phase)
{
	if (!i->o.vm)
		return;
	i->status.phase = phase;
	i->status.since = time(NULL);
	home_set_status(i->o.vm, &i->status);
}

void
instance_tell(struct instance *i, const char *event,
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
		json_put_object(&j, NULL);
		fill(i, &j);
		json_put_end(&j);
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

void
instance_say(struct instance *i, const char *event, const char *members)
{
	char *data;

	if (!i->o.vm)
		return;
	if (i->control && asprintf(&data, "{%s}", members) >= 0) {
		control_event(i->control, event, data);
		free(data);
	}
	home_event(i->o.vm, event, members);
}

void
instance_fill_start(struct instance *i, struct json *j)
{
	json_put_int(j, "pid", i->status.pid);
	json_put_string(j, "engine", i->status.engine);
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

void
instance_fill_end(struct instance *i, struct json *j)
{
	json_put_bool(j, "guest", i->status.exit < END_OUTSIDE);
	json_put_string(j, "reason", reason(i->status.exit));
	json_put_int(j, "exit", i->status.exit);
	json_put_string(j, "cause", i->status.cause);
}

static void
fill_io_error(struct instance *i, struct json *j)
{
	const struct machine_io_error *e = machine_io_told(i->machine);

	json_put_string(j, "device", e->id);
	json_put_string(j, "operation", e->op == DISK_READ ? "read" : "write");
	json_put_string(j, "action", e->kept ? "stop" : "report");
	json_put_bool(j, "nospace", e->err == -ENOSPC);
	json_put_string(j, "reason", strerror(-e->err));
}

static void
fill_gone(struct instance *i, struct json *j)
{
	const char *id = machine_gone(i->machine);
	char path[64];

	snprintf(path, sizeof(path), "/machine/peripheral/%s", id);
	json_put_string(j, "device", id);
	json_put_string(j, "path", path);
}

static void
fill_tray(struct instance *i, struct json *j)
{
	bool open;
	const char *id = machine_tray(i->machine, &open);

	json_put_string(j, "device", id);
	json_put_string(j, "id", id);
	json_put_bool(j, "tray-open", open);
}

static void
fill_panic(struct instance *i, struct json *j)
{
	(void)i;
	json_put_string(j, "action", "poweroff");
}

void
instance_took_end(struct instance *i, int code, const char *cause)
{
	i->status.exit = code;
	snprintf(i->status.cause, sizeof(i->status.cause), "%s", cause);
	i->status.ended = time(NULL);
}

enum home_state
instance_end_state(const struct instance *i)
{
	const struct end *e = i->machine ? machine_end(i->machine) : NULL;

	if (i->failed || !e || e->how == END_BADLY)
		return HOME_ERROR;
	return e->how == END_GUEST_FAILED ? HOME_CRASHED : HOME_STOPPED;
}

void
instance_event(void *to, enum machine_event ev)
{
	struct instance *i = to;
	const struct machine_io_error *io;
	const struct end *e;

	switch (ev) {
	case MACHINE_UP:
		if (i->status.phase == HOME_STARTING)
			instance_set_phase(i, HOME_RUNNING);
		if (i->o.up)
			i->o.up(i->o.to);
		break;
	case MACHINE_STOP:
		instance_set_phase(i, HOME_PAUSED);
		instance_tell(i, "STOP", NULL);
		break;
	case MACHINE_IO_ERROR:
		io = machine_io_told(i->machine);
		if (io->kept)
			snprintf(i->status.cause, sizeof(i->status.cause),
				"%s: %s", io->id, strerror(-io->err));
		instance_tell(i, "BLOCK_IO_ERROR", fill_io_error);
		break;
	case MACHINE_DETACHED:
		instance_tell(i, "DEVICE_DELETED", fill_gone);
		break;
	case MACHINE_TRAY:
		instance_tell(i, "DEVICE_TRAY_MOVED", fill_tray);
		break;
	case MACHINE_RESUME:
		i->status.cause[0] = '\0';
		instance_set_phase(i, HOME_RUNNING);
		instance_tell(i, "RESUME", NULL);
		break;
	case MACHINE_RESET:
		instance_tell(i, "RESET", NULL);
		break;
	case MACHINE_POWERDOWN:
		instance_tell(i, "POWERDOWN", NULL);
		break;
	case MACHINE_PANICKED:
		instance_tell(i, "GUEST_PANICKED", fill_panic);
		break;
	case MACHINE_SHUTDOWN:
		e = machine_end(i->machine);
		instance_took_end(i, e->code, e->cause);
		instance_tell(i, "SHUTDOWN", instance_fill_end);
		break;
	}
}

void
instance_begin_status(struct instance *i)
{
	struct home_look old;
	bool ours;

	if (!i->o.vm)
		return;
	if (home_vm_look(i->o.vm, &old) == 0)
		i->status = old.status;
	/* A directory that was made for this run says that already; replacing
	 * a file costs more than the rest of a start (ext4 writes it out). */
	ours = i->status.phase == HOME_STARTING && i->status.pid == getpid();
	home_status_self(&i->status);
	i->status.cpus = i->o.cfg->cpus;
	i->status.memory = i->o.cfg->memory;
	i->status.keep = (enum home_keep)i->o.cfg->keep;
	i->status.exit = -1;
	i->status.started = time(NULL);
	i->status.ended = 0;
	i->status.engine[0] = i->status.cause[0] = i->status.confined[0] = '\0';
	if (!ours)
		instance_set_phase(i, HOME_STARTING);
}
