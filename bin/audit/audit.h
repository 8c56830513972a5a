/* SPDX-License-Identifier: MIT */
/*
 * What the files of vm-audit share: the audit of one machine.
 */
#ifndef BIN_AUDIT_AUDIT_H
#define BIN_AUDIT_AUDIT_H

#include <stdbool.h>

#include "lib/home.h"

struct config;
struct json;
struct json_t;
struct qmp;

enum { AUDIT_CHECKS = 256, AUDIT_DETAIL = 512 };

enum result {
	HOLDS,
	FAILS,
	KNOWN /* neither: what there is to know */
};

struct check {
	const char *what;
	enum result result;
	char detail[AUDIT_DETAIL]; /* printable */
};

struct audit {
	struct home *home;
	struct home_vm *vm;
	struct home_status status;
	int pidfd, proc; /* the process and its /proc/PID */
	struct qmp *qmp; /* NULL: it does not answer */
	struct json_t *word; /* what it says of itself, or NULL */
	struct json_t *drives; /* likewise, query-block; asked once */
	char silence[256]; /* why not */
	struct check check[AUDIT_CHECKS];
	size_t n;
	bool failed;
};

void audit_note(struct audit *, const char *what, enum result, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));
/* Ask again; word or silence is new. */
void audit_ask(struct audit *);
/* /proc/PID/NAME as text, at most size - 1 bytes; the length or -errno. */
ssize_t audit_read(
	const struct audit *, const char *name, char *text, size_t size);

/* A descriptor: "FD KIND ACCESS TARGET", see vmm/confine.h. */
struct one {
	int fd;
	char kind[16], access[8];
	const char *target;
};

/* Its config says that it reads or writes this. */
bool audit_configured(const struct config *, const struct one *);
/* The process says that this is in one of its drives. */
bool audit_medium(struct audit *, const struct one *);

void audit_threads(struct audit *);
void audit_process(struct audit *);
void audit_descriptors(struct audit *);

/* name: NULL where there is one machine only. */
void audit_print(const struct audit *, const char *name);
struct json *audit_json_begin(void);
void audit_print_json(struct json *, const struct audit *, const char *name);
void audit_json_end(struct json *);

#endif
