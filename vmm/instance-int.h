/* SPDX-License-Identifier: MIT */
/*
 * A machine's run, inside: instance.c builds, starts and ends it and answers
 * the control socket, instance-tell.c keeps status and events.jsonl.
 */
#ifndef VMM_INSTANCE_INT_H
#define VMM_INSTANCE_INT_H

#include <pthread.h>

#include "lib/console.h"
#include "vmm/confine.h"
#include "vmm/control.h"
#include "vmm/instance.h"
#include "vmm/meter.h"

struct instance {
	struct instance_options o;
	struct machine *machine;
	struct chr *front;
	struct console *console;
	struct control *control;
	struct meter *meter; /* NULL: it could not be made */
	struct home_status status;
	struct confine_report report;
	int dirs[CONFIG_UARTS]; /* where its own listening sockets lie */
	size_t n_dirs;
	struct timer button; /* waits for what the button began */
	int button_code; /* 0: nobody ends it */
	char button_cause[96];
	bool failed; /* before there was a machine's end */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool go; /* all threads are confined: into the guest */
};

/* The status of a run that begins; what the one before left otherwise. */
void instance_begin_status(struct instance *);
void instance_set_phase(struct instance *, enum home_state);
/* Told in events.jsonl and over the control socket; fill() adds members. */
void instance_tell(struct instance *, const char *event,
	void (*fill)(struct instance *, struct json *));
/* The same with members as JSON text, without braces. */
void instance_say(struct instance *, const char *event, const char *members);
void instance_fill_start(struct instance *, struct json *);
void instance_fill_end(struct instance *, struct json *);
void instance_took_end(struct instance *, int code, const char *cause);
enum home_state instance_end_state(const struct instance *);
/* For machine_on_event(); to is the instance. */
void instance_event(void *to, enum machine_event);

#endif
