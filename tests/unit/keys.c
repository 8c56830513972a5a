/* SPDX-License-Identifier: MIT */
/* Keys, what they send, and what is typed with them. */
// LDLIBS: -ljansson
#include "lib/keys.h"

#include <errno.h>
#include <jansson.h>
#include <linux/input-event-codes.h>

#include "dev/i8042.h"
#include "lib/err.h"
#include "tests/tap.h"
#include "vmm/config.h"

/* ---- names and codes ---- */

static bool
named(const char *name, const char *want)
{
	const struct key *k = key_find(name, strlen(name));

	return want ? k && strcmp(k->name, want) == 0 : !k;
}

static void
test_names(void)
{
	const struct key *k;
	unsigned twice = 0, lost = 0, numbers = 0;

	for (size_t n = 0; (k = key_at(n)); n++) {
		twice += key_find(k->name, strlen(k->name)) != k;
		lost += !key_by_code(k->code) ||
			key_by_code(k->code)->code != k->code;
		numbers += key_by_number((k->set1 & 0x7fu) |
					 (k->set1 >> 8 ? 0x80 : 0))
				   ->set1 != k->set1;
	}
	is_u64(twice, 0, "each name is found, and is one key's");
	is_u64(lost, 0, "and each code");
	is_u64(numbers, 0, "and each of QMP's numbers");
	ok(named("ctrl", "ctrl") && named("ret", "ret") && named("a", "a") &&
			named("kp_5", "kp_5") &&
			named("bracket_left", "bracket_left"),
		"QKeyCode's names");
	ok(named("Enter", "ret") && named("ESC", "esc") &&
			named("del", "delete") && named("win", "meta_l") &&
			named("altgr", "alt_r") && named("space", "spc"),
		"and those that people write");
	ok(named("", NULL) && named("ct", NULL) && named("ctrll", NULL) &&
			named("unmapped", NULL) && named("é", NULL),
		"others are none");
	ok(key_find("ctrl-alt", 4) == key_find("ctrl", 4),
		"a name need not be a string of its own");
	ok(!key_by_code(0) && !key_by_code(240) && !key_by_number(0) &&
			!key_by_number(0x7f) && !key_by_number(0x145),
		"codes and numbers that no key has");
	ok(key_by_number(29)->code == KEY_LEFTCTRL &&
			key_by_number(157)->code == KEY_RIGHTCTRL &&
			key_by_number(0xc8)->code == KEY_UP &&
			key_by_number(0x53)->code == KEY_KPDOT,
		"QMP's numbers");
}

/* Linux numbers keys as set 1 does, as far as that goes, and has a table for
 * what follows 0xe0. */
static void
test_set1(void)
{
	static const uint16_t extended[][2] = {{0x1c, KEY_KPENTER},
		{0x1d, KEY_RIGHTCTRL}, {0x35, KEY_KPSLASH}, {0x37, KEY_SYSRQ},
		{0x38, KEY_RIGHTALT}, {0x47, KEY_HOME}, {0x48, KEY_UP},
		{0x49, KEY_PAGEUP}, {0x4b, KEY_LEFT}, {0x4d, KEY_RIGHT},
		{0x4f, KEY_END}, {0x50, KEY_DOWN}, {0x51, KEY_PAGEDOWN},
		{0x52, KEY_INSERT}, {0x53, KEY_DELETE}, {0x5b, KEY_LEFTMETA},
		{0x5c, KEY_RIGHTMETA}, {0x5d, KEY_COMPOSE}, {0x5e, KEY_POWER},
		{0x5f, KEY_SLEEP}, {0x63, KEY_WAKEUP}, {0x20, KEY_MUTE},
		{0x2e, KEY_VOLUMEDOWN}, {0x30, KEY_VOLUMEUP}};
	const struct key *k;
	unsigned n, bad = 0, low = 0;

	for (n = 0; (k = key_at(n)); n++)
		if (k->set1 <= 0x58 && k->set1 != 0x54) {
			bad += k->code != k->set1;
			low++;
		}
	ok(!bad && low > 83, "the codes of set 1 are Linux's");
	for (n = 0; n < sizeof(extended) / sizeof(*extended); n++) {
		k = key_by_code(extended[n][1]);
		bad += !k || k->set1 != (0xe000 | extended[n][0]);
	}
	is_u64(bad, 0, "and those behind a prefix");
}

