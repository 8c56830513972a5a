/* SPDX-License-Identifier: MIT */
/*
 * The dialog that makes a machine: a field for each of the frequent keys, given
 * to vm-create, whose rules they have to meet; what it says is shown, and the
 * dialog stays until it is content.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/tui/tui-int.h"

enum { ESC = 0x1b, LABEL = 9 };

static const struct what {
	const char *label, *key, *hint;
} fields[] = {
	{"name", NULL, "letters, digits, _ . -"},
	{"memory", "memory", "512M, 4G"},
	{"cpus", "cpus", "1"},
	{"disk", "disk", "10G makes one; or a file"},
	{"cdrom", "cdrom", "an ISO image, or none"},
	{"kernel", "kernel", "a file; else firmware starts"},
	{"initrd", "initrd", "a file"},
	{"cmdline", "cmdline", "console=ttyS0"},
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

struct form {
	struct dialog d;
	struct field field[FIELDS];
	unsigned at;
	bool busy; /* vm-create runs */
	char said[256];
	int y, x, top;
};

static void
form_draw(struct dialog *d, struct tui *t, WINDOW *win)
{
	struct form *f = (struct form *)d;
	int h, w, rows;

	getmaxyx(win, h, w);
	rows = h > 2 ? h - 2 : 1;
	f->top = (int)f->at < rows ? 0 : (int)f->at - rows + 1;
	for (int i = 0; i < rows && f->top + i < FIELDS; i++) {
		unsigned k = (unsigned)(f->top + i);
		struct field *one = &f->field[k];

		wattrset(win, k == f->at ? A_BOLD : A_NORMAL);
		put_padded(win, i, 0, LABEL - 1, fields[k].label, false);
		wattrset(win, A_UNDERLINE);
		if (k == f->at) {
			f->y = i;
			f->x = field_draw(one, win, i, LABEL, w - LABEL);
		} else {
			put_padded(win, i, LABEL, w - LABEL, one->text, false);
		}
		wattrset(win, style(t, STYLE_DIM));
		if (!one->used)
			tui_put(win, i, LABEL + (k == f->at), w - LABEL - 1,
				fields[k].hint, SIZE_MAX);
		wattrset(win, A_NORMAL);
	}
	if (h > 2) {
		wattrset(win, style(t, STYLE_MESSAGE));
		put_padded(win, h - 2, 0, w, f->busy ? "..." : f->said, false);
		wattrset(win, A_NORMAL);
		put_padded(win, h - 1, 0, w,
			"Enter create  Tab next  Esc cancel", false);
	}
}

static bool
form_cursor(struct dialog *d, int *y, int *x)
{
	struct form *f = (struct form *)d;

	*y = f->y;
	*x = f->x;
	return true;
}

static void
form_free(struct dialog *d)
{
	free(d);
}

static const struct dialog_ops form_ops;

/* It may have been left meanwhile, or be another one. */
static void
created(struct tui *t, const char *name, unsigned what, int status,
	const char *said)
{
	struct form *f = t->dialog && t->dialog->ops == &form_ops
				 ? (struct form *)t->dialog
				 : NULL;

	if (f && !(f->busy && strcmp(f->field[0].text, name) == 0))
		f = NULL;
	(void)what;
	t->redraw = true;
	if (status && f) {
		f->busy = false;
		snprintf(f->said, sizeof(f->said), "%s",
			*said ? said : "vm-create failed");
		return;
	}
	if (status) {
		tui_say(t, "%s", *said ? said : "vm-create failed");
		return;
	}
	if (f)
		dialog_close(t);
	snprintf(t->view.selected, sizeof(t->view.selected), "%s", name);
	tui_say(t, "%s: created", name);
	tui_refresh(t, true);
}

static void
create(struct form *f, struct tui *t)
{
	char word[FIELDS][sizeof(f->field[0].text) + 16];
	const char *argv[FIELDS + 4];
	unsigned n = 0;

	argv[n++] = "vm-create";
	argv[n++] = "--";
	argv[n++] = f->field[0].text;
	for (unsigned k = 1; k < FIELDS; k++) {
		if (!f->field[k].used)
			continue;
		snprintf(word[k], sizeof(word[k]), "%s=%s", fields[k].key,
			f->field[k].text);
		argv[n++] = word[k];
	}
	argv[n] = NULL;
	*f->said = '\0';
	/* What would not fit in what we keep is no name anyway. */
	if (f->field[0].used >= NAME_SIZE) {
		snprintf(f->said, sizeof(f->said), "the name is too long");
		return;
	}
	f->busy = true;
	if (job_add(t, argv, created, f->field[0].text, 0)) {
		f->busy = false;
		snprintf(f->said, sizeof(f->said), "no memory");
	}
}

static void
form_key(struct dialog *d, struct tui *t, wint_t ch, bool is_char)
{
	struct form *f = (struct form *)d;

	t->redraw = true;
	if (is_char && ch == ESC)
		dialog_close(t);
	else if (f->busy)
		return;
	else if ((is_char && (ch == '\r' || ch == '\n')) ||
		 (!is_char && ch == KEY_ENTER))
		create(f, t);
	else if (is_char ? ch == '\t' : ch == KEY_DOWN)
		f->at = (f->at + 1) % FIELDS;
	else if (!is_char && (ch == KEY_UP || ch == KEY_BTAB))
		f->at = (f->at + FIELDS - 1) % FIELDS;
	else
		field_key(&f->field[f->at], ch, is_char);
}

static const struct dialog_ops form_ops = {
	.draw = form_draw,
	.key = form_key,
	.free = form_free,
	.cursor = form_cursor,
};

void
dialog_new(struct tui *t)
{
	struct form *f = calloc(1, sizeof(*f));

	if (!f)
		return;
	f->d = (struct dialog){.ops = &form_ops,
		.title = "New machine",
		.height = FIELDS + 2,
		.width = 50};
	field_set(&f->field[1], "512M");
	dialog_open(t, &f->d);
}
