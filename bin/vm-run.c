/* SPDX-License-Identifier: MIT */
/*
 * vm-run: runs a machine in the foreground, its first serial port on stdio.
 * The exit status tells how the machine ended.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/err.h"
#include "vmm/machine.h"

#define ESCAPE 0x1d /* Ctrl-] */

struct conf {
	struct config cfg;
	unsigned accel, on_reset, entry, verbose;
};

struct run {
	struct conf *conf;
	struct loop *loop;
	struct clock *clock;
	struct log log;
	struct machine *machine;
	struct timer stop;
	int signal; /* that asked for the end; 0 none */
	bool escaped;
	char command; /* typed after the escape key */
};

/* ---- options ---- */

#define SETTER(name, key)                                                      \
	static int set_##name(void *conf, const char *value)                   \
	{                                                                      \
		return config_set(&((struct conf *)conf)->cfg, key, value);    \
	}
SETTER(initrd, "initrd")
SETTER(cmdline, "cmdline")
SETTER(serial, "serial")
SETTER(debugcon, "debugcon")

static int
set_kernel(void *conf, const char *value)
{
	struct config *cfg = &((struct conf *)conf)->cfg;

	if (cfg->kernel)
		return failx(
			-EINVAL, "there is one already, '%s'", cfg->kernel);
	return config_set(cfg, "kernel", value);
}

static int
set_flat(void *conf, const char *value)
{
	return config_set(
		&((struct conf *)conf)->cfg, "flat", value ? value : "0x7c00");
}

static int
set_any(void *conf, const char *value)
{
	char key[32];
	size_t n = strcspn(value, "=");

	if (!value[n] || n >= sizeof(key))
		return failx(-EINVAL, "'%s' is not key=value", value);
	memcpy(key, value, n);
	key[n] = '\0';
	return config_set(&((struct conf *)conf)->cfg, key, value + n + 1);
}

#define CFG(member) offsetof(struct conf, cfg.member)
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
	{.name = "memory",
		.letter = 'm',
		.kind = OPT_SIZE,
		.arg = "SIZE",
		.at = CFG(memory),
		.min = 64 << 10,
		.max = 1ull << 40,
		.multiple = 4096,
		.help = "guest memory (default 128M)"},
	{.name = "cpus",
		.letter = 'c',
		.kind = OPT_NUMBER,
		.arg = "N",
		.at = CFG(cpus),
		.min = 1,
		.max = CONFIG_CPUS,
		.help = "virtual CPUs (default 1)"},
	{.name = "accel",
		.kind = OPT_CHOICE,
		.arg = "auto|kvm|soft",
		.at = CONF(accel),
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
	{.name = "timeout",
		.kind = OPT_DURATION,
		.arg = "DURATION",
		.at = CFG(timeout),
		.help = "end the machine after so long"},
	{.name = "stop-timeout",
		.kind = OPT_DURATION,
		.arg = "DURATION",
		.at = CFG(stop_timeout),
		.help = "how long the guest may take to power off "
			"(default 30s)"},
	{.name = "on-reset",
		.kind = OPT_CHOICE,
		.arg = "exit|restart",
		.at = CONF(on_reset),
		.help = "what a guest's reset does"},
	{.name = "flat",
		.kind = OPT_CALL,
		.arg = "[=ADDR]",
		.set = set_flat,
		.help = "boot a flat real-mode image (at 0x7c00)"},
	{.name = "entry",
		.kind = OPT_CHOICE,
		.arg = "auto|32|64",
		.at = CONF(entry),
		.help = "entry point of a Linux kernel"},
	{.name = "debug-exit",
		.kind = OPT_FLAG,
		.at = CFG(debug_exit),
		.help = "debug exit device at port 0xf4"},
	{.name = "test-device",
		.kind = OPT_FLAG,
		.at = CFG(test_device),
		.help = "test device of conformance suites"},
	{.name = "set",
		.kind = OPT_CALL,
		.arg = "KEY=VALUE",
		.set = set_any,
		.help = "set a configuration key"},
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
	.usage = "[options] -k kernel [-i initrd] [-a cmdline]",
	.opts = options,
	.max = 0,
};

/* ---- ending ---- */

static void
ended(void *to)
{
	loop_stop(((struct run *)to)->loop);
}

static void
stop_expired(void *to)
{
	struct run *r = to;

	machine_stop(r->machine, 128 + r->signal,
		"the guest did not power off in time");
}

/* The first asks the guest, the second does not. */
static void
caught(void *to, int sig)
{
	struct run *r = to;

	if (r->signal) {
		machine_stop(r->machine, 128 + sig, "ended by a second signal");
		return;
	}
	r->signal = sig;
	machine_button(r->machine);
	timer_arm(&r->stop, clock_now(r->clock) + r->conf->cfg.stop_timeout);
}

/* ---- the escape key ---- */

static void
show_keys(void)
{
	fputs("\r\nCtrl-] then: p power button, q quit, r reset, n NMI, "
	      "Ctrl-] itself\r\n",
		stderr);
}

