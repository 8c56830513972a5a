/* SPDX-License-Identifier: MIT */
/* "key = value" text. */
#include "lib/kv.h"

#include <errno.h>

#include "lib/err.h"
#include "lib/stamp.h"
#include "tests/tap.h"

static char seen[1024];
static int answer;

static int
each(void *to, const char *key, const char *value)
{
	size_t n = strlen(seen);

	(void)to;
	snprintf(seen + n, sizeof(seen) - n, "[%s|%s]", key, value);
	return answer ? failx(answer, "%s: refused", key) : 0;
}

static int
parse(const char *text, size_t n)
{
	seen[0] = '\0';
	fail_clear();
	return kv_parse("file", text, n, each, NULL);
}

static void
is_parsed(const char *text, const char *want, const char *name)
{
	int err = parse(text, strlen(text));

	is_str(err ? fail_text() : seen, want, name);
}

/* Refused with this sentence. */
static void
is_refused(const char *text, size_t n, const char *why, const char *name)
{
	int err = parse(text, n);

	ok(err == -EINVAL, "%s: refused", name);
	is_str(fail_text(), why, name);
}

#define BAD(text, why, name) is_refused(text, sizeof(text) - 1, why, name)

static void
test_lines(void)
{
	is_parsed("", "", "an empty text has no pairs");
	is_parsed("a = b\n", "[a|b]", "one pair");
	is_parsed("a=b", "[a|b]", "no blanks, and no newline at the end");
	is_parsed(" \ta \t=\t b \t\n", "[a|b]", "blanks around do not count");
	is_parsed("a = b  c\td\n", "[a|b  c\td]", "those within do");
	is_parsed("\n \n# a = b\n  # c\nd = e\n\n", "[d|e]",
		"empty lines and comments");
	is_parsed("a = b # c\n", "[a|b # c]", "no comment behind a value");
	is_parsed("a = \"b\\\" 'c'\n", "[a|\"b\\\" 'c']", "no quotes");
	is_parsed("a = b = c\n", "[a|b = c]", "the first = counts");
	is_parsed("a =\nb = \n", "[a|][b|]", "empty values");
	is_parsed("a = 1\na = 2\n", "[a|1][a|2]", "repeated keys, in order");
	is_parsed("a-0-z = \xc3\xa4\xf0\x9f\x90\xa7\n",
		"[a-0-z|\xc3\xa4\xf0\x9f\x90\xa7]", "UTF-8 values");
}

static void
test_refusals(void)
{
	BAD("a = 1\nb\n", "file:2: no = in this line", "a line without =");
	BAD("= 1\n", "file:1: not a key: ", "no key");
	BAD("A = 1\n", "file:1: not a key: A", "a capital");
	BAD("0a = 1\n", "file:1: not a key: 0a", "a digit first");
	BAD("a b = 1\n", "file:1: not a key: a b", "a blank in a key");
	BAD("a = b\0c\n", "file:1: a control character", "a NUL");
	BAD("a = b\r\n", "file:1: a control character", "a carriage return");
	BAD("a = \x1b[m\n", "file:1: a control character", "an escape");
	BAD("a = \x7f\n", "file:1: a control character", "a delete");
	BAD("a = \xc2\x9b\n", "file:1: a control character", "a C1 control");
	BAD("a = \xff\n", "file:1: not UTF-8", "a stray byte");
	BAD("a = \xc3\nb = 1\n", "file:1: not UTF-8", "a character cut short");
	BAD("# \x01\n", "file:1: a control character", "one in a comment");
}

static void
test_bounds(void)
{
	char key[80], *big = malloc(KV_TEXT_MAX + 1);

	memset(key, 'k', sizeof(key));
	memcpy(key + 63, "=v", 3);
	ok(parse(key, 65) == 0, "a key of 63 characters");
	memcpy(key + 63, "k=v", 4);
	ok(parse(key, 66) == -EINVAL, "one of 64 is refused");
	memset(big, '\n', KV_TEXT_MAX + 1);
	ok(parse(big, KV_TEXT_MAX) == 0, "a text of 1 MiB");
	ok(parse(big, KV_TEXT_MAX + 1) == -EINVAL, "a longer one is refused");
	is_str(fail_text(), "file: longer than 1 MiB", "and says so");
	memset(big, '#', KV_LINE_MAX + 1);
	big[KV_LINE_MAX] = '\n';
	ok(parse(big, KV_LINE_MAX + 1) == 0, "a line of 64 KiB");
	big[KV_LINE_MAX] = '#';
	ok(parse(big, KV_LINE_MAX + 1) == -EINVAL, "a longer one is refused");
	is_str(fail_text(), "file:1: longer than 64 KiB", "and says so");
	free(big);
}

