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
#include "vmm/engine.h"

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

/* Who opens the first serial port's back end, and owns it. */
struct machine_console {
	int (*open)(void *to, const char *spec, struct chr **);
	void *to;
};

/*
 * Build everything, ready to run. config must outlive the machine; serial back
 * ends are opened from it, after the files that it names, and owned, but for
 * the first where console is given.
 */
int machine_new(struct machine **, const struct config *, struct loop *,
	struct clock *, const struct log *, const struct machine_console *);
void machine_free(struct machine *);

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
	MACHINE_SHUTDOWN
};
void machine_on_event(
	struct machine *, void (*fn)(void *to, enum machine_event), void *to);
/* Before machine_start(): called first in every vCPU thread; what it returns
 * but 0 ends the machine (END_FAILED, fail_text()). */
void machine_on_thread(struct machine *, int (*fn)(void *to), void *to);
const struct config *machine_config(const struct machine *);
struct clock *machine_clock(const struct machine *); /* the host's */
bool machine_up(const struct machine *);

/* The thread id of vCPU n; 0 if it does not run yet. */
int machine_thread(const struct machine *, unsigned n);
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
