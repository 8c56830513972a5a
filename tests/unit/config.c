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
	{"vga", "std", "cirrus", "vga: 'cirrus' is not auto|std|none", -EINVAL},
	{"vga-memory", "64M", "128M", "vga-memory: 128M is not in 1M..64M",
		-ERANGE},
	{"vga-rom", "/rom.bin", "", "vga-rom: no file named", -EINVAL},
	{"vga-mode", "1024x768x32", "1024x768",
		"vga-mode: '1024x768' is not text or WIDTHxHEIGHTxBITS",
		-EINVAL},
	{"vga-mode", "2560x1600x15", "640x480x7",
		"vga-mode: '640x480x7' is no mode", -EINVAL},
	{"vga-mode", "8x1x8", "0x0x8", "vga-mode: '0x0x8' is no mode", -EINVAL},
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
	{"jit", "always", "true", "jit: 'true' is not yes|no|always", -EINVAL},
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
	{"firmware", "seabios", "", "firmware: no file named", -EINVAL},
	{"firmware", "/b/bios.bin", "", "firmware: no file named", -EINVAL},
	{"boot", "cdrom,disk", "disk,net",
		"boot: 'disk,net' is not disk, cdrom, or both with a comma",
		-EINVAL},
	{"boot", "cdrom", "disk,disk", "boot: 'disk,disk' is not", -EINVAL},
	{"fw-cfg", "name=opt/a,file=/f", "name=etc/e820,string=x",
		"fw-cfg: name=opt/... is needed", -EINVAL},
	{"fw-cfg", "string=a,,b,name=opt/a/b", "name=opt/c",
		"fw-cfg: opt/c: either file= or string=", -EINVAL},
	{"fw-cfg", "name=opt/a,string=", "name=opt/b,sting=x",
		"fw-cfg: 'sting=x' is not name=opt/..., file=... or string=...",
		-EINVAL},
	{"disk", "/d/a.qcow2", "10G", "disk: 10G is a size: ", -EINVAL},
	{"disk", "/d/a,,b,format=vdi", "", "disk: no file named", -EINVAL},
	{"disk", "disks/disk0.qcow2,bus=ide,serial=A b", "/d,bus=scsi",
		"disk: bus: 'scsi' is not virtio|ide", -EINVAL},
	{"disk", "/o.qcow2,backing=/b.img,overlay=yes,queues=4", "/d,queues=17",
		"disk: queues: 17 is not in 1..16", -ERANGE},
	{"disk", "/d,bps=10M,iops=500,read-only=no", "/d,iops=lots",
		"disk: iops: 'lots' is not a number", -EINVAL},
	{"disk", "/d,id=root", "/e,id=ro ot", "disk: id: 'ro ot' is not",
		-EINVAL},
	{"disk", "/d.vmdk,overlay=yes", "/d.vmdk",
		"disk: /d.vmdk: vmdk images can only be read: read-only=yes or "
		"overlay=yes",
		-EINVAL},
	{"disk", "/d", "/d,overlay=yes,read-only=yes",
		"disk: overlay and read-only exclude each other", -EINVAL},
	{"disk", "/d", "/d,backing=/b",
		"disk: /d: only qcow2 has a backing file, not raw", -EINVAL},
	{"disk", "/d", "/d,bus=ide,queues=2", "disk: queues: for virtio only",
		-EINVAL},
	{"disk", "/d", "/d,format=qcow2,format=raw",
		"disk: format is there twice", -EINVAL},
	{"disk", "/d", "/d,backing-format=raw",
		"disk: backing-format stands behind its backing=", -EINVAL},
	{"disk", "/d", "/d,e,bus=ide", "disk: 'e' is no option of it", -EINVAL},
	{"disk", "/d,serial=12345678901234567890",
		"/d,serial=123456789012345678901", "disk: serial: '1234",
		-EINVAL},
	{"cdrom", "none", "none,format=raw", "cdrom: a format, and no medium",
		-EINVAL},
	{"cdrom", "/d.iso,id=cd", "/d,overlay=yes",
		"cdrom: 'overlay=yes' is no option of it", -EINVAL},
	{"port", "org.example.0,unix:/s", "a b,null", "port: 'a b' is no name",
		-EINVAL},
	{"port", "agent,file:/a,b", "other",
		"port: other: what is it connected to? (other,pty)", -EINVAL},
	{"rng", "no", "maybe", "rng: 'maybe' is not yes or no", -EINVAL},
	{"balloon", "yes", "2G", "balloon: '2G' is not yes or no", -EINVAL},
	{"keyboard", "virtio", "usb", "keyboard: 'usb' is not ps2|virtio",
		-EINVAL},
	{"pointer", "tablet", "mouse", "pointer: 'mouse' is not ps2|tablet",
		-EINVAL},
	{"layout", "de", "deutsch", "layout: 'deutsch' is not us|gb|de",
		-EINVAL},
	{"on-io-error", "pause", "stop",
		"on-io-error: 'stop' is not report|pause", -EINVAL},
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
			c.jit == d.jit && c.debug_exit == d.debug_exit &&
			c.test_device == d.test_device && c.keep == d.keep &&
			c.autostart == d.autostart && c.rng == d.rng &&
			c.balloon == d.balloon && c.layout == d.layout &&
			c.keyboard == d.keyboard && c.pointer == d.pointer &&
			c.on_io_error == d.on_io_error,
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
	char dir[PATH_MAX], real[PATH_MAX], want[2 * PATH_MAX + 64];
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
	snprintf(want, sizeof(want),
		"%s/a,,b.qcow2,id=x,backing=%s/real/b,backing-format=raw", real,
		real);
	ok(absolute_is("disk",
		   "a,,b.qcow2,id=x,backing=link/b,backing-format=raw", want),
		"the files of a disk, and a comma in a name stays two");
	snprintf(want, sizeof(want), "name=opt/x,file=%s/f", real);
	ok(absolute_is("fw-cfg", "name=opt/x,file=f", want) &&
			absolute_is("fw-cfg", "name=opt/x,string=f",
				"name=opt/x,string=f"),
		"the file of an item for the guest, not its text");
	snprintf(want, sizeof(want), "agent,unix:%s/s", real);
	ok(absolute_is("port", "agent,unix:s", want), "the socket of a port");
	snprintf(want, sizeof(want), "%s/ovmf", real);
	ok(absolute_is("firmware", "ovmf", "ovmf") &&
			absolute_is("cdrom", "none,id=a", "none,id=a") &&
			absolute_is(
				"disk", "10G,format=vdi", "10G,format=vdi") &&
			absolute_is("firmware", "./ovmf", want),
		"words and sizes are no files, unless there is a slash");
	if (rmdir("real") || unlink("link") || unlink("gone") || chdir("/") ||
		rmdir(dir))
		printf("# left: %s\n", dir);
}

