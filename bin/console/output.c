/* SPDX-License-Identifier: MIT */
/*
 * What the machine says: from its log to stdout, as fast as that takes it.
 */
#include "bin/console/session.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/err.h"

/* How long a machine that has ended may hold its lock. */
#define PATIENCE (5 * NS_PER_S)
#define OFTEN (50 * NS_PER_MS)

static void
show(struct session *s)
{
	unsigned columns, rows;

	s->last = s->out[s->out_used - 1];
	if (!s->want->record)
		return;
	if (isatty(STDOUT_FILENO) &&
		term_size(STDOUT_FILENO, &columns, &rows) == 0)
		cast_resize(&s->cast, clock_now(s->clock), columns, rows);
	cast_output(&s->cast, clock_now(s->clock), s->out, s->out_used);
}

/* Is there something that the machine has not been given yet? */
bool
session_input_waits(const struct session *s)
{
	return s->want->once && (!s->in_ended || s->in_used);
}

/* All that there is has been shown: is that the end? */
static void
caught_up(struct session *s)
{
	if (s->stage == STAGE_STOPPED && session_input_waits(s) && !s->unheard)
		return;
	if (s->stage == STAGE_ENDED && home_held(s->vm) > 0 &&
		clock_now(s->clock) - s->since < PATIENCE) {
		/* Who comes after us shall find it free. */
		session_look_in(s, OFTEN);
		return;
	}
	if (s->stage == STAGE_STOPPED || s->stage >= STAGE_LEAVING)
		loop_stop(s->loop);
}

/* The next piece of the log; false: no more for now. */
static bool
more(struct session *s)
{
	size_t max = sizeof(s->out);
	ssize_t n;

	if (s->stage == STAGE_LEAVING && s->left < max)
		max = (size_t)s->left;
	if (!max)
		return false;
	n = console_follow_read(&s->log, s->out, max);
	if (n < 0)
		session_fail(s);
	if (n <= 0)
		return false;
	s->out_at = 0;
	s->out_used = (size_t)n;
	s->left -= s->stage == STAGE_LEAVING ? s->out_used : 0;
	show(s);
	return true;
}

void
session_show(struct session *s)
{
	while (s->reading) {
		size_t taken;

		if (!s->out_used && !more(s))
			break;
		taken = chr_write(s->stdio, s->out + s->out_at, s->out_used);
		s->out_at += taken;
		s->out_used -= taken;
		if (s->out_used)
			return; /* writable() goes on */
	}
	caught_up(s);
}

/* A machine may be silent for long: vm-console web | head ends all the same.
 * Who leaves by itself, soon, is let finish. */
static void
reader_left(void *to, uint32_t events)
{
	struct session *s = to;

	(void)events; /* nothing but EPOLLERR or EPOLLHUP */
	loop_del(s->loop, &s->reader);
	if (s->want->once || s->stage == STAGE_STOPPED ||
		s->stage >= STAGE_LEAVING)
		return;
	s->failed = true;
	loop_stop(s->loop);
}

int
session_watch_reader(struct session *s)
{
	struct stat st;
	int fd;

	if (fstat(STDOUT_FILENO, &st) < 0 ||
		!(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	/* The loop has stdout itself where that is slow. */
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return fail(-errno, "stdout");
	s->reader = (struct watch){fd, EPOLLERR, reader_left, s};
	return loop_add(s->loop, &s->reader);
}

int
session_read_log(struct session *s)
{
	int64_t lines = s->waited ? CONSOLE_FROM_START : s->want->lines;
	uint64_t bytes = s->waited ? 0 : s->want->bytes;
	int err = console_follow_open(&s->log, s->dir, lines, bytes);

	s->reading = !err;
	return err;
}
