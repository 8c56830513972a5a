/* SPDX-License-Identifier: MIT */
/*
 * The machine's parts, for the files that make, run and show it:
 * machine-make.c, machine.c, machine-show.c.
 */
#ifndef VMM_MACHINE_INT_H
#define VMM_MACHINE_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmm/board.h"
#include "vmm/boot.h"
#include "vmm/doorbells.h"
#include "vmm/firmware.h"
#include "vmm/input.h"
#include "vmm/machine.h"
#include "vmm/match.h"

#define ASK_EARLY (NS_PER_S / 1000) /* until it is up */
#define ASK_FIRST (NS_PER_S / 10)
#define ASK_LAST (5 * NS_PER_S)

struct thread {
	struct machine *m;
	struct vcpu *vcpu;
	pthread_t id;
	_Atomic(pid_t) tid;
	bool started;
	/* under m->lock */
	bool parked;
	bool halted; /* as of its last answer */
	unsigned answered; /* the last round it answered */
};

struct machine {
	const struct config *cfg;
	struct loop *loop;
	struct clock *clock; /* the host's, for what we decide */
	struct clock *guest; /* the devices': stands while paused; icount:
			      * moved by the engine */
	const struct log *log;
	struct mem *mem;
	struct bus *ports, *mmio;
	struct drives *drives;
	int patience; /* ms that the host has to answer what it was asked */
	bool hung; /* it did not, when the machine ended: much is not freed */
	struct board *board;
	struct board_host host;
	bool own_serial[CONFIG_UARTS], own_debugcon;
	bool own_port[CONFIG_PORTS];
	const struct engine_ops *ops;
	struct engine *engine;
	struct doorbells *doorbells; /* the disks' */
	struct blob kernel, initrd;
	struct firmware *firmware; /* NULL: none */
	struct thread *thread;
	unsigned cpus;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool park, quit; /* vCPUs: park; leave */
	unsigned round; /* of asking who is halted */
	unsigned waiting; /* answers still to come */
	enum notice notice;
	uint64_t notice_arg;
	bool noticed, tripled, broken, round_done, halt_seen;
	char why[160]; /* of broken */
	bool io_failed, io_reported;
	struct machine_io_error io_new; /* of io_failed */
	struct machine_io_error io_rep; /* of io_reported */

	struct call unplug;
	struct dev *out[CONFIG_DISKS]; /* the guest let go of; under lock */
	unsigned outs;
	struct drive *gone; /* during MACHINE_DETACHED */

	struct call trays;
	struct timer tray_timer; /* for what moved too soon to be told */
	int64_t tray_again; /* not before, trays are told */
	struct drive *tray; /* during MACHINE_TRAY */

	struct input input;
	struct call look; /* at it */
	void (*on_input)(void *to);
	void *on_input_to;

	struct call decide;
	bool doubt; /* all said halted, and were not */
	int64_t ask_every;
	struct timer ask, timeout;
	struct match panic;
	_Atomic bool panicked;
	/* The loop's own. */
	bool begun; /* vCPUs were let go for the first time */
	bool up, panic_told, paused, has_ended;
	bool stands; /* the guest's time */
	struct end end;
	void (*ended)(void *to);
	void *ended_to;
	void (*on_event)(void *to, enum machine_event);
	void *on_event_to;
	int (*on_thread)(void *to);
	void *on_thread_to;
	int (*on_worker)(void *to);
	void *on_worker_to;
	bool io_waits; /* a drive's requests do, for machine_resume() */
	struct machine_io_error io;
	const struct machine_io_error *io_told;
	int64_t io_again; /* not before, what was reported is told */
};

/* Give every device and CPU its state at power-on, and load the kernel. With
 * the vCPUs parked or not started. */
int machine_load(struct machine *);
/* Called by devices, the first console, and timers; to is the machine. */
void machine_told(void *to, enum notice, uint64_t arg);
void machine_said(void *to, const uint8_t *p, size_t n);
void machine_io_failed(
	void *to, const char *id, enum disk_op, int err, bool kept);
/* decide()'s part of it. */
void machine_decide_io(struct machine *);
/* The board's, from a vCPU; the loop's call that follows. */
void machine_ejected(void *to, struct dev *);
void machine_unplug(void *to);
/* The drives', from any thread; the loop's call that follows. */
void machine_tray_moved(void *to);
void machine_trays(void *to);
void machine_ask(void *to);
void machine_decide(void *to);
void machine_timed_out(void *to);
/* The loop's thread: park all vCPUs, returning once they are; let them go
 * again, unless they were told something meanwhile: decide() comes. */
void machine_park(struct machine *);
void machine_unpark(struct machine *);
void machine_tell(struct machine *, enum machine_event);
/* Parked: the guest's time goes on; the machine goes on as it was, paused or
 * running; who is halted will be asked anew, in so many ns. */
void machine_start_time(struct machine *);
void machine_go_on(struct machine *);
void machine_forget_round(struct machine *);
/* Parked: what was asked of the host is done. false: not all of it, the host
 * does not answer, which was logged. */
bool machine_drain(struct machine *);
void machine_ask_in(struct machine *, int64_t ns);
/* Have the vCPU threads leave, and wait for them. */
void machine_join(struct machine *);

#endif