/* ---- what a keyboard sends ---- */

static struct dev *kbc;

static void
out(unsigned port, unsigned v)
{
	kbc->ops->write(kbc, port, 0, 1, v);
}

static size_t
drain(uint8_t *to)
{
	size_t n = 0;

	while (n < 16 && kbc->ops->read(kbc, 1, 0, 1) & 1)
		to[n++] = (uint8_t)kbc->ops->read(kbc, 0, 0, 1);
	return n;
}

static bool
same_through(const struct key *k, bool down, unsigned held)
{
	uint8_t set1[16], set2[16], got[16];
	size_t n1 = key_set1(k, down, held, set1);
	size_t n2 = key_set2(k, down, held, set2);

	if (n1 > KEY_BYTES || n2 > KEY_BYTES || !n1 != !n2)
		return false;
	return !n2 || (i8042_key(kbc, set2, n2) && drain(got) == n1 &&
			      memcmp(got, set1, n1) == 0);
}

static unsigned
differ(void)
{
	const struct key *k;
	unsigned bad = 0;

	for (size_t n = 0; (k = key_at(n)); n++)
		for (unsigned held = 0; held < 16; held++)
			for (int down = 0; down < 2; down++)
				if (!same_through(k, down, held)) {
					printf("# %s, %u\n", k->name, held);
					bad++;
				}
	return bad;
}

/* The controller translates set 2 to set 1 by a table of its own. */
static void
test_sequences(void)
{
	uint8_t got[16];

	kbc = i8042_new((struct i8042_out){0});
	is_u64(differ(), 0, "what is sent in set 2 is set 1, translated");
	out(1, 0x60);
	out(0, 0x04);
	out(0, 0xf0);
	out(0, 0x01);
	drain(got);
	is_u64(differ(), 0, "and from a keyboard that was told to");
	dev_free(kbc);
}

static void
test_special(void)
{
	static const struct {
		const char *name;
		bool down;
		unsigned held;
		const char *bytes;
	} want[] = {
		{"a", true, 0, "\x1c"},
		{"a", false, KEYS_SHIFT, "\xf0\x1c"},
		{"up", true, 0, "\xe0\x75"},
		{"up", false, 0, "\xe0\xf0\x75"},
		{"f7", true, 0, "\x83"},
		{"pause", true, 0, "\xe1\x14\x77\xe1\xf0\x14\xf0\x77"},
		{"pause", false, 0, ""},
		{"pause", true, KEYS_CTRL, "\xe0\x7e\xe0\xf0\x7e"},
		{"print", true, 0, "\xe0\x12\xe0\x7c"},
		{"print", false, 0, "\xe0\xf0\x7c\xe0\xf0\x12"},
		{"print", true, KEYS_SHIFT, "\xe0\x7c"},
		{"print", true, KEYS_ALT, "\x84"},
		{"print", false, KEYS_ALT, "\xf0\x84"},
		{"sysrq", true, 0, "\x84"},
	};
	uint8_t got[KEY_BYTES];
	const struct key *k;

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		size_t len = strlen(want[i].bytes), n;

		k = key_find(want[i].name, strlen(want[i].name));
		n = key_set2(k, want[i].down, want[i].held, got);
		ok(n == len && memcmp(got, want[i].bytes, n) == 0,
			"%s %s with %u", want[i].name,
			want[i].down ? "down" : "up", want[i].held);
	}
}

/* ---- chords ---- */

