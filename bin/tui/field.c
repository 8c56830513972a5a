/* SPDX-License-Identifier: MIT */
/* A line of text that is typed, in UTF-8, with the usual keys of shells. */
#include <string.h>
#include <wchar.h>

#include "bin/tui/tui-int.h"
#include "lib/utf8.h"

#define CTRL(c) ((c)&0x1f)

void
field_set(struct field *f, const char *text)
{
	f->used = strnlen(text, sizeof(f->text) - 1);
	memcpy(f->text, text, f->used);
	f->text[f->used] = '\0';
	f->at = f->used;
}

static size_t
back(const struct field *f)
{
	size_t at = f->at;

	while (at && ((unsigned char)f->text[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t
forth(const struct field *f)
{
	size_t n = f->at < f->used
			   ? utf8_length(f->text + f->at, f->used - f->at)
			   : 0;

	return f->at < f->used ? f->at + (n ? n : 1) : f->at;
}

static void
cut(struct field *f, size_t from, size_t to)
{
	memmove(f->text + from, f->text + to, f->used - to + 1);
	f->used -= to - from;
	f->at = from;
}

static size_t
encode(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static void
insert(struct field *f, uint32_t c)
{
	char bytes[4];
	size_t n = encode(bytes, c);

	if (f->used + n >= sizeof(f->text))
		return;
	memmove(f->text + f->at + n, f->text + f->at, f->used - f->at + 1);
	memcpy(f->text + f->at, bytes, n);
	f->used += n;
	f->at += n;
}

static size_t
word_back(const struct field *f)
{
	size_t at = f->at;

	while (at && f->text[at - 1] == ' ')
		at--;
	while (at && f->text[at - 1] != ' ')
		at--;
	return at;
}

static bool
control_key(struct field *f, wint_t ch)
{
	switch (ch) {
	case CTRL('h'):
	case 0x7f:
		cut(f, back(f), f->at);
		return true;
	case CTRL('u'):
		cut(f, 0, f->at);
		return true;
	case CTRL('k'):
		cut(f, f->at, f->used);
		return true;
	case CTRL('w'):
		cut(f, word_back(f), f->at);
		return true;
	case CTRL('a'):
		f->at = 0;
		return true;
	case CTRL('e'):
		f->at = f->used;
		return true;
	}
	return false;
}

bool
field_key(struct field *f, wint_t ch, bool is_char)
{
	if (is_char) {
		if (ch < 0x20 || ch == 0x7f)
			return control_key(f, ch);
		insert(f, ch);
		return true;
	}
	switch (ch) {
	case KEY_BACKSPACE:
		cut(f, back(f), f->at);
		return true;
	case KEY_DC:
		cut(f, f->at, forth(f));
		return true;
	case KEY_LEFT:
		f->at = back(f);
		return true;
	case KEY_RIGHT:
		f->at = forth(f);
		return true;
	case KEY_HOME:
		f->at = 0;
		return true;
	case KEY_END:
		f->at = f->used;
		return true;
	}
	return false;
}

int
field_draw(const struct field *f, WINDOW *win, int y, int x, int width)
{
	size_t from = 0, used;
	int before, after, rest;

	if (width < 2)
		return x;
	/* Characters, as if each took one column: from where the cursor is in
	 * sight. */
	for (size_t chars = 0, i = f->at; i; i--) {
		chars += ((unsigned char)f->text[i - 1] & 0xc0) != 0x80;
		if (chars == (size_t)width - 1) {
			from = i - 1;
			break;
		}
	}
	used = f->at - from;
	before = tui_put(win, y, x, width - 1, f->text + from, used);
	after = tui_put(win, y, x + before, width - before, f->text + f->at,
		f->used - f->at);
	rest = width - before - after;
	if (rest > 0)
		mvwprintw(win, y, x + before + after, "%*s", rest, "");
	return x + before;
}
