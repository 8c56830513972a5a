/* SPDX-License-Identifier: MIT */
/*
 * How tools start, complain and end. File-scope data is confined to here: the
 * name of the program and its terminal, of which a process has one each.
 */
#include "bin/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/text.h"

static const char *tool_name = "vm";
static struct term tool_term;
static int flush_error; /* of stdout; 0: none, or not known */

/*
 * A closed descriptor would become the first file we open, and messages would
 * end up in a disk image. What takes its place fails when used, as it should.
 */
static void
take_stdio(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

int
tool_start(const struct opt_tool *tool, int argc, char **argv, void *conf,
	struct opt_rest *rest)
{
	take_stdio();
	tool_name = tool->name;
	switch (opt_parse(tool, argc, argv, conf, rest, stdout)) {
	case OPT_OK:
		return -1;
	case OPT_DONE:
		return 0;
	case OPT_WRONG:
		break;
	}
	return tool_misused();
}

int
tool_flush(void)
{
	if (fflush(stdout) == 0)
		return 0;
	flush_error = errno;
	return -1;
}

int
tool_end(int code)
{
	bool failed = ferror(stdout) != 0;

	if (tool_flush() == 0 && !failed)
		return code;
	if (flush_error != EPIPE)
		tool_say("stdout: %s",
			flush_error ? strerror(flush_error) : "cannot write");
	return code ? code : TOOL_FAILED;
}

void
tool_say(const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	text_format(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s\n", tool_name, line);
}

int
tool_fail(void)
{
	tool_say("%s", fail_text());
	return TOOL_FAILED;
}

int
tool_misused(void)
{
	tool_say("%s", fail_text());
	return TOOL_USAGE;
}

static void
log_line(void *to, enum log_level level, const char *line)
{
	(void)to;
	(void)level;
	tool_say("%s", line); /* one call of stdio, which locks */
}

struct log
tool_log(enum log_level level)
{
	return (struct log){.level = level, .sink = log_line};
}

/* --- the terminal --- */

static void
on_fatal(int sig)
{
	term_restore(&tool_term);
	raise(sig); /* SA_RESETHAND: as if we had never been here */
}

static void
on_stop(int sig)
{
	bool raw = tool_term.changed;
	int saved = errno;

	(void)sig;
	term_restore(&tool_term);
	raise(SIGSTOP);
	tool_term.changed = raw;
	term_again(&tool_term);
	errno = saved;
}

static void
on_continue(int sig)
{
	int saved = errno;

	(void)sig;
	term_again(&tool_term);
	errno = saved;
}

/* What is ignored (nohup) or has a handler stays as it is. */
static void
handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	struct sigaction old;

	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(sig, &sa, NULL);
}

static void
guard_terminal(void)
{
	static const int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE,
		SIGALRM, SIGUSR1, SIGUSR2, SIGSEGV, SIGBUS, SIGILL, SIGFPE,
		SIGABRT, SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		handle(fatal[i], on_fatal, (int)(SA_RESETHAND | SA_NODEFER));
	handle(SIGTSTP, on_stop, SA_RESTART);
	handle(SIGCONT, on_continue, SA_RESTART);
	atexit(tool_term_restore);
}

int
tool_term_raw(int fd)
{
	guard_terminal();
	return term_raw(&tool_term, fd);
}

void
tool_term_restore(void)
{
	term_restore(&tool_term);
}
