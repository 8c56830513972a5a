/* SPDX-License-Identifier: MIT */
/* Configuration: keys, values, text and back. */
#include "vmm/config.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "lib/home.h"
#include "lib/json.h"
#include "tests/tap.h"

/* A value that is right, what it must not be, and what is said then. */
static const struct sample {
	const char *key, *good, *bad, *why;
	int err;
} samples[] = {
	{"kernel", "/boot/vmlinuz", "", "kernel: no file named", -EINVAL},
	{"initrd", "/boot/initrd", "", "initrd: no file named", -EINVAL},
	{"cmdline", "console=ttyS0 a=\"b c\" # d", "a\nb",
		"cmdline: ", -EINVAL},
	{"flat", "0x8000", "0x10000",
		"flat: 0x10000: real mode with CS=0 begins below 0x10000",
		-ERANGE},
	{"entry", "64", "16", "entry: '16' is not auto|32|64", -EINVAL},
	{"memory", "512M", "12Q", "memory: '12Q' is not a size", -EINVAL},
	{"memory", "1T", "2T", "memory: 2T is not in 64K..1T", -ERANGE},
	{"memory", "64K", "65537", "memory: 65537 is not a multiple of 4K",
		-ERANGE},
	{"cpus", "255", "256", "cpus: 256 is not in 1..255", -ERANGE},
	{"cpus", "2", "-1", "cpus: '-1' is not a number", -EINVAL},
	{"accel", "soft", "tcg", "accel: 'tcg' is not auto|kvm|soft", -EINVAL},
	{"icount", "on", "maybe", "icount: 'maybe' is not yes or no", -EINVAL},
	{"serial", "file:+/tmp/log", "tty",
		"serial: tty: not a character back end", -EINVAL},
	{"debugcon", "null", "x", "debugcon: x: not a character back end",
		-EINVAL},
	{"on-reset", "restart", "halt", "on-reset: 'halt' is not exit|restart",
		-EINVAL},
	{"on-crash", "restart", "keep", "on-crash: 'keep' is not exit|restart",
		-EINVAL},
	{"timeout", "5m", "5 m", "timeout: '5 m' is not a duration", -EINVAL},
	{"stop-timeout", "1500ms", "99999999999h",
		"stop-timeout: '99999999999h' is too large", -ERANGE},
	{"debug-exit", "yes", "y", "debug-exit: 'y' is not yes or no", -EINVAL},
	{"test-device", "1", "2", "test-device: '2' is not yes or no", -EINVAL},
	{"description", "web, K\xc3\xb6ln", "\xff", "description: ", -EINVAL},
	{"uuid", "0d9ee342-6df1-4f3c-9C2A-0123456789ab",
		"0d9ee342-6df1-4f3c-9c2a-0123456789a", "uuid: '0d9ee342",
		-EINVAL},
	{"autostart", "true", "", "autostart: '' is not yes or no", -EINVAL},
	{"keep", "never", "sometimes",
		"keep: 'sometimes' is not always|failure|never", -EINVAL},
	{"x-team", "blue", "a\033b", "x-team: ", -EINVAL},
};

enum { SAMPLES = sizeof(samples) / sizeof(*samples) };

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static int
parse(struct config *c, const char *text)
{
	return config_parse(c, "web/config", text, strlen(text));
}

static bool
prints(const struct config *c, const char *want)
{
	size_t n;
	char *text = config_as_text(c, &n);
	bool same = text && strcmp(text, want) == 0;

	if (!same)
		printf("# got:\n%s# want:\n%s", text ? text : "", want);
	free(text);
	return same;
}

static void
test_values(void)
{
	for (unsigned n = 0; n < SAMPLES; n++) {
		const struct sample *s = &samples[n];
		struct config c;
		const char *got;
		int good, bad;

		config_init(&c);
		good = config_set(&c, s->key, s->good);
		got = config_get(&c, s->key, 0);
		ok(good == 0 && got && strcmp(got, s->good) == 0, "%s=%s",
			s->key, s->good);
		bad = config_set(&c, s->key, s->bad);
		got = config_get(&c, s->key, 0);
		if (!ok(bad == s->err && begins(fail_text(), s->why) && got &&
				    strcmp(got, s->good) == 0 && c.items == 1,
			    "%s: a bad value is refused with a reason, the "
			    "good one stays",
			    s->key))
			printf("# %d: %s\n", bad, fail_text());
		config_free(&c);
	}
}

static void
test_table(void)
{
	const struct config_key *k;
	unsigned untested = 0, odd = 0, doubled = 0;

	for (size_t n = 0; (k = config_key(n)) != NULL; n++) {
		unsigned s = 0;

		while (s < SAMPLES && strcmp(samples[s].key, k->name))
			s++;
		untested += s == SAMPLES;
		odd += !*k->form || !*k->help || config_find(k->name) != k;
		for (size_t m = 0; m < n; m++)
			doubled += !strcmp(config_key(m)->name, k->name);
	}
	is_u64(untested, 0, "each key has a sample above");
	is_u64(odd, 0, "each key has a form and a help, and is found by name");
	is_u64(doubled, 0, "no key is there twice");
}

