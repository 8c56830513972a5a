/* SPDX-License-Identifier: MIT */
/*
 * What the program's own files share: the machines as they were last seen, what
 * is shown of them in which order, dialogs, children, and the whole.
 */
#ifndef BIN_TUI_TUI_INT_H
#define BIN_TUI_TUI_INT_H

#include "bin/tui/tui.h"
#include "lib/home.h"
#include "lib/metrics.h"
#include "lib/opt.h"

enum { NAME_SIZE = 64, NOTE_SIZE = 160 };

/* --- one machine (model.c) --- */

struct gauge; /* its metrics, while somebody wants them (gauge.c) */

enum { STATE_UNKNOWN = HOME_STATES }; /* it cannot be looked at: see cause */

struct machine {
	char name[NAME_SIZE];
	unsigned state; /* enum home_state, or STATE_UNKNOWN */
	unsigned cpus; /* 0 not known */
	uint64_t memory; /* bytes; 0 */
	int64_t started, ended; /* seconds since 1970; 0 */
	int pid, exit; /* 0; -1 */
	char engine[16], cause[NOTE_SIZE], description[NOTE_SIZE];
	bool tagged, visible; /* visible: its row was drawn */
	/* model.c's */
	int watch; /* inotify's; -1 none */
	bool news; /* to be looked at */
	bool gone;
	unsigned again; /* ms; to be looked at once more, as it may be about
			 * to let go its lock */
	int64_t due;
	/* gauge.c's */
	struct gauge *gauge;
	int64_t gauge_due; /* not before, if there is none */
};

bool machine_runs(const struct machine *); /* it has a process */
const char *machine_state(const struct machine *); /* a word */

/* --- all of them --- */

struct model;

/* -errno with a sentence. There need not be a state directory: then there are
 * no machines, and it is looked for again. */
int model_open(struct model **);
void model_close(struct model *);
/* Look at what may have changed; all: also at what is not watched, or was not
 * looked at for long. Pointers to machines are good until the next time. */
void model_refresh(struct model *, bool all);
struct machine *const *model_machines(const struct model *, size_t *n);
struct machine *model_find(const struct model *, const char *name);
int model_root(const struct model *); /* -1 */
struct vmm_home *model_home(const struct model *); /* NULL: not there */
const char *model_trouble(const struct model *); /* "" it can be listed */
int model_fd(const struct model *); /* readable: news, model_refresh(m, false);
				     * -1 none */
int model_wait(const struct model *); /* ms until the same; -1 never */

/* --- metrics --- */

/* Read those of the machines that run and are visible, or of all that run. */
void gauge_all(struct model *, bool all);
void gauge_free(struct machine *);
/* NULL: not known, or too old; without rates until there are two readings. */
const struct metrics *gauge_now(const struct machine *);
const struct metrics_rates *gauge_rates(const struct machine *);
/* Metered, and without rates still? */
bool gauge_waits(const struct machine *);

/* --- the host (host.c) --- */

struct host {
	uint64_t busy, total; /* jiffies */
	double cpu; /* percent of all CPUs; -1 not known yet */
	uint64_t memory, used; /* bytes; 0 not known */
	double load[3]; /* -1 */
	unsigned cpus;
};
void host_read(struct host *);

/* --- columns (column.c) --- */

struct column {
	const char *name; /* for --sort and the menu */
	const char *heading;
	const char *help;
	int width; /* 0: what is left; negative: left-aligned */
	unsigned order; /* the smaller, the longer it stays */
	bool metered;
	bool large; /* the largest first */
	/* Its text, "-" nothing; returns buf or what lives longer. */
	const char *(*text)(const struct machine *, char buf[32]);
	/* For sorting; NULL: by text. */
	double (*value)(const struct machine *);
};
enum { COLUMN_NAME, COLUMN_STATE };
const struct column *column_get(size_t n); /* NULL behind the last */
int column_find(const char *name); /* -EINVAL with a sentence */

