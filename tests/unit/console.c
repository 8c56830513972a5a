/* SPDX-License-Identifier: MIT */
/* The console: the log and its rotation, clients, turns, and following. */
#include "lib/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/console-follow.h"
#include "lib/err.h"
#include "lib/sock.h"
#include "tests/chrdev.h"
#include "tests/chrwriter.h"
#include "tests/tap.h"

static struct loop *loop;
static char tmp[64];
static int dir;

static void
dev_free(struct chr *c, struct dev *d)
{
	chr_attach(c, NULL);
	free(d);
}

static void
turn(int rounds)
{
	while (rounds--)
		loop_once(loop, 0);
}

static struct console *
console(struct chr *front, uint64_t cap)
{
	struct console *c;

	if (console_new(&c, dir, front, loop, cap, false) < 0) {
		printf("# %s\n", fail_text());
		abort();
	}
	return c;
}

static void
say(struct console *c, const char *s)
{
	if (chr_write(console_chr(c), s, strlen(s)) != strlen(s))
		abort();
	turn(1);
}

static const char *
contents(const char *name)
{
	static char buf[1 << 16];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);

	if (fd < 0)
		return "(none)";
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void
clean(void)
{
	unlinkat(dir, CONSOLE_LOG, 0);
	unlinkat(dir, CONSOLE_LOG_1, 0);
	unlinkat(dir, CONSOLE_LOG_OLD, 0);
}

static int
dial(void)
{
	int fd = sock_connect(dir, CONSOLE_SOCKET, 1000);

	turn(2);
	return fd;
}

static void
put(int fd, const char *s)
{
	if (send(fd, s, strlen(s), MSG_NOSIGNAL) != (ssize_t)strlen(s))
		abort();
}