/* What the manual calls the default is what config_init() makes. */
static void
test_defaults(void)
{
	struct config c, d;
	const struct config_key *k;
	unsigned wrong = 0;

	config_init(&d);
	config_init(&c);
	for (size_t n = 0; (k = config_key(n)) != NULL; n++)
		if (*k->standard && strcmp(k->name, "on-reset"))
			wrong += config_set(&c, k->name, k->standard) != 0;
	is_u64(wrong, 0, "each default is a value");
	ok(c.memory == d.memory && c.cpus == d.cpus && c.entry == d.entry &&
			c.timeout == d.timeout &&
			c.stop_timeout == d.stop_timeout &&
			c.on_crash == d.on_crash && c.icount == d.icount &&
			c.debug_exit == d.debug_exit &&
			c.test_device == d.test_device && c.keep == d.keep &&
			c.autostart == d.autostart,
		"setting the defaults changes nothing");
	ok(!config_get(&d, "on-reset", 0) && !config_get(&d, "memory", 0),
		"what was not set can be told from what was");
	config_free(&c);
	config_free(&d);
}

static void
test_members(void)
{
	struct config c;

	config_init(&c);
	ok(!parse(&c, "memory = 1G\ncpus = 4\nentry = 32\non-reset = restart\n"
		      "on-crash = restart\nkeep = never\nautostart = yes\n"
		      "timeout = 2s\nflat = 0x600\naccel = kvm\n") &&
			c.memory == 1 << 30 && c.cpus == 4 && c.entry == 32 &&
			c.on_reset == ON_RESET_RESTART &&
			c.on_crash == ON_RESET_RESTART &&
			c.keep == HOME_KEEP_NEVER && c.autostart &&
			c.timeout == 2000000000 && c.flat &&
			c.flat_addr == 0x600 && strcmp(c.accel, "kvm") == 0,
		"values land in their members");
	config_free(&c);
}

static void
test_unset(void)
{
	struct config c, d;
	const struct config_key *k;
	int bad = 0;

	config_init(&c);
	config_init(&d);
	for (unsigned n = 0; n < SAMPLES; n++)
		config_set(&c, samples[n].key, samples[n].good);
	config_set(&c, "serial", "null");
	for (size_t n = 0; (k = config_key(n)) != NULL; n++)
		bad |= config_unset(&c, k->name);
	bad |= config_unset(&c, "x-team");
	free(c.item);
	c.item = NULL;
	ok(!bad && memcmp(&c, &d, sizeof(c)) == 0,
		"with all keys unset it is as it began");
	ok(config_unset(&c, "no-such") == -ENOENT,
		"an unknown key cannot be unset");
	config_free(&c);
	config_free(&d);
}

static void
test_lists(void)
{
	struct config c;

	config_init(&c);
	ok(!parse(&c, "memory = 1G\nserial = null\nx-a = 1\nserial = pty\n"
		      "memory = 2G\n") &&
			c.serials == 2 && c.memory == 2ull << 30 &&
			strcmp(config_get(&c, "serial", 1), "pty") == 0 &&
			!config_get(&c, "serial", 2) && c.items == 4,
		"a list grows, all else is replaced");
	ok(prints(&c, "memory = 2G\nserial = null\nx-a = 1\nserial = pty\n"),
		"keys are printed in the order in which they were set");
	config_set(&c, "serial", "null");
	config_set(&c, "serial", "null");
	ok(config_set(&c, "serial", "null") == -ERANGE && c.serials == 4 &&
			c.items == 6,
		"five serial ports are refused");
	config_unset(&c, "serial");
	ok(c.serials == 0 && !config_get(&c, "serial", 0) && c.items == 2,
		"a list is emptied as a whole");
	config_free(&c);
}

static void
test_text(void)
{
	static const char *const bad[][2] = {
		{"# c\n\nmemory = 12Q\n",
			"web/config:3: memory: '12Q' is not a size"},
		{"no-such = 1\n", "web/config:1: no-such: no such key"},
		{"cpus = 1\nx-B = 1\n", "web/config:2: "},
		{"cpus\n", "web/config:1: "},
	};
	struct config c, d;
	size_t size;
	char *text;

	config_init(&c);
	config_init(&d);
	for (unsigned n = 0; n < SAMPLES; n++)
		config_set(&c, samples[n].key, samples[n].good);
	text = config_as_text(&c, &size);
	ok(text && !config_parse(&d, "t", text, size) && prints(&d, text),
		"what is printed reads back as the same");
	free(text);
	config_free(&c);
	config_free(&d);
	for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++) {
		config_init(&c);
		ok(parse(&c, bad[n][0]) < 0 && begins(fail_text(), bad[n][1]),
			"refused: %s", fail_text());
		config_free(&c);
	}
}

