/* SPDX-License-Identifier: MIT */
/*
 * Following a console's log: every byte once, in order, whatever is rotated.
 */
#include "vmm/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/tap.h"

static char dir[] = "/tmp/follow.XXXXXX";
static int at = -1;

static void
put(const char *name, const char *text, size_t n)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		printf("Bail out! %s\n", name);
	close(fd);
}

static void
say(const char *text)
{
	put("console.log", text, strlen(text));
}

static void
rotate(void)
{
	renameat(at, "console.log", at, "console.log.1");
}

static void
clear(void)
{
	unlinkat(at, "console.log", 0);
	unlinkat(at, "console.log.1", 0);
}

static regex_t
regex(const char *text)
{
	regex_t re;

	if (regcomp(&re, text, REG_EXTENDED | REG_NOSUB))
		printf("Bail out! %s\n", text);
	return re;
}

/* Does it come, when all there is is read at once? */
static int
sought(const char *text, int64_t started)
{
	regex_t re = regex(text);
	struct follow f;
	int r = follow_open(&f, at, &re, started);

	while (!r && (r = follow_read(&f, true)) == -EAGAIN)
		r = 0;
	follow_close(&f);
	regfree(&re);
	return r;
}

static void
test_lines(void)
{
	clear();
	is_u64((uint64_t)sought("x", 0), 0, "no log has no line");
	say("one\r\ntwo\nthree");
	ok(sought("^one$", 0) == 1, "a line without its carriage return");
	ok(sought("^two$", 0) == 1, "and one that has none");
	ok(sought("^three$", 0) == 1, "the last, not finished");
	ok(sought("onetwo|one.two", 0) == 0, "lines are not joined");
	clear();
	put("console.log", "a\0b\n", 4);
	ok(sought("^ab$", 0) == 1, "NUL bytes are left out");
}

static void
test_long(void)
{
	size_t n = FOLLOW_LINE_MAX;
	char *line = malloc(n + 3);

	clear();
	memset(line, 'x', n);
	memcpy(line + n, "yz\n", 3);
	put("console.log", line, n + 3);
	ok(sought("^yz$", 0) == 1, "a line that is too long is cut there");
	ok(sought("xy", 0) == 0, "and no longer one");
	for (int i = 0; i < 40; i++)
		put("console.log", line, n);
	say("end\n");
	ok(sought("end$", 0) == 1, "a log longer than a round");
	free(line);
}

static void
test_growing(void)
{
	regex_t re = regex("^a(bc)+d$");
	struct follow f;

	clear();
	follow_open(&f, at, &re, 0);
	ok(follow_read(&f, true) == 0, "the log is not there yet");
	say("zzz\na\r");
	ok(follow_read(&f, true) == 0, "half a line");
	say("x\nab");
	follow_read(&f, true);
	rotate();
	say("cb");
	follow_read(&f, true);
	rotate();
	say("cbc");
	rotate();
	say("d");
	ok(follow_read(&f, true) == 1, "a line over three rotations, two of "
				       "them while nobody looked");
	follow_close(&f);
	regfree(&re);
}

static void
test_another(void)
{
	regex_t re = regex("^last$");
	struct follow f;

	clear();
	say("first\n");
	follow_open(&f, at, &re, 0);
	follow_read(&f, true);
	rotate();
	say("last\n");
	ok(follow_read(&f, false) == 0, "another run's log is left alone");
	ok(follow_read(&f, true) == 1, "if it is one");
	follow_close(&f);
	regfree(&re);
}

static void
test_old(void)
{
	struct stat st;

	clear();
	say("before\n");
	rotate();
	say("after\n");
	fstatat(at, "console.log.1", &st, 0);
	ok(sought("before", st.st_mtime) == 0,
		"what was written last when the run began is older");
	ok(sought("before", st.st_mtime - 1) == 1, "later is this run's");
	ok(sought("after", st.st_mtime - 1) == 1, "and the rest follows");
}

static void
test_cut(void)
{
	regex_t re = regex("^new$");
	struct follow f;

	clear();
	say("something old\n");
	follow_open(&f, at, &re, 0);
	follow_read(&f, true);
	close(openat(at, "console.log", O_WRONLY | O_TRUNC));
	say("new\n");
	ok(follow_read(&f, true) == 1, "a log that was cut is read anew");
	follow_close(&f);
	regfree(&re);
}

static void
test_hostile(void)
{
	clear();
	symlinkat("/dev/zero", at, "console.log");
	ok(sought("x", 0) == 0, "a link is not followed");
	clear();
	mkfifoat(at, "console.log", 0600);
	ok(sought("x", 0) == 0, "a pipe is not waited for");
	clear();
	mkdirat(at, "console.log", 0700);
	ok(sought("x", 0) == 0, "a directory is no log");
	unlinkat(at, "console.log", AT_REMOVEDIR);
}

int
main(void)
{
	deadline(60);
	if (!mkdtemp(dir) || (at = open(dir, O_RDONLY | O_DIRECTORY)) < 0)
		skip_all("no directory for temporary files");
	test_lines();
	test_long();
	test_growing();
	test_another();
	test_old();
	test_cut();
	test_hostile();
	clear();
	rmdir(dir);
	return done();
}
