/* SPDX-License-Identifier: MIT */
/* The control server's commands for keys, to a guest that reads none. */
// LDLIBS: -ljansson
#include "tests/controlrig.h"

#define SEND "{\"execute\": \"send-key\", \"arguments\": "
#define EVENTS "{\"execute\": \"input-send-event\", \"arguments\": "
#define KEY(down, name)                                                        \
	"{\"type\": \"key\", \"data\": {\"down\": " down                       \
	", \"key\": {\"type\": \"qcode\", \"data\": \"" name "\"}}}"

/* A registers' value of the keyboard controller; it stands behind a blank. */
static const char *
shown(struct client *c, const char *reg)
{
	static char s[80];
	json_t *v = ask(c, "{\"execute\": \"x-registers\", \"arguments\": "
			   "{\"device\": \"i8042\"}}");
	const char *text = json_string_value(member(v, "text"));
	char line[80];
	const char *p;

	snprintf(line, sizeof(line), "i8042.%s ", reg);
	p = text ? strstr(text, line) : NULL;
	s[0] = '\0';
	if (p)
		sscanf(p + strlen(line), "%79s", s);
	return s;
}

static void
test_requests(void)
{
	static const struct {
		const char *text, *want;
	} bad[] = {
		{SEND "{}}", "Parameter 'keys' is missing"},
		{SEND "{\"keys\": 1}}",
			"Invalid parameter type for 'keys', expected: array"},
		{SEND "{\"keys\": [1]}}",
			"Invalid parameter type for 'key', expected: object"},
		{SEND "{\"keys\": [{\"type\": \"qcode\"}]}}",
			"Parameter 'data' is missing"},
		{SEND "{\"keys\": [{\"type\": \"code\", \"data\": \"a\"}]}}",
			"Parameter 'type' does not accept value 'code'"},
		{SEND "{\"keys\": [{\"type\": \"qcode\", \"data\": \"aa\"}]}}",
			"Parameter 'data' does not accept value 'aa'"},
		{SEND "{\"keys\": [{\"type\": \"number\", \"data\": \"a\"}]}}",
			"Invalid parameter type for 'data', expected: integer"},
		{SEND "{\"keys\": [{\"type\": \"number\", \"data\": 9999}]}}",
			"no key has the number 9999"},
		{SEND "{\"keys\": [{\"type\": \"number\", \"data\": -1}]}}",
			"no key has the number -1"},
		{SEND "{\"keys\": [], \"hold-time\": \"1\"}}",
			"Invalid parameter type for 'hold-time', expected: "
			"integer"},
		{SEND "{\"keys\": [], \"hold-time\": -1}}",
			"Parameter 'hold-time' is negative"},
		{SEND "{\"keys\": [], \"hold\": 1}}",
			"Parameter 'hold' is unexpected"},
		{SEND "{\"keys\": [1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7]}}",
			"at most 16 keys, for an hour"},
		{EVENTS "{}}", "Parameter 'events' is missing"},
		{EVENTS "{\"events\": [{\"type\": \"mtt\"}]}}",
			"Parameter 'type' does not accept value 'mtt'"},
		{EVENTS "{\"events\": [{\"type\": \"key\", \"data\": {}}]}}",
			"Parameter 'down' is missing"},
		{EVENTS "{\"events\": [{\"type\": \"btn\", \"data\": "
			"{\"down\": true, \"button\": \"sixth\"}}]}}",
			"Parameter 'button' does not accept value 'sixth'"},
		{EVENTS "{\"events\": [{\"type\": \"rel\", \"data\": "
			"{\"axis\": \"x\", \"value\": 40000}}]}}",
			"Parameter 'value' is not in -32767..32767"},
		{EVENTS "{\"events\": [{\"type\": \"rel\", \"data\": "
			"{\"axis\": \"z\", \"value\": 1}}]}}",
			"Parameter 'axis' does not accept value 'z'"},
		{EVENTS "{\"events\": [{\"type\": \"abs\", \"data\": "
			"{\"axis\": \"x\", \"value\": 1}}]}}",
			"no pointer can be told where to be (pointer = tablet "
			"gives one)"},
	};
	static struct client c;

	meet(&c);
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
		is_str(desc(ask(&c, bad[n].text)), bad[n].want, bad[n].want);
	ok(good(ask(&c, SEND "{\"keys\": []}}")) &&
			good(ask(&c,
				EVENTS "{\"events\": [], "
				       "\"device\": \"d\", \"head\": 0}}")),
		"nothing is soon done");
	is_str(shown(&c, "kbd_n"), "0", "and none of it was typed");
	ask(&c, "{\"execute\": \"query-mice\"}");
	ok(json_array_size(json_object_get(c.v, "return")) == 1,
		"there is a mouse");
	ok(json_is_false(
		   member(ask(&c, "{\"execute\": \"x-lights\"}"), "caps")),
		"and lights");
	leave(&c);
}