static bool
edits(const char *from, const char *key, const char *value, const char *want)
{
	struct config c, d;
	size_t size = 0;
	char *out = NULL;
	bool good;

	config_init(&c);
	config_init(&d);
	good = parse(&c, from) == 0;
	if (value)
		config_set(&c, key, value);
	else
		config_unset(&c, key);
	if (good)
		out = config_edit(&c, from, strlen(from), &size);
	good = out && strcmp(out, want) == 0 && size == strlen(want) &&
	       parse(&d, out) == 0 && d.items == c.items;
	if (!good)
		printf("# got:\n%s# want:\n%s", out ? out : "", want);
	free(out);
	config_free(&c);
	config_free(&d);
	return good;
}

static void
test_edit(void)
{
	static const char text[] = "# web\n\n cpus=2\n# m\nmemory =  1G\n";

	ok(edits(text, "cpus", "2", text),
		"a text that says it already stays byte for byte");
	ok(edits(text, "cpus", "4", "# web\n\ncpus = 4\n# m\nmemory =  1G\n"),
		"a line is changed, comments and other lines stay");
	ok(edits(text, "memory", NULL, "# web\n\n cpus=2\n# m\n"),
		"a line goes");
	ok(edits("cpus = 2", "x-a", "1", "cpus = 2\nx-a = 1\n"),
		"a line comes, also behind one without an end");
	ok(edits("cpus = 2\nx-a = 1\ncpus = 3\n", "cpus", "4",
		   "cpus = 4\nx-a = 1\n"),
		"of a key that was there twice one line is left");
	ok(edits("serial = null\n# 2\nserial = pty\n", "serial", "stdio",
		   "serial = null\n# 2\nserial = pty\nserial = stdio\n"),
		"a list grows at its end");
	ok(edits("", "cmdline", "a = b # c", "cmdline = a = b # c\n"),
		"values may look like anything");
}

static void
test_all(void)
{
	struct config c, d;
	const struct config_key *k;
	unsigned missing = 0;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	config_init(&c);
	config_init(&d);
	parse(&c, "x-b = 2\ncpus = 3\nserial = null\nserial = pty\n");
	config_print(&c, f, true);
	fclose(f);
	ok(!config_parse(&d, "t", text, size) && d.cpus == 3 &&
			d.serials == 2 && config_get(&d, "x-b", 0),
		"all keys with their defaults read back");
	for (size_t n = 0; (k = config_key(n)) != NULL; n++)
		missing += *k->standard && !config_get(&d, k->name, 0);
	is_u64(missing, 0, "no default is left out");
	free(text);
	config_free(&c);
	config_free(&d);
}

static void
test_users(void)
{
	static const char *const bad[] = {"x-", "x", "X-a", "x-A", "x_a",
		"x-a b", "x-\xc3\xa9", "",
		"x-abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
		"ab"};
	char key[32];
	struct config c;
	unsigned taken = 0;
	int r = 0;

	config_init(&c);
	for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++)
		taken += config_set(&c, bad[n], "1") != -ENOENT;
	is_u64(taken, 0, "what is no key is refused");
	ok(!config_set(&c, "x-a9-", " v  w\t") &&
			!strcmp(config_get(&c, "x-a9-", 0), "v  w") &&
			config_find("x-a9-")->flags & CONFIG_LIVE,
		"keys of the user's own are kept, live, without outer blanks");
	for (unsigned n = 0; n < 2 * CONFIG_ITEMS && !r; n++) {
		snprintf(key, sizeof(key), "x-%u", n);
		r = config_set(&c, key, "");
	}
	ok(r == -ERANGE && c.items == CONFIG_ITEMS, "but not without end");
	ok(!config_set(&c, "x-1", "new"), "a full one can still be changed");
	config_free(&c);
}

static void
test_check(void)
{
	struct config c;

	config_init(&c);
	parse(&c, "icount = yes\naccel = soft\n");
	ok(config_check(&c) == 0, "icount on one CPU of the soft engine");
	config_set(&c, "cpus", "2");
	ok(config_check(&c) == -EINVAL, "icount on two CPUs is refused");
	parse(&c, "cpus = 1\naccel = kvm\n");
	ok(config_check(&c) == -EINVAL, "icount under kvm is refused");
	config_free(&c);
}

static void
test_uuid(void)
{
	char a[CONFIG_UUID], b[CONFIG_UUID];
	struct config c;

	config_init(&c);
	ok(!config_new_uuid(a) && !config_new_uuid(b) && strcmp(a, b) &&
			a[14] == '4' && strchr("89ab", a[19]),
		"new UUIDs are random, version 4");
	ok(!config_set(&c, "uuid", a), "and good ones");
	config_free(&c);
}

