/* SPDX-License-Identifier: MIT */
/*
 * A machine's console: the first serial port, wherever it goes, also goes to
 * NAME/console.log, and can be attached to at the socket NAME/console.
 *
 * console.log has everything from byte 0 of this run on; at cap bytes it is
 * renamed to console.log.1 (replacing the one before) and begun anew, so the
 * two hold the last cap bytes at least. Both are of this run: the log of the
 * run before is console.log.old by then. Readers follow the files by
 * lib/console-follow.h; vm-console does. The socket (0600) takes input for the
 * guest from any number of clients, in turns, and sends each the output since
 * it attached, read from the log at the client's own pace: a slow one delays
 * nobody and loses only what is rotated away twice. A client that shuts down
 * its reading side just writes. One client's input is passed on in pieces as
 * the guest has room, bounded. Clients over CONSOLE_CLIENTS are hung up on,
 * unless one has left input that still waits: that goes.
 *
 * The log is written by the loop, once a round. What a full disk does not take
 * is dropped: chr_on_error() of console_chr() tells, once.
 */
#ifndef LIB_CONSOLE_H
#define LIB_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/chr.h"

enum { CONSOLE_CLIENTS = 64, CONSOLE_CAP = 16 << 20 };

/* The names in the machine's directory. */
#define CONSOLE_SOCKET "console"
#define CONSOLE_LOG "console.log"
#define CONSOLE_LOG_1 "console.log.1" /* the part before, of the same run */
#define CONSOLE_LOG_OLD "console.log.old" /* the end of the run before */

struct console;

/*
 * front is the port's own back end (stdio, file, null...), not owned: output
 * goes there too and waits for it, input from there reaches the guest as well.
 * NULL: none. dir: the machine's directory; it must stay open, and no other
 * path is opened later: the log is there when this returns. log_only: no
 * socket. The caller holds the machine's lock: what bears those names is his
 * to replace.
 */
int console_new(struct console **, int dir, struct chr *front,
	struct loop *loop, uint64_t cap, bool log_only);
/* The back end for the UART; lives as long as the console. chr_flush() also
 * waits for front and for clients to take what there is. */
struct chr *console_chr(struct console *);
/* Writes what is left, removes the socket; front is detached. NULL is fine. */
void console_free(struct console *);

#endif
