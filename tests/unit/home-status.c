/* SPDX-License-Identifier: MIT */
/* A machine's status and events, and how it looks from outside. */
#include "lib/home.h"

#include <time.h>

#include "tests/unit/home-help.h"

static void
test_status(void)
{
	struct home_status st = full;
	struct home_look look;
	struct home_vm *vm;

	create("m");
	vm = find("m");
	ok(home_vm_look(vm, &look) == 0 && look.state == HOME_STOPPED &&
			!look.held && look.status.exit == -1 &&
			look.status.pid == 0,
		"one that never ran is stopped");
	ok(look.created > time(NULL) - 100 && look.created <= time(NULL),
		"and knows when it was made");
	ok(home_set_status(vm, &st) == 0, "set a status");
	ok(home_vm_look(vm, &look) == 0, "and look");
	snprintf(st.cause, sizeof(st.cause), "the host was started anew");
	ok(memcmp(&look.status, &st, sizeof(st)) == 0, "all of it comes back");
	is_str(get("m/status"),
		"phase = paused\npid = 4711\nstart = 18446744073709551615\n"
		"boot = 01234567-89ab-cdef-0123-456789abcdef\n"
		"engine = soft\ncpus = 255\nmemory = 1099511627776\n"
		"since = 2009-02-13T23:31:30Z\n"
		"started = 2009-02-13T23:31:29Z\n"
		"ended = 1970-01-01T00:00:01Z\nexit = 113\n"
		"cause = it was = so\nconfined = caps seccomp\n"
		"keep = failure\n",
		"it is text that people can read");
	st = (struct home_status){.exit = -1};
	ok(home_set_status(vm, &st) == 0, "an empty one");
	is_str(get("m/status"), "phase = stopped\nkeep = always\n",
		"what is not known is left out");
	ok(home_vm_look(vm, &look) == 0 && look.status.exit == -1,
		"and no exit is none");
	memset(st.cause, 'x', sizeof(st.cause));
	memcpy(st.cause, " a\nb\x1b[m\xff\xc3\xa4", 11);
	memset(st.confined, ' ', sizeof(st.confined));
	home_set_status(vm, &st);
	home_vm_look(vm, &look);
	ok(strncmp(look.status.cause, "a?b?[m?\xc3\xa4", 9) == 0 &&
			look.status.confined[0] == '\0',
		"any text is made one that can be read");
	home_vm_close(vm);
	drop("m");
}

static void
test_garbled(void)
{
	static const char *const bad[] = {"", "x", "pid = 1\n", "phase = run\n",
		"phase =\n", "phase = running\npid = -1\n",
		"phase = running\npid = 4294967296\n",
		"phase = running\nstart = 18446744073709551616\n",
		"phase = running\nstart = 1x\n",
		"phase = running\nsince = now\n", "phase = running\nexit = \n",
		"phase = running\nkeep = no\n",
		"phase = running\nengine = 0123456789abcdef\n",
		"phase = running\n\x01\n"};
	struct home_look look;
	struct home_vm *vm;
	char big[5000];

	create("m");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put("m/status", bad[i]);
		ok(home_look(home, "m", &look) == 0 &&
				look.state == HOME_STOPPED &&
				look.status.pid == 0 &&
				look.status.phase == HOME_STOPPED,
			"garbled status %zu is as none", i);
	}
	memset(big, '\n', sizeof(big));
	memcpy(big, "phase = running", 15);
	big[sizeof(big) - 1] = '\0';
	put("m/status", big);
	ok(state("m") == HOME_STOPPED, "so is one that is too large");
	unlink(at("m/status"));
	mkfifo(at("m/status"), 0600);
	ok(state("m") == HOME_STOPPED, "so is a FIFO");
	vm = find("m");
	home_set_status(vm, &full);
	home_vm_close(vm);
	ok(state("m") == HOME_CRASHED, "it is replaced all the same");
	put("m/status", "phase = error\nfuture = 1\n");
	ok(state("m") == HOME_ERROR, "unknown keys are those of the future");
	vm = find("m");
	home_lock(vm);
	ok(state("m") == HOME_STARTING,
		"held, under what another process said at its end");
	home_vm_close(vm);
	drop("m");
}

