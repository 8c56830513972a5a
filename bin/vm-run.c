/* SPDX-License-Identifier: MIT */
/*
 * vm-run: runs a machine in the foreground, its first serial port on stdio.
 * The exit status tells how the machine ended.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bin/run/run.h"
#include "lib/err.h"

/* ---- options ---- */

/* Lists of files are those of disks, which are opened by whole names. */
static int
set_key(void *conf, const char *key, const char *value)
{
	const unsigned list = CONFIG_FILE | CONFIG_LIST;
	const struct config_key *k = config_find(key);
	char *full;
	int e;

	if (!k || (k->flags & list) != list)
		return config_set(&((struct conf *)conf)->cfg, key, value);
	e = config_absolute(key, value, &full);
	if (e)
		return e;
	e = config_set(&((struct conf *)conf)->cfg, key, full);
	free(full);
	return e;
}

#define SETTER(name, key)                                                      \
	static int set_##name(void *conf, const char *value)                   \
	{                                                                      \
		return set_key(conf, key, value);                              \
	}
SETTER(initrd, "initrd")
SETTER(cmdline, "cmdline")
SETTER(memory, "memory")
SETTER(cpus, "cpus")
SETTER(accel, "accel")
SETTER(serial, "serial")
SETTER(debugcon, "debugcon")
SETTER(timeout, "timeout")
SETTER(stop_timeout, "stop-timeout")
SETTER(on_reset, "on-reset")
SETTER(entry, "entry")
SETTER(keep, "keep")
SETTER(disk, "disk")
SETTER(cdrom, "cdrom")
SETTER(firmware, "firmware")
SETTER(boot, "boot")
SETTER(fw_cfg, "fw-cfg")

static int
set_kernel(void *conf, const char *value)
{
	const struct config *cfg = &((struct conf *)conf)->cfg;

	if (cfg->kernel)
		return failx(
			-EINVAL, "there is one already, '%s'", cfg->kernel);
	return set_key(conf, "kernel", value);
}

static int
set_flat(void *conf, const char *value)
{
	return set_key(conf, "flat", value ? value : "0x7c00");
}

static int
set_debug_exit(void *conf, const char *value)
{
	(void)value;
	return set_key(conf, "debug-exit", "yes");
}

static int
set_test_device(void *conf, const char *value)
{
	(void)value;
	return set_key(conf, "test-device", "yes");
}

static int
set_any(void *conf, const char *value)
{
	char key[64];
	size_t n = strcspn(value, "=");

	if (!value[n] || n >= sizeof(key))
		return failx(-EINVAL, "'%s' is not key=value", value);
	memcpy(key, value, n);
	key[n] = '\0';
	return set_key(conf, key, value + n + 1);
}

#define CONF(member) offsetof(struct conf, member)