/* --- what is shown (view.c) --- */

struct view {
	struct machine **row;
	size_t n, room, all;
	size_t state[STATE_UNKNOWN + 1]; /* how many of each, of all */
	size_t tags;
	int sort; /* a column */
	bool reverse;
	unsigned states; /* bits; 0 any */
	char filter[64];
	char selected[NAME_SIZE];
	size_t at; /* the selected row */
	size_t top; /* the first one on the screen */
};
/* Anew, from the model. The selection stays with its name; where that is gone,
 * it stays where it was. */
void view_make(struct view *, const struct model *);
void view_free(struct view *);
void view_select(struct view *, size_t row);
struct machine *view_selected(const struct view *); /* NULL none */

/* --- children (job.c) --- */

/* One program to run, without a terminal, in a session of its own. */
struct job;
/* Its exit status: 127 if it could not be run, 128 + n on signal n; and the
 * first line that it said, safe for a terminal, without its name. */
typedef void job_done(struct tui *, const char *about, unsigned what,
	int status, const char *said);
/* argv is copied; a program beside us is preferred to one in PATH. It runs
 * soon: a few at a time. -ENOMEM. */
int job_add(struct tui *, const char *const *argv, job_done *done,
	const char *about, unsigned what);
unsigned job_fds(struct tui *, struct pollfd *, unsigned max);
void job_ready(struct tui *, const struct pollfd *, unsigned n);
/* What still waits is begun, and nobody waited for. */
void job_free_all(struct tui *);

/* --- dialogs (dialog.c, dialog-*.c) --- */

struct dialog;
struct dialog_ops {
	void (*draw)(struct dialog *, struct tui *, WINDOW *);
	/* A key; the dialog may free itself through dialog_close(). */
	void (*key)(struct dialog *, struct tui *, wint_t, bool is_char);
	void (*free)(struct dialog *);
	bool (*cursor)(struct dialog *, int *y, int *x);
};
struct dialog {
	const struct dialog_ops *ops;
	const char *title;
	int height, width; /* wanted, without the frame */
};
void dialog_open(struct tui *, struct dialog *); /* in place of any other */
void dialog_close(struct tui *);
/* y or n. */
void dialog_ask(struct tui *, const char *title, const char *question,
	void (*yes)(struct tui *, const char *about), const char *about);
/* To be typed exactly. */
void dialog_type(struct tui *, const char *title, const char *question,
	const char *answer, void (*yes)(struct tui *, const char *about),
	const char *about);
/* Any text; an empty one is as Esc. */
void dialog_input(struct tui *, const char *title, const char *question,
	void (*take)(struct tui *, const char *about, const char *text),
	const char *about);
/* One of n words; chosen: the one it begins with. */
void dialog_menu(struct tui *, const char *title, const char *(*word)(size_t n),
	size_t chosen, void (*pick)(struct tui *, size_t n));
void dialog_new(struct tui *); /* a machine */
void dialog_help(struct tui *);

/* A line that is typed: edited by itself. */
struct field {
	char text[512];
	size_t used, at; /* bytes */
};
bool field_key(struct field *, wint_t, bool is_char);
/* In so many columns, scrolled as need be; returns the cursor's column. */
int field_draw(const struct field *, WINDOW *, int y, int x, int width);
void field_set(struct field *, const char *);

/* --- what keys do (bind.c, action.c) --- */

enum { WHERE_LIST = 1, WHERE_DETAILS = 2, WHERE_PANE = 4 };
struct binding {
	unsigned where;
	const char *keys; /* as the help shows them */
	const char *word; /* for the key line; NULL: not in it */
	const char *help;
	wint_t code[4]; /* curses' codes, 0 none */
	const char *chars; /* characters; NULL none */
	void (*act)(struct tui *);
};
const struct binding *binding_get(size_t n); /* NULL behind the last */
bool binding_key(struct tui *, wint_t, bool is_char);
/* The key line of where we are: "Enter open  s start ...", behind a pane's own,
 * without the keys that those have. */
