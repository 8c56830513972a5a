/* SPDX-License-Identifier: MIT */
/*
 * The sentence of the last failure. It is per thread like errno, and like
 * errno it is the one thing here that is not passed by argument.
 */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/text.h"

enum { TEXT_MAX = 1024, CAUSE_MAX = 96 };

static _Thread_local char text[TEXT_MAX];

/* Through a local: an argument may be fail_text() itself. */
static void
record(int err, const char *fmt, va_list ap)
{
	char buf[TEXT_MAX], cause[CAUSE_MAX];
	int saved = errno;
	size_t n, room = sizeof(buf);

	if (err)
		room -= CAUSE_MAX + 2;
	n = text_format(buf, room, fmt, ap);
	if (err)
		snprintf(buf + n, sizeof(buf) - n, ": %s",
			strerror_r(err < 0 ? -err : err, cause, sizeof(cause)));
	memcpy(text, buf, strlen(buf) + 1);
	errno = saved;
}

int
fail(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(err, fmt, ap);
	va_end(ap);
	return err;
}

int
failx(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	record(0, fmt, ap);
	va_end(ap);
	return err;
}

const char *
fail_text(void)
{
	return text;
}

void
fail_clear(void)
{
	text[0] = '\0';
}