static const struct opt options[] = {
	{.name = "kernel",
		.letter = 'k',
		.kind = OPT_CALL,
		.arg = "FILE",
		.set = set_kernel,
		.help = "kernel to boot; - is stdin"},
	{.name = "initrd",
		.letter = 'i',
		.kind = OPT_CALL,
		.arg = "FILE",
		.set = set_initrd,
		.help = "initial ramdisk, multiboot module"},
	{.name = "append",
		.letter = 'a',
		.kind = OPT_CALL,
		.arg = "TEXT",
		.set = set_cmdline,
		.help = "kernel command line"},
	{.name = "disk",
		.kind = OPT_CALL,
		.arg = "FILE,...",
		.set = set_disk,
		.help = "next disk, see vm.conf(5)"},
	{.name = "cdrom",
		.kind = OPT_CALL,
		.arg = "FILE|none,...",
		.set = set_cdrom,
		.help = "next CD-ROM drive"},
	{.name = "firmware",
		.kind = OPT_CALL,
		.arg = "seabios|ovmf|none|FILE",
		.set = set_firmware,
		.help = "what starts where there is no kernel"},
	{.name = "boot",
		.kind = OPT_CALL,
		.arg = "disk,cdrom",
		.set = set_boot,
		.help = "what the firmware starts from, in order"},
	{.name = "fw-cfg",
		.kind = OPT_CALL,
		.arg = "SPEC",
		.set = set_fw_cfg,
		.help = "name=opt/NAME,file=FILE or string=TEXT"},
	{.name = "memory",
		.letter = 'm',
		.kind = OPT_CALL,
		.arg = "SIZE",
		.set = set_memory,
		.help = "guest memory (default 128M)"},
	{.name = "cpus",
		.letter = 'c',
		.kind = OPT_CALL,
		.arg = "N",
		.set = set_cpus,
		.help = "virtual CPUs (default 1)"},
	{.name = "accel",
		.kind = OPT_CALL,
		.arg = "auto|kvm|soft",
		.set = set_accel,
		.help = "CPU engine (default auto)"},
	{.name = "serial",
		.kind = OPT_CALL,
		.arg = "SPEC",
		.set = set_serial,
		.help = "next serial port: stdio, file:PATH, pty, unix:PATH, "
			"null"},
	{.name = "debugcon",
		.kind = OPT_CALL,
		.arg = "SPEC",
		.set = set_debugcon,
		.help = "debug console at port 0x402"},
	{.name = "detach",
		.letter = 'd',
		.kind = OPT_FLAG,
		.at = CONF(detach),
		.help = "in the background; return once it runs"},
	{.name = "name",
		.letter = 'n',
		.kind = OPT_STRING,
		.arg = "NAME",
		.at = CONF(name),
		.help = "what a machine that was not created is called"},
	{.name = "keep",
		.kind = OPT_CALL,
		.arg = "never|failure|always",
		.set = set_keep,
		.help = "does its directory stay when it has ended"},
	{.name = "autostart",
		.kind = OPT_FLAG,
		.at = CONF(autostart),
		.help = "start all machines whose config says so"},
	{.name = "timeout",
		.kind = OPT_CALL,
		.arg = "DURATION",
		.set = set_timeout,
		.help = "end the machine after so long"},
	{.name = "stop-timeout",
		.kind = OPT_CALL,
		.arg = "DURATION",
		.set = set_stop_timeout,
		.help = "how long the guest may take to power off "
			"(default 30s)"},
	{.name = "on-reset",
		.kind = OPT_CALL,
		.arg = "exit|restart",
		.set = set_on_reset,
		.help = "what a guest's reset does"},
	{.name = "flat",
		.kind = OPT_CALL,
		.arg = "[=ADDR]",
		.set = set_flat,
		.help = "boot a flat real-mode image (at 0x7c00)"},
	{.name = "entry",
		.kind = OPT_CALL,
		.arg = "auto|32|64",
		.set = set_entry,
		.help = "entry point of a Linux kernel"},
	{.name = "debug-exit",
		.kind = OPT_CALL,
		.set = set_debug_exit,
		.help = "debug exit device at port 0xf4"},
	{.name = "test-device",
		.kind = OPT_CALL,
		.set = set_test_device,
		.help = "test device of conformance suites"},
	{.name = "set",
		.kind = OPT_CALL,
		.arg = "KEY=VALUE",
		.set = set_any,
		.help = "set a configuration key"},
	{.name = "no-confine",
		.kind = OPT_FLAG,
		.at = CONF(no_confine),
		.help = "for debugging: without seccomp and the rest"},
	{.name = "verbose",
		.letter = 'v',
		.kind = OPT_COUNT,
		.at = CONF(verbose),
		.help = "say more; twice: much more"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-run",
	.what = "run a virtual machine",
	.usage = "[-dv] [options] name\n"
		 "[-dv] [options] -k kernel [-i initrd] [-a cmdline]\n"
		 "[-dv] [options] --disk file\n"
		 "--autostart",
	.opts = options,
	.max = 1,
	.tail = true,
};

/* What goes together. */
static int
check(const struct conf *c, const char *name, char *const *command)
{
	if (command)
		return failx(-EINVAL, "-- command: there are none yet");
	if (c->autostart)
		return name || c->name || c->detach || c->cfg.items
			       ? failx(-EINVAL, "--autostart stands alone")
			       : 0;
	if (!name && !c->cfg.kernel && !c->cfg.firmware && !c->cfg.disks)
		return failx(-EINVAL,
			"no machine, kernel (-k) or disk given; vm-run -h "
			"helps");
	if (name && c->name)
		return failx(-EINVAL, "--name: '%s' has its name", name);
	if (name && home_check_name(name))
		return -EINVAL;
	if (c->name && home_check_name(c->name))
		return -EINVAL;
	if (c->cfg.kernel && !strcmp(c->cfg.kernel, "-") &&
		config_get(&c->cfg, "keep", 0) &&
		c->cfg.keep != HOME_KEEP_NEVER)
		return failx(-EINVAL,
			"-k -: what is kept could not run again; --keep never");
	for (unsigned n = 0; c->detach && n < c->cfg.serials; n++)
		if (!strcmp(c->cfg.serial[n], "stdio"))
			return failx(-EINVAL, "--serial stdio: not with -d");
	if (c->detach && c->cfg.kernel && !strcmp(c->cfg.kernel, "-") && name)
		return failx(-EINVAL, "-k -: only for this run, without -d");
	return 0;
}

/* ---- ending ---- */

static void
ended(void *to)
{
	loop_stop(((struct run *)to)->loop);
}

static void
up(void *to)
{
	run_up(to);
}

/* How large the terminal is, for a virtio console on it. */
static void
tell_size(struct run *r)
{
	struct winsize w;

	if (ioctl(0, TIOCGWINSZ, &w) == 0)
		machine_console_size(
			instance_machine(r->instance), w.ws_col, w.ws_row);
}

/* The first asks the guest, the second does not. */
static void
caught(void *to, int sig)
{
	struct run *r = to;

	if (sig == SIGWINCH) {
		tell_size(r);
		return;
	}
	if (r->signal) {
		machine_stop(instance_machine(r->instance), 128 + sig,
			"ended by a second signal");
		return;
	}
	r->signal = sig;
	run_notify(r, "STOPPING=1\n");
	instance_button(
		r->instance, 128 + sig, "the guest did not power off in time");
}

static void
say_end(struct run *r, const struct end *e)
{
	struct machine *m = instance_machine(r->instance);
	char regs[4096];
	bool failed = e->code >= END_PANIC && e->code != END_OUTSIDE;

	if (e->cause[0] && (e->code >= END_RESET || r->conf->verbose))
		tool_say("%s: %s", r->what, e->cause);
	if (r->conf->verbose)
		tool_say("%s: %" PRIu64 " %s", machine_engine(m),
			machine_count(m),
			strcmp(machine_engine(m), "kvm") ? "instructions"
							 : "exits");
	if (r->conf->verbose && r->cfg.icount)
		tool_say("state %016" PRIx64, machine_hash(m));
	if (!r->conf->verbose || !failed)
		return;
	for (unsigned n = 0; n < r->cfg.cpus; n++)
		if (machine_registers(m, n, regs, sizeof(regs)))
			fprintf(stderr, "vcpu %u\n%s", n, regs);
}

/* ---- running ---- */

/* nohup(1) has it ignored, and then it must not end the machine. */
static bool
ignored(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

static void
output_lost(void *to, const char *sentence)
{
	(void)to;
	tool_say("%s", sentence);
}

static int
prepare(struct run *r)
{
	struct config *cfg = &r->cfg;
	const char *console = r->conf->detach ? "null" : "stdio";
	sigset_t set;
	int e;

	if (!cfg->serials && (e = config_set(cfg, "serial", console)))
		return e;
	r->clock = clock_new();
	if (!r->clock)
		return fail(-ENOMEM, "clock");
	e = loop_new(&r->loop, r->clock);
	if (e)
		return e;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (!ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full disk, as far as we see */
	return loop_signals(r->loop, &set, caught, r);
}

/* The back end behind port n; the console hides that of the first. */
static struct chr *
port(struct run *r, unsigned n)
{
	struct chr *front = n ? NULL : instance_front(r->instance);

	return front ? front : machine_serial(instance_machine(r->instance), n);
}

static void
use_terminal(struct run *r)
{
	struct chr *c = NULL;

	for (unsigned n = 0; n < r->cfg.serials; n++) {
		struct chr *s = port(r, n);

		chr_on_error(machine_serial(instance_machine(r->instance), n),
			output_lost, r);
		chr_on_error(s, output_lost, r);
		if (strcmp(chr_name(s), "stdio") == 0)
			c = s;
		else if (chr_where(s))
			tool_say("serial%u: %s", n, chr_where(s));
	}
	for (unsigned n = 0; n < r->cfg.ports; n++) {
		struct chr *s = machine_port(instance_machine(r->instance), n);

		chr_on_error(s, output_lost, r);
		if (strcmp(chr_name(s), "stdio") == 0)
			c = s;
		else if (chr_where(s) && strcmp(chr_name(s), "pty") == 0)
			tool_say("%s: %s", r->cfg.port[n].name, chr_where(s));
	}
	if (c && isatty(0) && tool_term_raw(0) == 0)
		chr_filter(c, run_escape, r);
	if (c && isatty(0))
		tell_size(r);
}

static int
live(struct run *r)
{
	struct instance_options o = {
		.cfg = &r->cfg,
		.loop = r->loop,
		.clock = r->clock,
		.log = &r->log,
		.vm = r->vm,
		.confine = !r->conf->no_confine,
		.to = r,
		.up = up,
		.ended = ended,
	};
	const struct end *e;
	int err;

	r->vm = NULL; /* the instance's now */
	err = instance_new(&r->instance, &o);
	if (err)
		return err;
	use_terminal(r);
	if (r->conf->detach)
		err = chdir("/") ? fail(-errno, "/") : 0;
	if (!err)
		err = instance_start(r->instance);
	if (!err)
		err = loop_run(r->loop);
	if (err)
		return err;
	for (unsigned n = 0; n < r->cfg.serials; n++)
		chr_flush(
			machine_serial(instance_machine(r->instance), n), 1000);
	tool_term_restore();
	e = machine_end(instance_machine(r->instance));
	say_end(r, e);
	return e->code;
}

static int
run(struct run *r)
{
	int code = r->conf->detach ? run_detach(r) : 0;
	bool hung = false;

	run_notify_open(r);
	config_init(&r->cfg);
	if (!code)
		code = run_target(r);
	if (!code)
		code = prepare(r);
	if (!code)
		code = live(r);
	if (code < 0) {
		tool_term_restore();
		tool_fail();
		code = END_FAILED;
	}
	if (r->instance)
		hung = machine_hung(instance_machine(r->instance));
	instance_free(r->instance);
	if (r->vm && !r->operand)
		home_leave(r->vm, (enum home_keep)r->cfg.keep, true);
	home_vm_close(r->vm);
	home_close(r->home);
	if (hung) /* a thread may still use the rest, until we are gone */
		return code;
	loop_free(r->loop);
	clock_free(r->clock);
	config_free(&r->cfg);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct run r = {.conf = &conf, .ready = -1, .notify = -1};
	struct opt_rest rest;
	int code;

	config_init(&conf.cfg);
	code = tool_start(&tool, argc, argv, &conf, &rest);
	if (code < 0) {
		r.operand = rest.n ? rest.v[0] : NULL;
		if (check(&conf, r.operand, rest.tail))
			code = tool_misused();
	}
	r.log = tool_log(conf.verbose > 1    ? LEVEL_DEBUG
			 : conf.verbose == 1 ? LEVEL_INFO
					     : LEVEL_WARN);
	if (code < 0)
		code = conf.autostart ? run_autostart(&conf) : run(&r);
	config_free(&conf.cfg);
	return tool_end(code);
}
