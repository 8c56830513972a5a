/* SPDX-License-Identifier: MIT */
/* The sentence of the last failure, and the log's front half. */
#include "lib/err.h"

#include <errno.h>
#include <pthread.h>

#include "lib/log.h"
#include "tests/tap.h"

static char line[2048];
static int lines;

static void
sink(void *to, enum log_level level, const char *text)
{
	(void)level;
	*(int *)to += 1;
	snprintf(line, sizeof(line), "%s", text);
	lines++;
}

static void *
other_thread(void *to)
{
	(void)to;
	failx(-EIO, "of another thread");
	return NULL;
}

static void
test_err(void)
{
	char big[4000];
	pthread_t t;

	is_str(fail_text(), "", "there is no sentence before a failure");
	errno = EAGAIN;
	ok(fail(-ENOENT, "%s: cannot open", "x.img") == -ENOENT,
		"fail() returns the error it was given");
	is_str(fail_text(), "x.img: cannot open: No such file or directory",
		"fail() appends the cause");
	ok(errno == EAGAIN, "fail() leaves errno alone");
	failx(-EINVAL, "7: too large");
	is_str(fail_text(), "7: too large", "failx() appends nothing");
	fail(-EIO, "disk: %s", fail_text());
	is_str(fail_text(), "disk: 7: too large: Input/output error",
		"a sentence may quote the one before");
	pthread_create(&t, NULL, other_thread, NULL);
	pthread_join(t, NULL);
	is_str(fail_text(), "disk: 7: too large: Input/output error",
		"another thread's failure does not change ours");
	failx(-EINVAL, "a\033[2Jb\nc\302\233d\n");
	is_str(fail_text(), "a?[2Jb?c??d",
		"control characters never reach the terminal");
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	fail(-ENOENT, "%s: cannot open", big);
	ok(strstr(fail_text(), "...: No such file or directory") != NULL,
		"a sentence that is too long keeps its cause");
	for (size_t i = 0; i + 1 < sizeof(big); i++)
		big[i] = i & 1 ? (char)0xa4 : (char)0xc3;
	failx(-ENOENT, "%s", big);
	ok(strstr(fail_text(), "\303\244...") != NULL &&
			!strstr(fail_text(), "\303..."),
		"and is not cut inside a character");
	fail_clear();
	is_str(fail_text(), "", "fail_clear() forgets");
}

static void
test_log(void)
{
	int calls = 0;
	struct log log = {LEVEL_INFO, sink, &calls};
	struct log mute = {LEVEL_DEBUG, NULL, NULL};

	log_say(NULL, LEVEL_ERROR, "nobody");
	log_say(&mute, LEVEL_ERROR, "nobody");
	ok(lines == 0, "a null log and one without a sink are silent");
	errno = ENOENT;
	log_say(&log, LEVEL_WARN, "port %#x\n", 0x3f8);
	is_str(line, "port 0x3f8", "the sink gets a whole line, no newline");
	ok(calls == 1, "the sink gets its own argument");
	ok(errno == ENOENT, "log_say() leaves errno alone");
	log_say(&log, LEVEL_DEBUG, "too much");
	ok(calls == 1, "what is above the level is not passed on");
	log_say(&log, LEVEL_INFO, "%s", "a\rb\tc");
	is_str(line, "a?b?c", "control characters are replaced");
}

int
main(void)
{
	deadline(10);
	test_err();
	test_log();
	return done();
}
