/* SPDX-License-Identifier: MIT */
/*
 * What happened: the newest lines of events.jsonl of one machine, or of all
 * there are, by time. Nothing is watched: it is looked at when it is asked for,
 * one stat() a machine, and what is new is read.
 */
#ifndef BIN_TUI_HISTORY_H
#define BIN_TUI_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
	int64_t time; /* milliseconds since 1970 */
	char machine[64];
	bool bad; /* somebody should look */
	char *name; /* hostile text, as all here */
	char *about; /* its cause and what else it says */
};

struct history;

/* machine NULL: all. NULL: no memory. */
struct history *history_new(const char *machine);
void history_free(struct history *);
/* How many are new. */
size_t history_look(struct history *);
/* The oldest first. */
const struct event *history_events(const struct history *, size_t *n);

#endif
