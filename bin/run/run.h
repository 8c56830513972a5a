/* SPDX-License-Identifier: MIT */
/*
 * vm-run's parts: vm-run.c has the options and the machine's life, target.c
 * finds or makes what is to run, detach.c goes into the background and tells
 * who waits, keys.c has the terminal's escape key.
 */
#ifndef BIN_RUN_RUN_H
#define BIN_RUN_RUN_H

#include "bin/tool.h"
#include "vmm/instance.h"

struct conf {
	struct config cfg; /* what the options set, and no more */
	const char *name; /* of a machine that was not created */
	bool detach, autostart, no_confine;
	unsigned verbose;
};

struct run {
	struct conf *conf;
	const char *operand; /* the created machine's name, or NULL */
	struct config cfg; /* what is run */
	const char *what; /* what messages call it */
	char name[80];
	struct loop *loop;
	struct clock *clock;
	struct log log;
	struct home *home;
	struct home_vm *vm;
	struct instance *instance;
	int ready; /* -d: where to say that it is up; -1 */
	int null; /* -d: what becomes of the caller's descriptors */
	int notify; /* $NOTIFY_SOCKET, connected; -1 */
	int signal; /* that asked for the end; 0 none */
	bool escaped;
	char command; /* typed after the escape key */
};

/* Fill r->cfg and r->what, open and lock r->vm. 0, or -errno with a sentence:
 * nothing is left behind then. */
int run_target(struct run *r);
/* Start every machine that says autostart = yes. The exit code. */
int run_autostart(const struct conf *conf);

/*
 * Fork. In the parent it never returns: it waits until the child says that it
 * is up and exits 0, or exits as the child does.
 */
int run_detach(struct run *r);
/* The guest runs: tell the parent and the service manager, and let go of the
 * caller's descriptors. */
void run_up(struct run *r);
/* sd_notify(3) without libsystemd: connect before the process is confined. */
void run_notify_open(struct run *r);
void run_notify(const struct run *r, const char *text);

/* A chr filter: what follows the escape key is for us; to is the run. */
size_t run_escape(void *to, uint8_t *p, size_t n);

#endif