static void
test_keys(void)
{
	static struct client c;
	int64_t began = now_us();

	meet(&c);
	ok(good(ask(&c, SEND "{\"keys\": [{\"type\": \"qcode\", \"data\": "
			     "\"a\"}, {\"type\": \"number\", \"data\": 48}], "
			     "\"hold-time\": 200}}")),
		"keys that the keyboard has room for");
	ok(now_us() - began >= 200000, "are held");
	/* the first byte is in the controller's output buffer */
	is_str(shown(&c, "kbd_q"), "32f032f01c0000000000000000000000",
		"and released in the reverse order");
	ok(good(ask(&c, EVENTS "{\"events\": [" KEY("true", "c") ", " KEY(
				"false", "c") "]}}")),
		"events");
	is_str(shown(&c, "kbd_n"), "8", "likewise");
	is_str(desc(ask(&c, EVENTS "{\"x-wait\": 100, \"events\": [" KEY(
				    "true", "ret") "]}}")),
		"the guest has not read its keyboard to the end",
		"who wants them read is told that they are not");
	is_str(shown(&c, "kbd_n"), "9", "they stay");
	is_str(desc(ask(&c, EVENTS "{\"x-wait\": 100, \"events\": [" KEY(
				    "true", "pause") ", " KEY("true",
				    "shift") ", " KEY("true",
				    "pause") ", " KEY("false", "shift") "]}}")),
		"the guest does not read its keyboard: 0 of 4 events went",
		"what has no room is refused in time");
	ok(good(ask(&c, "{\"execute\": \"stop\"}")), "paused");
	is_str(desc(ask(&c, EVENTS "{\"events\": [" KEY("true", "c") "]}}")),
		"the machine is paused: it reads no keys", "told so");
	ok(good(ask(&c, "{\"execute\": \"cont\"}")), "goes on");
	ok(good(ask(&c, "{\"execute\": \"system_reset\"}")), "and begins anew");
	is_str(shown(&c, "kbd_n"), "0", "no keys are left");
	leave(&c);
}

static const char *
fill(void)
{
	static char s[8192];
	size_t n = (size_t)sprintf(s, EVENTS "{\"x-wait\": 600000, "
					     "\"events\": [");

	for (unsigned k = 0; k < 60; k++)
		n += (size_t)sprintf(s + n, "%s%s", k ? ", " : "",
			k % 2 ? KEY("false", "x") : KEY("true", "x"));
	sprintf(s + n, "]}}");
	return s;
}

static void
test_turns(void)
{
	static struct client typist[34], c;
	unsigned busy = 0, quiet = 0, n;

	meet(&c);
	for (n = 0; n < 34; n++) {
		meet(&typist[n]);
		say(&typist[n], fill());
	}
	for (n = 0; n < 34; n++) {
		const char *line = hear_in(&typist[n], n < 32 ? 1 : 20000);

		quiet += !line;
		busy += line && strstr(line, "32 others are typing");
	}
	ok(quiet == 32 && busy == 2, "32 wait for the guest, no more");
	ok(good(ask(&c, "{\"execute\": \"query-status\"}")),
		"others are served meanwhile");
	for (n = 1; n < 34; n++)
		leave(&typist[n]);
	is_str(shown(&c, "kbd_n"), "f", "one after the other");
	ok(good(ask(&c, "{\"execute\": \"system_reset\"}")), "a reset");
	for (n = 0; n < 200 && strtol(shown(&c, "kbd_n"), NULL, 16) < 15; n++)
		usleep(20000);
	ok(n < 200, "and the first goes on typing");
	leave(&typist[0]);
	ok(good(ask(&c, "{\"execute\": \"system_reset\"}")), "once more");
	for (n = 0; n < 200 && strcmp(shown(&c, "kbd_n"), "0"); n++)
		usleep(20000);
	is_str(shown(&c, "kbd_n"), "0", "who left types no more");
	leave(&c);
}

int
main(void)
{
	deadline(100);
	rig_begin();
	server_start(false, 0);
	test_requests();
	test_keys();
	test_turns();
	server_end();
	return rig_done();
}
