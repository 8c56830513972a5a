/* SPDX-License-Identifier: MIT */
/*
 * The terminal: curses' beginning and end, keys, and signals. Those that we
 * live with arrive in tty_poll() alone, so nothing else is ever interrupted;
 * those that kill put the terminal right first and then kill all the same.
 */
// LDLIBS: -lncursesw -ltinfo
#include "bin/tui/tty.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bin/tui/color.h"
#include "bin/tui/tui.h"
#include "lib/err.h"

enum { ESCAPE_MS = 25, STACK = 64 << 10 };

static struct {
	bool open, mouse, utf8;
	SCREEN *screen;
	WINDOW *keys; /* a pad: reading from it draws nothing */
	sigset_t outside; /* the mask before us */
	sigset_t before; /* the same, with what tty_poll() lets in */
	bool signals;
	volatile sig_atomic_t ended, resized, stopped, continued;
	char stack[STACK];
} tty;

/* --- signals --- */

static void
on_ended(int sig)
{
	if (!tty.ended)
		tty.ended = sig;
}

static void
on_other(int sig)
{
	if (sig == SIGWINCH)
		tty.resized = 1;
	else if (sig == SIGTSTP)
		tty.stopped = 1;
	else if (sig == SIGCONT)
		tty.continued = 1;
}

static void
on_fatal(int sig)
{
	tty_reset_now();
	raise(sig); /* SA_RESETHAND: as if we had never been here */
}

/* What is ignored (nohup) stays so; what gets a handler is blocked but in
 * tty_poll(). */
static void
let_in(int sig, void (*handler)(int), sigset_t *blocked)
{
	struct sigaction sa = {.sa_handler = handler}, old;

	if (sig != SIGCHLD && sigaction(sig, NULL, &old) == 0 &&
		old.sa_handler == SIG_IGN)
		return;
	sigaction(sig, &sa, NULL);
	sigaddset(blocked, sig);
	sigdelset(&tty.before, sig);
}

static const int ends[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT};
static const int others[] = {SIGWINCH, SIGCHLD, SIGTSTP, SIGCONT};

/* As before us; what came meanwhile comes now. */
static void
release_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, old;

	if (!tty.signals)
		return;
	tty.signals = false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		sigaction(others[i], &dfl, NULL);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &old) == 0 &&
			old.sa_handler == on_ended)
			sigaction(ends[i], &dfl, NULL);
	sigprocmask(SIG_SETMASK, &tty.outside, NULL);
}

/* Before curses begins, which leaves alone what has a handler. */
static void
catch_signals(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE,
		SIGTRAP, SIGSYS, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
	struct sigaction sa = {.sa_handler = on_fatal,
		.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK)};
	struct sigaction old;
	stack_t stack = {.ss_sp = tty.stack, .ss_size = sizeof(tty.stack)};
	sigset_t blocked;

	if (tty.signals)
		return;
	tty.signals = true;
	sigemptyset(&blocked);
	sigprocmask(SIG_BLOCK, NULL, &tty.outside);
	tty.before = tty.outside;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		let_in(ends[i], on_ended, &blocked);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		let_in(others[i], on_other, &blocked);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	/* A write to a terminal in the background must not stop on_fatal(). */
	sigfillset(&sa.sa_mask);
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		if (sigaction(fatal[i], NULL, &old) == 0 &&
			old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &sa, NULL);
}

/* --- beginning and end --- */

/* A locale that is not installed, as after ssh, is no reason for ASCII. */
static bool
locale_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *value = NULL;

	if (!setlocale(LC_CTYPE, "")) {
		for (size_t i = 0; i < 3 && !(value && *value); i++)
			value = getenv(names[i]);
		if (value && (strcasestr(value, "utf-8") ||
				     strcasestr(value, "utf8")))
			setlocale(LC_CTYPE, "C.UTF-8");
	}
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int
check(const char *term)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return failx(-ENOTTY, "standard input and output are not a "
				      "terminal; -b prints plain text");
	if (!term || !*term || strcmp(term, "dumb") == 0)
		return failx(-EINVAL,
			"the terminal can do nothing (TERM is '%s'); -b "
			"prints plain text",
			term ? term : "");
	return 0;
}

