/* SPDX-License-Identifier: MIT */
/*
 * vm-shot: what a machine's screen shows, as a picture, as text, as a number.
 * It is read from the machine's directory: the machine is not asked, and need
 * not run.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bin/shot/shot.h"
#include "bin/tool-config.h"
#include "bin/tool.h"
#include "lib/err.h"
#include "lib/home.h"
#include "vmm/api-int.h"

#define NS 1000000000

enum format { PNG, PPM, BY_NAME };

struct conf {
	unsigned format;
	const char *out;
	bool text, hash, no_cursor, force;
	unsigned up, down;
	struct region region;
	int64_t every; /* -1: once */
	uint64_t number; /* UINT64_MAX: not given */
};

static int
set_scale(void *conf, const char *value)
{
	struct conf *c = conf;
	int n = 0, m = 0;

	c->down = 1;
	if (sscanf(value, "%2u%n/%2u%n", &c->up, &n, &c->down, &m) < 1 ||
		value[m ? m : n] || c->up - 1u >= SCALE_MAX ||
		c->down - 1u >= SCALE_MAX || *value < '0' || *value > '9')
		return failx(-EINVAL, "'%s' is not a scale: N or N/M, 1 to %d",
			value, SCALE_MAX);
	return 0;
}

static int
set_region(void *conf, const char *value)
{
	struct region *r = &((struct conf *)conf)->region;
	int n = 0;

	if (strspn(value, "0123456789,") != strlen(value) ||
		sscanf(value, "%5u,%5u,%5u,%5u%n", &r->x, &r->y, &r->w, &r->h,
			&n) != 4 ||
		value[n] || !r->w || !r->h)
		return failx(-EINVAL, "'%s' is not a region: X,Y,WIDTH,HEIGHT",
			value);
	return 0;
}

#define CONF(member) offsetof(struct conf, member)

static const struct opt options[] = {
	{.name = "output",
		.letter = 'o',
		.kind = OPT_STRING,
		.arg = "FILE",
		.at = CONF(out),
		.help = "write there, '-' is stdout (default)"},
	{.name = "format",
		.letter = 'f',
		.kind = OPT_CHOICE,
		.arg = "png|ppm",
		.at = CONF(format),
		.help = "of the picture (default: by FILE's name, else png)"},
	{.name = "text",
		.letter = 't',
		.kind = OPT_FLAG,
		.at = CONF(text),
		.help = "what can be read there, instead of a picture"},
	{.name = "hash",
		.kind = OPT_FLAG,
		.at = CONF(hash),
		.help = "a number that is the same for the same picture"},
	{.name = "region",
		.letter = 'r',
		.kind = OPT_CALL,
		.arg = "X,Y,W,H",
		.set = set_region,
		.help = "only this part, in pixels"},
	{.name = "scale",
		.letter = 's',
		.kind = OPT_CALL,
		.arg = "N/M",
		.set = set_scale,
		.help = "N times as large, or as small as 1/M"},
	{.name = "no-cursor",
		.kind = OPT_FLAG,
		.at = CONF(no_cursor),
		.help = "leave the cursor of text modes out"},
	{.name = "every",
		.letter = 'e',
		.kind = OPT_DURATION,
		.arg = "DURATION",
		.at = CONF(every),
		.help = "again and again, to numbered files"},
	{.name = "count",
		.letter = 'n',
		.kind = OPT_NUMBER,
		.arg = "N",
		.at = CONF(number),
		.min = 1,
		.max = 1u << 30,
		.help = "so often (default: until the machine ends)"},
	{.name = "force",
		.kind = OPT_FLAG,
		.at = CONF(force),
		.help = "write a picture to a terminal too"},
	{0},
};

static const struct opt_tool tool = {
	.name = "vm-shot",
	.what = "show the screen of a virtual machine",
	.usage = "[-f png|ppm] [-o FILE] [-r X,Y,W,H] [-s N/M] [-e DURATION] "
		 "[-n N] [--no-cursor] [--force] name\n"
		 "-t [-o FILE] [-e DURATION] [-n N] name\n"
		 "--hash [-r X,Y,W,H] [-e DURATION] [-n N] name",
	.opts = options,
	.min = 1,
	.max = 1,
};

