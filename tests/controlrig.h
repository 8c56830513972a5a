/* SPDX-License-Identifier: MIT */
/*
 * A control server with a machine that counts, in a process of its own, and
 * clients for it, which can be as hostile as they like. What the server alone
 * knows it tells in x-status.
 */
#ifndef TESTS_CONTROLRIG_H
#define TESTS_CONTROLRIG_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/err.h"
#include "lib/qmp.h"
#include "lib/sock.h"
#include "tests/tap.h"
#include "vmm/control.h"
/* 1: incl 0x500; jmp 1b */
static const uint8_t counting[] = {0x66, 0xff, 0x06, 0x00, 0x05, 0xeb, 0xf9};

#ifdef __SANITIZE_ADDRESS__ /* it keeps what was freed */
enum { FEW_KB = 1 << 20 };
#else
enum { FEW_KB = 2048 };
#endif

static char dir[] = "/tmp/vmtest-XXXXXX";
static int dir_fd;
static pid_t server_pid;

/* ---- the server's process ---- */

struct server {
	struct config cfg;
	struct clock *clock;
	struct loop *loop;
	struct machine *m;
	struct control *c;
	int powerdowns;
	char key[64], value[64];
	bool bare; /* no hooks of our own */
};

static inline int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline long
own_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static inline void
on_powerdown(void *to)
{
	((struct server *)to)->powerdowns++;
}

static inline void
on_quit(void *to)
{
	machine_stop(((struct server *)to)->m, END_OUTSIDE, "quit");
}

static inline int
on_set(void *to, const char *key, const char *value)
{
	struct server *s = to;

	if (strcmp(key, "memory") == 0)
		return failx(-EPERM, "memory: not while it runs");
	snprintf(s->key, sizeof(s->key), "%s", key);
	snprintf(s->value, sizeof(s->value), "%s", value);
	return 0;
}