static void
begin(const struct tty_want *want)
{
	raw();
	noecho();
	nonl();
	intrflush(NULL, FALSE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	keypad(tty.keys, TRUE);
	nodelay(tty.keys, TRUE);
	tty.mouse = want->mouse;
	if (want->mouse) {
		mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED,
			NULL);
		mouseinterval(0); /* or curses waits for a second click */
	}
	color_open(want->color);
	tty_reset_prepare(tty.mouse);
}

int
tty_open(const struct tty_want *want)
{
	static bool at_exit;
	const char *term = getenv("TERM");
	int err = check(term);

	if (err)
		return err;
	tty.utf8 = locale_is_utf8() && !want->ascii;
	err = tty_reset_save(STDIN_FILENO);
	if (err)
		return fail(err, "the terminal");
	catch_signals();
	tty.screen = newterm(NULL, stdout, stdin);
	if (!tty.screen) {
		tty_reset_forget();
		release_signals();
		return failx(-EINVAL,
			"the terminal is not known (TERM is '%s'); -b prints "
			"plain text",
			term);
	}
	if (!at_exit)
		atexit(tty_close);
	at_exit = tty.open = true;
	tty.keys = newpad(1, 1);
	if (!tty.keys) {
		tty_close();
		return fail(-ENOMEM, "the terminal");
	}
	begin(want);
	return 0;
}

void
tty_close(void)
{
	if (!tty.open)
		return;
	tty.open = false;
	if (tty.mouse)
		mousemask(0, NULL);
	endwin();
	tty_reset_forget();
	color_close();
	if (tty.keys)
		delwin(tty.keys);
	delscreen(tty.screen);
	tty.keys = NULL;
	release_signals();
}

bool
tui_utf8(const struct tui *t)
{
	(void)t;
	return tty.utf8;
}

/* --- life --- */

/* The shell had it, or nobody knows: as we left it, and all drawn anew. */
static void
again(void)
{
	clearok(curscr, TRUE);
	doupdate();
	curs_set(0);
	tty.resized = 1;
}

void
tty_suspend(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, old;
	sigset_t stop;

	endwin();
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	sigaction(SIGTSTP, &dfl, &old);
	raise(SIGTSTP); /* pending, until here: */
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	sigaction(SIGTSTP, &old, NULL);
	again();
}

int
tty_poll(struct pollfd *fds, unsigned n, int timeout_ms)
{
	struct timespec ts = {.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L};
	int r = ppoll(fds, n, timeout_ms < 0 ? NULL : &ts, &tty.before);
	int err = errno;

	if (tty.stopped) {
		tty.stopped = 0;
		tty_suspend();
	}
	if (tty.continued) { /* after SIGSTOP, which nobody can catch */
		tty.continued = 0;
		endwin();
		again();
	}
	/* SIGHUP may be ignored; without a terminal there is no use in us. */
	for (unsigned i = 0; r > 0 && i < n; i++)
		if (fds[i].fd == STDIN_FILENO &&
			fds[i].revents & (POLLHUP | POLLERR | POLLNVAL))
			on_ended(SIGHUP);
	errno = err;
	return r;
}

int
tty_ended(void)
{
	return tty.ended;
}

int
tty_key(wint_t *ch)
{
	struct winsize size;

	if (tty.resized) {
		tty.resized = 0;
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
			size.ws_row && size.ws_col)
			resizeterm(size.ws_row, size.ws_col);
		tty_reset_prepare(tty.mouse);
		*ch = KEY_RESIZE;
		return KEY_CODE_YES;
	}
	return wget_wch(tty.keys, ch);
}
