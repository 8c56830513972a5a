/* SPDX-License-Identifier: MIT */
/*
 * Colours as they are, 0x00RRGGBB or TUI_DEFAULT, brought to what the terminal
 * has. tui_pair() (tui.h) is for the program's own few; a pane that shows
 * somebody else's picture has thousands, which no attr_t can carry: those are
 * drawn here. Pairs are made as they are needed and the least recently used
 * ones made over.
 */
#ifndef BIN_TUI_COLOR_H
#define BIN_TUI_COLOR_H

#include <curses.h>
#include <stdbool.h>
#include <stdint.h>

/* After newterm(); want is TTY_COLOR_... and NO_COLOR is obeyed for _AUTO. */
void color_open(unsigned want);
void color_close(void);

/* One cell: character (and what combines with it, NUL-terminated), attributes,
 * colours. Without colours, a bright background is A_REVERSE, a bright
 * foreground A_BOLD. */
void color_put(WINDOW *, int y, int x, const wchar_t *ch, attr_t attrs,
	uint32_t fg, uint32_t bg);

/* 0 to 255, as bright as people see it. */
unsigned color_luma(uint32_t rgb);

#endif
