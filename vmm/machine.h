/* SPDX-License-Identifier: MIT */
/*
 * A machine: memory, board, engine, vCPU threads, and the event loop's thread
 * that decides. The loop's thread makes, runs and frees it; vCPU threads run
 * the engine and park when told.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include "lib/chr.h"
#include "lib/loop.h"
#include "vmm/config.h"
#include "vmm/drives.h"
#include "vmm/engine.h"

struct fb_head; /* lib/fb.h */
struct input; /* vmm/input.h */
struct machine;

enum { /* how a machine ended; also vm-run's exit codes (INTERFACE) */
	END_POWEROFF = 0,
	END_RESET = 110,
	END_PANIC = 111,
	END_TRIPLE = 112,
	END_HALTED = 113,
	END_OUTSIDE = 114,
	END_TIMEOUT = 124,
	END_FAILED = 125,
};

enum end_how {
	END_WELL, /* also from outside, by timeout, with a code of the guest's
		   * own choice */
	END_GUEST_FAILED, /* panic, triple fault, halted for good */
	END_BADLY /* our own failure */
};

struct end {
	enum end_how how;
	int code;
	char cause[160];
};

/* What the machine gets from who runs it. */
struct machine_host {
	int dir; /* its directory, where relative names of images lie; -1 */
	/* Opens the first serial port's back end, and owns it; may be NULL. */
	int (*console)(void *to, const char *spec, struct chr **);
	void *to;
};

/*
 * Build everything, ready to run. config must outlive the machine; images and
 * serial back ends are opened from it, after the other files that it names, and
 * owned, but for the first back end where host opens that. host may be NULL.
 */
int machine_new(struct machine **, const struct config *, struct loop *,
	struct clock *, const struct log *, const struct machine_host *);
/* Of one that machine_hung(), most stays: the process is to end soon. */
void machine_free(struct machine *);
/* It has ended while the host did not answer what a disk had asked (a network
 * that is gone): a thread may wait for that for ever. */
bool machine_hung(const struct machine *);

/* Start the vCPU threads, which enter the guest once the loop runs. When the
 * machine has ended, ended(to) is called once in the loop, with all vCPUs
 * parked. */
int machine_start(struct machine *, void (*ended)(void *to), void *to);
const struct end *machine_end(const struct machine *);

/* From the loop's thread: press the power button; end with a code (the first
 * one counts). */
void machine_button(struct machine *);
void machine_stop(struct machine *, int code, const char *cause);
/* Reset as the reset line does, whatever on-reset says. */
void machine_reset(struct machine *);
void machine_nmi(struct machine *);

/*
 * Stop the guest's time and vCPUs, and go on. Loop's thread; twice is fine.
 * A paused machine can be asked for registers, dumped, reset and stopped.
 */
void machine_pause(struct machine *);
void machine_resume(struct machine *);
bool machine_paused(const struct machine *);
/* Run fn with all vCPUs parked, whatever the machine was doing. */
void machine_frozen(
	struct machine *, void (*fn)(struct machine *, void *to), void *to);

/*
 * Told in the loop's thread as it happens. UP: every vCPU has been in the
 * guest; once, and not of a machine that ends before. SHUTDOWN comes before
 * ended(). PANICKED: by pvpanic, or by what it wrote on the first console.
 */
enum machine_event {
	MACHINE_UP,
	MACHINE_STOP, /* paused */
	MACHINE_RESUME,
	MACHINE_RESET,
	MACHINE_POWERDOWN, /* the button was pressed */
	MACHINE_PANICKED,
	MACHINE_SHUTDOWN,
	MACHINE_IO_ERROR, /* machine_io_told(); if kept, MACHINE_STOP follows;
			   * if not, told once a second at most */
	MACHINE_DETACHED, /* machine_gone() */
	MACHINE_TRAY /* the guest moved one: machine_tray(); once a second at
		      * most, and then as it is */
};
void machine_on_event(
	struct machine *, void (*fn)(void *to, enum machine_event), void *to);
/* Before machine_start(): called first in every vCPU thread; what it returns
 * but 0 ends the machine (END_FAILED, fail_text()). */
void machine_on_thread(struct machine *, int (*fn)(void *to), void *to);
/* Likewise in every worker's thread; machine_start() returns it. */
void machine_on_worker(struct machine *, int (*fn)(void *to), void *to);
const struct config *machine_config(const struct machine *);
struct clock *machine_clock(const struct machine *); /* the host's */
bool machine_up(const struct machine *);

/* The drives; never NULL. */
struct drives *machine_drives(const struct machine *);
/* on-io-error = pause: what the host refused, and the machine stands for; it is
 * tried again by machine_resume(). NULL: nothing. */
struct machine_io_error {
	char id[32]; /* of the drive */
	enum disk_op op;
	int err; /* -errno */
	bool kept; /* else the guest was told */
};
/* What MACHINE_IO_ERROR is about, while it is told. */
const struct machine_io_error *machine_io_told(const struct machine *);
const struct machine_io_error *machine_io_error(const struct machine *);

/* Plug in a virtio disk with that medium, which is taken over, success or not;
 * config is copied, its id is set. The guest finds it if it looks. */
int machine_attach(
	struct machine *, const struct config_disk *config, struct image *);
/* Ask the guest to let go of such a disk: MACHINE_DETACHED comes when it has.
 * -EPERM: it is the config's. */
int machine_detach(struct machine *, const char *id);
const char *machine_gone(const struct machine *); /* the id, during the event */
/* The drive's id, and whether its tray is open; during the event. */
const char *machine_tray(const struct machine *, bool *open);

/* Memory that the guest shall have, in bytes, of what the machine has: a
 * balloon in it takes the rest. The guest follows when it can. Loop's thread.
 * -ENOTSUP: without a balloon. */
int machine_balloon(struct machine *, uint64_t bytes);
/* What it has now, as far as it says. */
int machine_balloon_now(const struct machine *, uint64_t *bytes);

/* Keys and pointers, vmm/input.h. on_input: called in the loop's thread when
 * its devices have said that they may be worth trying again. */
struct input *machine_input(struct machine *);
void machine_on_input(struct machine *, void (*fn)(void *to), void *to);

/* The back end of port n of the virtio console, as the config lists them; and
 * the size of the terminal behind the one that is a console. */
struct chr *machine_port(const struct machine *, unsigned n);
void machine_console_size(struct machine *, unsigned cols, unsigned rows);

/* The thread id of vCPU n; 0 if it does not run yet. */
int machine_thread(const struct machine *, unsigned n);
/* What its graphics card shows, and how many bytes of video RAM lie behind it;
 * NULL: it has none. */
const struct fb_head *machine_screen(const struct machine *, size_t *ram);
/* Its CPU time, ns. */
uint64_t machine_thread_time(const struct machine *, unsigned n);
/* Parked: the registers of the device with that id ("uart0") as in saved state.
 * -ENOENT: the sentence lists the devices. */
int machine_device(struct machine *, const char *id, FILE *);
const struct mem *machine_mem(const struct machine *);
/* Parked: the state of vCPU n. */
int machine_cpu(struct machine *, unsigned n, struct cpu_state *);
/* Parked: the state of vCPU n as text. Returns the length. */
int machine_registers(struct machine *, unsigned n, char *buf, int size);
/* Parked: a hash of guest memory and all registers. */
uint64_t machine_hash(struct machine *);
const char *machine_engine(const struct machine *);
/* Instructions (soft) or exits (kvm) of all vCPUs so far. */
uint64_t machine_count(const struct machine *);
struct chr *machine_serial(const struct machine *, unsigned n);

#endif
