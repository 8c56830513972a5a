/* SPDX-License-Identifier: MIT */
/*
 * A machine's console: the first serial port, wherever it goes, also goes to
 * NAME/console.log, and can be attached to at the socket NAME/console.
 *
 * console.log has everything from byte 0 of this run on; at cap bytes it is
 * renamed to console.log.1 (replacing the one before) and begun anew, so the
 * two hold the last cap bytes at least. Readers follow the file like tail -F;
 * vm-console does. The socket (0600) takes input for the guest from any number
 * of clients, and sends each the output since it attached, read from the log at
 * the client's own pace: a slow one delays nobody and loses only what is
 * rotated away twice. A client that shuts down its reading side just writes.
 * One client's input is passed on in pieces as the guest has room, bounded.
 */
#ifndef LIB_CONSOLE_H
#define LIB_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/chr.h"

enum { CONSOLE_CLIENTS = 64, CONSOLE_CAP = 16 << 20 };

struct console;

/*
 * front is the port's own back end (stdio, file, null...), not owned: output
 * goes there too and waits for it, input from there reaches the guest as well.
 * NULL: none. dir: the machine's directory; it must stay open, and no other
 * path is opened later: the log is there when this returns (an older one
 * became console.log.1). log_only: no socket. The path may exceed 107 bytes.
 */
int console_new(struct console **, int dir, struct chr *front,
	struct loop *loop, uint64_t cap, bool log_only);
/* The back end for the UART; lives as long as the console. */
struct chr *console_chr(struct console *);
/* Writes what is left, removes the socket. */
void console_free(struct console *);

#endif
