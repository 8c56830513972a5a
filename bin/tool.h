/* SPDX-License-Identifier: MIT */
/*
 * What the tools share: how they start, complain and end. A tool's main() is
 *
 *	int code = tool_start(&tool, argc, argv, &conf, &rest);
 *
 *	if (code >= 0)
 *		return tool_end(code);
 *	... if (thing_open() < 0) return tool_end(tool_fail()); ...
 *	return tool_end(0);
 */
#ifndef BIN_TOOL_H
#define BIN_TOOL_H

#include "lib/log.h"
#include "lib/opt.h"
#include "lib/term.h"

enum { TOOL_FAILED = 1, TOOL_USAGE = 2 };

/*
 * Make sure descriptors 0 to 2 are taken, then parse the command line. -1: go
 * on; else the code to end with, all being said.
 */
int tool_start(const struct opt_tool *, int argc, char **argv, void *conf,
	struct opt_rest *rest);
/*
 * Flush stdout. What could not be written makes a success a failure, said on
 * stderr unless the reader just left. Returns the code to exit with.
 */
int tool_end(int code);

/* fflush(stdout), for who goes on printing: why it failed tool_end() says. */
int tool_flush(void);

/* "tool: fail_text()" on stderr; returns TOOL_FAILED. */
int tool_fail(void);
/* The same for a mistake on the command line; returns TOOL_USAGE. */
int tool_misused(void);
/* "tool: ..." on stderr, one line. */
void tool_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A log whose lines go to stderr as those of tool_say(). */
struct log tool_log(enum log_level level);

/*
 * Make the terminal raw and see that it is restored on every way out: exit(),
 * signals that kill, stops. 0 or -errno. One terminal per process.
 */
int tool_term_raw(int fd);
void tool_term_restore(void);

#endif
