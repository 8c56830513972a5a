/* SPDX-License-Identifier: MIT */
/*
 * Making a machine of its configuration, and unmaking it. What is wrong with
 * files and back ends is said before anything else is made.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/err.h"
#include "vmm/machine-int.h"
#include "vmm/probe.h"

static int
open_serial(struct machine *m, unsigned n, const struct machine_host *host)
{
	struct chr **port = &m->host.serial[n];
	const char *spec = m->cfg->serial[n];
	int r;

	if (n == 0 && host && host->console) {
		r = host->console(host->to, spec, port);
	} else {
		r = chr_open(port, spec, m->loop);
		m->own_serial[n] = !r;
	}
	if (!r)
		chr_on_output(*port, n == 0 ? machine_said : NULL, m);
	return r;
}

static int
open_serials(struct machine *m, const struct machine_host *host)
{
	int r = 0;

	for (unsigned n = 0; n < m->cfg->serials && !r; n++)
		r = open_serial(m, n, host);
	if (!r && m->cfg->debugcon) {
		r = chr_open(&m->host.debugcon, m->cfg->debugcon, m->loop);
		m->own_debugcon = !r;
	}
	for (unsigned n = 0; n < m->cfg->ports && !r; n++) {
		r = chr_open(&m->host.port[n], m->cfg->port[n].spec, m->loop);
		m->own_port[n] = !r;
	}
	return r;
}

/* Files first: what is wrong with them is said before anything is made. */
static int
open_files(struct machine *m, const struct machine_host *host)
{
	struct boot_params p = {.flat = m->cfg->flat};
	enum boot_kind kind;
	int r = 0;

	if (firmware_wanted(m->cfg))
		r = firmware_open(&m->firmware, m->cfg, host ? host->dir : -1);
	else if (!m->cfg->kernel)
		r = failx(-EINVAL, "no kernel given, and no firmware");
	if (r || !m->cfg->kernel)
		return r;
	r = boot_open(&m->kernel, m->cfg->kernel, m->cfg->memory, m->cfg->flat);
	if (r)
		return r;
	p.kernel = m->kernel;
	r = boot_probe(&p, &kind);
	if (!r && m->cfg->initrd)
		r = blob_open(&m->initrd, m->cfg->initrd, m->cfg->memory);
	return r;
}

/* The kvm engine does not open: the probe knows the reason better. */
static int
explain(const struct engine_ops *ops, int err)
{
	struct probe p;

	if (ops == &engine_kvm && probe_kvm(&p) && p.why != PROBE_SLOW)
		return failx(err, "kvm: %s", p.reason);
	return err;
}

static int
open_engine(struct machine *m)
{
	struct engine_config ec = {
		.mem = m->mem,
		.ports = m->ports,
		.mmio = m->mmio,
		.clock = m->guest,
		.log = m->log,
		.cpus = m->cpus,
		.icount = m->cfg->icount,
		.no_jit = m->cfg->jit == CONFIG_JIT_NO,
		.jit_after = m->cfg->jit == CONFIG_JIT_ALWAYS ? 1 : 0,
		.pic_ack = board_pic_ack,
		.eoi = board_eoi,
		.to = m->board,
	};
	int r = probe_choose(m->cfg->accel, NULL, &m->ops);

	if (!r && m->cfg->icount && m->ops != &engine_soft)
		r = failx(-EINVAL, "icount: only the soft engine counts");
	if (!r)
		r = m->ops->open(&m->engine, &ec);
	if (r)
		return explain(m->ops, r);
	log_say(m->log, LEVEL_INFO, "engine %s", m->ops->name);
	m->board->ops = m->ops;
	m->board->engine = m->engine;
	for (unsigned n = 0; n < m->cpus && !r; n++)
		r = m->ops->vcpu_open(m->engine, n, &m->thread[n].vcpu);
	return r;
}

/* icount: a clock that starts at the same time in every run, 2000-01-01, and is
 * moved by the engine. */
static int
make_clock(struct machine *m)
{
	if (m->cfg->icount && m->cpus != 1)
		return failx(-EINVAL, "icount: one CPU only");
	m->guest = m->cfg->icount ? clock_new_manual(946684800 * NS_PER_S)
				  : clock_new();
	if (!m->guest)
		return fail(-ENOMEM, "clock");
	return m->cfg->icount ? 0 : loop_add_clock(m->loop, m->guest);
}

static int
open_drives(struct machine *m, const struct machine_host *host)
{
	struct drives_host h = {
		.config = m->cfg,
		.dir = host ? host->dir : -1,
		.clock = m->guest,
		.log = m->log,
		.failed = machine_io_failed,
		.moved = machine_tray_moved,
		.to = m,
	};

	return drives_open(&m->drives, &h);
}

/* Doorbells are for disks: what else there is is not in a hurry. */
static void
moved(void *to, struct pci_fn *f, unsigned bar, uint64_t at, bool on)
{
	struct machine *m = to;
	struct virtio *v = (struct virtio *)f->dev;

	if (m->doorbells && !bar && virtio_is(f->dev) &&
		v->ops->id == VIRTIO_ID_BLOCK)
		doorbells_moved(m->doorbells, v, at, on);
}

