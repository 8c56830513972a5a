/* SPDX-License-Identifier: MIT */
/* Writing JSON. */
#include "lib/json.h"

#include <errno.h>

#include "tests/tap.h"

static char *text;
static size_t size;
static struct json j;

static void
begin(void)
{
	free(text);
	text = NULL;
	json_open(&j, open_memstream(&text, &size));
}

static int
end(void)
{
	int err = json_close(&j);

	fclose(j.f);
	if (size && text[size - 1] == '\n')
		text[size - 1] = '\0';
	return err;
}

static void
is_text(const char *in, size_t n, const char *want, const char *name)
{
	begin();
	json_put_bytes(&j, NULL, in, n);
	end();
	is_str(text, want, name);
}

#define IS(in, want, name) is_text(in, sizeof(in) - 1, want, name)
#define BAD "\xef\xbf\xbd"

static void
test_text(void)
{
	IS("", "\"\"", "an empty string");
	IS("a\"b\\c/", "\"a\\\"b\\\\c/\"", "quotes and backslashes");
	IS("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"", "named controls");
	IS("\x01\x1b\x7f", "\"\\u0001\\u001b\\u007f\"", "other controls");
	IS("a\0b", "\"a\\u0000b\"", "a NUL");
	IS("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7",
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7\"", "UTF-8 as it is");
	IS("\xff"
	   "a\x80",
		"\"" BAD "a" BAD "\"", "stray bytes");
	IS("\xc0\xaf", "\"" BAD BAD "\"", "an overlong form");
	IS("\xe0\x80\x80", "\"" BAD BAD BAD "\"", "a longer one");
	IS("\xed\xa0\x80", "\"" BAD BAD BAD "\"", "a surrogate");
	IS("\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"", "above U+10FFFF");
	IS("a\xe2\x82", "\"a" BAD BAD "\"", "a character cut short");
	IS("\xc3\"", "\"" BAD "\\\"\"", "a cut one does not swallow a quote");
}

static void
test_shape(void)
{
	begin();
	json_put_object(&j, NULL);
	json_put_int(&j, "a", -1);
	json_put_uint(&j, "b", UINT64_MAX);
	json_put_array(&j, "c");
	json_put_bool(&j, NULL, true);
	json_put_null(&j, NULL);
	json_put_object(&j, NULL);
	json_put_end(&j);
	json_put_string(&j, NULL, "x");
	json_put_end(&j);
	json_put_object(&j, "d");
	json_put_bool(&j, "e\n", false);
	json_put_end(&j);
	json_put_end(&j);
	ok(end() == 0, "what is balanced is right");
	is_str(text,
		"{\"a\":-1,\"b\":18446744073709551615,"
		"\"c\":[true,null,{},\"x\"],\"d\":{\"e\\n\":false}}",
		"objects, arrays and all kinds of values");
}

static void
test_wrong(void)
{
	FILE *full = fopen("/dev/full", "w");

	begin();
	json_put_array(&j, NULL);
	ok(end() == -EINVAL, "an array left open is noticed");
	begin();
	json_put_end(&j);
	ok(end() == -EINVAL, "so is an end too many");
	begin();
	json_put_object(&j, NULL);
	json_put_int(&j, NULL, 1);
	json_put_end(&j);
	ok(end() == -EINVAL, "and a missing key");
	begin();
	json_put_array(&j, NULL);
	json_put_int(&j, "key", 1);
	json_put_end(&j);
	ok(end() == -EINVAL, "and a key in an array");
	begin();
	json_put_int(&j, NULL, 1);
	json_put_int(&j, NULL, 2);
	ok(end() == -EINVAL, "and a second value at the top");
	begin();
	for (int i = 0; i < 100; i++)
		json_put_array(&j, NULL);
	ok(end() == -EINVAL, "too deep is refused, not overrun");
	if (!full)
		return;
	setbuf(full, NULL);
	json_open(&j, full);
	json_put_int(&j, NULL, 1);
	ok(json_close(&j) == -EIO, "a full disk is an error");
	fclose(full);
}

int
main(void)
{
	deadline(10);
	test_text();
	test_shape();
	test_wrong();
	free(text);
	return done();
}
