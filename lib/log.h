/* SPDX-License-Identifier: MIT */
/*
 * The log: run-time levels, one sink, chosen by the program. A struct log is
 * shared by the threads of a machine; the sink is called with whole lines
 * without a newline and serialises its output itself. A null log is silent.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdarg.h>

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

struct log {
	enum log_level level; /* the most talkative level that is passed on */
	void (*sink)(void *to, enum log_level level, const char *line);
	void *to;
};

void log_say(const struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