static void
test_callback(void)
{
	answer = -ERANGE;
	ok(parse("\na = 1\nb = 2\n", 13) == -ERANGE,
		"what the callback returns is returned");
	is_str(seen, "[a|1]", "at once");
	is_str(fail_text(), "file:2: a: refused", "with the line before it");
	answer = 7;
	ok(parse("a = 1\nb = 2\n", 12) == 7 && strcmp(seen, "[a|1]") == 0,
		"a positive answer ends it too");
	answer = 0;
}

static void
test_values(void)
{
	static const char *const good[] = {
		"", "a", "a b", "a\tb", "#", "=", "\xc3\xa4"};
	static const char *const bad[] = {" a", "a ", "\ta", "a\t", "a\nb",
		"\n", "a\r", "\x1b", "\x7f", "\xff", "\xc2\x80"};
	char text[128], *out = NULL, *long_one = malloc(KV_LINE_MAX + 1);
	size_t size;
	FILE *f = open_memstream(&out, &size);

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ok(kv_check_value(good[i]) == 0, "value %zu is one", i);
		snprintf(text, sizeof(text), "[k|%s]", good[i]);
		rewind(f);
		kv_print(f, "k", good[i]);
		fflush(f);
		ok(parse(out, size) == 0 && strcmp(seen, text) == 0,
			"and comes back as it was");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(kv_check_value(bad[i]) == -EINVAL, "bad value %zu is none",
			i);
	is_str(fail_text(), "not a value: a control character", "it says why");
	memset(long_one, 'x', KV_LINE_MAX);
	long_one[KV_LINE_MAX] = '\0';
	ok(kv_check_value(long_one) == -EINVAL,
		"what makes too long a line is none");
	free(long_one);
	fclose(f);
	free(out);
}

static void
is_time(int64_t t, const char *text)
{
	char buf[STAMP_MAX];
	int64_t back = -1;

	is_str(stamp_print(buf, t), text, "a time as text");
	ok(stamp_parse(text, &back) == 0 && back == t, "and back: %s", text);
}

static void
test_stamp(void)
{
	static const char *const bad[] = {"", "1970-01-01", "x",
		"1970-01-01T00:00:00", "1970-01-01T00:00:00Zx",
		"1970-01-01t00:00:00z", "1969-12-31T23:59:59Z",
		"2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z",
		"2023-00-01T00:00:00Z", "2023-01-00T00:00:00Z",
		"2023-01-32T00:00:00Z", "2023-01-01T24:00:00Z",
		"2023-01-01T00:60:00Z", "2023-01-01T00:00:60Z",
		"2023-01-01 00:00:00Z", "+023-01-01T00:00:00Z"};
	char buf[STAMP_MAX];
	int64_t t;

	is_time(0, "1970-01-01T00:00:00Z");
	is_time(951782399, "2000-02-28T23:59:59Z");
	is_time(951782400, "2000-02-29T00:00:00Z");
	is_time(1234567890, "2009-02-13T23:31:30Z");
	is_time(4107542400, "2100-03-01T00:00:00Z");
	is_time(253402300799, "9999-12-31T23:59:59Z");
	is_str(stamp_print(buf, -1), "1970-01-01T00:00:00Z", "before: begin");
	is_str(stamp_print(buf, INT64_MAX), "9999-12-31T23:59:59Z",
		"after: end");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(stamp_parse(bad[i], &t) == -EINVAL, "no time: %s", bad[i]);
}

int
main(void)
{
	deadline(10);
	test_lines();
	test_refusals();
	test_bounds();
	test_callback();
	test_values();
	test_stamp();
	return done();
}
