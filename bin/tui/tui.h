/* SPDX-License-Identifier: MIT */
/*
 * vm-tui's parts. One loop (bin/tui/loop.c) polls all descriptors; panes draw
 * into windows and take keys; the list of machines is the model (model.c), read
 * from the state directory alone. Nothing here blocks on a machine: what is to
 * be done to one is done by a child process (job.c), and sockets of panes are
 * non-blocking.
 */
#ifndef BIN_TUI_TUI_H
#define BIN_TUI_TUI_H

#include <curses.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

struct tui; /* the whole program's state: bin/tui/tui-int.h */

/* What a pane is: made with the machine's name, owns all it needs. */
struct pane;
struct pane_ops {
	const char *name; /* for the title and the help */
	/* The key line while it has the focus: "key word" pairs, two blanks
	 * between them, the important ones first, as it is cut at the right:
	 * "i type  + larger  q back". It may change with the pane's state. */
	const char *(*keys)(struct pane *);
	/* Draw all into win, whose size may have changed since the last time
	 * (1x1 is possible); no refresh. win has no border: that is the
	 * program's. Nothing is to be left of what was in it. */
	void (*draw)(struct pane *, WINDOW *win);
	/* A key (curses code KEY_..., or a Unicode character with is_char).
	 * False: not mine, the program's own bindings get it. KEY_RESIZE never
	 * comes here, mouse events neither. */
	bool (*key)(struct pane *, wint_t ch, bool is_char);
	/* Descriptors to poll: fills at most max, returns how many. */
	unsigned (*fds)(struct pane *, struct pollfd *, unsigned max);
	/* Some of them are ready; as many as fds() said, in its order. True:
	 * draw me again. */
	bool (*ready)(struct pane *, const struct pollfd *, unsigned n);
	/* ms from now until tick() is due; -1 never. */
	int (*next)(struct pane *);
	bool (*tick)(struct pane *); /* true: draw me again */
	/* Raw: all keys are mine, Ctrl-] and Ctrl-C too. */
	bool (*raw)(struct pane *);
	bool (*done)(struct pane *); /* wants to be closed */
	/* Where the cursor is in win, after draw(); false: it is hidden. */
	bool (*cursor)(struct pane *, int *y, int *x);
	void (*free)(struct pane *);
}; /* all but draw and free may be NULL */
struct pane {
	const struct pane_ops *ops;
	char machine[64]; /* "" all of them */
};

/* The live screen in half-blocks, typing into the guest with i (Ctrl-] ends);
 * the console attached inside; the events (of one machine, or of all: NULL).
 * They never fail: what cannot be shown is said in the window. */
struct pane *screen_pane(struct tui *, const char *machine);
struct pane *console_pane(struct tui *, const char *machine);
struct pane *events_pane(struct tui *, const char *machine);

/* --- from the program, for panes --- */

int tui_root(struct tui *); /* the state root's directory descriptor */
/* One line at the bottom, for some seconds; made safe for a terminal. */
void tui_say(struct tui *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Hostile text at y, x of a window, in the colours and attributes of the
 * window's moment (wattr_set): at most n bytes of it, up to a NUL, in at most
 * width columns and never over the window's edge. Control characters and bytes
 * that are no UTF-8 become '?', so does what an ASCII terminal cannot show;
 * combining characters are left out, a wide one that does not fit whole too.
 * Returns the columns used. (text.c)
 */
int tui_put(WINDOW *, int y, int x, int width, const char *text, size_t n);

/* --- the terminal: tty.c, color.c --- */

enum { TTY_COLOR_AUTO, TTY_COLOR_ALWAYS, TTY_COLOR_NEVER };
struct tty_want {
	bool ascii; /* whatever the locale says */
	bool mouse;
	unsigned color; /* TTY_COLOR_... */
};

/*
 * Curses begins: setlocale(LC_CTYPE) and, where that is no UTF-8, ASCII; raw
 * (all keys are keys), no echo, keypad, a short escape delay, cursor hidden,
 * colours, mouse clicks. stdin and stdout are the terminal. -errno with a
 * sentence, the terminal as before: not a terminal, no TERM, a dumb one (the
 * sentence recommends -b). The terminal is restored by tty_close(), at exit(),
 * and on signals that end the process (SIGSEGV too).
 */
int tty_open(const struct tty_want *);
void tty_close(void); /* harmless when it is not open */
/* poll() for the whole program: SIGWINCH, SIGTERM, SIGHUP, SIGINT and SIGCHLD
 * are let in here alone, and end it: -1, errno EINTR. */
int tty_poll(struct pollfd *, unsigned n, int timeout_ms);
/* The signal that asks us to end, 0 none yet. The program leaves its loop,
 * tty_close()s and raises it. */
int tty_ended(void);
/* The next key, never waiting: OK (a character), KEY_CODE_YES, or ERR: none.
 * KEY_RESIZE: stdscr, LINES and COLS are changed already. */
int tty_key(wint_t *);
void tty_suspend(void); /* Ctrl-Z: until SIGCONT; then draw all anew */
bool tui_utf8(const struct tui *); /* else ASCII */
int tui_colors(const struct tui *); /* 0 (NO_COLOR), 8, 16, 256, 1 << 24 */
/* A curses attribute for two colours 0x00RRGGBB, or TUI_DEFAULT (what the
 * terminal has), the nearest there are; 0 without colours. */
#define TUI_DEFAULT 0xff000000u
attr_t tui_pair(struct tui *, uint32_t fg, uint32_t bg);

#endif