static void
test_look(void)
{
	static const bool live[HOME_STATES] = {[HOME_STARTING] = true,
		[HOME_RUNNING] = true,
		[HOME_PAUSED] = true,
		[HOME_STOPPING] = true};
	struct home_look look;
	struct home_vm *vm;

	create("m");
	vm = find("m");
	for (int i = 0; i < HOME_STATES; i++) {
		const char *name = home_state_name((enum home_state)i);

		set_phase(vm, (enum home_state)i, true);
		ok(state("m") == (live[i] ? HOME_CRASHED : i), "free under %s",
			name);
		home_lock(vm);
		ok(state("m") == (live[i] ? i : HOME_STOPPING),
			"held by the same process under %s", name);
		set_phase(vm, (enum home_state)i, false);
		ok(state("m") == HOME_STARTING, "held under %s of another boot",
			name);
		home_unlock(vm);
	}
	set_phase(vm, HOME_RUNNING, true);
	home_vm_look(vm, &look);
	is_str(look.status.cause, "the process ended without a word",
		"a crash has a cause");
	set_phase(vm, HOME_RUNNING, false);
	home_vm_look(vm, &look);
	is_str(look.status.cause, "the host was started anew",
		"another boot is another");
	ok(home_look(home, "none", &look) == -ENOENT, "no such machine");
	ok(home_look(home, "../x", &look) == -EINVAL, "no such name");
	symlink("m", at("link"));
	ok(home_look(home, "link", &look) == -EINVAL, "no links");
	unlink(at("link"));
	home_vm_close(vm);
	drop("m");
}

static void
test_events(void)
{
	struct home_vm *vm;
	struct stat st;
	char *big = malloc(70000);
	const char *text;

	create("m");
	vm = find("m");
	home_event(vm, "RESET", NULL);
	home_event(vm, "SHUTDOWN", "\"exit\": 0,\n\"cause\": \"\"");
	text = get("m/events.jsonl");
	ok(strncmp(text, "{\"time\":\"20", 11) == 0 &&
			strstr(text, "Z\",\"event\":\"RESET\"}\n{"),
		"an event is a line with its time");
	ok(strstr(text, "\"SHUTDOWN\",\"exit\": 0, \"cause\": \"\"}\n"),
		"members follow, on the same line");
	put("m/events.jsonl", "{\"torn\"");
	home_lock(vm);
	home_event(vm, "A", NULL);
	home_event(vm, "B", NULL);
	text = get("m/events.jsonl");
	ok(strncmp(text, "{\"torn\"\n{\"time\"", 15) == 0 &&
			strstr(text, "\"A\"}\n{"),
		"a torn line is ended first, once");
	truncate(at("m/events.jsonl"), 4 << 20);
	home_event(vm, "C", NULL);
	ok(stat(at("m/events.jsonl"), &st) == 0 && st.st_size < 100 &&
			stat(at("m/events.jsonl.1"), &st) == 0 &&
			st.st_size == 4 << 20,
		"4 MiB are rotated");
	memset(big, ' ', 69999);
	big[69999] = '\0';
	home_event(vm, "D", big);
	ok(stat(at("m/events.jsonl"), &st) == 0 && st.st_size < 200,
		"too much to say is not said");
	unlink(at("m/events.jsonl"));
	symlink("/dev/full", at("m/events.jsonl"));
	home_event(vm, "E", NULL);
	unlink(at("m/events.jsonl"));
	mkfifo(at("m/events.jsonl"), 0600);
	home_event(vm, "F", NULL);
	ok(true, "what cannot be written does not matter");
	free(big);
	home_vm_close(vm);
	drop("m");
}

int
main(void)
{
	deadline(50);
	if (begin())
		return 1;
	test_status();
	test_garbled();
	test_look();
	test_events();
	return finish();
}
