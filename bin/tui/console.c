/* SPDX-License-Identifier: MIT */
/*
 * A machine's console: what it said is read from its log, as vm-console does
 * it, and goes through a terminal of our own; what is typed goes to its socket.
 * A new run of the machine goes on below the one before.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/tui/keymap.h"
#include "bin/tui/place.h"
#include "bin/tui/tui.h"
#include "bin/tui/vt.h"
#include "lib/console-follow.h"
#include "lib/console.h"
#include "lib/err.h"
#include "lib/sock.h"

enum {
	LEAVE = 0x1d, /* Ctrl-] */
	HEIGHT = 24, /* what a guest takes a serial terminal for, at least */
	WIDTH = 80,
	BEGIN = 256 << 10, /* bytes of the log to begin with, at most */
	CHUNK = 2048, /* read at a time */
	READ_MS = 15, /* between two looks at the keyboard */
	DRAW_MS = 30, /* between two drawings */
	LOOK_MS = 1000,
	SOON_MS =
		50, /* after something has happened to a machine that is off */
	POLL_MS = 100 /* where nobody tells of news */
};

struct console {
	struct pane pane;
	struct tui *tui;
	struct place place;
	struct vt *vt;
	struct console_follow log;
	bool reading, caught_up; /* with what was there when we began */
	int notify; /* inotify on the directory; -1 */
	int wire; /* the socket; -1 */
	char out[4096];
	size_t out_used;
	unsigned back; /* lines scrolled back */
	int page; /* rows of the window */
	int64_t look_at, read_at, drawn_at;
	bool more, dirty, done;
};

static struct console *
console_of(struct pane *p)
{
	return (struct console *)p;
}

static bool
is_live(const struct console *c)
{
	return place_lives(&c->place);
}

/* --- what it is told --- */

static void
hang_up(struct console *c)
{
	if (c->wire >= 0)
		close(c->wire);
	c->wire = -1;
	c->out_used = 0;
}

