/* SPDX-License-Identifier: MIT */
/*
 * vm-ctl, inside: vm-ctl.c has the options and the table of verbs, verbs.c,
 * dump.c, block.c, input.c and mouse.c what they do.
 */
#ifndef BIN_CTL_H
#define BIN_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/qmp.h"
#include "lib/vmm.h"

struct ctl { /* a verb, and a machine it is for */
	struct vmm_home *home;
	const char *name;
	const char *arg; /* the verb's, or NULL */
	char **args; /* all of them */
	unsigned n_args;
	int timeout_ms; /* as given; -1 it was not */
	bool json, force;
	int64_t hold_ms, delay_ms; /* -1: not given */
	const char *layout; /* NULL, likewise */
};

enum {
	VERB_ARG = 1, /* takes an argument */
	VERB_NEEDS_ARG = 2,
	VERB_JSON = 4, /* obeys -J */
	VERB_WAITS = 8, /* for the guest: several at the same time */
	VERB_ONE = 16, /* not for several machines */
	VERB_ARGS = 32, /* takes several arguments, and knows how many */
	VERB_TYPES = 64 /* obeys --hold, --delay and --layout */
};

struct verb {
	const char *name, *args, *help;
	int (*run)(const struct ctl *); /* an exit code, all being said */
	unsigned flags;
};

/* Connect; 0 or TOOL_FAILED. */
int ctl_open(const struct ctl *, struct qmp **);
/* How long to wait for an answer. */
int ctl_patience(const struct ctl *, int otherwise);

int ctl_command(const struct ctl *, const char *command);
int ctl_stop(const struct ctl *);
int ctl_poweroff(const struct ctl *);
int ctl_status(const struct ctl *);
int ctl_registers(const struct ctl *);
int ctl_qmp(const struct ctl *);
int ctl_events(const struct ctl *);
int ctl_dump(const struct ctl *);
#define CTL_BLOCK "list|stats|eject|change|resize|throttle|attach|detach"
int ctl_block(const struct ctl *);
int ctl_balloon(const struct ctl *);
int ctl_key(const struct ctl *);
int ctl_type(const struct ctl *);
#define CTL_MOUSE "move|rel|click|down|up|wheel"
int ctl_mouse(const struct ctl *);
int ctl_list_keys(void);
int ctl_open_awake(const struct ctl *, struct qmp **); /* not paused */
/* Events of input-send-event, which are consumed: an exit code, once the guest
 * has read them. */
int ctl_send_events(const struct ctl *, struct qmp *, json_t *events);
void ctl_pause_until(int64_t ms); /* of now_ms() */

/* {"schema": 1, KEY: list}. */
void ctl_print_list(const char *key, json_t *list);

#endif
