/* SPDX-License-Identifier: MIT */
/*
 * The log's front half: levels and formatting. Where lines go is the sink's
 * business.
 */
#include "lib/log.h"

#include <errno.h>

#include "lib/text.h"

enum { LINE_MAX_BYTES = 1024 };

void
log_say(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	int saved = errno;
	va_list ap;

	if (!log || !log->sink || level > log->level)
		return;
	va_start(ap, fmt);
	text_format(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->sink(log->to, level, line);
	errno = saved;
}
