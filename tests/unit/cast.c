/* SPDX-License-Identifier: MIT */
/* Recordings: the header, times, and text that comes in any pieces. */
#include "lib/cast.h"

#include <errno.h>

#include "tests/tap.h"

#define MS 1000000LL

static char *text;
static size_t size;

static FILE *
begin(struct cast *c)
{
	FILE *f = open_memstream(&text, &size);

	cast_open(c, f, 80, 24, 5 * MS, 1700000000, "web");
	return f;
}

/* The events only. */
static const char *
finish(struct cast *c, FILE *f)
{
	const char *lf;

	cast_close(c);
	fclose(f);
	lf = strchr(text, '\n');
	return lf ? lf + 1 : "(no header)";
}

static void
test_header(void)
{
	struct cast c;
	FILE *f = begin(&c);

	ok(cast_close(&c) == 0, "header: written");
	fclose(f);
	is_str(text,
		"{\"version\":2,\"width\":80,\"height\":24,"
		"\"timestamp\":1700000000,\"title\":\"web\"}\n",
		"header: as the format says");
	free(text);
}

static void
test_events(void)
{
	struct cast c;
	FILE *f = begin(&c);

	cast_output(&c, 5 * MS, "a\r\n\033[1m\"", 8);
	cast_output(&c, 1255 * MS, "b", 1);
	cast_output(&c, 1000 * MS, "c", 1);
	cast_resize(&c, 2005 * MS, 80, 24);
	cast_resize(&c, 2005 * MS, 132, 43);
	cast_resize(&c, 2005 * MS, 132, 43);
	cast_output(&c, 3000005 * MS, "", 0);
	cast_output(&c, 3000005 * MS, "d", 1);
	is_str(finish(&c, f),
		"[0.000000, \"o\", \"a\\r\\n\\u001b[1m\\\"\"]\n"
		"[1.250000, \"o\", \"b\"]\n"
		"[1.250000, \"o\", \"c\"]\n"
		"[2.000000, \"r\", \"132x43\"]\n"
		"[3000.000000, \"o\", \"d\"]\n",
		"events: output and sizes, times that never go back");
	free(text);
}

/* A text in pieces of n bytes is the text. */
static void
test_pieces(void)
{
	static const char whole[] = "z\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7.";
	char got[64];

	for (size_t n = 1; n <= 4; n++) {
		struct cast c;
		FILE *f = begin(&c);
		const char *line;
		size_t at = 0;

		for (; at < sizeof(whole) - 1; at += n)
			cast_output(&c, 5 * MS, whole + at,
				sizeof(whole) - 1 - at < n
					? sizeof(whole) - 1 - at
					: n);
		line = finish(&c, f);
		got[0] = '\0';
		while ((line = strstr(line, "\"o\", \"")) != NULL) {
			line += 6;
			strncat(got, line, strcspn(line, "\""));
		}
		is_str(got, whole, "pieces: characters are whole");
		free(text);
	}
}

static void
test_broken(void)
{
	struct cast c;
	FILE *f = begin(&c);

	cast_output(&c, 5 * MS, "a\xe2\x82", 3);
	cast_output(&c, 5 * MS, "b", 1);
	cast_output(&c, 5 * MS, "\xff\x80\x80\x80\x80", 5);
	cast_output(&c, 5 * MS, "c\xf0\x9f", 3);
	is_str(finish(&c, f),
		"[0.000000, \"o\", \"a\"]\n"
		"[0.000000, \"o\", \"\xef\xbf\xbd\xef\xbf\xbd\"]\n"
		"[0.000000, \"o\", \"b\"]\n"
		"[0.000000, \"o\", \"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		"\xef\xbf\xbd\xef\xbf\xbd\"]\n"
		"[0.000000, \"o\", \"c\"]\n"
		"[0.000000, \"o\", \"\xef\xbf\xbd\xef\xbf\xbd\"]\n",
		"broken: what is no character is marked, nothing else is lost");
	free(text);
}

static void
test_full(void)
{
	struct cast c;
	FILE *f = fopen("/dev/full", "we");

	if (!f) {
		ok(1, "full # SKIP no /dev/full");
		return;
	}
	cast_open(&c, f, 80, 24, 0, 0, NULL);
	cast_output(&c, 0, "a", 1);
	ok(cast_close(&c) == -EIO, "full: is told at the end");
	fclose(f);
}

int
main(void)
{
	deadline(20);
	test_header();
	test_events();
	test_pieces();
	test_broken();
	test_full();
	return done();
}