static const char *
chord_text(const struct chord *c)
{
	static char s[200];
	size_t n = 0;

	s[0] = 0;
	for (unsigned i = 0; i < c->n; i++)
		n += (size_t)sprintf(
			s + n, "%s%s", i ? "-" : "", c->key[i]->name);
	return s;
}

static void
refused(const char *text, const char *why)
{
	struct chord c;
	int r = chord_parse(&c, text);

	ok(r == -EINVAL, "refused: '%s'", text);
	is_str(fail_text(), why, why);
}

static void
test_chords(void)
{
	struct chord c;
	char buf[CHORD_QMP];
	json_t *v, *events;
	size_t n;

	chord_parse(&c, "ctrl-alt-del");
	is_str(chord_text(&c), "ctrl-alt-delete", "three at a time");
	n = chord_qmp(&c, buf, sizeof(buf));
	v = json_loads(buf, 0, NULL);
	events = json_object_get(json_object_get(v, "arguments"), "events");
	ok(n == strlen(buf) && buf[n - 1] == '\n' && !strchr(buf, '\n')[1] &&
			json_array_size(events) == 6,
		"as a QMP command: down, and up");
	ok(!chord_qmp(&c, buf, n) && chord_qmp(&c, buf, n + 1) == n,
		"if there is room");
	json_decref(v);
	chord_parse(&c, "Shift+F1");
	is_str(chord_text(&c), "shift-f1", "with a plus");
	chord_parse(&c, "alt-/");
	is_str(chord_text(&c), "alt-slash", "a character of its name");
	refused("", "key: '' is no key");
	refused("ctrl-", "key: '' is no key");
	refused("ctrl-foo", "key: 'foo' is no key");
	refused("a-b-a", "key: a is there twice");
	refused("enter-ret", "key: ret is there twice");
	refused("a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q",
		"key: more than 16 at a time");
	chord_parse(&c, "katakanahiragana-bracket_right-bracket_left-"
			"grave_accent-mediaselect-ac_bookmarks-print-"
			"scroll_lock-kp_subtract-kp_multiply-kp_decimal-"
			"kp_divide-apostrophe-volumedown-calculator-semicolon");
	ok(c.n == 16 && chord_qmp(&c, buf, sizeof(buf)),
		"the longest fits in CHORD_QMP");
}

/* ---- layouts ---- */

static const char *
typed(const char *name, uint32_t ch)
{
	static char s[400];
	struct chord c[LAYOUT_CHORDS];
	unsigned n = layout_type(layout_find(name), ch, c);

	s[0] = 0;
	for (unsigned i = 0; i < n; i++) {
		strcat(s, i ? " " : "");
		strcat(s, chord_text(&c[i]));
	}
	return s;
}

static void
test_ascii(void)
{
	const struct layout *l;
	struct chord c[LAYOUT_CHORDS];
	uint32_t ch;

	for (size_t n = 0; (l = layout_at(n)); n++) {
		for (ch = ' '; ch < 0x7f && layout_type(l, ch, c); ch++)
			continue;
		is_u64(ch, 0x7f, layout_name(l));
	}
	ok(layout_type(layout_find("de"), '\n', c) == 1 &&
			c[0].key[0]->code == KEY_ENTER,
		"newline is Return");
}

/* No two characters are typed in the same way. */
static void
test_different(void)
{
	static char seen[0x3000][80];
	const struct layout *l;
	unsigned bad = 0, count, i;

	for (size_t n = 0; (l = layout_at(n)); n++) {
		count = 0;
		for (uint32_t ch = ' '; ch < 0x3000; ch++) {
			const char *s = typed(layout_name(l), ch);

			if (!*s || ch == 0x7f)
				continue;
			for (i = 0; i < count && strcmp(seen[i], s); i++)
				continue;
			bad += i < count;
			snprintf(seen[count++], sizeof(seen[0]), "%s", s);
		}
	}
	is_u64(bad, 0, "no two characters are typed in the same way");
}

