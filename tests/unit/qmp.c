/* SPDX-License-Identifier: MIT */
/*
 * The control protocol's splitter and client: the client against servers that
 * are mute, rude, slow or gone.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/err.h"
#include "lib/qmp.h"
#include "lib/sock.h"
#include "tests/tap.h"

/* ---- the splitter ---- */

/* All of text in pieces of n bytes: what comes out, "|" between, "!" for what
 * was skipped. */
static const char *
split(const char *text, size_t len, size_t n)
{
	static char out[8192];
	struct qmp_split s = {.buf = malloc(QMP_VALUE_MAX + 1)};
	size_t at = 0;

	out[0] = '\0';
	while (at < len) {
		const char *p = text + at;
		size_t left = len - at < n ? len - at : n;
		int r;

		at += left;
		while ((r = qmp_split(&s, &p, &left)) != 0) {
			if (out[0])
				strcat(out, "|");
			if (r < 0)
				strcat(out, "!");
			else if (strlen(out) + s.used < sizeof(out) - 8)
				strcat(out, s.buf);
		}
	}
	free(s.buf);
	return out;
}

static void
test_split(void)
{
	static const struct {
		const char *text, *want, *what;
	} rows[] = {
		{"{}", "{}", "an object"},
		{" \n{}\r\n\t{} ", "{}|{}", "two of them, and blanks"},
		{"{\"a\":1}{\"b\":[2]}", "{\"a\":1}|{\"b\":[2]}",
			"none between them"},
		{"{\"a\":\n{\n}\n}", "{\"a\":\n{\n}\n}", "on several lines"},
		{"{\"}{\":\"\\\"}\"}", "{\"}{\":\"\\\"}\"}",
			"brackets and quotes in a string"},
		{"{\"\\\\\"}", "{\"\\\\\"}", "a backslash at a string's end"},
		{"hello\n{}", "!|{}", "another thing, and a line's end"},
		{"hello{}", "!|{}", "or an object behind it"},
		{"[1]\n{}", "!|{}", "an array"},
		{"}}}\n{}", "!|{}", "brackets that close nothing"},
		{"\"a\n{}", "!|{}", "a string"},
		{"1 2 3\n\n{}", "!|{}", "numbers are one such thing"},
		{"{\"a\n{}", "!|{}", "a string that ends with its line"},
		{"{\"a\": [[{\xff{}", "!|{}", "0xff begins anew"},
		{"\xff\xff{}\xff", "{}", "and is nothing by itself"},
		{"{", "", "an unfinished one"},
	};

	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		const char *t = rows[n].text;
		char one[64];

		snprintf(one, sizeof(one), "%s", split(t, strlen(t), 1));
		is_str(split(t, strlen(t), 100), rows[n].want, rows[n].what);
		ok(strcmp(one, rows[n].want) == 0, "%s, byte by byte",
			rows[n].what);
	}
	is_str(split("{\"a\":0,\0}{}", 11, 100), "{\"a\":0,|{}",
		"a zero byte is kept for the parser");
}

static void
test_bounds(void)
{
	static char text[3 * QMP_VALUE_MAX];
	const char *out;

	memset(text, ' ', sizeof(text));
	text[0] = '{';
	text[QMP_VALUE_MAX - 1] = '}';
	out = split(text, QMP_VALUE_MAX, 1000);
	ok(out[0] == '\0', "one of the greatest length is taken");
	text[QMP_VALUE_MAX - 1] = ' ';
	text[QMP_VALUE_MAX] = '}';
	memcpy(text + QMP_VALUE_MAX + 1, "{}", 2);
	is_str(split(text, QMP_VALUE_MAX + 3, 1000), "!|{}",
		"a longer one is skipped");
	memset(text, '[', sizeof(text));
	text[0] = '{';
	memset(text + QMP_DEPTH_MAX, ']', QMP_DEPTH_MAX - 1);
	text[2 * QMP_DEPTH_MAX - 1] = '}';
	ok(split(text, 2 * QMP_DEPTH_MAX, 7)[0] == '{',
		"one of the greatest depth is taken");
	memset(text, '[', sizeof(text));
	text[0] = '{';
	memset(text + QMP_DEPTH_MAX + 1, ']', QMP_DEPTH_MAX);
	memcpy(text + 2 * QMP_DEPTH_MAX + 1, "}{}", 3);
	is_str(split(text, 2 * QMP_DEPTH_MAX + 4, 7), "!|{}",
		"a deeper one is skipped");
}

