/* SPDX-License-Identifier: MIT */
/*
 * The control protocol: QMP's wire format (QEMU Machine Protocol
 * specification), a stream of JSON values each way. Here are the splitter that
 * server and client share, and the client.
 */
#ifndef LIB_QMP_H
#define LIB_QMP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/home.h"

enum {
	QMP_VALUE_MAX = 64 << 10, /* bytes of one JSON value */
	QMP_DEPTH_MAX = 32,
	QMP_FDS = 8 /* descriptors a client may have deposited */
};

/*
 * Cuts a stream into JSON objects, with or without newlines between them,
 * looking at strings and brackets only. Bounded: one that is too long or too
 * deep is skipped up to where it ends (or the next newline outside of it) and
 * reported as one error.
 */
struct qmp_split {
	char *buf; /* QMP_VALUE_MAX + 1 bytes, the owner's */
	size_t used;
	unsigned depth;
	bool string, escape, bad;
};
/* Consumes from *p, *n on. 1: a value is in buf, NUL-terminated, used bytes
 * (call again for more); 0: all consumed, none complete; -EINVAL: something
 * that is no JSON object was skipped. */
int qmp_split(struct qmp_split *, const char **p, size_t *n);

struct qmp; /* a client's connection */

/*
 * Connect to the machine's control socket and negotiate; never waits longer
 * than timeout_ms. -ENOTCONN: "NAME: not running". -ETIMEDOUT: "NAME: does not
 * answer".
 */
int qmp_open(struct qmp **, const struct home_vm *, int timeout_ms);
void qmp_close(struct qmp *);
/*
 * Execute a command. args (may be NULL) is consumed. *ret (ret may be NULL) is
 * the answer's "return", json_decref(). -EREMOTEIO: "NAME: <the server's
 * description>".
 */
int qmp_call(struct qmp *, const char *command, json_t *args, json_t **ret,
	int timeout_ms);
/* After its -ETIMEDOUT: wait for that answer once more. */
int qmp_again(struct qmp *, json_t **ret, int timeout_ms);
/* The text of one command as it stands; *ret is the whole reply. */
int qmp_raw(struct qmp *, const char *text, json_t **ret, int timeout_ms);
/* Deposit a descriptor under that name (getfd). */
int qmp_give_fd(struct qmp *, const char *name, int fd, int timeout_ms);
/* The next event; -ETIMEDOUT; -EPIPE: the server has gone. */
int qmp_event(struct qmp *, json_t **event, int timeout_ms);

#endif
