/* SPDX-License-Identifier: MIT */
/*
 * A machine's run, as others see it: its directory held and kept up to date
 * (status, events.jsonl, console.log), its control socket and console served,
 * its process confined. One per process at most, since confinement is the
 * process's; the machine itself knows nothing of all this.
 */
#ifndef VMM_INSTANCE_H
#define VMM_INSTANCE_H

#include "lib/home.h"
#include "vmm/machine.h"

struct instance;

struct instance_options {
	struct config *cfg; /* outlives it; live keys are set in it */
	struct loop *loop;
	struct clock *clock; /* the host's */
	const struct log *log;
	/* The machine's directory, locked; it is left, and closed, by
	 * instance_free(). NULL: none, then nothing but the machine. */
	struct home_vm *vm;
	bool confine;
	void *to; /* for what follows */
	void (*up)(void *to); /* every CPU has been in the guest; may be NULL */
	void (*ended)(void *to);
};

/* Build all of it. What is wrong is said in a sentence; status then tells it
 * too, once instance_free() is called. */
int instance_new(struct instance **, const struct instance_options *);
/* Confine the process and start the guest. */
int instance_start(struct instance *);
/* Writes how it ended, and leaves the directory as its config's keep says. */
void instance_free(struct instance *);

struct machine *instance_machine(const struct instance *);
/* The first serial port's own back end (stdio, a file...), where the console
 * stands between it and the machine; NULL: there is none. */
struct chr *instance_front(const struct instance *);
/* The button; what has not powered off after the stop timeout is ended with
 * that code and cause. Again: nothing. */
void instance_button(struct instance *, int code, const char *cause);
/* The button, no more. */
void instance_powerdown(struct instance *);
void instance_reset(struct instance *);

#endif