static void
test_random(void)
{
	static const char letters[] = "{}[]\"\\\n\xff a,:1";
	char text[64], one[64];
	unsigned seed = 1;
	bool same = true;

	for (int k = 0; k < 20000; k++) {
		for (size_t n = 0; n < sizeof(text); n++) {
			seed = seed * 1103515245 + 12345;
			text[n] = letters[seed / 65536 % (sizeof(letters) - 1)];
		}
		text[60] = '\0';
		snprintf(one, sizeof(one), "%s", split(text, 60, 1));
		same &= !strcmp(one, split(text, 60, 64));
	}
	ok(same, "what comes out does not depend on the pieces");
}

/* ---- servers ---- */

static char root[] = "/tmp/vmtest-XXXXXX";
static struct home *home;
static struct home_vm *vm;
static pid_t server;

static void
sent(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n) {
		ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

		if (done < 0)
			_exit(0);
		text += done;
		n -= (size_t)done;
	}
}

/* Until a line's end has come. */
static void
heard(int fd)
{
	char c = 0;

	while (c != '\n')
		if (recv(fd, &c, 1, 0) != 1)
			_exit(0);
}

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

static void
greet(int fd)
{
	sent(fd, GREETING);
	heard(fd);
	sent(fd, "{\"return\": {}, \"id\": 1}\r\n");
}

static void
mute(int fd)
{
	(void)fd;
	sleep(100);
}

static void
rude(int fd)
{
	close(fd);
}

static void
nonsense(int fd)
{
	sent(fd, "hello, who is there?\n");
	sleep(100);
}