static void
obey(void *to)
{
	struct run *r = to;

	switch (r->command) {
	case 'p':
		machine_button(r->machine);
		break;
	case 'q':
	case 'x':
		machine_stop(r->machine, END_OUTSIDE, "quit from the keyboard");
		break;
	case 'r':
		machine_reset(r->machine);
		break;
	case 'n':
		machine_nmi(r->machine);
		break;
	default:
		show_keys();
	}
}

static size_t
escape_filter(void *to, uint8_t *p, size_t n)
{
	struct run *r = to;
	size_t kept = 0;

	for (size_t k = 0; k < n; k++) {
		if (!r->escaped && p[k] == ESCAPE) {
			r->escaped = true;
		} else if (r->escaped && p[k] != ESCAPE) {
			r->escaped = false;
			r->command = (char)tolower(p[k]);
			loop_post(r->loop, obey, r);
		} else {
			r->escaped = false;
			p[kept++] = p[k];
		}
	}
	return kept;
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
	struct config *cfg = &r->conf->cfg;
	static const char *const accels[] = {"auto", "kvm", "soft"};
	static const char *const entries[] = {"auto", "32", "64"};
	sigset_t set;
	int e;

	if (!cfg->accel)
		config_set(cfg, "accel", accels[r->conf->accel]);
	if (r->conf->on_reset)
		cfg->on_reset = ON_RESET_RESTART;
	if (r->conf->entry)
		config_set(cfg, "entry", entries[r->conf->entry]);
	if (!cfg->serials && (e = config_set(cfg, "serial", "stdio")))
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
	signal(SIGPIPE, SIG_IGN);
	timer_init(&r->stop, r->clock, NULL, stop_expired, r);
	return loop_signals(r->loop, &set, caught, r);
}

static void
use_terminal(struct run *r)
{
	struct chr *c = machine_serial(r->machine, 0);

	for (unsigned n = 0; n < r->conf->cfg.serials; n++) {
		struct chr *s = machine_serial(r->machine, n);

		chr_on_error(s, output_lost, r);
		if (strcmp(chr_name(s), "stdio") == 0)
			c = s;
		else if (chr_where(s))
			tool_say("serial%u: %s", n, chr_where(s));
	}
	if (strcmp(chr_name(c), "stdio") == 0 && isatty(0) &&
		tool_term_raw(0) == 0)
		chr_filter(c, escape_filter, r);
}

static void
say_end(struct run *r, const struct end *e)
{
	const char *name = r->conf->cfg.kernel;
	char regs[4096];
	bool failed = e->code >= END_PANIC && e->code != END_OUTSIDE;

	if (e->cause[0] && (e->code >= END_RESET || r->conf->verbose))
		tool_say(
			"%s: %s", strcmp(name, "-") ? name : "stdin", e->cause);
	if (r->conf->verbose)
		tool_say("%s: %" PRIu64 " %s", machine_engine(r->machine),
			machine_count(r->machine),
			strcmp(machine_engine(r->machine), "kvm")
				? "instructions"
				: "exits");
	if (r->conf->verbose && r->conf->cfg.icount)
		tool_say("state %016" PRIx64, machine_hash(r->machine));
	if (!r->conf->verbose || !failed)
		return;
	for (unsigned n = 0; n < r->conf->cfg.cpus; n++)
		if (machine_registers(r->machine, n, regs, sizeof(regs)))
			fprintf(stderr, "vcpu %u\n%s", n, regs);
}

static int
run(struct run *r)
{
	const struct end *e;
	int err = prepare(r);

	if (!err)
		err = machine_new(&r->machine, &r->conf->cfg, r->loop, r->clock,
			&r->log, NULL);
	if (err)
		return err;
	use_terminal(r);
	err = machine_start(r->machine, ended, r);
	if (!err)
		err = loop_run(r->loop);
	if (err)
		return err;
	for (unsigned n = 0; n < r->conf->cfg.serials; n++)
		chr_flush(machine_serial(r->machine, n), 1000);
	tool_term_restore();
	e = machine_end(r->machine);
	say_end(r, e);
	return e->code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {0};
	struct run r = {.conf = &conf};
	struct opt_rest rest;
	int code;

	config_init(&conf.cfg);
	code = tool_start(&tool, argc, argv, &conf, &rest);
	if (code < 0 && !conf.cfg.kernel) {
		failx(-EINVAL, "no kernel given (-k); vm-run -h helps");
		code = tool_misused();
	}
	if (code >= 0) {
		config_free(&conf.cfg);
		return tool_end(code);
	}
	r.log = tool_log(conf.verbose > 1    ? LEVEL_DEBUG
			 : conf.verbose == 1 ? LEVEL_INFO
					     : LEVEL_WARN);
	code = run(&r);
	if (code < 0) {
		tool_term_restore();
		tool_fail();
		code = END_FAILED;
	}
	machine_free(r.machine);
	loop_free(r.loop);
	clock_free(r.clock);
	config_free(&conf.cfg);
	return tool_end(code);
}