static bool
absolute_is(const char *key, const char *value, const char *want)
{
	char *out = NULL;
	bool same = config_absolute(key, value, &out) == 0 && out &&
		    strcmp(out, want) == 0;

	if (!same)
		printf("# got %s\n", out ? out : fail_text());
	free(out);
	return same;
}

static void
test_absolute(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[PATH_MAX], real[PATH_MAX], want[PATH_MAX + 32];
	char *out = NULL;

	snprintf(dir, sizeof(dir), "%s/config.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir) || chdir(dir) || mkdir("real", 0700) ||
		symlink("real", "link") || symlink("nowhere", "gone") ||
		!realpath(".", real)) {
		ok(false, "a directory to work in");
		return;
	}
	snprintf(want, sizeof(want), "%s/k", real);
	ok(absolute_is("kernel", "k", want), "a name");
	snprintf(want, sizeof(want), "%s/real/k", real);
	ok(absolute_is("initrd", "./link/../link/k", want),
		"a path: the directory is resolved");
	snprintf(want, sizeof(want), "%s/gone", real);
	ok(absolute_is("kernel", "gone", want), "the last name is not");
	snprintf(want, sizeof(want), "file:+%s/log", real);
	ok(absolute_is("serial", "file:+log", want), "the file of a back end");
	snprintf(want, sizeof(want), "unix:%s/s", real);
	ok(absolute_is("debugcon", "unix:s", want), "the socket of a back end");
	ok(absolute_is("kernel", "/link/../k", "/link/../k"),
		"an absolute one stays as it is");
	ok(absolute_is("kernel", "-", "-") &&
			absolute_is("serial", "pty", "pty") &&
			absolute_is("cmdline", "k", "k") &&
			absolute_is("x-f", "file:k", "file:k"),
		"what names no file stays");
	ok(config_absolute("kernel", "no/k", &out) == -ENOENT &&
			begins(fail_text(), "kernel: no/k: No such file"),
		"a directory that is not there is an error");
	ok(config_input("kernel", "/k") && config_input("initrd", "/i") &&
			!config_input("serial", "file:/k") &&
			!config_input("memory", "1G"),
		"kernel and initrd have to be there");
	if (rmdir("real") || unlink("link") || unlink("gone") || chdir("/") ||
		rmdir(dir))
		printf("# left: %s\n", dir);
}

static void
test_json(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct config c;
	struct json j;

	config_init(&c);
	parse(&c, "x-a = 1\ndebug-exit = on\nserial = null\nserial = pty\n"
		  "timeout = 1500ms\nmemory = 1M\ncpus = 0x2\nflat = 0x7c00\n");
	json_open(&j, f);
	json_put_object(&j, NULL);
	config_json(&c, &j, false);
	json_put_end(&j);
	json_close(&j);
	fclose(f);
	is_str(text,
		"{\"flat\":31744,\"memory\":1048576,\"cpus\":2,"
		"\"serial\":[\"null\",\"pty\"],\"timeout\":1.5,"
		"\"debug-exit\":true,\"x-a\":\"1\"}\n",
		"JSON has types");
	free(text);
	config_free(&c);
}

/* Whatever a file holds: an answer, and what was taken can be printed. */
static void
test_hostile(void)
{
	static const char base[] = "memory = 1G\nserial = null\ncpus = 2\n"
				   "x-a = b\nuuid = 0d9ee342-6df1-4f3c-9c2a-"
				   "0123456789ab\ncmdline = a b\n";
	unsigned seed = 1, wrong = 0;

	for (unsigned n = 0; n < 5000; n++) {
		char text[sizeof(base)], *out;
		struct config c, d;
		size_t size;

		memcpy(text, base, sizeof(base));
		for (unsigned k = 0; k < 1 + n % 3; k++) {
			seed = seed * 1103515245 + 12345;
			text[(seed >> 8) % (sizeof(base) - 1)] =
				(char)(seed >> 20);
		}
		config_init(&c);
		config_init(&d);
		if (!config_parse(&c, "h", text, sizeof(base) - 1)) {
			out = config_as_text(&c, &size);
			wrong += !out || config_parse(&d, "o", out, size) ||
				 d.items != c.items;
			free(out);
		}
		config_free(&c);
		config_free(&d);
	}
	is_u64(wrong, 0, "what was taken from damaged text reads back");
}

int
main(void)
{
	deadline(30);
	test_values();
	test_table();
	test_defaults();
	test_members();
	test_unset();
	test_lists();
	test_text();
	test_edit();
	test_all();
	test_users();
	test_check();
	test_uuid();
	test_absolute();
	test_json();
	test_hostile();
	return done();
}