/* What has come, without waiting. */
static const char *
heard(int fd)
{
	static char buf[1 << 16];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* Has the other side gone? */
static bool
left_alone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* --- the log --- */

static void
test_log(void)
{
	struct console *c;
	struct stat st;

	c = console(NULL, 1000);
	ok(fstatat(dir, CONSOLE_LOG, &st, 0) == 0 && st.st_size == 0 &&
			(st.st_mode & 0777) == 0600,
		"log: there at once, for its owner only");
	chr_write(console_chr(c), "one ", 4);
	chr_write(console_chr(c), "two", 3);
	is_str(contents(CONSOLE_LOG), "", "log: not written by the device");
	turn(1);
	is_str(contents(CONSOLE_LOG), "one two", "log: but by the loop");
	chr_write(console_chr(c), "!", 1);
	console_free(c);
	is_str(contents(CONSOLE_LOG), "one two!", "log: to the last byte");
	c = console(NULL, 1000);
	is_str(contents(CONSOLE_LOG), "", "log: a run has its own");
	is_str(contents(CONSOLE_LOG_OLD), "one two!",
		"log: that of the run before is put aside");
	console_free(c);
	clean();
}

static void
test_rotation(void)
{
	struct console *c = console(NULL, 8);
	int fd;

	say(c, "12345");
	say(c, "678");
	is_str(contents(CONSOLE_LOG_1), "(none)",
		"rotation: not below the cap");
	say(c, "9");
	is_str(contents(CONSOLE_LOG_1), "12345678", "rotation: at the cap");
	is_str(contents(CONSOLE_LOG), "9", "rotation: and begun anew");
	say(c, "abcdefghijklmnopqrstuvw");
	is_str(contents(CONSOLE_LOG_1), "ijklmnop",
		"rotation: more than the cap at once is cut to it");
	is_str(contents(CONSOLE_LOG), "qrstuvw", "rotation: the last bytes");
	unlinkat(dir, CONSOLE_LOG, 0);
	say(c, "lost");
	say(c, "found");
	is_str(contents(CONSOLE_LOG), "found",
		"rotation: who removes the log has a new one soon");
	fd = openat(dir, CONSOLE_LOG, O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	say(c, "x");
	is_str(contents(CONSOLE_LOG), "x",
		"rotation: who truncates it has no holes in it");
	console_free(c);
	c = console(NULL, 8);
	is_str(contents(CONSOLE_LOG_1), "(none)",
		"rotation: the parts are of this run");
	console_free(c);
	clean();
}

static void
test_names_taken(void)
{
	struct console *c;
	struct stat st;

	if (mkdirat(dir, CONSOLE_LOG_OLD, 0700) < 0 ||
		symlinkat("/dev/null", dir, CONSOLE_LOG) < 0)
		abort();
	ok(console_new(&c, dir, NULL, loop, 8, false) < 0 &&
			strstr(fail_text(), "console.log: cannot rename"),
		"names: a directory in the way is said");
	unlinkat(dir, CONSOLE_LOG_OLD, AT_REMOVEDIR);
	c = console(NULL, 8);
	say(c, "hi");
	ok(fstatat(dir, CONSOLE_LOG, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_size == 2,
		"names: no link is followed");
	console_free(c);
	clean();
}

static int errors;
static char sentence[256];

static void
note_error(void *to, const char *s)
{
	(void)to;
	errors++;
	snprintf(sentence, sizeof(sentence), "%s", s);
}

/* A limit stands for a full disk. */
static void
test_full(void)
{
	struct rlimit was, now;
	struct console *c = console(NULL, 1000);
	struct dev *d = dev_new(console_chr(c));

	chr_on_error(console_chr(c), note_error, NULL);
	say(c, "kept ");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	now = was;
	now.rlim_cur = 8;
	setrlimit(RLIMIT_FSIZE, &now);
	for (int i = 0; i < 10; i++)
		say(c, "123456789");
	ok(errors == 1, "full: told once, and the machine goes on");
	ok(strstr(sentence, "console.log: cannot write: ") != NULL,
		"full: in words");
	setrlimit(RLIMIT_FSIZE, &was);
	say(c, " again");
	is_str(contents(CONSOLE_LOG), "kept 123 again",
		"full: what fits is kept, and what comes later");
	dev_free(console_chr(c), d);
	console_free(c);
	clean();
}

/* --- front --- */

static void
test_front(void)
{
	struct chr *front = chr_new_mem();
	struct console *c = console(front, 1 << 20);
	struct dev *d = dev_new(console_chr(c));
	const uint8_t *p;
	size_t n;

	say(c, "hello");
	n = chr_mem_taken(front, &p);
	ok(n == 5 && memcmp(p, "hello", 5) == 0, "front: has the output too");
	chr_mem_limit(front, 3);
	n = chr_write(console_chr(c), " world", 6);
	ok(n == 3, "front: output waits for it");
	turn(2);
	is_str(contents(CONSOLE_LOG), "hello wo", "front: so does the log");
	chr_mem_limit(front, 100);
	ok(d->writable == 1, "front: and goes on with it");
	chr_mem_say(front, "typed", 5);
	is_str(d->got, "typed", "front: what is typed there arrives");
	chr_mem_event(front, CHR_HANGUP);
	chr_mem_event(front, CHR_OPENED);
	ok(d->hungup == 1 && d->opened == 1, "front: so do its events");
	n = chr_mem_pokes(front);
	chr_poke(console_chr(c));
	turn(1);
	ok(chr_mem_pokes(front) == n + 1, "front: is told of room");
	dev_free(console_chr(c), d);
	console_free(c);
	ok(chr_mem_say(front, "x", 1) == 1, "front: outlives the console");
	chr_free(front);
	clean();
}

/* A device that is faster than the loop waits for it. */
static void
test_fast_device(void)
{
	struct console *c = console(NULL, 1 << 20);
	struct dev *d = dev_new(console_chr(c));
	static char buf[100000];
	size_t n;

	memset(buf, 'y', sizeof(buf));
	n = chr_write(console_chr(c), buf, sizeof(buf));
	ok(n > 0 && n < sizeof(buf), "fast: the buffer has an end");
	ok(chr_write(console_chr(c), buf, 1) == 0, "fast: and then is full");
	turn(1);
	ok(d->writable == 1, "fast: the device is told to go on");
	ok(chr_write(console_chr(c), buf, 1) == 1, "fast: and can");
	dev_free(console_chr(c), d);
	console_free(c);
	clean();
}

/* --- clients --- */

static void
test_clients(void)
{
	struct console *c = console(NULL, 1 << 20);
	struct dev *d = dev_new(console_chr(c));
	struct stat st;
	int a, b;

	ok(fstatat(dir, CONSOLE_SOCKET, &st, 0) == 0 &&
			(st.st_mode & 0777) == 0600,
		"client: the socket is for its owner only");
	say(c, "before ");
	a = dial();
	say(c, "one ");
	b = dial();
	say(c, "two");
	is_str(heard(a), "one two", "client: hears all since it came");
	is_str(heard(b), "two", "client: so do others");
	put(a, "A");
	put(b, "B");
	turn(2);
	is_str(d->got, "AB", "client: each may write");
	shutdown(a, SHUT_WR);
	turn(2);
	say(c, "three");
	is_str(heard(a), "three", "client: who sends no more may listen on");
	shutdown(b, SHUT_RD);
	say(c, "four");
	put(b, "C");
	turn(2);
	is_str(d->got, "ABC", "client: who does not listen may write on");
	ok(!left_alone(b), "client: and stays");
	close(a);
	close(b);
	turn(3);
	a = dial();
	say(c, "five");
	is_str(heard(a), "five", "client: they come and go");
	chr_write(console_chr(c), " six", 4);
	dev_free(console_chr(c), d);
	console_free(c);
	is_str(heard(a), " six", "client: has the last byte at the end");
	ok(left_alone(a), "client: and is hung up on");
	ok(fstatat(dir, CONSOLE_SOCKET, &st, 0) < 0, "client: no socket stays");
	close(a);
	clean();
}

static void
test_room(void)
{
	struct console *c = console(NULL, 1 << 20);
	struct dev *d = dev_new(console_chr(c));
	int a = dial(), b;
	ssize_t n, all = 0;

	d->room = 0;
	put(a, "echo ");
	turn(3);
	ok(d->n == 0, "room: input waits for the guest");
	d->room = 3;
	chr_poke(console_chr(c));
	turn(1);
	is_str(d->got, "ech", "room: comes as there is room");
	close(a); /* echo reboot | vm-console -1 */
	turn(3);
	d->room = 100;
	chr_poke(console_chr(c));
	turn(1);
	is_str(d->got, "echo ", "room: also when its sender has left");
	d->room = 0;
	b = dial();
	do {
		static const char z[4096];

		n = send(b, z, sizeof(z), MSG_DONTWAIT | MSG_NOSIGNAL);
		all += n > 0 ? n : 0;
		turn(1);
	} while (n > 0 && all < 10 << 20);
	ok(n < 0 && errno == EAGAIN, "room: who sends too much is held up");
	close(b);
	dev_free(console_chr(c), d);
	console_free(c);
	clean();
}

static size_t
count(const char *s, char c)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == c;
	return n;
}

static void
test_fair(void)
{
	int p[2];
	struct chr *front;
	struct console *c;
	struct dev *d;
	char buf[3000];
	int a, b;

	if (pipe2(p, O_CLOEXEC) < 0 || chr_open_fds(&front, p[0], -1, loop) < 0)
		abort();
	c = console(front, 1 << 20);
	d = dev_new(console_chr(c));
	d->room = 0;
	a = dial();
	b = dial();
	memset(buf, 'a', sizeof(buf));
	(void)!write(a, buf, sizeof(buf));
	memset(buf, 'b', sizeof(buf));
	(void)!write(b, buf, sizeof(buf));
	memset(buf, 'f', sizeof(buf));
	(void)!write(p[1], buf, sizeof(buf));
	turn(4);
	for (int i = 0; i < 60; i++) { /* as a UART reads */
		d->room = 16;
		chr_poke(console_chr(c));
		turn(2);
	}
	ok(d->n == 960, "fair: all room is used");
	ok(count(d->got, 'a') == 320 && count(d->got, 'b') == 320 &&
			count(d->got, 'f') == 320,
		"fair: clients and the port's own input take turns");
	d->room = 1 << 16;
	chr_poke(console_chr(c));
	turn(3);
	ok(d->n == 9000, "fair: and nothing is left over");
	put(a, "A");
	turn(3);
	(void)!write(p[1], "F", 1);
	turn(3);
	is_str(d->got + 9000, "AF", "fair: nobody is forgotten");
	close(a);
	close(b);
	dev_free(console_chr(c), d);
	console_free(c);
	chr_free(front);
	close(p[0]);
	close(p[1]);
	clean();
}

static void
test_too_many(void)
{
	struct console *c = console(NULL, 1 << 20);
	struct dev *d = dev_new(console_chr(c));
	int fd[CONSOLE_CLIENTS], more, alone = 0;

	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		fd[i] = dial();
	more = dial();
	ok(left_alone(more), "many: one too many is hung up on");
	close(more);
	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		alone += left_alone(fd[i]);
	ok(alone == 0, "many: the others stay");
	close(fd[7]);
	turn(2);
	more = dial();
	say(c, "hi");
	is_str(heard(more), "hi", "many: a place that is left is free");
	fd[7] = more;
	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		close(fd[i]);
	turn(2);
	d->room = 0;
	for (int i = 0; i < CONSOLE_CLIENTS; i++) {
		int one = dial();

		put(one, "x");
		turn(2);
		close(one);
	}
	more = dial();
	ok(!left_alone(more),
		"many: those who left a word that the guest does not take "
		"keep nobody out");
	d->room = CONSOLE_CLIENTS;
	chr_poke(console_chr(c));
	turn(2);
	ok(d->n == CONSOLE_CLIENTS - 1, "many: and one word is lost for it");
	close(more);
	turn(2);
	dev_free(console_chr(c), d);
	console_free(c);
	clean();
}

/* One reads nothing while megabytes go by. */
static void
test_slow(void)
{
	static char buf[1 << 16], seen[1 << 16];
	struct console *c = console(NULL, 1 << 20);
	int slow = dial(), quick = dial();
	uint32_t at = 0, got = 0, first = 0, last = 0;
	size_t have = 0, all = 0;
	bool good = true;
	ssize_t n;

	for (int i = 0; i < 60; i++) {
		uint32_t *p = (uint32_t *)(void *)buf;

		for (size_t k = 0; k < sizeof(buf) / 4; k++)
			p[k] = at++;
		if (chr_write(console_chr(c), buf, sizeof(buf)) != sizeof(buf))
			abort();
		do { /* the quick one reads along */
			turn(1);
			n = recv(quick, seen, sizeof(seen), MSG_DONTWAIT);
			all += n > 0 ? (size_t)n : 0;
		} while (all < (size_t)(i + 1) * sizeof(buf));
	}
	ok(all == 60 * sizeof(buf), "slow: others are not delayed");
	for (int idle = 0; idle < 5;) {
		turn(1);
		n = recv(slow, seen + have, sizeof(seen) - have, MSG_DONTWAIT);
		idle = n > 0 ? 0 : idle + 1;
		have += n > 0 ? (size_t)n : 0;
		for (size_t k = 0; k + 4 <= have; k += 4) {
			memcpy(&got, seen + k, 4);
			if (got != last + 1 && last)
				first = first ? UINT32_MAX : got;
			last = got;
		}
		good = good && first != UINT32_MAX;
		memmove(seen, seen + have / 4 * 4, have % 4);
		have %= 4;
	}
	ok(good && last == at - 1, "slow: hears the last byte, in order");
	ok(first > 0 && at - first >= (1 << 20) / 4,
		"slow: and misses what was rotated away twice");
	close(slow);
	close(quick);
	turn(2);
	console_free(c);
	clean();
}

/* --- following --- */

/* All that can be read now. */
static const char *
follow(struct console_follow *f)
{
	static char buf[1 << 16];
	size_t n = 0;
	ssize_t got;

	while ((got = console_follow_read(f, buf + n, 7)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	return got < 0 ? fail_text() : buf;
}

static const char *
from(int64_t lines, uint64_t bytes)
{
	struct console_follow f;
	const char *s;

	if (console_follow_open(&f, dir, lines, bytes) < 0)
		return fail_text();
	s = follow(&f);
	console_follow_close(&f);
	return s;
}

static void
test_follow_start(void)
{
	struct console *c;

	is_str(from(CONSOLE_FROM_START, 0), "", "follow: no log is no error");
	c = console(NULL, 10);
	say(c, "one\ntwo\n");
	say(c, "three\nfo");
	is_str(from(CONSOLE_FROM_START, 0), "one\ntwo\nthree\nfo",
		"follow: both files");
	is_str(from(1, 0), "fo", "follow: the last line, unfinished");
	is_str(from(2, 0), "three\nfo", "follow: a file's first line");
	is_str(from(3, 0), "two\nthree\nfo", "follow: over the border");
	is_str(from(9, 0), "one\ntwo\nthree\nfo", "follow: more than is");
	is_str(from(0, 0), "", "follow: what comes from now on");
	is_str(from(CONSOLE_FROM_START, 10), "three\nfo",
		"follow: so many bytes, whole lines");
	is_str(from(CONSOLE_FROM_START, 8), "three\nfo",
		"follow: which may be just so many");
	is_str(from(CONSOLE_FROM_START, 1), "o",
		"follow: a line that is longer is cut");
	is_str(from(2, 4), "fo", "follow: not more bytes than that");
	say(c, "u\n");
	is_str(from(1, 0), "fou\n", "follow: a last line that is finished");
	console_free(c);
	clean();
}

static void
test_follow(void)
{
	struct console *c;
	struct console_follow f;
	int fd;

	console_follow_open(&f, dir, CONSOLE_FROM_START, 0);
	c = console(NULL, 10);
	say(c, "first");
	is_str(follow(&f), "first", "follow: a log that comes later");
	say(c, "-56789");
	is_str(follow(&f), "-56789", "follow: rotated, and all read");
	say(c, "abcd");
	say(c, "ABCDEF");
	ok(console_follow_left(&f) == 4, "follow: knows what is left");
	is_str(follow(&f), "abcdABCDEF", "follow: rotated, and some left");
	say(c, "0123456789");
	say(c, "!");
	is_str(follow(&f), "0123456789!", "follow: rotated twice");
	say(c, "123456789");
	is_str(follow(&f), "123456789", "follow: to the cap");
	for (int i = 0; i < 5; i++)
		say(c, "..........");
	say(c, "the end");
	is_str(follow(&f), "..........the end",
		"follow: rotated away twice is lost, what is there is not");
	fd = openat(dir, CONSOLE_LOG, O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	is_str(follow(&f), "", "follow: truncated");
	say(c, "ok");
	is_str(follow(&f), "ok", "follow: begins anew with the file");
	chr_write(console_chr(c), ".", 1);
	console_free(c);
	c = console(NULL, 10);
	say(c, "new run");
	is_str(follow(&f), ".", "follow: ends with its run");
	console_free(c);
	console_follow_close(&f);
	clean();
}

enum { FLOOD = 4 << 20, FLOOD_CAP = 100000 };

static _Atomic uint32_t followed;

/* Numbers in a row, as somebody else reads them. */
static void *
follow_flood(void *to)
{
	struct console_follow *f = to;
	static uint32_t buf[4096];
	size_t have = 0;
	uint32_t next = 0;
	ssize_t n = 0;

	while (next < FLOOD / 4 && n >= 0) {
		n = console_follow_read(
			f, (char *)buf + have, sizeof(buf) - have);
		have += n > 0 ? (size_t)n : 0;
		for (size_t i = 0; i < have / 4; i++)
			if (buf[i] != next++)
				return NULL;
		memmove(buf, buf + have / 4, have % 4);
		have %= 4;
		atomic_store(&followed, next * 4);
	}
	return n < 0 ? NULL : to;
}

static void
test_follow_race(void)
{
	struct console *c = console(NULL, FLOOD_CAP);
	struct console_follow f;
	pthread_t reader;
	uint32_t buf[999];
	void *good;

	console_follow_open(&f, dir, CONSOLE_FROM_START, 0);
	pthread_create(&reader, NULL, follow_flood, &f);
	for (uint32_t at = 0; at < FLOOD / 4;) {
		uint32_t n = FLOOD / 4 - at < 999 ? FLOOD / 4 - at : 999;

		for (uint32_t i = 0; i < n; i++)
			buf[i] = at + i;
		chr_write(console_chr(c), buf, n * 4);
		turn(1);
		at += n;
		/* Never more behind than what is kept. */
		while (at * 4 - atomic_load(&followed) > FLOOD_CAP &&
			pthread_tryjoin_np(reader, &good) == EBUSY)
			sched_yield();
	}
	pthread_join(reader, &good);
	ok(good != NULL, "follow: nothing is lost or doubled under way");
	console_follow_close(&f);
	console_free(c);
	clean();
}

/* --- threads --- */

enum { TOTAL = 1000000 };

/* Is what comes from there all of it, in order? */
static void *
check(void *to)
{
	const int *fd = to;

	return writer_arrived(*fd, TOTAL, false) ? to : NULL;
}

static void
test_threads(void)
{
	struct writer w;
	pthread_t writer, reader, client;
	struct console *c;
	struct chr *front;
	int p[2], log, sock;
	void *good, *heard_all;

	if (pipe2(p, O_CLOEXEC) < 0 || chr_open_fds(&front, -1, p[1], loop) < 0)
		abort();
	c = console(front, 16 << 20);
	writer_init(&w, console_chr(c), loop, TOTAL);
	sock = dial();
	fcntl(sock, F_SETFL, 0);
	pthread_create(&reader, NULL, check, &p[0]);
	pthread_create(&client, NULL, check, &sock);
	pthread_create(&writer, NULL, writer_run, &w);
	loop_run(loop);
	pthread_join(writer, NULL);
	chr_flush(w.c, 10000);
	pthread_join(reader, &good);
	pthread_join(client, &heard_all);
	ok(good != NULL, "threads: the port's back end has all, in order");
	ok(heard_all != NULL, "threads: so has a client");
	log = openat(dir, CONSOLE_LOG, O_RDONLY | O_CLOEXEC);
	ok(check(&log) != NULL, "threads: and the log");
	close(log);
	close(sock);
	console_free(c);
	chr_free(front);
	close(p[0]);
	close(p[1]);
	clean();
}

static int ends;

static void
count_end(void *to)
{
	(void)to;
	ends++;
}

/* What vm-console stands on: that its input has ended. */
static void
test_end(void)
{
	struct chr *c;
	struct dev *d;
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0 || chr_open_fds(&c, p[0], -1, loop) < 0)
		abort();
	d = dev_new(c);
	chr_on_end(c, count_end, NULL);
	d->room = 2;
	(void)!write(p[1], "hello", 5);
	close(p[1]);
	turn(3);
	ok(ends == 0, "end: not while input waits");
	d->room = 10;
	chr_poke(c);
	turn(2);
	chr_poke(c);
	turn(2);
	ok(ends == 1 && d->n == 5, "end: once, when the device has all");
	dev_free(c, d);
	chr_free(c);
	close(p[0]);
}

int
main(void)
{
	const char *base = getenv("TMPDIR");

	deadline(40);
	snprintf(tmp, sizeof(tmp), "%s/console.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(tmp) || loop_new(&loop, NULL) < 0)
		return 1;
	dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return 1;
	test_log();
	test_rotation();
	test_names_taken();
	test_full();
	test_front();
	test_fast_device();
	test_clients();
	test_room();
	test_fair();
	test_too_many();
	test_slow();
	test_follow_start();
	test_follow();
	test_follow_race();
	test_threads();
	test_end();
	loop_free(loop);
	close(dir);
	rmdir(tmp);
	return done();
}
