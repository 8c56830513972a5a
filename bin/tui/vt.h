/* SPDX-License-Identifier: MIT */
/*
 * A terminal inside a window: VT102 and xterm, as far as shells, editors and
 * installers use them, and the lines that have left its top. What is written to
 * it is hostile. (Debian 12's libvterm, 0.1.4, writes beyond its memory for
 * such input after a change of size.)
 */
#ifndef BIN_TUI_VT_H
#define BIN_TUI_VT_H

#include <curses.h>
#include <stdbool.h>
#include <stddef.h>

struct vt;

/* say: what the terminal sends: keys, and answers to what is asked of it. NULL
 * where there is no memory. */
struct vt *vt_new(unsigned rows, unsigned cols,
	void (*say)(void *to, const char *p, size_t n), void *to);
void vt_free(struct vt *);
void vt_size(struct vt *, unsigned rows, unsigned cols);
/* quiet: what is asked is not answered. */
void vt_write(struct vt *, const char *p, size_t n, bool quiet);
/* Modes and colours as after power-on; what is to be seen stays. */
void vt_reset(struct vt *);
/* A key as curses tells it. */
void vt_key(struct vt *, wint_t ch, bool is_char);
/* How many lines there are above those in the window: they have left the
 * terminal, or it is higher than the window was. */
unsigned vt_lines(const struct vt *);
/* Into the window, filled whole; back: so many lines further up than the end.
 * Of a window that is smaller, the part where the cursor is. */
void vt_put(struct vt *, WINDOW *, unsigned back, bool utf8);
/* Where the cursor was put by that; false: it is not to be seen. */
bool vt_cursor(const struct vt *, int *y, int *x);

#endif
