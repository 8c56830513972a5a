/* SPDX-License-Identifier: MIT */
/*
 * The engine contract: what runs the guest's instructions. A const table of
 * functions; run() performs port and memory I/O itself through the buses and
 * returns only when the machine must decide. Nothing else in vmm/ knows which
 * engine it is.
 *
 * Threads: open, map, vcpu_open and close come from one thread. run(), get(),
 * set() come from the thread that owns the vCPU, which is the one that called
 * run() first; get() and set() may come from another while that one is parked.
 * msi, extint, route, nmi, kick come from any thread; pause and resume from
 * the machine's, with all vCPUs parked.
 */
#ifndef VMM_ENGINE_H
#define VMM_ENGINE_H

#include "dev/bus.h"
#include "dev/ioapic.h"
#include "dev/mem.h"
#include "vmm/cpu.h"

struct engine;
struct vcpu;

enum stop {
	STOP_KICK, /* kick() was called; nothing happened */
	STOP_HALT, /* halted with interrupts off; running again waits on */
	STOP_TRIPLE, /* triple fault (shutdown) */
	STOP_ERROR, /* the engine cannot go on: fail_text() says why */
};

struct engine_config {
	struct mem *mem;
	struct bus *ports, *mmio;
	struct clock *clock;
	const struct log *log;
	unsigned cpus;
	bool icount; /* soft: the TSC counts instructions, time follows it */
	bool no_jit; /* soft: interpret only */
	unsigned jit_after; /* soft: translate what ran so often; 0: as usual */
	/* The CPU takes the PIC's interrupt: its vector. */
	unsigned (*pic_ack)(void *to);
	/* A level-triggered interrupt of this vector ended. */
	void (*eoi)(void *to, uint8_t vector);
	void *to;
};

struct engine_ops {
	const char *name; /* "kvm", "soft" */
	/* 0, or -errno with a sentence. Maps the slots that mem has by then. */
	int (*open)(struct engine **, const struct engine_config *);
	void (*close)(struct engine *); /* and its vCPUs */
	/* mem got another slot. */
	int (*map)(struct engine *, const struct mem_slot *);
	/* Drop the mapping of the page at gpa and make it anew. */
	void (*flush)(struct engine *, uint64_t gpa);
	void (*msi)(struct engine *, struct msi);
	void (*extint)(struct engine *, bool level); /* the PIC's INTR wire */
	/* An IOAPIC pin would send this message (kvm: EOI exits). */
	void (*route)(struct engine *, unsigned pin, struct msi, bool masked);
	/* A write of val (size bytes; size 0: any) at gpa, or port, signals the
	 * eventfd instead of the bus. -ENOTSUP: the bus will do. */
	int (*doorbell)(struct engine *, int fd, bool port, uint64_t addr,
		unsigned size, uint64_t val, bool add);
	uint64_t (*tsc_hz)(struct engine *);
	/* The guest's time stands, and goes on from there; in pairs. NULL: it
	 * all follows the machine's clock. */
	void (*pause)(struct engine *);
	void (*resume)(struct engine *);

	int (*vcpu_open)(struct engine *, unsigned index, struct vcpu **);
	enum stop (*run)(struct vcpu *);
	void (*kick)(
		struct vcpu *); /* sticky: the next run() returns at once */
	void (*nmi)(struct vcpu *);
	/* Parked: only NMI, INIT or SIPI can wake it, and none is pending. */
	bool (*halted)(struct vcpu *);
	int (*get)(struct vcpu *, struct cpu_state *);
	int (*set)(struct vcpu *, const struct cpu_state *);
	/* Instructions run (soft) or exits (kvm), for statistics. */
	uint64_t (*count)(const struct vcpu *);
};

extern const struct engine_ops engine_kvm, engine_soft;

#endif
