/* SPDX-License-Identifier: MIT */
/*
 * The commands of the control socket, a table of them. Names, arguments,
 * results and the wording of refusals are those of QEMU 7.2's QMP reference
 * where the command is.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "vmm/control-int.h"

/* ---- commands ---- */

static int
qmp_capabilities(struct request *q)
{
	json_t *enable = json_object_get(q->args, "enable");

	if (enable && !json_is_array(enable))
		return failx(-EINVAL,
			"Invalid parameter type for 'enable', expected: array");
	if (json_array_size(enable))
		return failx(-EINVAL, "no capability is offered");
	q->cl->negotiated = true;
	return 0;
}

static int
query_version(struct request *q)
{
	control_version(&q->out);
	return 0;
}

static int
query_name(struct request *q)
{
	json_put_string(&q->out, "name", q->c->host.name);
	return 0;
}

static int
query_uuid(struct request *q)
{
	const char *uuid = q->c->host.uuid;

	json_put_string(&q->out, "UUID",
		uuid ? uuid : "00000000-0000-0000-0000-000000000000");
	return 0;
}

static int
query_kvm(struct request *q)
{
	bool kvm = strcmp(machine_engine(q->c->host.machine), "kvm") == 0;

	json_put_bool(&q->out, "enabled", kvm);
	json_put_bool(&q->out, "present", kvm);
	return 0;
}

static int
query_status(struct request *q)
{
	const struct machine *m = q->c->host.machine;
	const char *status = machine_end(m)      ? "shutdown"
			     : machine_paused(m) ? "paused"
			     : machine_up(m)     ? "running"
						 : "prelaunch";

	json_put_string(&q->out, "status", status);
	json_put_bool(&q->out, "running", strcmp(status, "running") == 0);
	json_put_bool(&q->out, "singlestep", false);
	return 0;
}

static unsigned
cpus(const struct request *q)
{
	return (unsigned)machine_config(q->c->host.machine)->cpus;
}

static int
query_cpus_fast(struct request *q)
{
	char path[40];

	for (unsigned n = 0; n < cpus(q); n++) {
		snprintf(path, sizeof(path), "/machine/cpu[%u]", n);
		json_put_object(&q->out, NULL);
		json_put_int(&q->out, "cpu-index", n);
		json_put_string(&q->out, "qom-path", path);
		json_put_int(&q->out, "thread-id",
			machine_thread(q->c->host.machine, n));
		json_put_string(&q->out, "target", "x86_64");
		json_put_end(&q->out);
	}
	return 0;
}

static int
ended(const struct request *q)
{
	if (!machine_end(q->c->host.machine))
		return 0;
	return failx(-ESRCH, "the machine has ended");
}

static int
busy(const struct request *q)
{
	int r = ended(q);

	if (r || !q->c->job)
		return r;
	return failx(-EBUSY, "a dump is being written");
}

static int
stop(struct request *q)
{
	int r = busy(q);

	if (!r)
		machine_pause(q->c->host.machine);
	return r;
}

static int
cont(struct request *q)
{
	int r = busy(q);

	if (!r)
		machine_resume(q->c->host.machine);
	return r;
}

static int
system_reset(struct request *q)
{
	int r = busy(q);

	if (!r)
		machine_reset(q->c->host.machine);
	return r;
}

static int
system_powerdown(struct request *q)
{
	int r = ended(q);

	if (!r)
		q->c->host.powerdown(q->c->host.to);
	return r;
}

static int
inject_nmi(struct request *q)
{
	int r = ended(q);

	if (!r)
		machine_nmi(q->c->host.machine);
	return r;
}

/* The answer goes first: there may be nobody to give it afterwards. */
static int
quit(struct request *q)
{
	loop_call(q->c->host.loop, &q->c->quit);
	return 0;
}

static int
getfd(struct request *q)
{
	const char *name;
	int r = request_string(q, "fdname", &name);

	return r ? r : client_name_fd(q->cl, name);
}

