/* SPDX-License-Identifier: MIT */
/*
 * What the files of vm-ls share: the columns there are, the rows that were
 * read, and how they are to be printed.
 */
#ifndef BIN_LS_LS_H
#define BIN_LS_LS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/opt.h"
#include "lib/vmm.h"

struct conf {
	struct opt_list columns, states;
	const char *sort;
	bool longer, headless, json, quiet, zero, wide, reverse, watch, list;
	unsigned colour;
};

enum colour { AUTO, ALWAYS, NEVER };

struct row { /* numbers are -1 where there is nothing to say */
	char *name, *engine, *cause, *description;
	const char *state; /* constant */
	int64_t cpus, memory, uptime, pid, cpu, rss, own, exit;
	int64_t created, started, ended;
	/* from its metrics file: percent in hundredths, rates in bytes a
	 * second */
	int64_t percent, resident, disk_read, disk_write, net_in, net_out;
	int64_t disk_read_bytes, disk_write_bytes, disk_reads, disk_writes;
	int64_t net_in_bytes, net_out_bytes;
};

enum kind { TEXT, STATE, NUMBER, BYTES, TIME, SPAN, CPU, RATE, PERCENT };

/* What columns take, beside VMM_...: a look at the metrics file; two, a second
 * apart. */
enum { LS_COUNTERS = 1 << 16, LS_RATES = 1 << 17 };

struct column {
	const char *name;
	enum kind kind;
	size_t at; /* in struct row */
	unsigned what; /* it takes to know */
	const char *help;
};

enum { SHOWN_MAX = 64 };

struct list {
	const struct conf *conf;
	const struct column *shown[SHOWN_MAX], *sort;
	unsigned n, what;
	unsigned states; /* bits; 0: all */
	struct row *rows;
	size_t count, room;
	bool colour;
	char **names; /* --watch: only these; none: all */
	bool clean; /* texts are made safe for a terminal */
};

/* The column of that name; NULL with a sentence. */
const struct column *find_column(const char *name, size_t n);
/* "name,state" are shown too. -EINVAL with a sentence. */
int show_columns(struct list *, const char *names);
void list_columns(void);

bool is_text(const struct column *);
const char *row_text(const struct row *, const struct column *);
int64_t row_number(const struct row *, const struct column *);

bool wanted(const struct list *, const struct vmm_info *);
/* Add a row, if it is wanted; each() of vmm_list(). */
int take_row(void *list, const struct vmm_info *);
/* What the rows' machines measured; takes up to two seconds for rates, however
 * many they are. root: the state directory. */
void read_meters(struct list *, const char *root);
void sort_rows(struct list *);
void free_rows(struct list *);

void print_table(const struct list *);
void print_json(const struct list *);
void print_names(const struct list *);

/* Print changes, until stdout is closed; the code to end with. */
int watch_changes(struct list *);

#endif
