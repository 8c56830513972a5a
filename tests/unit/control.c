/* SPDX-License-Identifier: MIT */
/* The control server: what it says, does and tells, and descriptors. */
// LDLIBS: -ljansson
#include "tests/controlrig.h"

/* ---- what it says ---- */

static void
test_greeting(void)
{
	static struct client c;
	json_t *v;

	connect_bare(&c);
	v = json_loads(hear(&c), 0, NULL);
	ok(json_is_integer(json_object_get(
		   json_object_get(json_object_get(json_object_get(v, "QMP"),
					   "version"),
			   "qemu"),
		   "major")) &&
			json_is_array(json_object_get(
				json_object_get(v, "QMP"), "capabilities")),
		"the greeting is QMP's");
	ok(strlen(c.line) > 2 && strcmp(strchr(c.line, '\r'), "\r\n") == 0,
		"lines end in CRLF");
	json_decref(v);
	v = ask(&c, "{\"execute\": \"query-status\"}");
	is_str(class(v), "CommandNotFound", "first the capabilities");
	v = ask(&c, "{\"execute\": \"qmp_capabilities\", "
		    "\"arguments\": {\"enable\": [\"oob\"]}}");
	is_str(class(v), "GenericError", "of which there are none");
	ok(good(ask(&c, "{\"execute\": \"qmp_capabilities\"}")), "negotiated");
	v = ask(&c, "{\"execute\": \"qmp_capabilities\"}");
	is_str(class(v), "CommandNotFound", "once");
	ok(good(ask(&c, "{\"execute\": \"query-status\"}")),
		"and then commands are obeyed");
	leave(&c);
}

static void
test_requests(void)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{"{\"execute\": \"no-such\"}",
			"The command no-such has not been found"},
		{"{}", "QMP input lacks member 'execute'"},
		{"{\"execute\": 3}",
			"QMP input member 'execute' must be a string"},
		{"{\"execute\": \"stop\", \"argument\": {}}",
			"QMP input member 'argument' is unexpected"},
		{"{\"execute\": \"stop\", \"arguments\": []}",
			"QMP input member 'arguments' must be an object"},
		{"{\"execute\": \"stop\", \"arguments\": {\"a\": 1}}",
			"Parameter 'a' is unexpected"},
		{"{\"execute\": \"getfd\"}", "Parameter 'fdname' is missing"},
		{"{\"execute\": \"getfd\", \"arguments\": {\"fdname\": 1}}",
			"Invalid parameter type for 'fdname', expected: "
			"string"},
		{"{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"a\"}}",
			"No file descriptor supplied via SCM_RIGHTS"},
		{"{\"execute\": \"closefd\", \"arguments\": "
		 "{\"fdname\": \"a\"}}",
			"File descriptor named 'a' not found"},
		{"{\"execute\": \"x-registers\", \"arguments\": {\"cpu\": 2}}",
			"no CPU 2, there are 2"},
		{"{\"execute\": \"x-registers\", \"arguments\": {\"cpu\": -1}}",
			"no CPU -1, there are 2"},
		{"{\"execute\": \"x-audit\"}", "the answer is too long"},
		{"{\"execute\": \"x-set\", \"arguments\": "
		 "{\"key\": \"memory\", \"value\": \"1G\"}}",
			"memory: not while it runs"},
		{"{\"execute\": \"dump-guest-memory\", \"arguments\": "
		 "{\"protocol\": \"file:/etc/passwd\"}}",
			"Parameter 'protocol' can only be fd:NAME (see getfd)"},
		{"{\"execute\" \"stop\"}", "JSON parse error"},
		{"{]", "JSON parse error"},
		{"hello\n", "JSON parse error"},
		{"[1, 2]\n", "JSON parse error"},
		{"{\"execute\": \"sto\n", "JSON parse error"},
		{"{\"execute\": \xff", "JSON parse error"},
	};
	static struct client c;

	meet(&c);
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
		is_str(desc(ask(&c, bad[n].text)), bad[n].want, bad[n].want);
	ok(good(ask(&c, "{\"execute\": \"query-name\"}")),
		"a client who erred is served on");
	leave(&c);
}

