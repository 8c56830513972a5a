/* SPDX-License-Identifier: MIT */
/*
 * The lines around what is shown: the host and the machines in a line, titles,
 * messages, keys; and how things look, with and without colours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bin/tui/tui-int.h"
#include "lib/deadline.h"
#include "lib/text.h"
#include "lib/units.h"

enum { MESSAGE_MS = 8000 };

static attr_t
state_style(struct tui *t, unsigned state)
{
	static const struct {
		uint32_t rgb;
		attr_t plain;
	} looks[STATE_UNKNOWN + 1] = {
		[HOME_STOPPED] = {TUI_DEFAULT, A_NORMAL},
		[HOME_STARTING] = {0x00aaaa, A_NORMAL},
		[HOME_RUNNING] = {0x00aa00, A_BOLD},
		[HOME_PAUSED] = {0xaaaa00, A_NORMAL},
		[HOME_STOPPING] = {0x00aaaa, A_NORMAL},
		[HOME_CRASHED] = {0xaa0000, A_BOLD},
		[HOME_ERROR] = {0xaa0000, A_BOLD},
		[STATE_UNKNOWN] = {0xaa0000, A_BOLD},
	};

	if (looks[state].rgb == TUI_DEFAULT || !tui_colors(t))
		return looks[state].plain;
	return tui_pair(t, looks[state].rgb, TUI_DEFAULT);
}

static attr_t
look_of(struct tui *t, unsigned which)
{
	if (which >= STYLE_STATE)
		return state_style(t, which - STYLE_STATE);
	switch ((enum style)which) {
	case STYLE_HEADING:
		return A_BOLD | A_UNDERLINE;
	case STYLE_SELECTED:
	case STYLE_TITLE:
	case STYLE_KEY:
		return A_REVERSE;
	case STYLE_DIM:
		return A_DIM;
	case STYLE_TAGGED:
		return tui_colors(t)
			       ? A_BOLD | tui_pair(t, 0xaaaa00, TUI_DEFAULT)
			       : A_BOLD;
	case STYLE_MESSAGE:
		return A_BOLD;
	default:
		return A_NORMAL;
	}
}

int
style(struct tui *t, unsigned which)
{
	return (int)look_of(t, which);
}

const char *
glyph(const struct tui *t, unsigned state)
{
	static const char *const utf8[] = {"○", "◔", "●", "◐", "◑", "✗", "!",
		"?"},
				 *const ascii[] = {".", "+", ">", "=", "-", "x",
					 "!", "?"};

	return (tui_utf8(t) ? utf8 : ascii)[state];
}

/* --- the first line --- */

static int add(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int
add(char *buf, size_t size, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf + used, size - used, fmt, ap);
	va_end(ap);
	return n;
}

static void
count_machines(const struct view *w, char *buf, size_t size)
{
	const char *comma = ": ";

	if (*w->filter || w->states)
		add(buf, size, "%zu of ", w->n);
	add(buf, size, "%zu machine%s", w->all, w->all == 1 ? "" : "s");
	if (*w->filter)
		add(buf, size, " /%s", w->filter);
	for (unsigned k = 0; k <= STATE_UNKNOWN; k++) {
		/* What runs comes first. */
		static const unsigned order[] = {HOME_RUNNING, HOME_PAUSED,
			HOME_STARTING, HOME_STOPPING, HOME_CRASHED, HOME_ERROR,
			STATE_UNKNOWN, HOME_STOPPED};
		struct machine one = {.state = order[k]};

		if (!w->state[order[k]])
			continue;
		add(buf, size, "%s%zu %s", comma, w->state[order[k]],
			machine_state(&one));
		comma = ", ";
	}
	if (w->tags)
		add(buf, size, "; %zu tagged", w->tags);
}

static void
describe_host(const struct host *h, unsigned parts, char *buf, size_t size)
{
	char a[UNITS_MAX], b[UNITS_MAX];

	*buf = '\0';
	if (h->cpu >= 0)
		add(buf, size, "CPU %.0f%%", h->cpu);
	else
		add(buf, size, "CPU -");
	if (parts > 1 && h->memory)
		add(buf, size, "  memory %s/%s", units_print_short(a, h->used),
			units_print_short(b, h->memory));
	if (parts > 2 && h->load[0] >= 0)
		add(buf, size, "  load %.2f", h->load[0]);
	if (parts > 3 && h->load[0] >= 0)
		add(buf, size, " %.2f %.2f", h->load[1], h->load[2]);
}

void
summary_text(const struct view *w, const struct host *h, char *left,
	char *right, size_t size, unsigned parts)
{
	*left = '\0';
	count_machines(w, left, size);
	describe_host(h, parts, right, size);
}

void
draw_summary(struct tui *t, int y)
{
	char left[256], right[256];
	unsigned parts = 4;

	do
		summary_text(
			&t->view, &t->host, left, right, sizeof(right), parts);
	while ((int)(strlen(left) + strlen(right)) + 3 > COLS && --parts);
	draw_title(t, y, left, parts ? right : "");
}

void
draw_title(struct tui *t, int y, const char *left, const char *right)
{
	int w = (int)strlen(right);

	attrset(style(t, STYLE_TITLE));
	put_padded(stdscr, y, 0, COLS, "", false);
	if (w && w < COLS)
		put_padded(stdscr, y, COLS - w, w, right, true);
	put_padded(stdscr, y, 0, w ? COLS - w - 1 : COLS, left, false);
	attrset(A_NORMAL);
}

/* --- the last lines --- */

/* "key word  key word": as many as there is room for. */
void
draw_keys(struct tui *t, int y, const char *keys)
{
	int x = 0;

	attrset(A_NORMAL);
	put_padded(stdscr, y, 0, COLS, "", false);
	while (*keys) {
		const char *end = strstr(keys, "  ");
		int n = end ? (int)(end - keys) : (int)strlen(keys);
		int key = (int)strcspn(keys, " ");

		if (x + n > COLS)
			return;
		if (key > n)
			key = n;
		attrset(style(t, STYLE_KEY));
		x += tui_put(stdscr, y, x, key, keys, (size_t)key);
		attrset(A_NORMAL);
		x += tui_put(
			stdscr, y, x, n - key, keys + key, (size_t)(n - key));
		x += 2;
		keys += n;
		keys += strspn(keys, " ");
	}
}

void
tui_say(struct tui *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_format(t->message, sizeof(t->message), fmt, ap);
	va_end(ap);
	t->message_until = now_ms() + MESSAGE_MS;
	t->redraw = true;
}

void
draw_message(struct tui *t, WINDOW *win)
{
	int x;

	if (t->filtering) {
		put_padded(win, 0, 0, COLS, "/", false);
		x = field_draw(&t->filter, win, 0, 1, COLS - 1);
		wmove(win, 0, x);
	} else {
		wattrset(win, style(t, STYLE_MESSAGE));
		put_padded(win, 0, 0, COLS, t->message, false);
	}
}
