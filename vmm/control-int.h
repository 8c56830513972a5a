/* SPDX-License-Identifier: MIT */
/*
 * The control server, inside: control.c has who comes and goes,
 * control-client.c what they say and hear, in turns; control-run.c works
 * requests off, of which control-cmd.c has the table, control-block.c and
 * control-plug.c those for drives, control-input.c and control-type.c those for
 * keys, and control-answer.c the answers; control-fd.c keeps descriptors that
 * clients deposit, and control-dump.c does the one job that takes its time.
 */
#ifndef VMM_CONTROL_INT_H
#define VMM_CONTROL_INT_H

#include <jansson.h>

#include "lib/qmp.h"
#include "vmm/control.h"
#include "vmm/input.h"

enum {
	TURN_BYTES = 512, /* of input a client has read in its turn */
	TURN_COMMANDS = 4, /* and worked off */
	FD_NAME = 64
};

struct control;
struct job;
struct typing;

struct named_fd {
	char name[FD_NAME];
	int fd;
};

struct client {
	struct control *c;
	struct client *next, *prev;
	struct watch w; /* fd -1: dead, waits for being freed */
	bool negotiated;
	bool eof; /* it says no more */
	bool held; /* in.buf is a whole value, not yet worked off */
	bool waiting; /* for the job to end, or what it types to be taken */
	struct typing *typing; /* that */
	struct qmp_split in; /* buf NULL while nothing is in it */
	char rest[TURN_BYTES]; /* what was read, from at on */
	const char *at;
	size_t left;
	char *out;
	size_t out_used, out_size;
	struct named_fd named[QMP_FDS];
	int given[QMP_FDS]; /* deposited, without a name yet */
	unsigned givens;
};

struct control {
	struct control_host host;
	struct watch listener;
	int spare; /* given up to refuse somebody where none is left */
	struct client *first, *last; /* who spoke last is last */
	unsigned clients;
	struct call work; /* clients with something left to do, or dead */
	struct call quit;
	struct timer costly, again;
	int64_t costly_at; /* not before */
	struct job *job;
	struct typing *typing; /* whose turn it is, and who waits */
	unsigned typists;
	struct timer typist;
	struct timer balloon; /* looks how far the guest has followed */
	uint64_t balloon_to, balloon_now;
	unsigned balloon_idle; /* looks since it last moved */
};

/* ---- control.c ---- */

void client_kill(struct client *);
void control_touch(struct client *); /* it is the one who spoke last */
void control_work(struct control *); /* soon */

/* ---- control-client.c ---- */

static inline bool
client_dead(const struct client *cl)
{
	return cl->w.fd < 0;
}
/* A piece of a line. The client may be dead then. */
void client_say(struct client *, const char *text, size_t n);
/* Work off what it has said, as far as that goes in a turn, and send it what
 * is there for it. */
void client_turn(struct client *);
/* Has it said something that we may see to now? */
bool client_has_turn(const struct client *);
void client_ready(void *to, uint32_t events); /* for its watch */
void client_flush(struct client *); /* send what goes */
void client_watch(struct client *); /* for what there is to wait for */

/* ---- control-answer.c ---- */

void client_greet(struct client *);
/* What is no JSON object. */
void client_garbage(struct client *);
/* id may be NULL in all of these. value: JSON text. */
void client_return(struct client *, const char *value, json_t *id);
void client_error(
	struct client *, const char *class, const char *desc, json_t *id);
/* What a job answers in the end; id is consumed, err as with fail(). */
void client_answer(struct client *, json_t *id, int err);
/* The members of query-version. */
void control_version(struct json *);

/* ---- control-cmd.c ---- */

struct request {
	struct client *cl;
	struct control *c;
	json_t *args; /* an object, or NULL */
	json_t *id;
	struct json out; /* what it returns: members, in its braces */
};

enum { DEFERRED = 1 }; /* client_answer() comes */

enum {
	CMD_FIRST = 1, /* before the others are obeyed, and only then */
	CMD_ARRAY = 2, /* it returns one */
	CMD_COSTLY = 4 /* the machine stands meanwhile */
};

struct command {
	const char *name;
	const char *args; /* those it takes, blank-separated */
	/* 0, DEFERRED, or -errno with a sentence. */
	int (*run)(struct request *);
	unsigned flags;
};

/* ---- control-block.c: commands ---- */

int control_query_block(struct request *);
int control_query_blockstats(struct request *);
int control_eject(struct request *);
int control_change_medium(struct request *);
int control_block_resize(struct request *);
int control_set_throttle(struct request *);

/* ---- control-plug.c: commands ---- */

int control_attach(struct request *);
int control_device_del(struct request *);
int control_balloon(struct request *);
int control_query_balloon(struct request *);
bool control_has_balloon(const struct control *);
void control_look_at_balloon(void *to); /* the timer's; to is the control */

/* ---- control-input.c: commands ---- */

int control_send_key(struct request *);
int control_input_send_event(struct request *);
int control_query_mice(struct request *);
int control_lights(struct request *);

/* ---- control-type.c: the turns of who types ---- */

enum { TYPING_EVENTS = 256 };
struct typing { /* one command's events */
	struct client *cl;
	struct typing *next;
	json_t *id;
	unsigned n, at; /* events, and how many were taken */
	unsigned hold_at; /* hold before this one, if it is not the first */
	int64_t hold, wait; /* ns */
	int64_t until, patience; /* when these are over */
	bool read; /* wait until the guest has read it */
	struct input_event ev[TYPING_EVENTS];
};

/* n > 0, hold, wait and read are set: as a command returns. */
int typing_begin(struct request *, struct typing *);
void typing_cancel(struct client *); /* nothing, if it does not type */
void control_type(void *to); /* the timer's; to is the control */

/* ---- control-screen.c: a command ---- */

int control_screendump(struct request *);

/* Arguments: 0, or -EINVAL with a sentence. What may be left out leaves *out as
 * it is, but a bool, which is false then. */
int request_string(struct request *, const char *key, const char **out);
int request_may_string(struct request *, const char *key, const char **out);
int request_may_bool(struct request *, const char *key, bool *out);
int request_may_number(struct request *, const char *key, uint64_t *out);

/* NULL: not offered. */
const struct command *command_find(const struct control *, const char *name);

/* ---- control-run.c ---- */

/* Work off the value in in.buf. False: it costs, and it is too early. */
bool client_execute(struct client *);

/* ---- control-fd.c ---- */

/* Read input of n bytes at most and keep the descriptors that come along. */
ssize_t client_receive(struct client *, void *p, size_t n);
int client_name_fd(struct client *, const char *name);
/* The descriptor of that name, which is then the caller's; -ENOENT. */
int client_take_fd(struct client *, const char *name);
void client_close_fds(struct client *);

/* ---- control-dump.c ---- */

/* 1: begun, client_answer() comes; -errno with a sentence. id is borrowed. */
int job_begin(struct client *, const char *fd_name, json_t *id);
/* Whoever waits for it is not answered. */
void job_cancel(struct control *);

#endif