static void
test_ids(void)
{
	static const char *const ids[] = {"1", "\"a\"", "null", "[1,{\"b\":2}]",
		"1.5", "{\"x\":[]}", "-7", "true"};
	static struct client c;
	char text[200];

	meet(&c);
	for (size_t n = 0; n < sizeof(ids) / sizeof(ids[0]); n++) {
		json_t *want = json_loads(ids[n], JSON_DECODE_ANY, NULL), *v;

		snprintf(text, sizeof(text),
			"{\"execute\": \"query-name\", \"id\": %s}", ids[n]);
		v = ask(&c, text);
		ok(json_equal(json_object_get(v, "id"), want),
			"id %s comes back", ids[n]);
		json_decref(want);
	}
	say(&c, "{\"execute\": \"nope\", \"id\": 12}");
	ok(json_integer_value(json_object_get(answer(&c), "id")) == 12,
		"with an error too");
	leave(&c);
}

static void
test_stream(void)
{
	static const char one[] = "{\"execute\": \"query-name\", \"id\": 1}";
	static struct client c;
	unsigned n = 0;

	meet(&c);
	for (size_t k = 0; k < sizeof(one) - 1; k++)
		say_bytes(&c, one + k, 1);
	ok(good(answer(&c)), "a command may come byte by byte");
	for (int k = 0; k < 500; k++)
		say(&c, one);
	for (int k = 0; k < 500; k++)
		n += good(answer(&c));
	ok(n == 500, "and five hundred without a newline");
	say(&c, "{\"execute\": \"query-name\"}{\"execute\": \"query-uuid\"} {");
	ok(member(answer(&c), "name") && member(answer(&c), "UUID"),
		"in order");
	shutdown(c.fd, SHUT_WR);
	ok(hear_in(&c, 20000) == NULL, "who says no more is let go");
	leave(&c);
	meet(&c);
	say(&c, one);
	say(&c, one);
	shutdown(c.fd, SHUT_WR);
	ok(good(answer(&c)) && good(answer(&c)),
		"but not before it is answered");
	leave(&c);
}

static void
test_queries(void)
{
	static struct client c;
	json_t *v, *list, *e;
	char text[200];
	size_t n, known = 0;

	meet(&c);
	v = ask(&c, "{\"execute\": \"query-version\"}");
	ok(strstr(json_string_value(member(v, "package")), "vm-utils"),
		"query-version");
	v = ask(&c, "{\"execute\": \"query-name\"}");
	is_str(json_string_value(member(v, "name")), "guest", "query-name");
	v = ask(&c, "{\"execute\": \"query-uuid\"}");
	is_str(json_string_value(member(v, "UUID")),
		"12345678-9abc-4def-8123-456789abcdef", "query-uuid");
	v = ask(&c, "{\"execute\": \"query-kvm\"}");
	ok(json_is_false(member(v, "enabled")), "query-kvm");
	v = ask(&c, "{\"execute\": \"query-cpus-fast\"}");
	e = json_array_get(json_object_get(v, "return"), 1);
	ok(json_array_size(json_object_get(v, "return")) == 2 &&
			json_integer_value(json_object_get(e, "thread-id")) >
				0 &&
			json_integer_value(json_object_get(e, "cpu-index")) ==
				1,
		"query-cpus-fast");
	v = ask(&c, "{\"execute\": \"query-commands\"}");
	ok(lists(v, "stop") && lists(v, "x-set") && lists(v, "query-commands"),
		"query-commands");
	list = json_incref(json_object_get(v, "return"));
	json_array_foreach(list, n, e)
	{
		/* with an argument that none has, so that nothing happens */
		snprintf(text, sizeof(text),
			"{\"execute\": \"%s\", \"arguments\": {\"-\": 1}}",
			json_string_value(json_object_get(e, "name")));
		v = ask(&c, text);
		known += !strcmp(desc(v), "Parameter '-' is unexpected") ||
			 !strcmp(class(v), "CommandNotFound");
	}
	ok(known == json_array_size(list), "all of which there are");
	json_decref(list);
	v = ask(&c, "{\"execute\": \"x-registers\"}");
	ok(strstr(json_string_value(member(v, "text")), "rip"),
		"x-registers of a CPU");
	v = ask(&c, "{\"execute\": \"x-registers\", "
		    "\"arguments\": {\"device\": \"uart0\"}}");
	ok(strstr(json_string_value(member(v, "text")), "uart0.ier"),
		"x-registers of a device");
	v = ask(&c, "{\"execute\": \"x-registers\", "
		    "\"arguments\": {\"device\": \"none\"}}");
	ok(strstr(desc(v), "uart0"), "where it does not exist, which do");
	leave(&c);
}