static int
closefd(struct request *q)
{
	const char *name;
	int r = request_string(q, "fdname", &name), fd;

	fd = r ? r : client_take_fd(q->cl, name);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int
dump_guest_memory(struct request *q)
{
	json_t *format = json_object_get(q->args, "format");
	const char *to;
	int r = busy(q);

	if (!r)
		r = request_string(q, "protocol", &to);
	if (r)
		return r;
	if (json_is_true(json_object_get(q->args, "paging")))
		return failx(-ENOTSUP, "Parameter 'paging' can only be false");
	if (format && (!json_is_string(format) ||
			      strcmp(json_string_value(format), "elf")))
		return failx(-ENOTSUP, "Parameter 'format' can only be elf");
	if (strncmp(to, "fd:", 3))
		return failx(-ENOTSUP,
			"Parameter 'protocol' can only be fd:NAME (see getfd)");
	r = job_begin(q->cl, to + 3, q->id);
	return r < 0 ? r : DEFERRED;
}

static int query_commands(struct request *q);

/* ---- commands of our own ---- */

struct show {
	const struct request *q;
	unsigned cpu;
	const char *device;
	FILE *f;
	int err;
};

static void
show_parked(struct machine *m, void *to)
{
	struct show *s = to;
	char text[4096];

	if (s->device) {
		s->err = machine_device(m, s->device, s->f);
		return;
	}
	if (machine_registers(m, s->cpu, text, sizeof(text)))
		fputs(text, s->f);
	else
		s->err = failx(
			-EIO, "cannot read the registers of CPU %u", s->cpu);
}

static int
show_what(struct request *q, struct show *s)
{
	json_t *cpu = json_object_get(q->args, "cpu");

	if (json_object_get(q->args, "device"))
		return cpu ? failx(-EINVAL,
				     "Parameters 'cpu' and 'device' exclude "
				     "each other")
			   : request_string(q, "device", &s->device);
	if (cpu && !json_is_integer(cpu))
		return failx(-EINVAL,
			"Invalid parameter type for 'cpu', expected: integer");
	if (json_integer_value(cpu) < 0 || json_integer_value(cpu) >= cpus(q))
		return failx(-ENOENT, "no CPU %lld, there are %u",
			(long long)json_integer_value(cpu), cpus(q));
	s->cpu = (unsigned)json_integer_value(cpu);
	return 0;
}

static int
x_registers(struct request *q)
{
	struct show s = {.q = q};
	char *text = NULL;
	size_t n = 0;
	int r = show_what(q, &s);

	if (r)
		return r;
	s.f = open_memstream(&text, &n);
	if (!s.f)
		return fail(-ENOMEM, "registers");
	machine_frozen(q->c->host.machine, show_parked, &s);
	if (fclose(s.f) && !s.err)
		s.err = fail(-ENOMEM, "registers");
	if (!s.err)
		json_put_string(&q->out, "text", text);
	free(text);
	return s.err;
}

static int
x_status(struct request *q)
{
	q->c->host.status(q->c->host.to, &q->out);
	return 0;
}

static int
x_audit(struct request *q)
{
	q->c->host.audit(q->c->host.to, &q->out);
	return 0;
}

static int
x_set(struct request *q)
{
	const char *key, *value;
	int r = request_string(q, "key", &key);

	if (!r)
		r = request_string(q, "value", &value);
	return r ? r : q->c->host.set(q->c->host.to, key, value);
}

/* clang-format off */
static const struct command commands[] = {
	{"qmp_capabilities", "enable", qmp_capabilities, CMD_FIRST},
	{"query-version", "", query_version, 0},
	{"query-commands", "", query_commands, CMD_ARRAY},
	{"query-name", "", query_name, 0},
	{"query-uuid", "", query_uuid, 0},
	{"query-kvm", "", query_kvm, 0},
	{"query-status", "", query_status, 0},
	{"query-cpus-fast", "", query_cpus_fast, CMD_ARRAY},
	{"stop", "", stop, 0},
	{"cont", "", cont, 0},
	{"system_powerdown", "", system_powerdown, 0},
	{"system_reset", "", system_reset, 0},
	{"quit", "", quit, 0},
	{"inject-nmi", "", inject_nmi, 0},
	{"getfd", "fdname", getfd, 0},
	{"closefd", "fdname", closefd, 0},
	{"dump-guest-memory", "paging protocol format", dump_guest_memory,
		CMD_COSTLY},
	{"screendump", "filename device head format", control_screendump,
		CMD_COSTLY},
	{"query-block", "", control_query_block, CMD_ARRAY},
	{"query-blockstats", "query-nodes", control_query_blockstats,
		CMD_ARRAY},
	{"eject", "device id force", control_eject, CMD_COSTLY},
	{"blockdev-change-medium",
		"device id filename x-name format force read-only-mode",
		control_change_medium, CMD_COSTLY},
	{"block_resize", "device node-name size", control_block_resize,
		CMD_COSTLY},
	{"block_set_io_throttle",
		"device id bps bps_rd bps_wr iops iops_rd iops_wr",
		control_set_throttle, 0},
	{"x-block-attach", "spec fds", control_attach, CMD_COSTLY},
	{"device_del", "id", control_device_del, 0},
	{"balloon", "value", control_balloon, 0},
	{"query-balloon", "", control_query_balloon, 0},
	{"send-key", "keys hold-time x-wait", control_send_key, 0},
	{"input-send-event", "device head events x-wait",
		control_input_send_event, 0},
	{"query-mice", "", control_query_mice, CMD_ARRAY},
	{"x-lights", "", control_lights, 0},
	{"x-registers", "cpu device", x_registers, CMD_COSTLY},
	{"x-status", "", x_status, 0},
	{"x-set", "key value", x_set, 0},
	{"x-audit", "", x_audit, 0},
};
/* clang-format on */
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static bool
offered(const struct control *c, const struct command *cmd)
{
	size_t ram;

	return (cmd->run != control_screendump ||
		       machine_screen(c->host.machine, &ram)) &&
	       (cmd->run != x_status || c->host.status) &&
	       (cmd->run != x_audit || c->host.audit) &&
	       (cmd->run != x_set || c->host.set) &&
	       ((cmd->run != control_balloon &&
			cmd->run != control_query_balloon) ||
		       control_has_balloon(c));
}

static int
query_commands(struct request *q)
{
	for (size_t n = 0; n < COMMANDS; n++) {
		if (!offered(q->c, &commands[n]))
			continue;
		json_put_object(&q->out, NULL);
		json_put_string(&q->out, "name", commands[n].name);
		json_put_end(&q->out);
	}
	return 0;
}

const struct command *
command_find(const struct control *c, const char *name)
{
	for (size_t n = 0; n < COMMANDS; n++)
		if (strcmp(commands[n].name, name) == 0 &&
			offered(c, &commands[n]))
			return &commands[n];
	return NULL;
}