static void
test_layouts(void)
{
	static const struct {
		const char *layout;
		uint32_t ch;
		const char *keys;
	} want[] = {
		{"us", 'a', "a"},
		{"us", 'A', "shift-a"},
		{"us", '@', "shift-2"},
		{"us", '<', "shift-comma"},
		{"us", '~', "shift-grave_accent"},
		{"us", ' ', "spc"},
		{"us", 3, "ctrl-c"},
		{"us", 0x20ac, ""},
		{"us", 0xe9, ""},
		{"gb", '"', "shift-2"},
		{"gb", '\\', "less"},
		{"gb", '~', "shift-backslash"},
		{"gb", 0xa3, "shift-3"},
		{"de", 'z', "y"},
		{"de", 'Y', "shift-z"},
		{"de", '/', "shift-7"},
		{"de", '@', "alt_r-q"},
		{"de", '\\', "alt_r-minus"},
		{"de", '^', "grave_accent spc"},
		{"de", '`', "shift-equal spc"},
		{"de", '~', "alt_r-bracket_right"},
		{"de", '|', "alt_r-less"},
		{"de", 0xe4, "apostrophe"},
		{"de", 0xdf, "minus"},
		{"de", 0x20ac, "alt_r-e"},
		{"de", 0xe9, "equal e"},
		{"de", 0x1a, "ctrl-y"},
		{"fr", 'a', "q"},
		{"fr", 'm', "semicolon"},
		{"fr", '1', "shift-1"},
		{"fr", '.', "shift-comma"},
		{"fr", '-', "6"},
		{"fr", '~', "alt_r-2"},
		{"fr", '@', "alt_r-0"},
		{"fr", 0xe9, "2"},
		{"fr", 0xea, "bracket_left e"},
		{"fr", 0xcb, "shift-bracket_left shift-e"},
		{"es", 0xf1, "semicolon"},
		{"es", '`', "bracket_left spc"},
		{"it", '{', "shift-alt_r-bracket_left"},
		{"se", '~', "alt_r-bracket_right spc"},
		{"ch", '[', "alt_r-bracket_left"},
		{"ch", 0x301, ""},
		{"us", 0, ""},
		{"us", 0x110000, ""},
	};
	char name[80];

	for (size_t n = 0; n < sizeof(want) / sizeof(*want); n++) {
		snprintf(name, sizeof(name), "%s: U+%04X is '%s'",
			want[n].layout, want[n].ch, want[n].keys);
		is_str(typed(want[n].layout, want[n].ch), want[n].keys, name);
	}
	ok(!layout_find("xx") && !layout_find(""), "no such layout");
}

static void
test_refusals(void)
{
	const struct layout *us = layout_find("us");
	struct chord c[LAYOUT_CHORDS];

	ok(layout_chords(us, 'a', c) == 1, "taken");
	ok(layout_chords(us, 0x20ac, c) == -EINVAL, "refused");
	is_str(fail_text(), "U+20AC '€': not on layout us", "by name");
	layout_chords(us, 0x1f600, c);
	is_str(fail_text(), "U+1F600 '😀': not on layout us", "of four bytes");
	layout_chords(us, 0x9b, c);
	is_str(fail_text(), "U+009B: not on layout us",
		"but not one that a terminal obeys");
	layout_chords(us, 0, c);
	is_str(fail_text(), "U+0000: not on layout us", "nor none");
}

static void
test_config(void)
{
	const struct config_key *k = config_find("layout");
	const struct layout *l;
	char form[100] = "";

	for (size_t n = 0; (l = layout_at(n)); n++) {
		strcat(form, n ? "|" : "");
		strcat(form, layout_name(l));
	}
	is_str(k->form, form, "a config's layouts are these, in this order");
}

int
main(void)
{
	deadline(60);
	test_names();
	test_set1();
	test_sequences();
	test_special();
	test_chords();
	test_ascii();
	test_different();
	test_layouts();
	test_refusals();
	test_config();
	return done();
}