/* A device, from any thread, with its lock held. */
static void
input_told(void *to)
{
	struct machine *m = to;

	loop_call(m->loop, &m->look);
}

static void
look_at_input(void *to)
{
	struct machine *m = to;

	input_settle(&m->input);
	if (m->on_input)
		m->on_input(m->on_input_to);
}

static int
build(struct machine *m, const struct machine_host *host)
{
	int r = open_files(m, host);

	if (!r)
		r = make_clock(m);
	if (!r)
		r = open_drives(m, host);
	if (!r)
		r = mem_new(&m->mem, m->cfg->memory);
	if (!r)
		r = bus_new(&m->ports, "ports", 0x10000);
	if (!r)
		r = bus_new(&m->mmio, "memory", 1ull << 52);
	if (!r)
		r = open_serials(m, host);
	if (r)
		return r;
	m->host.config = m->cfg;
	m->host.mem = m->mem;
	m->host.ports = m->ports;
	m->host.mmio = m->mmio;
	m->host.clock = m->guest;
	m->host.drives = m->drives;
	m->host.log = m->log;
	m->host.firmware = m->firmware;
	m->host.kernel = &m->kernel;
	m->host.initrd = &m->initrd;
	m->host.dir = host ? host->dir : -1;
	m->host.notify = (struct notify){machine_told, m};
	m->host.input = (struct input_tell){input_told, m};
	m->host.pci.ejected = machine_ejected;
	m->host.pci.moved = moved;
	m->host.pci.to = m;
	r = board_pc_new(&m->board, &m->host);
	if (r)
		return r;
	m->input.i8042 = m->board->i8042;
	m->input.keyboard = m->board->keyboard;
	m->input.tablet = m->board->tablet;
	r = open_engine(m);
	if (!r)
		r = doorbells_new(&m->doorbells, m->ops, m->engine, m->loop);
	return r ? r : machine_load(m);
}

int
machine_new(struct machine **out, const struct config *cfg, struct loop *loop,
	struct clock *clock, const struct log *log,
	const struct machine_host *host)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return fail(-ENOMEM, "machine");
	m->cfg = cfg;
	m->loop = loop;
	m->clock = clock;
	m->log = log;
	m->cpus = (unsigned)cfg->cpus;
	m->patience = DISK_PATIENCE;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	m->decide = (struct call){.fn = machine_decide, .to = m};
	m->unplug = (struct call){.fn = machine_unplug, .to = m};
	m->look = (struct call){.fn = look_at_input, .to = m};
	m->trays = (struct call){.fn = machine_trays, .to = m};
	timer_init(&m->ask, clock, NULL, machine_ask, m);
	timer_init(&m->timeout, clock, NULL, machine_timed_out, m);
	timer_init(&m->tray_timer, clock, NULL, machine_trays, m);
	match_init(&m->panic, "Kernel panic - not syncing");
	m->thread = calloc(m->cpus, sizeof(*m->thread));
	r = m->thread ? build(m, host) : fail(-ENOMEM, "machine");
	if (r) {
		machine_free(m);
		return r;
	}
	*out = m;
	return 0;
}

void
machine_free(struct machine *m)
{
	if (!m)
		return;
	timer_disarm(&m->ask);
	timer_disarm(&m->timeout);
	timer_disarm(&m->tray_timer);
	if (m->thread)
		machine_join(m);
	if (m->drives && !m->hung) {
		m->hung = !machine_drain(m);
		drives_reset(m->drives);
	}
	loop_uncall(m->loop, &m->decide);
	loop_uncall(m->loop, &m->unplug);
	loop_uncall(m->loop, &m->look);
	loop_uncall(m->loop, &m->trays);
	if (m->hung) { /* a worker still has requests, guest memory, images */
		drives_abandon(m->drives);
		drives_close(m->drives);
		if (m->guest)
			loop_del_clock(m->loop, m->guest);
		return;
	}
	doorbells_free(m->doorbells);
	m->doorbells = NULL;
	if (m->engine)
		m->ops->close(m->engine);
	if (m->board) {
		m->board->engine = NULL;
		board_free(m->board);
	}
	drives_close(m->drives);
	for (unsigned n = 0; n < CONFIG_UARTS; n++)
		if (m->own_serial[n])
			chr_free(m->host.serial[n]);
	if (m->own_debugcon)
		chr_free(m->host.debugcon);
	for (unsigned n = 0; n < CONFIG_PORTS; n++)
		if (m->own_port[n])
			chr_free(m->host.port[n]);
	if (m->guest)
		loop_del_clock(m->loop, m->guest);
	clock_free(m->guest);
	bus_free(m->ports);
	bus_free(m->mmio);
	mem_free(m->mem);
	blob_close(&m->kernel);
	blob_close(&m->initrd);
	firmware_close(m->firmware);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->changed);
	free(m->thread);
	free(m);
}