struct shot { /* what is to be done, with what */
	const struct conf *conf;
	const char *name;
	struct home_vm *vm;
	struct fb *fb;
	struct out out;
};

/* "FILE: cause" is for the file's own failures, "NAME: cause" for the
 * screen's. */
static int
screen_failed(const struct shot *s)
{
	tool_say("%s: %s", s->name, fail_text());
	return TOOL_FAILED;
}

static int
out_failed(void)
{
	return *fail_text() ? tool_fail() : TOOL_FAILED;
}

static const char *
ending(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	return dot && (!slash || dot > slash + 1) && dot > path ? dot : "";
}

static enum format
format_of(const struct conf *c)
{
	if (c->format != BY_NAME)
		return c->format;
	return c->out && strcasecmp(ending(c->out), ".ppm") == 0 ? PPM : PNG;
}

static bool
to_stdout(const struct conf *c)
{
	if (c->out)
		return strcmp(c->out, "-") == 0;
	return c->hash || c->every < 0;
}

static int
check(const struct conf *c)
{
	if (c->out && !*c->out)
		return failx(-EINVAL, "--output: the name is empty");
	if (c->text && c->hash)
		return failx(-EINVAL, "--text and --hash exclude each other");
	if (c->text && (c->region.w || c->up != c->down))
		return failx(-EINVAL,
			"--text goes with neither --region nor --scale");
	if (c->hash && (c->up != c->down || (c->out && !to_stdout(c))))
		return failx(-EINVAL,
			"--hash goes with neither --scale nor --output");
	if ((c->text || c->hash) && c->format != BY_NAME)
		return failx(-EINVAL, "--format is for pictures");
	if (c->number != UINT64_MAX && c->every < 0)
		return failx(-EINVAL, "--count needs --every");
	if (c->every >= 0 && to_stdout(c) && !c->hash)
		return failx(-EINVAL, "--every needs a file, not stdout");
	return 0;
}

/*
 * One of them
 */

static int
put_picture(struct shot *s, const struct conf *c, const char *path)
{
	struct frame f;
	bool failed;

	if (frame_take(&f, s->fb, !c->no_cursor) ||
		frame_crop(&f, &c->region) || frame_scale(&f, c->up, c->down)) {
		frame_free(&f);
		return screen_failed(s);
	}
	if (out_open(&s->out, path)) {
		frame_free(&f);
		return tool_fail();
	}
	failed = (format_of(c) == PPM ? ppm_put : png_put)(&s->out, &f) < 0;
	if (failed)
		screen_failed(s);
	frame_free(&f);
	if (out_close(&s->out, failed))
		return out_failed();
	return failed ? TOOL_FAILED : 0;
}

static int
put_string(struct shot *s, const char *path, const char *text)
{
	if (out_open(&s->out, path))
		return tool_fail();
	out_write(&s->out, text, strlen(text));
	return out_close(&s->out, false) ? out_failed() : 0;
}

static int
put_text(struct shot *s, const char *path)
{
	char *text;
	int code;

	if (fb_take_text(s->fb, &text))
		return screen_failed(s);
	code = put_string(s, path, text);
	free(text);
	return code;
}

static int
put_hash(struct shot *s)
{
	struct frame f;
	uint64_t hash;
	char line[24];

	if (frame_take(&f, s->fb, false) || frame_crop(&f, &s->conf->region)) {
		frame_free(&f);
		return screen_failed(s);
	}
	hash = fb_hash_more(fb_hash_begin(f.width, f.height), f.pixels,
		(size_t)f.width * f.height);
	frame_free(&f);
	snprintf(line, sizeof(line), "%016llx\n", (unsigned long long)hash);
	return put_string(s, "-", line);
}

static int
shoot(struct shot *s, const char *path)
{
	if (s->conf->hash)
		return put_hash(s);
	if (s->conf->text)
		return put_text(s, path);
	return put_picture(s, s->conf, path);
}

/*
 * Many of them
 */