static void
endless(int fd)
{
	for (;;)
		sent(fd, "{\"a\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

/* Never silent, so that nobody comes to wait, and never to the point. */
static void
flood(int fd)
{
	static const char event[] = "{\"event\": \"STOP\"}\r\n";
	static char many[1000 * sizeof(event)];

	for (int n = 0; n < 1000; n++)
		strcat(many, event);
	sent(fd, GREETING);
	fork(); /* there is more by the time that one has been heard */
	fork();
	for (;;)
		sent(fd, many);
}

static void
chatty(int fd)
{
	greet(fd);
	heard(fd);
	for (int n = 0; n < 2000; n++)
		sent(fd, "{\"event\": \"STOP\", \"timestamp\": {}}\r\n");
	sent(fd, "{\"return\": 7, \"id\": 2}\r\n");
	heard(fd);
	sent(fd, "{\"error\": {\"class\": \"GenericError\", "
		 "\"desc\": \"no\"}, \"id\": 3}\r\n");
	heard(fd);
	sent(fd, "{\"return\": {}}\r\n");
	heard(fd);
	sleep(100);
}

static void
late(int fd)
{
	greet(fd);
	heard(fd);
	usleep(300000);
	sent(fd, "{\"return\": \"first\", \"id\": 2}\r\n");
	heard(fd);
	sent(fd, "{\"return\": \"second\", \"id\": 3}\r\n");
	sleep(100);
}

static void
leaving(int fd)
{
	greet(fd);
	heard(fd);
}

static void
start(void (*serve)(int fd))
{
	int l = sock_listen(home_vm_fd(vm), "ctl", "test");

	fflush(NULL);
	server = fork();
	if (server == 0) {
		alarm(100);
		fcntl(l, F_SETFL, 0);
		for (;;) {
			int fd = accept(l, NULL, NULL);

			if (fd >= 0)
				serve(fd);
			close(fd);
		}
	}
	close(l);
}

static void
stop(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
refused(void (*serve)(int fd), int want, const char *sentence, const char *what)
{
	struct qmp *q = NULL;
	int r;

	if (serve)
		start(serve);
	r = qmp_open(&q, vm, 300);
	ok(r == want, "%s: refused", what);
	is_str(fail_text(), sentence, what);
	if (serve)
		stop();
}

static void
test_open(void)
{
	struct qmp *q;
	int64_t began = now_ms();

	refused(mute, -ETIMEDOUT, "web: does not answer", "a mute server");
	ok(now_ms() - began < 10000, "nobody is waited for longer than said");
	refused(rude, -EPIPE, "web: closed the connection", "a rude one");
	refused(nonsense, -EPROTO, "web: what it answers is no QMP",
		"one that talks nonsense");
	refused(endless, -EPROTO, "web: what it answers is no QMP",
		"an endless one");
	began = now_ms();
	refused(flood, -ETIMEDOUT, "web: does not answer",
		"one that has events without end");
	ok(now_ms() - began < 5000, "nor is that waited for longer");
	start(leaving);
	renameat(home_vm_fd(vm), "ctl", home_vm_fd(vm), "other");
	symlinkat("other", home_vm_fd(vm), "ctl");
	refused(NULL, -ETIMEDOUT, "web: does not answer",
		"a link to another socket");
	unlinkat(home_vm_fd(vm), "ctl", 0);
	stop();
	refused(NULL, -ETIMEDOUT, "web: does not answer",
		"one that holds the lock and does not listen");
	home_unlock(vm);
	refused(NULL, -ENOTCONN, "web: not running", "a free lock");
	refused(rude, -ENOTCONN, "web: not running", "one that just went");
	unlinkat(home_vm_fd(vm), "ctl", 0);
	refused(NULL, -ENOTCONN, "web: not running", "no socket");
	home_lock(vm);
	start(leaving);
	ok(qmp_open(&q, vm, 20000) == 0, "a good one");
	ok(qmp_call(q, "stop", NULL, NULL, 20000) == -EPIPE,
		"that leaves: so it is said");
	qmp_close(q);
	stop();
}

static void
test_calls(void)
{
	json_t *v = NULL;
	struct qmp *q;
	int n = 0;

	start(chatty);
	qmp_open(&q, vm, 20000);
	ok(qmp_call(q, "a", json_pack("{s:i}", "b", 1), &v, 20000) == 0 &&
			json_integer_value(v) == 7,
		"an answer among events");
	json_decref(v);
	ok(qmp_call(q, "a", NULL, &v, 20000) == -EREMOTEIO, "an error");
	is_str(fail_text(), "web: no", "in its words");
	ok(qmp_raw(q, "{\"execute\": \"x\"}", &v, 20000) == 0 &&
			json_object_get(v, "return"),
		"a whole reply");
	json_decref(v);
	ok(qmp_raw(q, "stop", &v, 20000) == -EINVAL &&
			qmp_raw(q, "[]", &v, 20000) == -EINVAL,
		"what is no object is not sent");
	while (qmp_event(q, &v, 0) == 0) {
		n += json_object_get(v, "event") != NULL;
		json_decref(v);
	}
	ok(n > 0 && n < 1000, "events are kept, within bounds");
	ok(qmp_event(q, &v, 50) == -ETIMEDOUT, "and awaited");
	qmp_close(q);
	stop();
	start(late);
	qmp_open(&q, vm, 20000);
	ok(qmp_call(q, "a", NULL, NULL, 20) == -ETIMEDOUT, "a late answer");
	ok(qmp_call(q, "a", NULL, &v, 20000) == 0 &&
			!strcmp(json_string_value(v), "second"),
		"is not taken for that of the next call");
	json_decref(v);
	qmp_close(q);
	qmp_close(NULL);
	stop();
}

int
main(void)
{
	char command[64];

	deadline(120);
	test_split();
	test_bounds();
	test_random();
	if (!mkdtemp(root) || home_open(&home, root, true, NULL) ||
		home_create(home, "web", "", 0, true, &vm)) {
		printf("# %s\n", fail_text());
		return 1;
	}
	test_open();
	test_calls();
	home_vm_close(vm);
	home_close(home);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) || done();
}
