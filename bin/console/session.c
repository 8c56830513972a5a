/* SPDX-License-Identifier: MIT */
/*
 * The session's stages. The socket is connected first and the log opened then:
 * so it is the log of the run that we are attached to. We never listen on the
 * socket; that it hangs up tells that the machine's process has gone, and by
 * then all that was said is in the log.
 */
#include "bin/console/session.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "bin/tool.h"
#include "lib/err.h"

void
session_fail(struct session *s)
{
	s->failed = true;
	tool_fail();
	loop_stop(s->loop);
}

void
session_enter(struct session *s, enum stage stage)
{
	s->stage = stage;
	s->since = clock_now(s->clock);
}

void
session_look_in(struct session *s, int64_t ns)
{
	timer_arm(&s->tick, clock_now(s->clock) + ns);
}

static void
tick(void *to)
{
	session_look(to);
}

static void
notified(void *to, uint32_t events)
{
	struct session *s = to;
	char buf[4096];

	(void)events;
	if (read(s->notify.fd, buf, sizeof(buf)) > 0)
		session_look(s);
}

/* --- our end of the wire --- */

static size_t
room(void *to)
{
	const struct session *s = to;

	if (s->stage == STAGE_STOPPED)
		return s->want->once;
	if (s->stage != STAGE_ATTACHED || s->in_used)
		return 0;
	return s->socket.fd >= 0 ? sizeof(s->in) : 0;
}

static void
input(void *to, const uint8_t *p, size_t n)
{
	struct session *s = to;

	if (s->stage == STAGE_STOPPED) {
		s->unheard = true;
		session_show(s);
		return;
	}
	memcpy(s->in, p, n);
	s->in_at = 0;
	s->in_used = n;
	session_send(s);
}

static void
input_ended(void *to)
{
	struct session *s = to;

	s->in_ended = true;
	if (s->stage == STAGE_STOPPED && !s->out_used)
		session_show(s);
	session_leave_when_done(s);
}

static void
writable(void *to)
{
	session_show(to);
}

static void
stdio_event(void *to, enum chr_event event)
{
	struct session *s = to;

	if (event == CHR_HANGUP) { /* nobody reads on: vm-console web | head */
		s->failed = true;
		loop_stop(s->loop);
	}
}

static void
output_lost(void *to, const char *sentence)
{
	struct session *s = to;

	tool_say("%s", sentence);
	s->failed = true;
	loop_stop(s->loop);
}

static size_t
find_escape(void *to, uint8_t *p, size_t n)
{
	struct session *s = to;
	const uint8_t *key = memchr(p, s->want->escape, n);

	if (!key)
		return n;
	s->escaped = true;
	loop_stop(s->loop);
	return (size_t)(key - p);
}

static int
open_stdio(struct session *s)
{
	struct chr_user user = {.room = room,
		.input = input,
		.writable = writable,
		.event = stdio_event,
		.to = s};
	int err = chr_open_fds(&s->stdio, s->want->no_input ? -1 : STDIN_FILENO,
		STDOUT_FILENO, s->loop);

	if (err)
		return err;
	chr_attach(s->stdio, &user);
	chr_on_error(s->stdio, output_lost, s);
	chr_on_end(s->stdio, input_ended, s);
	s->in_ended = s->want->no_input;
	if (s->want->no_input || !isatty(STDIN_FILENO))
		return 0;
	if (s->want->escape != NO_ESCAPE)
		chr_filter(s->stdio, find_escape, s);
	return 0;
}

/* --- life --- */

/* Without inotify (a user has few) the timer looks. */
static int
open_notify(struct session *s)
{
	char path[32];

	s->notify = (struct watch){
		inotify_init1(IN_NONBLOCK | IN_CLOEXEC), EPOLLIN, notified, s};
	if (s->notify.fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->dir);
	if (inotify_add_watch(s->notify.fd, path,
		    IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE) < 0) {
		close(s->notify.fd);
		s->notify.fd = -1;
		return 0;
	}
	return loop_add(s->loop, &s->notify);
}

int
session_open(struct session *s, const struct want *want, struct home_vm *vm)
{
	unsigned columns, rows;
	int err;

	*s = (struct session){.want = want,
		.vm = vm,
		.name = home_vm_name(vm),
		.dir = home_vm_fd(vm),
		.notify.fd = -1,
		.reader.fd = -1,
		.socket.fd = -1,
		.log = {.fd = -1, .next = -1},
		.last = '\n'};
	s->clock = clock_new();
	if (!s->clock)
		return fail(-ENOMEM, "clock");
	timer_init(&s->tick, s->clock, NULL, tick, s);
	err = loop_new(&s->loop, s->clock);
	if (err)
		return err;
	err = open_notify(s);
	if (!err)
		err = open_stdio(s);
	if (!err)
		err = session_watch_reader(s);
	if (!err && want->record) {
		term_size(STDOUT_FILENO, &columns, &rows);
		cast_open(&s->cast, want->record, columns, rows,
			clock_now(s->clock), (int64_t)time(NULL), s->name);
	}
	return err;
}

static void
tell_end(const struct session *s)
{
	if (!s->want->tell || s->failed)
		return;
	if (s->last != '\n')
		fputs("\r\n", stderr);
	if (s->stage == STAGE_ENDED)
		tool_say("%s: the machine ended", s->name);
}

int
session_run(struct session *s)
{
	const struct want *w = s->want;

	if (!w->no_input && isatty(STDIN_FILENO) &&
		tool_term_raw(STDIN_FILENO) < 0)
		return tool_fail();
	session_enter(s, STAGE_WAITING);
	session_look(s);
	if (loop_run(s->loop) < 0)
		s->failed = tool_fail();
	tool_term_restore(); /* so that ^C works while stdout does not */
	if (!s->failed && !s->escaped)
		chr_flush(s->stdio, INT_MAX);
	tell_end(s);
	if (w->record && cast_close(&s->cast) < 0) {
		fail(-EIO, "recording: cannot write");
		s->failed = tool_fail();
	}
	if (s->unheard && !s->failed && !s->escaped) {
		tool_say(s->stage == STAGE_STOPPED
				 ? "%s: not running"
				 : "%s: ended before it took the input",
			s->name);
		s->failed = true;
	}
	return s->failed ? TOOL_FAILED : 0;
}

void
session_close(struct session *s)
{
	console_follow_close(&s->log);
	chr_free(s->stdio);
	if (s->clock)
		timer_disarm(&s->tick);
	if (s->socket.fd >= 0)
		close(s->socket.fd);
	if (s->notify.fd >= 0)
		close(s->notify.fd);
	if (s->reader.fd >= 0)
		close(s->reader.fd);
	loop_free(s->loop);
	clock_free(s->clock);
}