static void
test_hooks(void)
{
	static struct client c;
	json_t *v;

	meet(&c);
	ok(good(ask(&c, "{\"execute\": \"system_powerdown\"}")) &&
			status(&c, "powerdowns") == 1,
		"system_powerdown reaches the host");
	ok(good(ask(&c, "{\"execute\": \"x-set\", \"arguments\": "
			"{\"key\": \"description\", \"value\": \"\u00e4\"}}")),
		"x-set is obeyed");
	v = ask(&c, "{\"execute\": \"x-status\"}");
	is_str(json_string_value(member(v, "key")), "description", "its key");
	is_str(json_string_value(member(v, "value")), "\u00e4", "its value");
	leave(&c);
}

static const char *
run_state(struct client *c)
{
	return json_string_value(
		member(ask(c, "{\"execute\": \"query-status\"}"), "status"));
}

static void
test_events(void)
{
	static struct client a, b, mute;
	json_int_t count;
	json_t *v;

	meet(&a);
	meet(&b);
	connect_bare(&mute);
	hear(&mute);
	is_str(run_state(&a), "running", "it runs");
	say(&a, "{\"execute\": \"stop\", \"id\": 5}");
	ok(hears_event(&b, "STOP"), "others hear of a stop");
	ok(hears_event(&a, "STOP"), "and who asked, first");
	v = json_loads(hear(&a), 0, NULL);
	ok(json_integer_value(json_object_get(v, "id")) == 5,
		"then comes the answer");
	json_decref(v);
	is_str(run_state(&b), "paused", "it is paused");
	count = status(&b, "count");
	usleep(50000);
	ok(status(&b, "count") == count, "and stands");
	ok(good(ask(&a, "{\"execute\": \"stop\"}")), "twice is fine");
	say(&b, "{\"execute\": \"system_reset\"}");
	ok(hears_event(&a, "RESET"), "a reset is told");
	answer(&b);
	is_str(run_state(&b), "paused", "and changes nothing about that");
	say(&b, "{\"execute\": \"cont\"}");
	ok(hears_event(&a, "RESUME"), "so is going on");
	answer(&b);
	for (int n = 0; n < 1000 && status(&b, "count") <= count; n++)
		usleep(10000);
	ok(status(&b, "count") > count, "it counts again");
	ok(hear_in(&mute, 100) == NULL, "who has not negotiated hears nothing");
	leave(&a);
	leave(&b);
	leave(&mute);
}

/* ---- descriptors ---- */

static json_t *
ask_with(struct client *c, const char *text, const int *fds, size_t n)
{
	union {
		char buf[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr h;
	} u = {.buf = {0}};
	struct iovec v = {(char *)text, strlen(text)};
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &u,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};

	u.h = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&u.h), fds, n * sizeof(int));
	sendmsg(c->fd, &m, MSG_NOSIGNAL);
	return answer(c);
}

static void
name_fd(char *text, size_t size, const char *what, int n)
{
	snprintf(text, size,
		"{\"execute\": \"%s\", \"arguments\": {\"fdname\": "
		"\"fd-%d\"}}",
		what, n);
}

static void
test_fds(void)
{
	static struct client c, other;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[64];
	json_int_t before;
	char text[200];
	int n;

	for (n = 0; n < 64; n++)
		fds[n] = null;
	meet(&c);
	meet(&other);
	before = status(&other, "fds");
	name_fd(text, sizeof(text), "getfd", 0);
	ok(good(ask_with(&c, text, fds, 1)) &&
			status(&other, "fds") == before + 1,
		"getfd keeps a descriptor");
	ok(good(ask_with(&c, text, fds, 1)) &&
			status(&other, "fds") == before + 1,
		"another one of that name takes its place");
	for (n = 1; n < QMP_FDS; n++) {
		name_fd(text, sizeof(text), "getfd", n);
		ask_with(&c, text, fds, 1);
	}
	ok(status(&other, "fds") == before + QMP_FDS, "and so do others");
	name_fd(text, sizeof(text), "getfd", n);
	ok(!good(ask_with(&c, text, fds, 1)) &&
			status(&other, "fds") == before + QMP_FDS,
		"until there are enough");
	name_fd(text, sizeof(text), "closefd", 3);
	ok(good(ask(&c, text)) && status(&other, "fds") == before + QMP_FDS - 1,
		"closefd lets one go");
	ask_with(&c, "{\"execute\": \"query-name\"}", fds, 64);
	ask_with(&c, "{\"execute\": \"query-name\"}", fds, 64);
	ok(status(&other, "fds") <= before + 2 * QMP_FDS - 1,
		"what comes without being asked for is bounded");
	ok(!good(ask(&c, "{\"execute\": \"getfd\", "
			 "\"arguments\": {\"fdname\": \"1a\"}}")),
		"names do not begin with digits");
	leave(&c);
	for (n = 0; n < 1000 && status(&other, "fds") != before - 1; n++)
		usleep(10000);
	ok(status(&other, "fds") == before - 1, "all go with their client");
	leave(&other);
	close(null);
}