/* NAME-0001.png, or the same with what -o says before the number. */
static char *
numbered(const struct shot *s, uint64_t n)
{
	const struct conf *c = s->conf;
	const char *end = c->text               ? ".txt"
			  : format_of(c) == PPM ? ".ppm"
						: ".png";
	const char *base = c->out ? c->out : s->name;
	int len = (int)strlen(base);
	char *path;

	if (c->out && *ending(base)) {
		end = ending(base);
		len -= (int)strlen(end);
	}
	if (asprintf(&path, "%.*s-%04llu%s", len, base, (unsigned long long)n,
		    end) < 0)
		return NULL;
	return path;
}

static bool
runs(const struct shot *s)
{
	return home_held(s->vm) == 1;
}

/* The next run has a file of its own. */
static int
reopen(struct shot *s)
{
	struct fb *fb = NULL;
	int r = fb_open(home_vm_fd(s->vm), &fb);

	if (r == -ENOENT) /* keep the old one */
		return 0;
	if (r)
		return screen_failed(s);
	fb_close(s->fb);
	s->fb = fb;
	return 0;
}

static void
sleep_until(struct timespec *at, int64_t ns)
{
	struct timespec now;

	at->tv_sec += (time_t)(ns / NS);
	at->tv_nsec += (long)(ns % NS);
	if (at->tv_nsec >= NS) {
		at->tv_sec++;
		at->tv_nsec -= NS;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec > at->tv_sec ||
		(now.tv_sec == at->tv_sec && now.tv_nsec > at->tv_nsec))
		*at = now; /* too late: those in between are left out */
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at, NULL) ==
		EINTR)
		;
}

static int
shoot_many(struct shot *s)
{
	const struct conf *c = s->conf;
	struct timespec at;
	int code = 0;

	clock_gettime(CLOCK_MONOTONIC, &at);
	for (uint64_t n = 1; !code; n++) {
		bool last =
			n == c->number || (c->number == UINT64_MAX && !runs(s));
		char *path = c->hash ? NULL : numbered(s, n);

		if (!path && !c->hash) {
			fail(-ENOMEM, "%s", s->name);
			return tool_fail();
		}
		code = shoot(s, path);
		free(path);
		if (last)
			break;
		if (!code)
			sleep_until(&at, c->every);
		if (!code)
			code = reopen(s);
	}
	return code;
}

/*
 * All of it
 */

/* Why there is no screen. */
static int
no_screen(const struct shot *s)
{
	struct home_look l;

	if (home_vm_look(s->vm, &l) == 0 && !l.held && !l.status.started)
		tool_say("%s: no screen: it never ran", s->name);
	else
		tool_say("%s: no screen: it has no video card", s->name);
	return TOOL_FAILED;
}

static int
run(struct shot *s)
{
	const struct conf *c = s->conf;
	int r = fb_open(home_vm_fd(s->vm), &s->fb), code;

	if (r == -ENOENT)
		return no_screen(s);
	if (r)
		return screen_failed(s);
	code = c->every >= 0 ? shoot_many(s) : shoot(s, c->out ? c->out : "-");
	fb_close(s->fb);
	return code;
}

static int
find_and_run(const struct conf *c, const char *name)
{
	struct vmm_home *home = NULL;
	struct shot *s = calloc(1, sizeof(*s));
	int code = tool_check_name(name);

	if (!s) {
		fail(-ENOMEM, "%s", name);
		return tool_fail();
	}
	s->conf = c;
	s->name = name;
	if (!code)
		code = tool_home(&home, false, name);
	if (!code)
		code = home_find(home->home, name, &s->vm) < 0 ? tool_fail()
							       : run(s);
	home_vm_close(s->vm);
	vmm_home_close(home);
	free(s);
	return code;
}

int
main(int argc, char **argv)
{
	struct conf conf = {
		.format = BY_NAME,
		.up = 1,
		.down = 1,
		.every = -1,
		.number = UINT64_MAX,
	};
	struct opt_rest rest;
	int code = tool_start(&tool, argc, argv, &conf, &rest);

	if (code >= 0)
		return tool_end(code);
	if (check(&conf))
		return tool_end(tool_misused());
	if (to_stdout(&conf) && !conf.text && !conf.hash && !conf.force &&
		isatty(STDOUT_FILENO)) {
		failx(-EINVAL, "stdout is a terminal; give a file with -o, or "
			       "--text, or --force");
		return tool_end(tool_fail());
	}
	return tool_end(find_and_run(&conf, rest.v[0]));
}