void binding_line(const struct tui *, char *buf, size_t size, const char *own);

/* Those of the machines that are tagged, or the selected or opened one. */
void action_start(struct tui *);
void action_stop(struct tui *);
void action_pause(struct tui *);
void action_kill(struct tui *);
void action_reset(struct tui *);
void action_delete(struct tui *);
void action_set(struct tui *); /* a key of its config */

/* --- the details of one (details.c) --- */

struct details;
struct details *details_open(struct tui *, const char *name);
void details_free(struct details *);
void details_refresh(struct details *, struct tui *);
void details_draw(struct details *, struct tui *, int y, int h, int w);
void details_scroll(struct details *, int lines);

/* --- drawing (list.c, line.c) --- */

enum style {
	STYLE_PLAIN,
	STYLE_HEADING,
	STYLE_SELECTED,
	STYLE_TITLE,
	STYLE_KEY,
	STYLE_DIM,
	STYLE_TAGGED,
	STYLE_MESSAGE,
	STYLE_STATE /* + a state */
};
/* What attrset() takes. */
int style(struct tui *, unsigned which);
const char *glyph(const struct tui *, unsigned state);
/* Text without colours in any terminal: as tui_put(), padded with blanks. */
void put_padded(WINDOW *, int y, int x, int width, const char *, bool right);
void draw_list(struct tui *, int y, int h);
/* The machines, and of the host so many parts, in so many bytes each. */
void summary_text(const struct view *, const struct host *, char *left,
	char *right, size_t size, unsigned parts);
void draw_summary(struct tui *, int y);
void draw_keys(struct tui *, int y, const char *keys);
/* What is typed as a filter, or the message; a window of one line. */
void draw_message(struct tui *, WINDOW *);
void draw_title(struct tui *, int y, const char *left, const char *right);

/* --- the whole (loop.c) --- */

struct want { /* the command line */
	struct tty_want tty;
	int64_t delay; /* ns */
	uint64_t count; /* 0: no end */
	bool batch, reverse, no_mouse, list;
	const char *sort;
	struct opt_list states;
};

enum focus { FOCUS_MAIN, FOCUS_LOWER };

struct tui {
	struct model *model;
	struct view view;
	struct host host;
	int64_t delay, refresh; /* ms */
	struct details *details; /* NULL: the list */
	char open[NAME_SIZE]; /* whose details, or whose pane */
	struct pane *full; /* over all */
	struct pane *lower; /* events, below the list */
	struct pane *side; /* the screen, beside details */
	WINDOW *full_win, *lower_win, *side_win, *dialog_win;
	enum focus focus;
	struct dialog *dialog;
	struct job *jobs;
	size_t jobs_running;
	struct field filter;
	bool filtering;
	char message[256];
	int64_t message_until; /* 0 none */
	int64_t clicked; /* when; 0 */
	bool redraw, quit;
	int page; /* rows of the list on the screen */
	int list_y; /* where the first row is */
	size_t acted, failed; /* of the running action */
};

/* Windows anew: something came or went, or the size has changed. (show.c) */
void tui_layout(struct tui *);
void tui_draw(struct tui *);
bool show_side_fits(void);
void show_close(struct tui *); /* the windows */
/* A pane alone has something new: only that is drawn, it may be often. */
void show_pane(struct tui *, struct pane *);

/* The machine that keys are about; NULL. */
struct machine *tui_machine(struct tui *);
void tui_refresh(struct tui *, bool all);
void tui_open_details(struct tui *, const char *name);
void tui_open_full(struct tui *, struct pane *);
void tui_back(struct tui *); /* one step: pane, details, list */
/* The screen beside the details lives only while there is room for it. */
void tui_place_side(struct tui *);
void input_read(struct tui *); /* the keys that are there */
int tui_run(const struct want *, const struct view *); /* -errno; a signal */
int batch_run(const struct want *, struct view *);

#endif