static int
collect(void *to, const char *key, const char *path)
{
	char *text = to;

	snprintf(text + strlen(text), 200 - strlen(text), "%s:%s ", key, path);
	return strcmp(path, "/stop") ? 0 : -EIO;
}

static void
test_inputs(void)
{
	char text[200] = "";

	ok(!config_inputs("kernel", "/k", collect, text) &&
			!config_inputs("serial", "file:/s", collect, text) &&
			!config_inputs("memory", "1G", collect, text) &&
			!config_inputs("port", "a,unix:/p", collect, text) &&
			!config_inputs("disk", "/d,,e,backing=/b,backing=/c",
				collect, text) &&
			!config_inputs("cdrom", "none", collect, text) &&
			!config_inputs("fw-cfg", "name=opt/a,file=/f", collect,
				text) &&
			!config_inputs("firmware", "seabios", collect, text) &&
			!config_inputs("firmware", "/fw", collect, text),
		"files are asked for");
	is_str(text,
		"kernel:/k disk:/d,e disk:/b disk:/c fw-cfg:/f "
		"firmware:/fw ",
		"what has to be there is what is read");
	ok(config_inputs("disk", "/stop,backing=/b", collect, text) == -EIO,
		"until one says no");
}

static void
test_disks(void)
{
	struct config c;
	struct config_disk d, *p = c.disk;
	int e = 0;

	config_init(&c);
	ok(!parse(&c,
		   "disk = /a,,b.vdi,bus=ide,bps=1M,iops=7\n"
		   "cdrom = none\n"
		   "disk = /o.qcow2,id=disk1,overlay=on,backing=/m,"
		   "backing-format=qcow2,backing=/b.vhd,queues=2,serial=S 1\n"
		   "disk = /c\ncdrom = /d.iso\n") &&
			c.disks == 5,
		"disks and drives");
	ok(!strcmp(p[0].image.path, "/a,b.vdi") &&
			p[0].image.format == IMAGE_VDI &&
			p[0].bus == CONFIG_IDE && p[0].bps == 1 << 20 &&
			p[0].iops == 7 && !p[0].cdrom && !p[0].read_only,
		"a name with a comma, its format by its suffix");
	ok(p[1].cdrom && !p[1].image.path && p[1].bus == CONFIG_IDE &&
			p[1].read_only && !strcmp(p[4].image.path, "/d.iso") &&
			p[4].image.format == IMAGE_RAW,
		"drives with and without a medium");
	ok(p[2].backings == 2 && !strcmp(p[2].backing[0].path, "/m") &&
			p[2].backing[0].format == IMAGE_QCOW2 &&
			p[2].backing[1].format == IMAGE_VHD && p[2].overlay &&
			p[2].queues == 2 && !strcmp(p[2].serial, "S 1") &&
			p[2].bus == CONFIG_VIRTIO,
		"a chain");
	ok(!strcmp(p[0].id, "disk0") && !strcmp(p[1].id, "cdrom0") &&
			!strcmp(p[2].id, "disk1") &&
			!strcmp(p[3].id, "disk2") && !strcmp(p[4].id, "cdrom1"),
		"each has an id of its own");
	ok(config_set(&c, "disk", "/e,id=cdrom0") == -EINVAL &&
			begins(fail_text(), "disk: id cdrom0 is there") &&
			c.disks == 5 && c.items == 5,
		"an id that is taken is refused");
	ok(!config_disk_copy(&p[2], &d) && d.backing[1].path &&
			d.backing[1].path != p[2].backing[1].path &&
			!strcmp(d.id, "disk1"),
		"a copy stands alone");
	config_disk_free(&d);
	ok(!config_unset(&c, "disk") && c.disks == 2 && p[0].cdrom &&
			!strcmp(p[1].id, "cdrom1") && c.items == 2,
		"drives stay when the disks go");
	ok(!config_set(&c, "disk", "/f,bus=ide") &&
			!config_set(&c, "cdrom", "none") &&
			config_set(&c, "disk", "/g,bus=ide") == -ERANGE &&
			begins(fail_text(), "disk: IDE has room for 4"),
		"IDE has room for four");
	while (!e && c.disks < 100)
		e = config_set(&c, "disk", "/h");
	ok(e == -ERANGE && c.disks == CONFIG_DISKS, "virtio for the others");
	config_free(&c);
	ok(config_disk_parse("/x,id=", false, &d) == -EINVAL &&
			config_disk_parse("/x,", false, &d) == -EINVAL &&
			config_disk_parse("/x,backing=", false, &d) == -EINVAL,
		"nothing is no value");
}