static void
flush(struct console *c)
{
	ssize_t n = 0;

	while (c->wire >= 0 && c->out_used) {
		n = send(c->wire, c->out, c->out_used,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			hang_up(c);
		if (n <= 0)
			return;
		c->out_used -= (size_t)n;
		memmove(c->out, c->out + n, c->out_used);
	}
}

static void
connect_wire(struct console *c)
{
	int fd;

	if (c->wire >= 0 || !is_live(c))
		return;
	fd = sock_connect(place_dir(&c->place), CONSOLE_SOCKET, 0);
	if (fd < 0)
		return;
	shutdown(fd, SHUT_RD); /* the log has it all */
	c->wire = fd;
}

static void
say(void *to, const char *p, size_t n)
{
	struct console *c = to;

	if (c->wire < 0 || n > sizeof(c->out) - c->out_used) {
		/* Answers to the guest go quietly. */
		return;
	}
	memcpy(c->out + c->out_used, p, n);
	c->out_used += n;
	flush(c);
}

/* --- what it says --- */

static void
stop_reading(struct console *c)
{
	if (c->reading)
		console_follow_close(&c->log);
	c->reading = false;
}

/* A machine that starts has its log of before renamed. */
static bool
is_old(const struct console *c)
{
	struct stat ours, old;

	return c->log.fd >= 0 && fstat(c->log.fd, &ours) == 0 &&
	       fstatat(place_dir(&c->place), CONSOLE_LOG_OLD, &old,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == old.st_ino && ours.st_dev == old.st_dev;
}

static void
begin_reading(struct console *c)
{
	int dir = place_dir(&c->place);

	if (c->reading || dir < 0)
		return;
	if (console_follow_open(&c->log, dir, CONSOLE_FROM_START, BEGIN) < 0)
		tui_say(c->tui, "%s: %s", c->pane.machine, fail_text());
	else
		c->reading = true;
}

static void
look_soon(struct console *c)
{
	int64_t soon = pane_now() + SOON_MS;

	if (c->look_at > soon)
		c->look_at = soon;
}

static void
next_run(struct console *c)
{
	static const char gap[] = "\r\n";

	look_soon(c);
	stop_reading(c);
	vt_reset(c->vt);
	vt_write(c->vt, gap, sizeof(gap) - 1, true);
	c->caught_up = false;
	begin_reading(c);
}

/* The answers to what was asked before we came are not wanted any more. */
static void
feed(struct console *c, const char *p, size_t n)
{
	unsigned before = vt_lines(c->vt), after;

	vt_write(c->vt, p, n, !c->caught_up);
	after = vt_lines(c->vt);
	if (c->back && after > before)
		c->back += after - before; /* what is read stays in place */
	c->dirty = true;
}

static void
read_some(struct console *c)
{
	int64_t end = pane_now() + READ_MS;
	char buf[CHUNK];

	c->more = false;
	while (c->reading && pane_now() < end) {
		ssize_t n = console_follow_read(&c->log, buf, sizeof(buf));

		if (n < 0) {
			tui_say(c->tui, "%s: %s", c->pane.machine, fail_text());
			stop_reading(c);
			return;
		}
		if (n == 0 && is_old(c)) {
			next_run(c);
			continue;
		}
		if (n == 0) {
			c->caught_up = true;
			return;
		}
		feed(c, buf, (size_t)n);
	}
	c->more = c->reading;
}

/* --- the place --- */

static void
watch(struct console *c)
{
	char path[40];

	if (c->notify >= 0)
		close(c->notify);
	c->notify = -1;
	if (place_dir(&c->place) < 0)
		return;
	c->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place_dir(&c->place));
	if (c->notify >= 0 &&
		inotify_add_watch(c->notify, path,
			IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
		close(c->notify);
		c->notify = -1;
	}
}

static void
look_around(struct console *c)
{
	bool was_live = is_live(c);

	if (place_look(&c->place)) {
		hang_up(c);
		stop_reading(c);
		watch(c);
	}
	begin_reading(c);
	if (!is_live(c))
		hang_up(c);
	connect_wire(c);
	if (is_live(c) != was_live)
		c->dirty = true;
	c->look_at = pane_now() + LOOK_MS;
}

/* --- drawing --- */

static void
put_note(const struct console *c, WINDOW *w)
{
	char note[120];
	int n;

	if (c->back)
		n = snprintf(
			note, sizeof(note), " %u lines further up ", c->back);
	else if (place_dir(&c->place) < 0)
		n = snprintf(note, sizeof(note), " there is no such machine ");
	else if (!is_live(c))
		n = snprintf(note, sizeof(note), " %s ",
			home_state_name(c->place.look.state));
	else if (c->wire < 0)
		n = snprintf(note, sizeof(note), " it takes no input ");
	else
		return;
	wattr_set(w, A_REVERSE, 0, NULL);
	n = n > getmaxx(w) ? getmaxx(w) : n;
	tui_put(w, getmaxy(w) - 1, getmaxx(w) - n, n, note, sizeof(note));
	wattr_set(w, A_NORMAL, 0, NULL);
}

static void
console_draw(struct pane *p, WINDOW *w)
{
	struct console *c = console_of(p);
	int rows, cols;

	getmaxyx(w, rows, cols);
	c->page = rows;
	vt_size(c->vt, (unsigned)(rows > HEIGHT ? rows : HEIGHT),
		(unsigned)(cols > WIDTH ? cols : WIDTH));
	if (c->back > vt_lines(c->vt))
		c->back = vt_lines(c->vt);
	vt_put(c->vt, w, c->back, tui_utf8(c->tui));
	put_note(c, w);
	c->dirty = false;
	c->drawn_at = pane_now();
}

static bool
console_cursor(struct pane *p, int *y, int *x)
{
	const struct console *c = console_of(p);

	return is_live(c) && vt_cursor(c->vt, y, x);
}

/* --- keys --- */

static void
scroll_back(struct console *c, int lines)
{
	int64_t to = (int64_t)c->back + lines;

	if (to > vt_lines(c->vt))
		to = vt_lines(c->vt);
	c->back = to > 0 ? (unsigned)to : 0;
}

/* With a modifier, or where nobody else wants them. */
static bool
is_scrolling(struct console *c, wint_t ch)
{
	unsigned mods;
	wint_t base = keymap_base(ch, &mods);
	int page = c->page > 2 ? c->page - 1 : 1;

	if (is_live(c) && !mods)
		return false;
	if (base == KEY_PPAGE)
		scroll_back(c, page);
	else if (base == KEY_NPAGE)
		scroll_back(c, -page);
	else if (base == KEY_HOME)
		scroll_back(c, INT_MAX);
	else if (base == KEY_END)
		scroll_back(c, -INT_MAX);
	else if (base == KEY_UP)
		scroll_back(c, 1);
	else if (base == KEY_DOWN)
		scroll_back(c, -1);
	else
		return false;
	return true;
}

static bool
console_key(struct pane *p, wint_t ch, bool is_char)
{
	struct console *c = console_of(p);

	if (is_char && ch == LEAVE) {
		c->done = true;
		return true;
	}
	if (!is_char && is_scrolling(c, ch))
		return true;
	if (!is_live(c))
		return false;
	connect_wire(c);
	c->back = 0;
	if (c->wire < 0 || c->out_used > sizeof(c->out) / 2)
		tui_say(c->tui, "%s: it takes no input", c->pane.machine);
	else
		vt_key(c->vt, ch, is_char);
	return true;
}

static const char *
console_keys(struct pane *p)
{
	return is_live(console_of(p)) ? "Ctrl-] leave  Shift-PgUp scroll back"
				      : "PgUp scroll back  q leave";
}

static bool
console_raw(struct pane *p)
{
	return is_live(console_of(p));
}

static bool
console_done(struct pane *p)
{
	return console_of(p)->done;
}

/* --- time --- */

static unsigned
console_fds(struct pane *p, struct pollfd *fds, unsigned max)
{
	const struct console *c = console_of(p);
	unsigned n = 0;

	if (c->notify >= 0 && n < max)
		fds[n++] = (struct pollfd){c->notify, POLLIN, 0};
	if (c->wire >= 0 && n < max)
		fds[n++] =
			(struct pollfd){c->wire, c->out_used ? POLLOUT : 0, 0};
	return n;
}

/* Is it to be drawn now, or soon, by the tick? */
static bool
draw_now(const struct console *c)
{
	return c->dirty && pane_now() - c->drawn_at >= DRAW_MS;
}

static bool
console_ready(struct pane *p, const struct pollfd *fds, unsigned n)
{
	struct console *c = console_of(p);
	char buf[4096];

	for (unsigned i = 0; i < n; i++) {
		if (fds[i].fd == c->notify && fds[i].revents) {
			if (read(c->notify, buf, sizeof(buf)) > 0)
				c->more = true;
			if (!is_live(c))
				look_soon(c);
		} else if (fds[i].fd == c->wire && fds[i].revents) {
			if (fds[i].revents & (POLLHUP | POLLERR)) {
				hang_up(c);
				c->look_at = 0; /* has it ended? */
			} else {
				flush(c);
			}
		}
	}
	if (c->more)
		read_some(c);
	return draw_now(c);
}

static int
console_next(struct pane *p)
{
	const struct console *c = console_of(p);
	int64_t at = c->look_at;

	if (c->more)
		return 0;
	if (c->dirty && c->drawn_at + DRAW_MS < at)
		at = c->drawn_at + DRAW_MS;
	if (c->notify < 0 && c->read_at < at)
		at = c->read_at;
	return pane_until(at);
}

static bool
console_tick(struct pane *p)
{
	struct console *c = console_of(p);
	int64_t now = pane_now();

	if (now >= c->look_at) {
		look_around(c);
		c->more = true;
	}
	if (now >= c->read_at) {
		c->read_at = now + POLL_MS;
		c->more |= c->notify < 0;
	}
	if (c->more)
		read_some(c);
	return draw_now(c);
}

static void
console_close(struct pane *p)
{
	struct console *c = console_of(p);

	stop_reading(c);
	hang_up(c);
	if (c->notify >= 0)
		close(c->notify);
	vt_free(c->vt);
	place_close(&c->place);
	free(c);
}

static const struct pane_ops ops = {
	.name = "console",
	.keys = console_keys,
	.draw = console_draw,
	.key = console_key,
	.fds = console_fds,
	.ready = console_ready,
	.next = console_next,
	.tick = console_tick,
	.raw = console_raw,
	.done = console_done,
	.cursor = console_cursor,
	.free = console_close,
};

struct pane *
console_pane(struct tui *tui, const char *machine)
{
	struct console *c = calloc(1, sizeof(*c));

	if (c)
		c->vt = vt_new(HEIGHT, WIDTH, say, c);
	if (!c || !c->vt) {
		free(c);
		return NULL;
	}
	c->pane.ops = &ops;
	snprintf(c->pane.machine, sizeof(c->pane.machine), "%s", machine);
	memcpy(c->place.name, c->pane.machine, sizeof(c->place.name));
	c->tui = tui;
	c->log = (struct console_follow){.fd = -1, .next = -1};
	c->notify = c->wire = -1;
	look_around(c);
	c->more = true;
	return &c->pane;
}