/* ---- drives ---- */

/* What may be said of drives, each with what comes of it; all of them have a
 * descriptor "f", of /dev/null, to take. */
static void
test_bad_drives(struct client *c, struct client *other)
{
#define MEDIUM "{\"execute\": \"blockdev-change-medium\", \"arguments\": "
#define ATTACH "{\"execute\": \"x-block-attach\", \"arguments\": "
	static const char *const bad[][2] = {
		{"{\"execute\": \"eject\"}", "Parameter 'id' is missing"},
		{"{\"execute\": \"eject\", \"arguments\": {\"id\": []}}",
			"Invalid parameter type for 'id', expected: string"},
		{"{\"execute\": \"eject\", \"arguments\": {\"id\": \"x\"}}",
			"Device 'x' not found"},
		{"{\"execute\": \"eject\", \"arguments\": "
		 "{\"id\": \"cdrom0\", \"force\": 1}}",
			"Invalid parameter type for 'force', expected: "
			"boolean"},
		{MEDIUM "{\"id\": \"cdrom0\"}}",
			"Parameter 'filename' is missing"},
		{MEDIUM "{\"id\": \"cdrom0\", \"filename\": \"/f\"}}",
			"a file's name can only be fd:NAME (see getfd)"},
		{MEDIUM "{\"id\": \"cdrom0\", \"filename\": \"fd:g\"}}",
			"File descriptor named 'g' not found"},
		{MEDIUM "{\"id\": \"cdrom0\", \"filename\": \"fd:f\"}}",
			"fd:f: is neither a file nor a block device"},
		{ATTACH "{\"spec\": \"/f\", \"fds\": [\"f\"]}}",
			"/f: is neither a file nor a block device"},
		{ATTACH "{\"spec\": \"/f\", \"fds\": [\"f\", \"f\"]}}",
			"File descriptor named 'f' not found"},
		{ATTACH "{\"spec\": \"/f\", \"fds\": []}}",
			"disk0: 0 descriptors for 1 images"},
		{ATTACH "{\"spec\": \"/f\", \"fds\": [1]}}",
			"Parameter 'fds' is an array of names"},
		{ATTACH "{\"spec\": \"/f\", \"fds\": \"f\"}}",
			"Parameter 'fds' is an array of up to 8 names"},
		{ATTACH "{\"spec\": \"1G\", \"fds\": [\"f\"]}}",
			"disk: 1G is a size: only vm-create and vm-set make "
			"disks (a file of that name is ./1G)"},
		{"{\"execute\": \"device_del\", \"arguments\": "
		 "{\"id\": \"cdrom0\"}}",
			"Device 'cdrom0' not found"},
		{"{\"execute\": \"balloon\", \"arguments\": "
		 "{\"value\": 1}}",
			"The command balloon has not been found"},
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	json_int_t before = status(other, "fds");

	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		ask_with(c,
			"{\"execute\": \"getfd\", \"arguments\": "
			"{\"fdname\": \"f\"}}",
			&null, 1);
		is_str(desc(ask(c, bad[n][0])), bad[n][1], bad[n][1]);
	}
	ask(c, "{\"execute\": \"closefd\", \"arguments\": "
	       "{\"fdname\": \"f\"}}");
	ok(status(other, "fds") == before, "no descriptor is left behind");
	close(null);
}

static void
test_drives(void)
{
	static struct client c, other;
	json_int_t before;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/disc", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	meet(&c);
	meet(&other);
	test_bad_drives(&c, &other);
	before = status(&other, "fds");
	ok(fd >= 0 && !ftruncate(fd, 1 << 20) &&
			good(ask_with(&c,
				"{\"execute\": \"getfd\", \"arguments\": "
				"{\"fdname\": \"d\"}}",
				&fd, 1)) &&
			good(ask(&c,
				MEDIUM "{\"id\": \"cdrom0\", \"filename\": "
				       "\"fd:d\", \"x-name\": \"/disc\"}}")) &&
			status(&other, "fds") == before + 1,
		"a medium is in");
	ok(good(ask(&c, "{\"execute\": \"eject\", \"arguments\": "
			"{\"device\": \"cdrom0\"}}")) &&
			status(&other, "fds") == before,
		"and out");
	leave(&c);
	leave(&other);
	close(fd);
	unlink(path);
}

