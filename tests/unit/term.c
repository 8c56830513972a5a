/* SPDX-License-Identifier: MIT */
/* Raw terminals, and their way back. */
#include "lib/term.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "lib/err.h"
#include "tests/tap.h"

static int master, tty;
static struct term term;

static void
on_signal(int sig)
{
	term_restore(&term);
	signal(sig, SIG_DFL);
	raise(sig);
}

static struct termios
modes(void)
{
	struct termios t;

	if (tcgetattr(tty, &t) < 0)
		abort();
	return t;
}

static bool
is_raw(void)
{
	return !(modes().c_lflag & (ICANON | ECHO | ISIG));
}

static bool
same(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag &&
	       a->c_lflag == b->c_lflag && a->c_cflag == b->c_cflag &&
	       memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static void
test_modes(void)
{
	struct termios before = modes(), now;
	char c = 0;

	term_restore(&term);
	ok(!is_raw(), "restoring what was never raw is harmless");
	ok(term_raw(&term, tty) == 0 && is_raw(), "a terminal becomes raw");
	now = modes();
	ok(now.c_oflag == before.c_oflag, "output processing stays");
	if (write(master, "\003", 1) != 1)
		abort();
	ok(read(tty, &c, 1) == 1 && c == 3, "Ctrl-C is a byte like others");
	tcsetattr(tty, TCSANOW, &before);
	term_again(&term);
	ok(is_raw(), "it can be made raw again, as after a stop");
	errno = ENOENT;
	term_restore(&term);
	now = modes();
	ok(same(&now, &before), "restoring brings back all modes");
	ok(errno == ENOENT, "and leaves errno alone");
	term_again(&term);
	ok(!is_raw(), "what was restored stays so");
}

static void
test_signal(void)
{
	static const int sigs[] = {SIGTERM, SIGSEGV, SIGHUP, SIGABRT};

	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			signal(sigs[i], on_signal);
			if (term_raw(&term, tty) < 0 || !is_raw())
				_exit(1);
			raise(sigs[i]);
			_exit(2);
		}
		waitpid(pid, &status, 0);
		ok(WIFSIGNALED(status) && WTERMSIG(status) == sigs[i] &&
				!is_raw(),
			"a handler may restore: signal %d", sigs[i]);
	}
}

/* A child in the background must leave the terminal to the one in front. */
static void
test_background(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		close(tty);
		tty = open(ptsname(master), O_RDWR); /* now controlling */
		term_raw(&term, tty);
		pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			term_restore(&term);
			_exit(!is_raw());
		}
		waitpid(pid, &status, 0);
		term_restore(&term);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) + 2 * is_raw()
					: 9);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"the background does not touch the terminal, the front does");
}

static void
test_size(void)
{
	struct winsize w = {.ws_col = 100, .ws_row = 40};
	unsigned columns, rows;

	ioctl(master, TIOCSWINSZ, &w);
	ok(term_size(tty, &columns, &rows) == 0 && columns == 100 && rows == 40,
		"the window has a size");
	w = (struct winsize){0};
	ioctl(master, TIOCSWINSZ, &w);
	ok(term_size(tty, &columns, &rows) == 0 && columns == 80 && rows == 24,
		"one that does not know it is 80x24");
	ok(term_size(-1, &columns, &rows) == -EBADF && columns == 80,
		"so is what has no window");
}

int
main(void)
{
	struct term t;
	int null = open("/dev/null", O_RDWR);

	deadline(20);
	ok(term_raw(&t, null) == -ENOTTY && *fail_text(),
		"what is no terminal is refused in words");
	term_restore(&t);
	close(null);
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || unlockpt(master) < 0)
		skip_all("no pseudo-terminals here");
	tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (tty < 0)
		skip_all("no pseudo-terminals here");
	test_modes();
	test_signal();
	test_background();
	test_size();
	return done();
}
