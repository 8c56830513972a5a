/* SPDX-License-Identifier: MIT */
/*
 * -b: the list as text, again and again, for pipes, logs and cron. Where there
 * are machines whose metrics can be had, the first table waits for two readings
 * of them, as rates need.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bin/tool.h"
#include "bin/tui/tui-int.h"
#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/stamp.h"

enum { COLUMNS_MAX = 32, FIRST_MS = 3000, STEP_MS = 100 };

static void
pause_ms(int64_t ms)
{
	struct timespec t = {
		.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (ms > 0 && nanosleep(&t, &t))
		;
}

/* Characters, all taken to be one column wide. */
static int
width(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
put(const char *text, int columns, bool right, bool last)
{
	int fill = columns - width(text);

	if (right)
		printf("%*s", fill, "");
	fputs(text, stdout);
	if (!right && !last)
		printf("%*s", fill, "");
	if (!last)
		fputs("  ", stdout);
}

static void
print_table(const struct view *w)
{
	int widths[COLUMNS_MAX];
	const struct column *c;
	char buf[32];
	size_t n = 0;

	for (; n < COLUMNS_MAX && (c = column_get(n)); n++) {
		widths[n] = width(c->heading);
		for (size_t i = 0; i < w->n; i++) {
			int one = width(c->text(w->row[i], buf));

			if (one > widths[n])
				widths[n] = one;
		}
	}
	for (size_t k = 0; k < n; k++)
		put(column_get(k)->heading, widths[k], column_get(k)->width > 0,
			k + 1 == n);
	putchar('\n');
	for (size_t i = 0; i < w->n; i++) {
		for (size_t k = 0; k < n; k++) {
			c = column_get(k);
			put(c->text(w->row[i], buf), widths[k], c->width > 0,
				k + 1 == n);
		}
		putchar('\n');
	}
}

static void
print_all(const struct view *w, const struct host *h)
{
	char left[256], right[256], when[STAMP_MAX];

	summary_text(w, h, left, right, sizeof(left), 4);
	printf("%s  %s  %s\n", stamp_print(when, time(NULL)), left, right);
	print_table(w);
}

static void
look(struct model *m, struct host *h, struct view *w)
{
	model_refresh(m, true);
	gauge_all(m, true);
	if (h)
		host_read(h);
	view_make(w, m);
}

static bool
waits(const struct view *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (gauge_waits(w->row[i]))
			return true;
	return false;
}

/* Rates are of an interval: a moment for the host's, a second or two for the
 * machines'. */
static void
first_look(struct model *m, struct host *h, struct view *w)
{
	int64_t end = now_ms() + FIRST_MS;

	look(m, h, w);
	do {
		pause_ms(STEP_MS);
		look(m, NULL, w);
	} while (waits(w) && now_ms() < end);
	host_read(h);
}

int
batch_run(const struct want *want, struct view *w)
{
	struct host host = {0};
	struct model *m;
	int r = model_open(&m);

	if (r)
		return r;
	first_look(m, &host, w);
	for (uint64_t n = 0; !r; n++) {
		if (n)
			putchar('\n');
		print_all(w, &host);
		if (*model_trouble(m))
			r = failx(-EIO, "%s", model_trouble(m));
		else if (tool_flush() || n + 1 == want->count)
			break;
		if (!r) {
			pause_ms(want->delay / 1000000);
			look(m, &host, w);
		}
	}
	view_free(w);
	model_close(m);
	return r;
}
