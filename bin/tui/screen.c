/* SPDX-License-Identifier: MIT */
/*
 * The live screen: the framebuffer file, looked at some times a second as long
 * as the pane is open, and keys for the guest's keyboard. The machine is not
 * asked for anything; it does not know that it is watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/tui/keymap.h"
#include "bin/tui/picture.h"
#include "bin/tui/place.h"
#include "bin/tui/tui.h"
#include "bin/tui/typist.h"
#include "lib/err.h"
#include "vmm/config.h"

enum {
	LEAVE = 0x1d, /* Ctrl-] */
	ESCAPE = 0x1b,
	FAST_MS = 50, /* between two looks after a key, */
	BUSY_MS = 1000, /* for so long, */
	LIVE_MS = 100, /* and else; */
	READ_MS = 200, /* where graphics are read as text; */
	DEAD_MS = 1000, /* at a machine that does not run; at all else */
	ALT_MS = 30 /* from Escape to what is Alt then */
};

struct screen {
	struct pane pane;
	struct tui *tui;
	struct place place;
	struct fb *fb; /* NULL: none, see why */
	struct stat file; /* it */
	struct fb_head head;
	bool looked; /* head is good */
	char why[160];
	struct picture picture;
	struct picture_want want;
	bool follow; /* the part shown goes with the cursor */
	int64_t place_at, look_at, key_at;

	bool typing;
	const struct layout *layout;
	struct typist *typist;
	int64_t escape_at; /* an Escape waits until then; 0: none */
};

static struct screen *
screen_of(struct pane *p)
{
	return (struct screen *)p;
}

/* --- looking --- */

static void
drop_file(struct screen *s)
{
	fb_close(s->fb);
	s->fb = NULL;
	s->looked = false;
}

