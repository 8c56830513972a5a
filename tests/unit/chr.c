/* SPDX-License-Identifier: MIT */
/* Character back ends: each kind, flow control both ways, and hang-ups. */
#include "lib/chr.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "lib/err.h"
#include "tests/chrdev.h"
#include "tests/chrwriter.h"
#include "tests/tap.h"

static struct loop *loop;
static char tmp[64];

static void
turn(int rounds)
{
	while (rounds--)
		loop_once(loop, 0);
}

/* Terminals pass bytes on by a kernel thread: soon, not at once. */
#define WAIT(cond)                                                             \
	for (int w_ = 0; !(cond) && w_ < 400; w_++)                            \
	loop_once(loop, 5)

static size_t
read_soon(int fd, char *buf, size_t want)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t all = 0;
	ssize_t n = 1;

	while (all < want && n > 0 && poll(&p, 1, 2000) > 0) {
		n = read(fd, buf + all, want - all);
		all += n > 0 ? (size_t)n : 0;
	}
	return all;
}

static char *
in_tmp(const char *name)
{
	static char path[4][256];
	static int i;

	i = (i + 1) & 3;
	snprintf(path[i], sizeof(path[i]), "%s/%s", tmp, name);
	return path[i];
}

static const char *
contents(const char *path)
{
	static char buf[4096];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	if (f)
		fclose(f);
	buf[n] = '\0';
	return buf;
}

static size_t
drain(int fd)
{
	static char buf[1 << 16];
	size_t all = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		all += (size_t)n;
	return all;
}

static void
put(int fd, const char *s)
{
	if (write(fd, s, strlen(s)) != (ssize_t)strlen(s))
		abort();
}

/* --- in memory --- */

static void
test_mem(void)
{
	struct chr *c = chr_new_mem(), *null;
	struct dev *d = dev_new(c);
	const uint8_t *p;

	ok(chr_write(c, "abc", 3) == 3 && chr_mem_taken(c, &p) == 3 &&
			memcmp(p, "abc", 3) == 0,
		"mem: what was written can be looked at");
	chr_mem_limit(c, 2);
	ok(chr_write(c, "defg", 4) == 2 && chr_write(c, "f", 1) == 0,
		"mem: a limit makes writes fall short");
	ok(d->writable == 0, "mem: a full back end is not writable");
	chr_mem_limit(c, 10);
	ok(d->writable == 1, "mem: a new limit is");
	d->room = 2;
	ok(chr_mem_say(c, "xyz", 3) == 2, "mem: input obeys the room");
	is_str(d->got, "xy", "mem: and arrives");
	chr_mem_event(c, CHR_HANGUP);
	ok(d->hungup == 1, "mem: events arrive");
	chr_poke(c);
	ok(chr_mem_pokes(c) == 2, "mem: pokes are counted (attaching is one)");
	chr_free(c);
	free(d);
	ok(chr_open(&null, "null", loop) == 0 && chr_write(null, "a", 1) == 1,
		"null: takes everything");
	is_str(chr_name(null), "null", "a back end is named by its spec");
	chr_free(null);
	ok(chr_open(&null, "nul", loop) == -EINVAL &&
			strstr(fail_text(), "nul: not a"),
		"an unknown spec is refused in words");
}

/* --- descriptors --- */

static int in[2], out[2];

static struct chr *
open_pipes(void)
{
	struct chr *c;

	if (pipe(in) < 0 || pipe(out) < 0 ||
		chr_open_fds(&c, in[0], out[1], loop) < 0)
		abort();
	return c;
}

