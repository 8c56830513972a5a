/* SPDX-License-Identifier: MIT */
/*
 * The file "status": a table of its fields drives writing and reading. What is
 * read was written by a process that may have been hostile: a text that does
 * not fit, a number that is none, a word that we do not know, and it is no
 * status at all. Keys that we do not know are those of a later version.
 */
#include "lib/home.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/home-int.h"
#include "lib/kv.h"
#include "lib/stamp.h"
#include "lib/text.h"
#include "lib/utf8.h"

enum { STATUS_MAX = 4096 };

static const char *const keeps[] = {"always", "failure", "never"};

enum kind { PHASE, KEEP, PID, EXIT, NUMBER, TIME, TEXT };

static const struct field {
	const char *key;
	enum kind kind;
	size_t at, size;
} fields[] = {
#define FIELD(member, kind)                                                    \
	{                                                                      \
#member, kind, offsetof(struct home_status, member),           \
			sizeof(((struct home_status *)NULL)->member)           \
	}
	FIELD(phase, PHASE),
	FIELD(pid, PID),
	FIELD(start, NUMBER),
	FIELD(boot, TEXT),
	FIELD(engine, TEXT),
	FIELD(cpus, NUMBER),
	FIELD(memory, NUMBER),
	FIELD(since, TIME),
	FIELD(started, TIME),
	FIELD(ended, TIME),
	FIELD(exit, EXIT),
	FIELD(cause, TEXT),
	FIELD(confined, TEXT),
	FIELD(keep, KEEP),
#undef FIELD
};
enum { FIELDS = sizeof(fields) / sizeof(*fields) };
_Static_assert(sizeof(enum home_state) == 4 && sizeof(enum home_keep) == 4 &&
		       sizeof(pid_t) == 4 && sizeof(int) == 4,
	"they are stored as int");

/* --- writing --- */

/* A line that kv_parse() takes, whatever the guest made of it. */
static void
put_text(FILE *f, const char *key, const char *text, size_t size)
{
	char buf[sizeof(((struct home_status *)NULL)->cause)], *at = buf;
	size_t n = strnlen(text, size - 1);

	memcpy(buf, text, n);
	buf[n] = '\0';
	for (char *p = buf; *p;) {
		size_t len = utf8_length(p, strlen(p));

		if (!len)
			*p = '?';
		p += len ? len : 1;
	}
	text_clean(buf);
	at += strspn(at, " ");
	for (n = strlen(at); n && at[n - 1] == ' '; n--)
		at[n - 1] = '\0';
	if (*at)
		kv_print(f, key, at);
}

static void
put_number(FILE *f, const char *key, uint64_t n)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRIu64, n);
	kv_print(f, key, buf);
}

/* What is not known is left out. */
static void
put_field(FILE *f, const struct field *d, const void *p)
{
	char buf[STAMP_MAX];
	uint64_t n = 0;
	int64_t t;
	int i = 0;

	if (d->kind == TIME) {
		memcpy(&t, p, sizeof(t));
		if (t > 0)
			kv_print(f, d->key, stamp_print(buf, t));
	} else if (d->kind == NUMBER) {
		memcpy(&n, p, sizeof(n));
		if (n)
			put_number(f, d->key, n);
	} else if (d->kind == TEXT) {
		put_text(f, d->key, p, d->size);
	} else {
		memcpy(&i, p, sizeof(i));
		if (d->kind == PHASE)
			kv_print(f, d->key, home_state_name((unsigned)i));
		else if (d->kind == KEEP)
			kv_print(f, d->key, keeps[(unsigned)i % 3]);
		else if (i > 0 || (i == 0 && d->kind == EXIT))
			put_number(f, d->key, (unsigned)i);
	}
}

/*
 * Not synced: it describes a process, which a power failure ends anyway, and
 * until then the rename alone keeps it whole. Should it be lost then, the
 * machine looks as if it had not run.
 */
int
home_put_status(
	const struct calls *c, int dir, const struct home_status *status)
{
	char text[STATUS_MAX];
	FILE *f = fmemopen(text, sizeof(text), "w");
	long n;
	int err;

	if (!f)
		return -errno;
	for (size_t i = 0; i < FIELDS; i++)
		put_field(f, &fields[i], (const char *)status + fields[i].at);
	fflush(f);
	n = ftell(f);
	err = ferror(f) || n < 0 ? -EIO : 0;
	fclose(f);
	return err ? err
		   : home_replace(c, dir, "status", "status.new", text,
			     (size_t)n, false);
}

int
home_set_status(struct home_vm *vm, const struct home_status *st)
{
	int err = home_put_status(vm->home->calls, vm->dir, st);

	return err ? fail(err, "%s/status: cannot write it", vm->name) : 0;
}

/* --- reading --- */

static int
find_word(const char *const *words, int n, const char *word)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static bool
get_number(const char *text, uint64_t max, uint64_t *n)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoull(text, &end, 10);
	return !errno && !*end && *n <= max;
}

/* false: this cannot be. */
static bool
get_field(const struct field *d, const char *text, void *p)
{
	uint64_t n;
	int64_t t;
	int i;

	if (d->kind == TIME) {
		if (stamp_parse(text, &t))
			return false;
		memcpy(p, &t, sizeof(t));
	} else if (d->kind == NUMBER) {
		if (!get_number(text, UINT64_MAX, &n))
			return false;
		memcpy(p, &n, sizeof(n));
	} else if (d->kind == TEXT) {
		if (strlen(text) >= d->size)
			return false;
		memcpy(p, text, strlen(text) + 1);
	} else {
		if (d->kind == PHASE)
			i = home_state_find(text);
		else if (d->kind == KEEP)
			i = find_word(keeps, 3, text);
		else
			i = get_number(text, INT_MAX, &n) ? (int)n : -1;
		if (i < 0)
			return false;
		memcpy(p, &i, sizeof(i));
	}
	return true;
}

struct reading {
	struct home_status status;
	bool phase; /* there was one: without, it is no status */
};

static int
each(void *to, const char *key, const char *value)
{
	struct reading *r = to;

	for (size_t i = 0; i < FIELDS; i++) {
		const struct field *d = &fields[i];

		if (strcmp(d->key, key) != 0)
			continue;
		if (!get_field(d, value, (char *)&r->status + d->at))
			return failx(-EINVAL, "%s", key);
		r->phase |= d->kind == PHASE;
	}
	return 0;
}

/* One read, no more: it is small, and a thousand of them are listed. */
int
home_open_status(int dir, struct home_status *st, int *out)
{
	struct reading r = {.status.exit = -1};
	char text[STATUS_MAX];
	int fd = openat(dir, "status", O_RDONLY | HOME_SAFE), err = -ENOENT;
	ssize_t n = 0;

	do
		n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	while (n < 0 && errno == EINTR);
	if (n > 0 && n < STATUS_MAX)
		err = kv_parse("status", text, (size_t)n, each, &r);
	if (!err && r.phase) {
		*st = r.status;
		*out = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	*st = (struct home_status){.exit = -1};
	*out = -1;
	return -ENOENT;
}

int
home_get_status(int dir, struct home_status *st)
{
	int fd, err = home_open_status(dir, st, &fd);

	if (fd >= 0)
		close(fd);
	return err;
}