static inline void
on_status(void *to, struct json *j)
{
	struct server *s = to;
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	json_put_int(j, "powerdowns", s->powerdowns);
	json_put_string(j, "key", s->key);
	json_put_string(j, "value", s->value);
	json_put_int(j, "fds", count_fds());
	json_put_int(j, "kb", own_kb());
	json_put_uint(j, "count", machine_count(s->m));
	json_put_int(j, "cpu_ms", t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static inline void
on_audit(void *to, struct json *j)
{
	(void)to;
	json_put_array(j, "things");
	for (int n = 0; n < 8000; n++) /* more than an answer holds */
		json_put_string(j, NULL, "a thing");
	json_put_end(j);
}

static inline void
on_event(void *to, enum machine_event what)
{
	static const char *const names[] = {
		[MACHINE_STOP] = "STOP",
		[MACHINE_RESUME] = "RESUME",
		[MACHINE_RESET] = "RESET",
		[MACHINE_POWERDOWN] = "POWERDOWN",
		[MACHINE_PANICKED] = "GUEST_PANICKED",
		[MACHINE_SHUTDOWN] = "SHUTDOWN",
	};
	struct server *s = to;

	if (what <= MACHINE_SHUTDOWN && what != MACHINE_UP)
		control_event(s->c, names[what],
			what == MACHINE_SHUTDOWN ? "{\"guest\": false}" : NULL);
}

static inline void
on_end(void *to)
{
	loop_stop(((struct server *)to)->loop);
}

static inline void
check(int r)
{
	if (r) {
		fprintf(stderr, "# server: %s\n", fail_text());
		_exit(1);
	}
}

static inline void
serve(struct server *s, int listener, const char *kernel)
{
	struct control_host host = {
		.name = "guest",
		.uuid = "12345678-9abc-4def-8123-456789abcdef",
		.to = s,
		.powerdown = on_powerdown,
		.quit = on_quit,
		.set = on_set,
		.status = on_status,
		.audit = on_audit,
	};

	config_init(&s->cfg);
	config_set(&s->cfg, "kernel", kernel);
	config_set(&s->cfg, "flat", "0x7c00");
	config_set(&s->cfg, "memory", "32M");
	config_set(&s->cfg, "accel", "soft");
	config_set(&s->cfg, "cpus", "2");
	config_set(&s->cfg, "serial", "null");
	config_set(&s->cfg, "cdrom", "none");
	s->clock = clock_new();
	check(loop_new(&s->loop, s->clock));
	check(machine_new(&s->m, &s->cfg, s->loop, s->clock, NULL, NULL));
	host.machine = s->m;
	host.loop = s->loop;
	if (s->bare)
		host.set = NULL;
	check(control_new(&s->c, listener, &host));
	machine_on_event(s->m, on_event, s);
	check(machine_start(s->m, on_end, s));
	check(loop_run(s->loop));
	control_free(s->c);
	machine_free(s->m);
	loop_free(s->loop);
	clock_free(s->clock);
	config_free(&s->cfg);
}

/* files: how many descriptors it may have; 0: as many as there are. */
static inline void
server_start(bool bare, rlim_t files)
{
	char kernel[64];
	struct server s = {.bare = bare};
	int listener = sock_listen(dir_fd, "ctl", "test"), fd;
	struct rlimit lim;

	snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
	fd = open(kernel, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (listener < 0 ||
		write(fd, counting, sizeof(counting)) != sizeof(counting))
		exit(1);
	close(fd);
	fflush(NULL);
	server_pid = fork();
	if (server_pid == 0) {
		alarm(100);
		if (files) {
			getrlimit(RLIMIT_NOFILE, &lim);
			lim.rlim_cur = files;
			setrlimit(RLIMIT_NOFILE, &lim);
		}
		serve(&s, listener, kernel);
		exit(0);
	}
	close(listener);
}

/* ---- a client ---- */

struct client {
	int fd;
	char line[QMP_VALUE_MAX + 4096];
	char buf[8192];
	size_t at, have;
	json_t *v;
};

static inline int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A line within ms, without its end; NULL: none, or closed. */
static inline const char *
hear_in(struct client *c, int ms)
{
	int64_t end = now_us() + ms * 1000LL;
	size_t n = 0;

	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int64_t left = (end - now_us()) / 1000;

		while (c->at < c->have && n < sizeof(c->line) - 1) {
			char ch = c->buf[c->at++];

			c->line[n++] = ch;
			if (ch != '\n')
				continue;
			c->line[n] = '\0';
			return c->line;
		}
		if (left < 0 || poll(&p, 1, (int)left) < 1)
			return NULL;
		c->at = 0;
		c->have = 0;
		ssize_t got = recv(c->fd, c->buf, sizeof(c->buf), 0);
		if (got <= 0)
			return NULL;
		c->have = (size_t)got;
	}
}

static inline const char *
hear(struct client *c)
{
	const char *line = hear_in(c, 20000);

	return line ? line : "";
}

static inline void
say_bytes(struct client *c, const char *p, size_t n)
{
	while (n) {
		ssize_t done = send(c->fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
}

static inline void
say(struct client *c, const char *text)
{
	say_bytes(c, text, strlen(text));
}

/* The parsed answer, which lives until the next. */
static inline json_t *
answer(struct client *c)
{
	json_decref(c->v);
	do
		c->v = json_loads(hear(c), 0, NULL);
	while (c->v && json_object_get(c->v, "event") &&
		(json_decref(c->v), 1));
	return c->v;
}

static inline json_t *
ask(struct client *c, const char *text)
{
	say(c, text);
	return answer(c);
}

static inline const char *
desc(json_t *v)
{
	const char *s = json_string_value(
		json_object_get(json_object_get(v, "error"), "desc"));

	return s ? s : "(no error)";
}

static inline const char *class(json_t *v)
{
	const char *s = json_string_value(
		json_object_get(json_object_get(v, "error"), "class"));

	return s ? s : "(no error)";
}

static inline bool
good(json_t *v)
{
	return json_object_get(v, "return") != NULL;
}

static inline json_t *
member(json_t *v, const char *key)
{
	return json_object_get(json_object_get(v, "return"), key);
}

static inline bool
connect_bare(struct client *c)
{
	memset(c, 0, sizeof(*c));
	c->fd = sock_connect(dir_fd, "ctl", 20000);
	if (c->fd < 0)
		return false;
	fcntl(c->fd, F_SETFL, 0);
	return true;
}

static inline void
meet(struct client *c)
{
	if (!connect_bare(c) || !*hear(c) ||
		!good(ask(c, "{\"execute\": \"qmp_capabilities\"}")))
		printf("# cannot meet the server\n");
}

static inline void
leave(struct client *c)
{
	json_decref(c->v);
	c->v = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static inline json_int_t
status(struct client *c, const char *key)
{
	return json_integer_value(
		member(ask(c, "{\"execute\": \"x-status\"}"), key));
}

static inline void
server_end(void)
{
	static struct client c;
	int how = -1;

	meet(&c);
	ok(good(ask(&c, "{\"execute\": \"quit\"}")), "quit is answered");
	while (*hear(&c))
		;
	leave(&c);
	waitpid(server_pid, &how, 0);
	ok(how == 0, "and the server ends well");
}

static inline bool
lists(json_t *v, const char *name)
{
	json_t *list = json_object_get(v, "return"), *e;
	size_t n;

	json_array_foreach(list, n,
		e) if (!strcmp(json_string_value(json_object_get(e, "name")),
			       name)) return true;
	return false;
}

static inline bool
hears_event(struct client *c, const char *name)
{
	json_t *v = json_loads(hear(c), 0, NULL);
	const char *s = json_string_value(json_object_get(v, "event"));
	bool right = s && !strcmp(s, name) &&
		     json_is_integer(json_object_get(
			     json_object_get(v, "timestamp"), "seconds"));

	if (!right)
		printf("# got %s", c->line);
	json_decref(v);
	return right;
}

/* The directory and, below, its end. */
static inline void
rig_begin(void)
{
	if (!mkdtemp(dir))
		exit(1);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline int
rig_done(void)
{
	unlinkat(dir_fd, "ctl", 0);
	unlinkat(dir_fd, "kernel", 0);
	rmdir(dir);
	return done();
}

#endif
