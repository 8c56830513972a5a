/* SPDX-License-Identifier: MIT */
/*
 * A person, or a pipe, at a machine's console: what the machine says is read
 * from its log, what it is told goes to its socket.
 */
#ifndef BIN_CONSOLE_SESSION_H
#define BIN_CONSOLE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cast.h"
#include "lib/chr.h"
#include "lib/console-follow.h"
#include "lib/home.h"

enum { NO_ESCAPE = -1, SCROLLBACK = 64 << 10 };

struct want { /* what was asked for */
	int64_t lines; /* of scrollback; CONSOLE_FROM_START: all... */
	uint64_t bytes; /* ...but not more than this; 0: any */
	int escape; /* the key that leaves, or NO_ESCAPE */
	bool no_input, once, wait;
	bool tell; /* people are there: say what happens */
	FILE *record; /* or NULL */
};

enum stage {
	STAGE_WAITING, /* for the machine, or its socket */
	STAGE_STOPPED, /* it does not run: what the log has, and the end */
	STAGE_ATTACHED,
	STAGE_PARTED, /* it hung up: has it ended, or were we too many? */
	STAGE_LEAVING, /* as soon as what there is has been shown */
	STAGE_ENDED /* the machine has; the rest of the log */
};

struct session {
	const struct want *want;
	struct home_vm *vm;
	const char *name;
	int dir;
	struct loop *loop;
	struct clock *clock;
	struct chr *stdio;

	enum stage stage;
	struct timer tick;
	struct watch notify; /* inotify on the directory; fd -1: the timer */
	int64_t since; /* this stage, in the clock's time */

	struct watch reader; /* of our stdout, a pipe; fd -1: none */
	struct watch socket; /* fd -1: none */
	ino_t inode; /* the socket's, to know it again */
	uint8_t in[4096]; /* from in_at on, in_used bytes for the machine */
	size_t in_at, in_used;
	bool in_ended; /* our input */
	bool unheard; /* there was input, and no machine */

	struct console_follow log;
	bool reading;
	uint8_t out[16384]; /* read, and not yet taken by stdout */
	size_t out_at, out_used;
	uint64_t left; /* to show yet, when leaving */
	uint8_t last; /* byte that was shown */
	struct cast cast;

	bool waited, failed, escaped;
};

/* 0 or -errno with a sentence. */
int session_open(struct session *, const struct want *, struct home_vm *);
/* Until one side leaves; returns the code to exit with. What went wrong has
 * been said. */
int session_run(struct session *);
void session_close(struct session *);

/* --- between its parts --- */

#define NS_PER_MS 1000000LL

void session_enter(struct session *, enum stage);
/* Say fail_text() and end. */
void session_fail(struct session *);
/* session_look() after so many ns, if nothing calls before. */
void session_look_in(struct session *, int64_t ns);

/* output.c: notice where stdout is a pipe that is no longer read. */
int session_watch_reader(struct session *);
/* The log is there to be read; 0 or -errno. */
int session_read_log(struct session *);
/* Show what there is, and see whether that is the end. */
void session_show(struct session *);
/* Is there input that we are to stay for? */
bool session_input_waits(const struct session *);

/* wire.c: something has changed, or may have. */
void session_look(struct session *);
/* Pass on what is in s->in. */
void session_send(struct session *);
void session_leave_when_done(struct session *);

#endif
