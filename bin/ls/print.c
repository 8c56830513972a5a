/* SPDX-License-Identifier: MIT */
/*
 * Printing rows: as a table, as JSON, as names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bin/ls/ls.h"
#include "lib/json.h"
#include "lib/stamp.h"
#include "lib/units.h"

#define SCHEMA 1

/* The two largest units: "45s", "3m", "2h10m", "5d3h". */
static void
print_span(char buf[32], int64_t s)
{
	long long m = s / 60, h = m / 60, d = h / 24;

	if (d && h % 24)
		snprintf(buf, 32, "%lldd%lldh", d, h % 24);
	else if (d)
		snprintf(buf, 32, "%lldd", d);
	else if (h && m % 60)
		snprintf(buf, 32, "%lldh%lldm", h, m % 60);
	else if (h)
		snprintf(buf, 32, "%lldh", h);
	else if (m)
		snprintf(buf, 32, "%lldm", m);
	else
		snprintf(buf, 32, "%llds", (long long)s);
}

static const char *
cell(const struct row *r, const struct column *c, char buf[32])
{
	int64_t n;

	if (is_text(c))
		return *row_text(r, c) ? row_text(r, c) : "-";
	n = row_number(r, c);
	if (n < 0)
		return "-";
	switch (c->kind) {
	case BYTES:
		return units_print_short(buf, (uint64_t)n);
	case TIME:
		return stamp_print(buf, n);
	case CPU:
		if (n < 60000000000) {
			snprintf(buf, 32, "%lld.%02llds",
				(long long)n / 1000000000,
				(long long)n % 1000000000 / 10000000);
			break;
		}
		n /= 1000000000;
		/* fallthrough */
	case SPAN:
		print_span(buf, n);
		break;
	case RATE:
		units_print_short(buf, (uint64_t)n);
		strcat(buf, "/s");
		break;
	case PERCENT:
		snprintf(buf, 32, "%lld.%lld", (long long)n / 100,
			(long long)n % 100 / 10);
		break;
	default:
		snprintf(buf, 32, "%lld", (long long)n);
	}
	return buf;
}

/* Characters, all taken to be one column wide. */
static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static const char *
colour_of(const char *state)
{
	static const struct {
		const char *state, *code;
	} codes[] = {
		{"running", "32"},
		{"starting", "36"},
		{"stopping", "36"},
		{"paused", "33"},
		{"crashed", "31"},
		{"error", "31"},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].state, state) == 0)
			return codes[i].code;
	return NULL;
}

struct line { /* what is being printed: so much room is left */
	size_t left;
};

/* As much of s as there is room for. */
static void
put(struct line *line, const char *s)
{
	for (; *s; s++) {
		if (((unsigned char)*s & 0xc0) != 0x80) {
			if (!line->left)
				return;
			line->left--;
		}
		putchar(*s);
	}
}

static void
pad(struct line *line, size_t n)
{
	while (n-- && line->left) {
		putchar(' ');
		line->left--;
	}
}

/* Nothing is padded to the right of a line's last cell. */
static void
put_cell(const struct list *l, struct line *line, unsigned k, const char *s,
	size_t column, bool heading)
{
	const struct column *c = l->shown[k];
	size_t fill_up = column - width(s);
	bool right = !is_text(c) && c->kind != TIME;
	const char *colour = NULL;

	if (l->colour && c->kind == STATE && !heading)
		colour = colour_of(s);
	if (k)
		pad(line, 2);
	if (right)
		pad(line, fill_up);
	if (colour)
		printf("\033[%sm", colour);
	put(line, s);
	if (colour)
		fputs("\033[m", stdout);
	if (!right && k + 1 < l->n)
		pad(line, fill_up);
}

static size_t
terminal_width(const struct conf *conf)
{
	const char *columns_var = getenv("COLUMNS");
	struct winsize ws;
	uint64_t n;

	if (conf->wide || !isatty(STDOUT_FILENO))
		return SIZE_MAX;
	if (columns_var && units_parse_number(columns_var, &n) == 0 && n)
		return (size_t)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col)
		return ws.ws_col;
	return 80;
}

static char
capital(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static void
print_heading(const struct list *l, const size_t *widths, size_t room)
{
	struct line line = {room};
	char head[32];

	for (unsigned k = 0; k < l->n; k++) {
		size_t i = 0;

		for (; l->shown[k]->name[i]; i++)
			head[i] = capital(l->shown[k]->name[i]);
		head[i] = '\0';
		put_cell(l, &line, k, head, widths[k], true);
	}
	putchar('\n');
}

void
print_table(const struct list *l)
{
	size_t widths[SHOWN_MAX], room = terminal_width(l->conf);
	char buf[32];

	for (unsigned k = 0; k < l->n; k++) {
		widths[k] = l->conf->headless ? 0 : strlen(l->shown[k]->name);
		for (size_t i = 0; i < l->count; i++) {
			size_t w = width(cell(&l->rows[i], l->shown[k], buf));

			if (w > widths[k])
				widths[k] = w;
		}
	}
	if (!l->conf->headless)
		print_heading(l, widths, room);
	for (size_t i = 0; i < l->count; i++) {
		struct line line = {room};

		for (unsigned k = 0; k < l->n; k++)
			put_cell(l, &line, k,
				cell(&l->rows[i], l->shown[k], buf), widths[k],
				false);
		putchar('\n');
	}
}

static void
json_cell(struct json *j, const struct row *r, const struct column *c)
{
	char buf[32];
	int64_t n;

	if (is_text(c) && *row_text(r, c)) {
		json_put_string(j, c->name, row_text(r, c));
		return;
	}
	n = is_text(c) ? -1 : row_number(r, c);
	if (n < 0)
		json_put_null(j, c->name);
	else if (c->kind == TIME)
		json_put_string(j, c->name, stamp_print(buf, n));
	else if (c->kind == CPU)
		json_put_seconds(j, c->name, n);
	else if (c->kind == PERCENT) /* hundredths, as a decimal fraction */
		json_put_seconds(j, c->name, n * 10000000);
	else
		json_put_int(j, c->name, n);
}

void
print_json(const struct list *l)
{
	struct json j;

	json_open(&j, stdout);
	json_put_object(&j, NULL);
	json_put_uint(&j, "schema", SCHEMA);
	json_put_array(&j, "machines");
	for (size_t i = 0; i < l->count; i++) {
		json_put_object(&j, NULL);
		for (unsigned k = 0; k < l->n; k++)
			json_cell(&j, &l->rows[i], l->shown[k]);
		json_put_end(&j);
	}
	json_put_end(&j);
	json_put_end(&j);
	json_close(&j);
}

void
print_names(const struct list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		fputs(l->rows[i].name, stdout);
		putchar(l->conf->zero ? '\0' : '\n');
	}
}