/* A machine that starts makes the file anew. */
static void
find_file(struct screen *s)
{
	int dir = place_dir(&s->place), err;
	struct stat st;

	if (dir < 0 || fstatat(dir, FB_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		drop_file(s);
		snprintf(s->why, sizeof(s->why), "%s",
			dir < 0 ? "there is no such machine"
				: "it has no screen yet");
		return;
	}
	if (s->fb && st.st_ino == s->file.st_ino && st.st_dev == s->file.st_dev)
		return;
	drop_file(s);
	err = fb_open(dir, &s->fb);
	if (err) {
		s->fb = NULL;
		snprintf(s->why, sizeof(s->why), "%s",
			err == -ENOENT ? "it has no screen yet" : fail_text());
	}
	s->file = st;
}

static void
look_around(struct screen *s)
{
	if (place_look(&s->place))
		drop_file(s);
	find_file(s);
	s->place_at = pane_now() + DEAD_MS;
}

static bool
is_live(const struct screen *s)
{
	return place_lives(&s->place);
}

/* True: there is something else to be seen. */
static bool
look(struct screen *s)
{
	bool had = s->looked;
	int err;

	if (!s->fb || !s->want.cols)
		return had;
	err = fb_look(s->fb, &s->head);
	if (err && err != -EAGAIN) {
		snprintf(s->why, sizeof(s->why), "%s", fail_text());
		s->looked = false;
		return had;
	}
	s->looked = true;
	s->want.dim = !is_live(s);
	if (s->follow)
		s->want.x = s->want.y = -1;
	s->want.glance = pane_now() - s->key_at > BUSY_MS;
	err = picture_make(&s->picture, s->fb, &s->head, &s->want);
	return err > 0 || !had;
}

static int64_t
pause_ms(const struct screen *s)
{
	if (!s->fb || !is_live(s))
		return DEAD_MS;
	if (pane_now() - s->key_at < BUSY_MS)
		return FAST_MS;
	return s->want.how == PICTURE_TEXT && s->head.kind != FB_TEXT ? READ_MS
								      : LIVE_MS;
}

/* --- drawing --- */

static void
put_note(WINDOW *w, bool alone, const char *text)
{
	int rows, cols, n = (int)strlen(text);

	getmaxyx(w, rows, cols);
	wattr_set(w, alone ? A_NORMAL : A_REVERSE, 0, NULL);
	tui_put(w, alone ? rows / 2 : rows - 1, n < cols ? (cols - n) / 2 : 0,
		cols, text, (size_t)n);
	wattr_set(w, A_NORMAL, 0, NULL);
}

static void
screen_draw(struct pane *p, WINDOW *w)
{
	struct screen *s = screen_of(p);
	char note[120] = "";
	int rows, cols;

	getmaxyx(w, rows, cols);
	s->want.cols = (unsigned)(cols > 0 ? cols : 1);
	s->want.rows = (unsigned)(rows > 0 ? rows : 1);
	s->want.utf8 = tui_utf8(s->tui);
	s->want.colors = tui_colors(s->tui) > 0;
	look(s);
	if (!s->looked || s->picture.cols != s->want.cols ||
		s->picture.rows != s->want.rows) {
		werase(w);
		put_note(w, true, s->why);
		return;
	}
	picture_put(&s->picture, w, s->want.utf8);
	if (!is_live(s))
		snprintf(note, sizeof(note), " %s: its last screen ",
			home_state_name(s->place.look.state));
	else if (s->place.look.state == HOME_PAUSED)
		snprintf(note, sizeof(note), " paused ");
	else if (s->head.kind == FB_OFF)
		snprintf(note, sizeof(note), " the screen is off ");
	if (*note)
		put_note(w, false, note);
}

static bool
screen_cursor(struct pane *p, int *y, int *x)
{
	const struct screen *s = screen_of(p);

	if (!s->looked || !is_live(s) || s->picture.cursor_x < 0)
		return false;
	*y = s->picture.cursor_y;
	*x = s->picture.cursor_x;
	return true;
}

/* --- typing --- */

static void
stop_typing(struct screen *s)
{
	s->typing = false;
	s->escape_at = 0;
	typist_close(s->typist);
	s->typist = NULL;
}

static bool
go(struct screen *s, short revents)
{
	const char *said = NULL;
	int err;

	if (!s->typist)
		return false;
	err = typist_go(s->typist, revents, &said);
	if (said)
		tui_say(s->tui, "%s: %s", s->pane.machine, said);
	if (!err)
		return false;
	if (s->typing) /* else it has just ended */
		tui_say(s->tui, "%s: %s", s->pane.machine, fail_text());
	stop_typing(s);
	return true;
}

static bool
connect_keys(struct screen *s)
{
	if (s->typist)
		return true;
	if (!is_live(s) || typist_open(&s->typist, place_dir(&s->place)) < 0) {
		tui_say(s->tui, "%s: %s", s->pane.machine,
			is_live(s) ? fail_text() : "not running");
		return false;
	}
	return true;
}

static void
send_chords(struct screen *s, const struct chord *c, unsigned n)
{
	for (unsigned i = 0; s->typist && i < n; i++)
		if (typist_key(s->typist, &c[i]) < 0) {
			tui_say(s->tui, "%s: %s", s->pane.machine, fail_text());
			return;
		}
	go(s, 0);
}

static void
type(struct screen *s, wint_t ch, bool is_char, bool alt)
{
	struct chord chords[LAYOUT_CHORDS];
	unsigned n = keymap_chords(s->layout, ch, is_char, alt, chords);

	if (n)
		send_chords(s, chords, n);
	else
		tui_say(s->tui, "no key for that on layout %s",
			layout_name(s->layout));
}

/* Escape with a key at once behind it is how terminals say Alt. */
static void
typed(struct screen *s, wint_t ch, bool is_char)
{
	bool alt = s->escape_at != 0;

	s->escape_at = 0;
	if (is_char && ch == LEAVE) {
		s->typing = false; /* what was typed still goes */
	} else if (is_char && ch == ESCAPE && !alt) {
		s->escape_at = pane_now() + ALT_MS;
	} else {
		type(s, ch, is_char, alt);
	}
}

/* What the guest's keyboard is, as its config says now. */
static const struct layout *
find_layout(const struct screen *s)
{
	const struct layout *l;
	struct config cfg;
	char *text = NULL;
	size_t size;

	config_init(&cfg);
	if (s->place.vm && home_config(s->place.vm, &text, &size) == 0)
		config_parse(&cfg, s->pane.machine, text, size);
	l = layout_at(cfg.layout);
	config_free(&cfg);
	free(text);
	return l ? l : layout_at(0);
}

static void
begin_typing(struct screen *s)
{
	if (!connect_keys(s))
		return;
	s->layout = find_layout(s);
	s->typing = true;
}

static void
ctrl_alt_del(struct screen *s)
{
	struct chord c;

	if (chord_parse(&c, "ctrl-alt-delete") == 0 && connect_keys(s))
		send_chords(s, &c, 1);
}

/* --- keys --- */

/* How far the arrows move what is shown. */
static bool
move_part(struct screen *s, wint_t ch)
{
	int across = s->picture.text ? 8 : 16, down = s->picture.text ? 4 : 16;

	if (!s->looked || !s->picture.cut)
		return false;
	switch (ch) {
	case KEY_LEFT:
		s->want.x -= s->want.x > across ? across : s->want.x;
		break;
	case KEY_RIGHT:
		s->want.x += across;
		break;
	case KEY_UP:
		s->want.y -= s->want.y > down ? down : s->want.y;
		break;
	case KEY_DOWN:
		s->want.y += down;
		break;
	default:
		return false;
	}
	s->follow = false;
	return true;
}

static void
toggle(struct screen *s, enum picture_how how)
{
	s->want.how = s->want.how == how ? PICTURE_FIT : how;
	s->want.x = s->want.y = 0;
	s->follow = true;
}

static bool
screen_key(struct pane *p, wint_t ch, bool is_char)
{
	struct screen *s = screen_of(p);

	if (s->typing)
		typed(s, ch, is_char);
	else if (!is_char)
		return move_part(s, ch);
	else if (ch == 'i')
		begin_typing(s);
	else if (ch == 'z')
		toggle(s, PICTURE_TRUE);
	else if (ch == 't')
		toggle(s, PICTURE_TEXT);
	else if (ch == 'D')
		ctrl_alt_del(s);
	else
		return false;
	/* What a key does is to be seen soon. */
	s->look_at = pane_now() + FAST_MS / 2;
	s->key_at = pane_now();
	return true;
}

static const char *
screen_keys(struct pane *p)
{
	const struct screen *s = screen_of(p);

	if (s->typing)
		return "Ctrl-] stop typing";
	return s->want.how == PICTURE_TRUE
		       ? "i type  z fit  t text  D Ctrl-Alt-Del"
		       : "i type  z 1:1  t text  D Ctrl-Alt-Del";
}

static bool
screen_raw(struct pane *p)
{
	return screen_of(p)->typing;
}

/* --- time --- */

static unsigned
screen_fds(struct pane *p, struct pollfd *fds, unsigned max)
{
	const struct screen *s = screen_of(p);

	if (!s->typist || !max)
		return 0;
	fds[0] = typist_fd(s->typist);
	return 1;
}

static bool
screen_ready(struct pane *p, const struct pollfd *fds, unsigned n)
{
	return n && fds[0].revents && go(screen_of(p), fds[0].revents);
}

static int
screen_next(struct pane *p)
{
	const struct screen *s = screen_of(p);
	int64_t at = s->look_at < s->place_at ? s->look_at : s->place_at;

	if (s->escape_at && s->escape_at < at)
		at = s->escape_at;
	return pane_until(at);
}

static bool
screen_tick(struct pane *p)
{
	struct screen *s = screen_of(p);
	int64_t now = pane_now();
	bool again = false, was_live = is_live(s);
	enum home_state state = s->place.look.state;

	if (s->escape_at && now >= s->escape_at) {
		s->escape_at = 0;
		type(s, ESCAPE, true, false);
	}
	if (now >= s->place_at) {
		look_around(s);
		again = is_live(s) != was_live || s->place.look.state != state;
		if (s->typist && !is_live(s))
			stop_typing(s);
		again = go(s, 0) || again;
	}
	if (now >= s->look_at) {
		again = look(s) || again;
		s->look_at = pane_now() + pause_ms(s);
	}
	return again;
}

static void
screen_free(struct pane *p)
{
	struct screen *s = screen_of(p);

	stop_typing(s);
	drop_file(s);
	picture_free(&s->picture);
	place_close(&s->place);
	free(s);
}

static const struct pane_ops ops = {
	.name = "screen",
	.keys = screen_keys,
	.draw = screen_draw,
	.key = screen_key,
	.fds = screen_fds,
	.ready = screen_ready,
	.next = screen_next,
	.tick = screen_tick,
	.raw = screen_raw,
	.cursor = screen_cursor,
	.free = screen_free,
};

struct pane *
screen_pane(struct tui *tui, const char *machine)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->pane.ops = &ops;
	snprintf(s->pane.machine, sizeof(s->pane.machine), "%s", machine);
	memcpy(s->place.name, s->pane.machine, sizeof(s->place.name));
	s->tui = tui;
	s->follow = true;
	s->layout = layout_at(0);
	look_around(s);
	return &s->pane;
}