static void
test_dump(void)
{
	static struct client c, other;
	static char buf[1 << 16];
	const char *give = "{\"execute\": \"getfd\", \"arguments\": "
			   "{\"fdname\": \"core\"}}";
	const char *dump =
		"{\"execute\": \"dump-guest-memory\", \"arguments\": "
		"{\"paging\": false, \"protocol\": \"fd:core\"}, \"id\": 9}";
	char path[64];
	int s[2], file, p[2];
	size_t total = 0;
	struct stat st;
	ssize_t n;
	json_t *v;

	meet(&c);
	meet(&other);
	ok(!good(ask(&c, dump)), "a dump needs a descriptor");
	if (pipe(p))
		exit(1);
	ask_with(&c, give, &p[1], 1);
	ok(!good(ask(&c, dump)), "which is no pipe");
	is_str(run_state(&other), "running", "and then it goes on");
	file = memfd_create("far", MFD_CLOEXEC);
	lseek(file, INT64_MAX - 4096, SEEK_SET);
	ask_with(&c, give, &file, 1);
	is_str(desc(ask(&c, dump)), "dump: the file stands too far",
		"nor a file with no room before the end of all files");
	close(file);
	snprintf(path, sizeof(path), "%s/core", dir);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ask_with(&c, give, &file, 1);
	v = ask(&c, dump);
	ok(good(v) && json_integer_value(json_object_get(v, "id")) == 9,
		"to a file");
	fstat(file, &st);
	ok(st.st_size > 32 << 20 && st.st_blocks * 512 < 4 << 20 &&
			pread(file, buf, 4, 0) == 4 &&
			!memcmp(buf, "\177ELF", 4),
		"a core with holes");
	is_str(run_state(&other), "running", "and it goes on");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		exit(1);
	ask_with(&c, give, &s[1], 1);
	close(s[1]);
	say(&c, dump);
	n = recv(s[0], buf, 1, MSG_WAITALL);
	total = (size_t)n;
	is_str(run_state(&other), "paused", "paused while it is written");
	ok(!good(ask(&other, "{\"execute\": \"cont\"}")) &&
			!good(ask(&other, dump)),
		"nobody may disturb it");
	while ((n = read(s[0], buf, sizeof(buf))) > 0)
		total += (size_t)n;
	ok(good(answer(&c)) && total == (size_t)st.st_size, "to a socket");
	is_str(run_state(&other), "running", "and it goes on again");
	close(s[0]);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	ask_with(&c, give, &s[1], 1);
	close(s[1]);
	say(&c, dump);
	recv(s[0], buf, 1, MSG_WAITALL);
	leave(&c);
	for (int k = 0; k < 1000 && strcmp(run_state(&other), "running"); k++)
		usleep(10000);
	is_str(run_state(&other), "running",
		"who leaves during a dump leaves no paused machine");
	close(s[0]);
	meet(&c);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	ask_with(&c, give, &s[1], 1);
	close(s[1]);
	kill(server_pid, SIGSTOP);
	say(&c, dump);
	leave(&c);
	kill(server_pid, SIGCONT);
	ok(recv(s[0], buf, 1, 0) <= 0, "who has left before it gets none");
	close(s[0]);
	is_str(run_state(&other), "running", "nor leaves a paused machine");
	meet(&c);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s);
	ask_with(&c, give, &s[1], 1);
	close(s[1]);
	say(&c, dump);
	recv(s[0], buf, 1, MSG_WAITALL);
	close(s[0]);
	ok(!good(answer(&c)), "a reader who leaves makes it fail");
	is_str(run_state(&other), "running", "and it goes on");
	leave(&c);
	leave(&other);
	close(p[0]);
	close(p[1]);
	close(file);
	unlink(path);
}

int
main(void)
{
	deadline(120);
	rig_begin();
	server_start(false, 0);
	test_greeting();
	test_requests();
	test_ids();
	test_stream();
	test_queries();
	test_hooks();
	test_events();
	test_fds();
	test_drives();
	test_dump();
	server_end();
	return rig_done();
}