static void
test_specs(void)
{
	struct config c;
	char key[64];
	int e = 0;

	config_init(&c);
	ok(c.rng && !c.balloon && !c.boots, "what there is by default");
	ok(!parse(&c, "fw-cfg = string=a,,b=c,name=opt/x\nboot = cdrom,disk\n"
		      "fw-cfg = name=opt/y,file=/f\nport = a,null\n"
		      "port = b.1,file:/x,y\non-io-error = pause\n") &&
			c.fwcfgs == 2 && !strcmp(c.fwcfg[0].string, "a,b=c") &&
			!c.fwcfg[0].file && !strcmp(c.fwcfg[1].file, "/f") &&
			c.boots == 2 && c.boot[0] == CONFIG_BOOT_CDROM &&
			c.boot[1] == CONFIG_BOOT_DISK && c.ports == 2 &&
			!strcmp(c.port[1].spec, "file:/x,y") &&
			c.on_io_error == 1,
		"values of several words land in their members");
	ok(config_set(&c, "fw-cfg", "name=opt/x,string=") == -EINVAL &&
			config_set(&c, "port", "a,pty") == -EINVAL,
		"a name that is taken is refused");
	for (unsigned n = 0; !e && n < 100; n++) {
		snprintf(key, sizeof(key), "name=opt/%u,string=", n);
		e = config_set(&c, "fw-cfg", key);
	}
	ok(e == -ERANGE && c.fwcfgs == CONFIG_FWCFG, "items have an end");
	e = config_set(&c, "fw-cfg",
		"string=,name=opt/56789012345678901234567890123456789012345678"
		"90123456");
	ok(e == -EINVAL, "and so have their names");
	for (unsigned n = 0, r = 0; !r && n < 100; n++) {
		snprintf(key, sizeof(key), "p%u,null", n);
		r = config_set(&c, "port", key) != 0;
	}
	is_u64(c.ports, CONFIG_PORTS, "ports have an end");
	config_free(&c);
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
				   "disk = /a.qcow2,id=a,backing=/b,bps=2M\n"
				   "fw-cfg = name=opt/a,string=b,,c\n"
				   "cdrom = none\nport = a,null\n"
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
	test_inputs();
	test_disks();
	test_specs();
	test_json();
	test_hostile();
	return done();
}
