/* SPDX-License-Identifier: MIT */
/* What the files of the model share. */
#ifndef BIN_TUI_MODEL_H
#define BIN_TUI_MODEL_H

#include "bin/tui/tui-int.h"
#include "vmm/api-int.h"

struct model {
	struct vmm_home *home; /* NULL: not there (yet) */
	struct machine **v; /* in the order of names */
	size_t n;
	int in, root; /* inotify, and its watch of the root; -1 */
	size_t watches;
	bool news; /* names have come or gone */
	bool unsure; /* and may not have been complete */
	int64_t listed, calm; /* when the names were read; not before */
	unsigned turn;
	char trouble[256];
};

/* --- news.c --- */
void model_watch_root(struct model *); /* unless it is */
void model_watch(struct model *, struct machine *);
void model_unwatch(struct model *, struct machine *);
/* Marks what is to be looked at. Bounded: more may be left. */
void model_read_news(struct model *);
/* Look at it again in so many ms. */
void model_later(struct machine *, unsigned ms);

#endif