static void
close_pipes(void)
{
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static size_t
upper_no_x(void *to, uint8_t *p, size_t n)
{
	size_t kept = 0;

	(void)to;
	for (size_t i = 0; i < n; i++)
		if (p[i] != 'x')
			p[kept++] = (uint8_t)(p[i] & ~0x20);
	return kept;
}

static void
test_input(void)
{
	struct chr *c = open_pipes();
	struct dev *d = dev_new(c);

	put(in[1], "hello");
	turn(2);
	is_str(d->got, "hello", "fds: input reaches the device");
	d->room = 3;
	put(in[1], "world");
	turn(2);
	is_str(d->got, "hellowor", "fds: no more than there is room for");
	pthread_mutex_lock(&d->lock);
	d->room = 9;
	chr_poke(c);
	is_str(d->got, "hellowor", "fds: a poke does not call back at once");
	pthread_mutex_unlock(&d->lock);
	turn(1);
	is_str(d->got, "helloworld", "fds: but soon, and the rest comes");
	chr_filter(c, upper_no_x, NULL);
	put(in[1], "axbx");
	turn(2);
	is_str(d->got, "helloworldAB", "fds: a filter rewrites what is read");
	put(in[1], "end");
	close(in[1]);
	in[1] = -1;
	turn(3);
	is_str(d->got + 12, "END", "fds: the last words before the end arrive");
	ok(d->hungup == 0, "fds: the end of input is not a hang-up");
	ok(chr_write(c, "still", 5) == 5, "fds: and output goes on");
	chr_flush(c, 0);
	ok(drain(out[0]) == 5, "fds: as the reader sees");
	ok(!(fcntl(in[0], F_GETFL) & O_NONBLOCK) &&
			!(fcntl(out[1], F_GETFL) & O_NONBLOCK),
		"fds: inherited descriptors stay blocking");
	chr_free(c);
	close_pipes();
	free(d);
}

static void
test_output(void)
{
	struct chr *c = open_pipes();
	struct dev *d = dev_new(c);
	char big[1000];
	size_t sent = 0, n, all = 0;

	memset(big, 'a', sizeof(big));
	do {
		n = chr_write(c, big, sizeof(big));
		sent += n;
		turn(1);
	} while (n == sizeof(big) && sent < 1 << 20);
	ok(n < sizeof(big),
		"fds: a reader that sleeps makes writes fall short");
	turn(5);
	ok(d->writable == 0, "fds: not writable while nobody reads");
	for (int i = 0; i < 100 && all < sent; i++) {
		all += drain(out[0]);
		turn(2);
	}
	ok(all == sent, "fds: nothing that was taken is lost");
	ok(d->writable == 1, "fds: writable is told once");
	close(out[0]);
	out[0] = -1;
	ok(chr_write(c, big, 10) == 10, "fds: the reader leaves");
	turn(2);
	ok(d->hungup == 1, "fds: that is a hang-up, not a SIGPIPE");
	for (int i = 0; i < 100; i++)
		chr_write(c, big, sizeof(big));
	ok(chr_write(c, big, 10) == 10, "fds: nobody there takes everything");
	chr_flush(c, 1000);
	turn(1);
	ok(d->hungup == 1, "fds: and is told once");
	chr_free(c);
	close_pipes();
	free(d);
}

/* Somebody else's pipe: it cannot be opened again, so poll(2) has to do. */
static void
test_stubborn(void)
{
	struct chr *c = NULL;
	struct dev *d;
	size_t all = 0, sent = 0, n;
	char big[3000];
	int old;

	if (getuid() != 0) {
		ok(1, "fds: no O_NONBLOCK # SKIP needs root to become another");
		return;
	}
	if (pipe(in) < 0 || pipe(out) < 0)
		abort();
	memset(big, 'b', sizeof(big));
	old = seteuid(65534);
	if (chr_open_fds(&c, in[0], out[1], loop) < 0)
		abort();
	old |= seteuid(0);
	d = dev_new(c);
	turn(2);
	put(in[1], "hi");
	turn(2);
	is_str(d->got, "hi", "fds: a pipe that cannot be reopened is read");
	do {
		n = chr_write(c, big, sizeof(big));
		sent += n;
		turn(1);
	} while (n == sizeof(big) && sent < 1 << 20);
	ok(n < sizeof(big), "fds: a full one does not block us");
	for (int i = 0; i < 200 && all < sent; i++) {
		all += drain(out[0]);
		turn(2);
	}
	ok(!old && all == sent, "fds: and loses nothing");
	chr_free(c);
	close_pipes();
	free(d);
}

static void
test_odd_stdio(void)
{
	int null = open("/dev/null", O_RDWR), s[2], file;
	struct chr *c = NULL;
	struct dev *d;
	char buf[8] = "";

	ok(chr_open_fds(&c, null, null, loop) == 0, "fds: /dev/null is fine");
	d = dev_new(c);
	chr_write(c, "abc", 3);
	turn(3);
	ok(d->n == 0 && d->hungup == 0, "fds: it says nothing, takes all");
	chr_free(c);
	free(d);
	close(null);

	ok(chr_open_fds(&c, 999, -1, loop) == 0, "fds: so is none at all");
	ok(chr_write(c, "abc", 3) == 3, "fds: which takes all, too");
	turn(1);
	chr_free(c);

	file = open(in_tmp("input"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	put(file, "from a file");
	lseek(file, 0, SEEK_SET);
	chr_open_fds(&c, file, -1, loop);
	d = dev_new(c);
	d->room = 4;
	turn(5);
	is_str(d->got, "from", "fds: a file is read as there is room");
	d->room = 100;
	chr_poke(c);
	turn(2);
	is_str(d->got, "from a file", "fds: to its end");
	chr_free(c);
	free(d);
	close(file);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		abort();
	chr_open_fds(&c, s[0], s[0], loop);
	d = dev_new(c);
	put(s[1], "to");
	chr_write(c, "fro", 3);
	turn(2);
	ok(read(s[1], buf, sizeof(buf)) == 3 && strcmp(buf, "fro") == 0 &&
			strcmp(d->got, "to") == 0,
		"fds: one socket may be both ends");
	close(s[1]);
	chr_write(c, "x", 1);
	turn(2);
	ok(d->hungup == 1, "fds: a socket hangs up like a pipe");
	chr_free(c);
	free(d);
	close(s[0]);
}

/* --- a file --- */

static int errors;
static char sentence[256];

static void
note_error(void *to, const char *text)
{
	(void)to;
	errors++;
	snprintf(sentence, sizeof(sentence), "%s", text);
}

static void
test_file(void)
{
	char spec[300];
	struct chr *c;

	snprintf(spec, sizeof(spec), "file:%s", in_tmp("log"));
	ok(chr_open(&c, spec, loop) == 0, "file: opens");
	chr_write(c, "one", 3);
	turn(1);
	is_str(contents(in_tmp("log")), "one", "file: holds what was written");
	chr_write(c, "two", 3);
	chr_free(c);
	is_str(contents(in_tmp("log")), "onetwo", "file: free writes the rest");
	snprintf(spec, sizeof(spec), "file:+%s", in_tmp("log"));
	chr_open(&c, spec, loop);
	chr_write(c, "3", 1);
	chr_free(c);
	is_str(contents(in_tmp("log")), "onetwo3", "file:+ appends");
	snprintf(spec, sizeof(spec), "file:%s", in_tmp("log"));
	chr_open(&c, spec, loop);
	chr_free(c);
	is_str(contents(in_tmp("log")), "", "file: truncates");
	snprintf(spec, sizeof(spec), "file:%s", in_tmp("no/such"));
	ok(chr_open(&c, spec, loop) == -ENOENT &&
			strstr(fail_text(), "no/such: cannot open: No such"),
		"file: a path that cannot be is refused in words");
	chr_open(&c, "file:/dev/full", loop);
	chr_on_error(c, note_error, NULL);
	for (int i = 0; i < 10; i++) {
		if (chr_write(c, "lost", 4) != 4)
			errors += 100;
		turn(1);
	}
	ok(errors == 1, "file: a full disk is reported once, writing goes on");
	ok(strstr(sentence, "file:/dev/full: cannot write: No space") != NULL,
		"file: in words");
	chr_free(c);
}

/* --- a pseudo-terminal --- */

/* Read on; were these the last six bytes so far? */
static bool
last_six(int fd, const char *want)
{
	static char buf[6 + 4096];
	ssize_t n = fd < 0 ? 0 : read(fd, buf + 6, sizeof(buf) - 6);

	if (n > 0)
		memmove(buf, buf + n, 6);
	return memcmp(buf, want, 6) == 0;
}

static void
test_pty(void)
{
	char buf[64] = "";
	struct dev *d;
	struct chr *c;
	int tty, lost = 0;

	if (chr_open(&c, "pty", loop) < 0) {
		ok(1, "pty # SKIP %s", fail_text());
		return;
	}
	d = dev_new(c);
	tty = open(chr_where(c), O_RDWR | O_NOCTTY | O_NONBLOCK);
	ok(tty >= 0, "pty: chr_where() can be opened");
	chr_write(c, "a\nb\r", 4);
	turn(1);
	ok(read_soon(tty, buf, 4) == 4 && strcmp(buf, "a\nb\r") == 0,
		"pty: output arrives unchanged");
	put(tty, "in\r\n\003\004");
	WAIT(d->n == 6);
	is_str(d->got, "in\r\n\003\004", "pty: so does input");
	turn(1);
	ok(read(tty, buf, sizeof(buf)) < 0, "pty: nothing is echoed");
	close(tty);
	turn(3);
	tty = open(chr_where(c), O_RDWR | O_NOCTTY | O_NONBLOCK);
	put(tty, "!");
	WAIT(d->n == 7);
	ok(d->got[6] == '!' && d->hungup == 0, "pty: people come and go");

	memset(buf, 'z', sizeof(buf));
	for (int i = 0; i < 4000; i++) {
		if (chr_write(c, buf, sizeof(buf)) < sizeof(buf)) {
			lost++;
			while (d->writable < lost)
				loop_once(loop, -1);
		}
		turn(1);
	}
	ok(lost >= 1 && lost <= 3,
		"pty: nobody reading delays the device once");
	chr_write(c, "newest", 6);
	WAIT(last_six(tty, "newest"));
	ok(last_six(-1, "newest"),
		"pty: and costs the oldest output, not the newest");
	close(tty);
	chr_free(c);
	free(d);
}

static size_t seen;

static size_t
see(void *to, uint8_t *p, size_t n)
{
	(void)to;
	(void)p;
	seen += n;
	return n;
}

/* A terminal as stdin: the escape key works though the guest does not read. */
static void
test_terminal(void)
{
	struct chr *pty, *c;
	struct dev *d;
	char buf[2048];
	int tty;

	if (chr_open(&pty, "pty", loop) < 0) {
		ok(1, "terminal # SKIP no pseudo-terminals");
		return;
	}
	/* The other end is a pty of ours: what we write there is typed here. */
	tty = open(chr_where(pty), O_RDWR | O_NOCTTY);
	chr_open_fds(&c, tty, tty, loop);
	ok(!(fcntl(tty, F_GETFL) & O_NONBLOCK),
		"terminal: stays blocking for others");
	d = dev_new(c);
	d->room = 0;
	chr_filter(c, see, NULL);
	memset(buf, 'k', sizeof(buf));
	for (size_t i = 1; i <= 100; i++) {
		chr_write(pty, buf, sizeof(buf));
		WAIT(seen == i * sizeof(buf));
	}
	ok(seen == 100 * sizeof(buf),
		"terminal: all that is typed is seen, though nobody takes it");
	ok(d->n == 0, "terminal: and waits for the device");
	chr_free(c);
	chr_free(pty);
	close(tty);
	free(d);
}

/* --- a unix socket --- */

static int
dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
test_unix(void)
{
	const char *path = in_tmp("sock");
	char spec[300], buf[16] = "";
	struct chr *c, *other;
	struct dev *d;
	struct stat st;
	int a, b;

	snprintf(spec, sizeof(spec), "unix:%s", path);
	ok(chr_open(&c, spec, loop) == 0, "unix: listens");
	d = dev_new(c);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600,
		"unix: for its owner only");
	is_str(chr_where(c), path, "unix: where it says");
	ok(chr_write(c, "nobody", 6) == 6, "unix: without a peer takes all");
	a = dial(path);
	turn(2);
	ok(a >= 0 && d->opened == 1, "unix: a peer is an event");
	put(a, "ping");
	chr_write(c, "pong", 4);
	turn(2);
	ok(read(a, buf, sizeof(buf)) == 4 && strcmp(buf, "pong") == 0 &&
			strcmp(d->got, "ping") == 0,
		"unix: bytes go both ways, none from before");
	b = dial(path);
	turn(2);
	ok(b >= 0 && d->opened == 1, "unix: the next peer waits");
	shutdown(a, SHUT_WR);
	turn(2);
	chr_write(c, "more", 4);
	turn(1);
	ok(d->hungup == 0 && read(a, buf, sizeof(buf)) == 4,
		"unix: who sends no more may go on listening");
	close(a);
	turn(3);
	ok(d->hungup == 1 && d->opened == 2, "unix: one leaves, one comes");
	close(b);
	turn(3);
	ok(d->hungup == 2, "unix: a hang-up is noticed without writing");
	ok(chr_open(&other, spec, loop) == -EADDRINUSE,
		"unix: a live socket is not replaced");
	ok(stat(path, &st) == 0, "unix: nor removed");
	turn(3);
	chr_free(c);
	ok(stat(path, &st) < 0, "unix: free removes it");
	free(d);
}

static void
test_unix_path(void)
{
	const char *path = in_tmp("sock");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char spec[512], deep[300];
	struct stat st;
	struct chr *c;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		abort();
	close(fd);
	snprintf(spec, sizeof(spec), "unix:%s", path);
	ok(chr_open(&c, spec, loop) == 0, "unix: a stale socket is replaced");
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	chr_free(c);
	ok(stat(path, &st) == 0, "unix: free leaves what is not its own");
	ok(chr_open(&c, spec, loop) == -EEXIST && stat(path, &st) == 0,
		"unix: a file in the way stays");
	unlink(path);
	snprintf(deep, sizeof(deep), "%s/%0120d", tmp, 1);
	if (mkdir(deep, 0700) < 0)
		abort();
	snprintf(spec, sizeof(spec), "unix:%s/s", deep);
	ok(chr_open(&c, spec, loop) == 0, "unix: a path may be long");
	chr_free(c);
	rmdir(deep);
}

/* --- threads --- */

enum { TOTAL = 2000000 };

static void *
reader_run(void *to)
{
	return writer_arrived(out[0], TOTAL, true) ? to : NULL;
}

static void
test_threads(void)
{
	struct writer w;
	pthread_t writer, reader;
	void *good;

	writer_init(&w, open_pipes(), loop, TOTAL);
	pthread_create(&reader, NULL, reader_run, &w);
	pthread_create(&writer, NULL, writer_run, &w);
	loop_run(loop);
	pthread_join(writer, NULL);
	chr_flush(w.c, 10000);
	chr_free(w.c);
	close(out[1]);
	out[1] = -1;
	pthread_join(reader, &good);
	ok(good != NULL, "threads: two megabytes arrive whole and in order");
	close_pipes();
}

int
main(void)
{
	const char *base = getenv("TMPDIR");

	deadline(40);
	snprintf(tmp, sizeof(tmp), "%s/chr.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(tmp) || loop_new(&loop, NULL) < 0)
		return 1;
	test_mem();
	test_input();
	test_output();
	test_stubborn();
	test_odd_stdio();
	test_file();
	test_pty();
	test_terminal();
	test_unix();
	test_unix_path();
	test_threads();
	loop_free(loop);
	unlink(in_tmp("input"));
	unlink(in_tmp("log"));
	rmdir(tmp);
	return done();
}
