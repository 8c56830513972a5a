/* SPDX-License-Identifier: MIT */
/*
 * Text from files, hostile, put into a window: measured by the columns that its
 * characters take (wcwidth(3), so by the locale's word), cut at the edge.
 */
#include <string.h>
#include <wchar.h>

#include "bin/tui/tui-int.h"
#include "lib/utf8.h"

enum { PIECE = 128 };

/* The character at p, n bytes long by utf8_length(). */
static wchar_t
decode(const unsigned char *p, size_t n)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = p[0] & mask[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return (wchar_t)c;
}

/* What changes the direction of what follows would deceive the reader. */
static bool
is_odd(wchar_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

int
tui_put(WINDOW *win, int y, int x, int width, const char *text, size_t n)
{
	int rows, columns, used = 0, room;
	bool utf8 = tui_utf8(NULL);
	wchar_t out[PIECE];
	size_t k = 0;

	getmaxyx(win, rows, columns);
	room = columns - x < width ? columns - x : width;
	if (y < 0 || y >= rows || x < 0)
		return 0;
	wmove(win, y, x);
	for (size_t i = 0; i < n && text[i] && used < room;) {
		size_t len = utf8_length(text + i, n - i);
		wchar_t c = len ? decode((const unsigned char *)text + i, len)
				: '?';
		int w = 1;

		i += len ? len : 1;
		if (is_odd(c) || (c > 0x7e && !utf8))
			c = '?';
		else if (c > 0x7e)
			w = wcwidth(c);
		if (w < 0) {
			c = '?';
			w = 1;
		}
		if (!w)
			continue;
		if (used + w > room)
			break;
		out[k++] = c;
		used += w;
		if (k == PIECE) {
			waddnwstr(win, out, (int)k);
			k = 0;
		}
	}
	if (k)
		waddnwstr(win, out, (int)k);
	return used;
}

/* How many columns it takes. */
static int
measure(const char *text, int most)
{
	size_t n = strlen(text);
	int used = 0;

	for (size_t i = 0; i < n && used <= most;) {
		size_t len = utf8_length(text + i, n - i);
		wchar_t c = len ? decode((const unsigned char *)text + i, len)
				: '?';
		int w = c < 0x80 || !tui_utf8(NULL) || is_odd(c) ? 1
								 : wcwidth(c);

		used += w < 0 ? 1 : w;
		i += len ? len : 1;
	}
	return used;
}

/* What is cut ends with a tilde, so that nobody takes it for the whole. */
void
put_padded(WINDOW *win, int y, int x, int width, const char *text, bool right)
{
	int w = measure(text, width), at;

	if (width <= 0)
		return;
	if (w > width) {
		at = tui_put(win, y, x, width - 1, text, SIZE_MAX);
		mvwprintw(win, y, x + at, "~%*s", width - at - 1, "");
		return;
	}
	if (right) {
		mvwprintw(win, y, x, "%*s", width - w, "");
		tui_put(win, y, x + width - w, w, text, SIZE_MAX);
		return;
	}
	tui_put(win, y, x, w, text, SIZE_MAX);
	mvwprintw(win, y, x + w, "%*s", width - w, "");
}
