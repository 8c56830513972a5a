/* SPDX-License-Identifier: MIT */
/*
 * vm-ctl NAME block: the drives of a machine that runs. Its process opens no
 * files: they are opened here, and handed over as descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/ctl/ctl.h"
#include "bin/tool.h"
#include "lib/deadline.h"
#include "lib/err.h"
#include "lib/text.h"
#include "lib/units.h"
#include "vmm/config.h"

enum { ANSWER_MS = 5000, DETACH_MS = 30000 };

static int
call(const struct ctl *c, struct qmp *q, const char *command, json_t *args,
	json_t **ret)
{
	return qmp_call(q, command, args, ret, ctl_patience(c, ANSWER_MS));
}

static int
misused(const char *sentence)
{
	failx(-EINVAL, "block: %s", sentence);
	return tool_misused();
}

/* ---- list ---- */

static const char *
text_of(const json_t *v, const char *key, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s ? s : otherwise;
}

static bool
is_true(const json_t *v, const char *key)
{
	return json_is_true(json_object_get(v, key));
}

/* Its file may be called anything. */
static void
print_drive(const json_t *d)
{
	const json_t *in = json_object_get(d, "inserted");
	const json_t *image = json_object_get(in, "image");
	json_int_t n =
		json_integer_value(json_object_get(image, "virtual-size"));
	char size[UNITS_MAX] = "-", *file = strdup(text_of(in, "file", "-"));

	if (!file)
		return;
	text_clean(file);
	if (in)
		units_print_short(size, (uint64_t)n);
	printf("%-12s %-6s %-6s %6s %-6s %-5s %s\n", text_of(d, "device", "?"),
		text_of(d, "x-bus", "?"),
		is_true(d, "removable") ? "cdrom" : "disk", size,
		text_of(in, "drv", "-"),
		!in                 ? "-"
		: is_true(in, "ro") ? "ro"
				    : "rw",
		file);
	free(file);
}

static int
list(const struct ctl *c, struct qmp *q)
{
	json_t *all, *v;
	size_t n;
	int r = call(c, q, "query-block", NULL, &all);

	if (r)
		return r;
	if (c->json) {
		ctl_print_list("drives", all);
	} else {
		printf("%-12s %-6s %-6s %6s %-6s %-5s %s\n", "ID", "BUS",
			"TYPE", "SIZE", "FORMAT", "MODE", "FILE");
		json_array_foreach(all, n, v)
		{
			print_drive(v);
		}
	}
	json_decref(all);
	return 0;
}

/* ---- stats ---- */

static void
print_stats(const json_t *d)
{
	json_t *stats = json_object_get(d, "stats"), *v;
	const char *key;

	json_object_foreach(stats, key, v)
	{
		printf("%s.%s %" JSON_INTEGER_FORMAT "\n",
			text_of(d, "device", "?"),
			key + (strncmp(key, "x-", 2) ? 0 : 2),
			json_integer_value(v));
	}
}

static int
stats(const struct ctl *c, struct qmp *q)
{
	json_t *all, *v;
	size_t n;
	int r = call(c, q, "query-blockstats", NULL, &all);

	if (r)
		return r;
	if (c->json) {
		ctl_print_list("drives", all);
	} else {
		json_array_foreach(all, n, v)
		{
			print_stats(v);
		}
	}
	json_decref(all);
	return 0;
}

/* ---- media ---- */

static int
eject(const struct ctl *c, struct qmp *q)
{
	return call(c, q, "eject",
		json_pack("{s:s, s:b}", "id", c->args[1], "force", c->force),
		NULL);
}

static int
give(const struct ctl *c, struct qmp *q, const char *name, const char *path,
	int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0)
		return fail(-errno, "%s: cannot open", path);
	r = qmp_give_fd(q, name, fd, ctl_patience(c, ANSWER_MS));
	close(fd);
	return r;
}

/* "format=qcow2", or NULL. */
static int
format_of(const struct ctl *c, const char **format)
{
	enum image_format f;

	*format = NULL;
	if (c->n_args < 4)
		return 0;
	if (strncmp(c->args[3], "format=", 7))
		return misused("change ID FILE [format=FORMAT]");
	*format = c->args[3] + 7;
	if (!image_format_parse(*format, &f))
		return 0;
	return tool_misused();
}

static int
change(const struct ctl *c, struct qmp *q)
{
	const char *format;
	json_t *args;
	char *full;
	int r = format_of(c, &format);

	if (r)
		return r;
	r = give(c, q, "medium", c->args[2], O_RDONLY);
	if (!r)
		r = config_absolute("kernel", c->args[2], &full);
	if (r)
		return r;
	args = json_pack("{s:s, s:s, s:s, s:b}", "id", c->args[1], "filename",
		"fd:medium", "x-name", full, "force", c->force);
	free(full);
	if (format)
		json_object_set_new(args, "format", json_string(format));
	return call(c, q, "blockdev-change-medium", args, NULL);
}

/* ---- size and speed ---- */

static json_t *
find(json_t *all, const char *id)
{
	json_t *v;
	size_t n;

	json_array_foreach(all, n, v)
	{
		if (strcmp(text_of(v, "device", ""), id) == 0)
			return v;
	}
	return NULL;
}

/* What is behind the new end is lost: that is to be meant. */
static int
check_shrink(const struct ctl *c, struct qmp *q, uint64_t size)
{
	json_t *all, *image;
	uint64_t now;
	int r = call(c, q, "query-block", NULL, &all);

	if (r)
		return r;
	image = json_object_get(
		json_object_get(find(all, c->args[1]), "inserted"), "image");
	now = (uint64_t)json_integer_value(
		json_object_get(image, "virtual-size"));
	json_decref(all);
	if (size < now && !c->force)
		return failx(-EINVAL,
			"%s: %s: what lies behind the new end would be lost "
			"(--force)",
			c->name, c->args[1]);
	return 0;
}

static int
resize(const struct ctl *c, struct qmp *q)
{
	uint64_t size;
	int r = units_parse_size(c->args[2], &size);

	if (r || size > INT64_MAX) {
		return tool_misused();
	}
	r = check_shrink(c, q, size);
	if (r)
		return r;
	return call(c, q, "block_resize",
		json_pack("{s:s, s:I}", "device", c->args[1], "size",
			(json_int_t)size),
		NULL);
}

static int
throttle(const struct ctl *c, struct qmp *q)
{
	json_t *args = json_pack("{s:s}", "id", c->args[1]);
	uint64_t v = 0;
	int r = 0;

	for (unsigned n = 2; n < c->n_args && !r; n++) {
		const char *a = c->args[n];

		if (strncmp(a, "bps=", 4) == 0)
			r = units_parse_size(a + 4, &v);
		else if (strncmp(a, "iops=", 5) == 0)
			r = units_parse_number(a + 5, &v);
		else
			r = failx(
				-EINVAL, "block: throttle ID bps=SIZE iops=N");
		if (!r && v <= INT64_MAX)
			json_object_set_new(args, *a == 'b' ? "bps" : "iops",
				json_integer((json_int_t)v));
	}
	if (!r)
		return call(c, q, "block_set_io_throttle", args, NULL);
	json_decref(args);
	return tool_misused();
}

/* ---- coming and going ---- */

static int
give_chain(const struct ctl *c, struct qmp *q, const struct config_disk *d,
	json_t *fds)
{
	int r = give(
		c, q, "image", d->image.path, d->read_only ? O_RDONLY : O_RDWR);
	char name[32];

	json_array_append_new(fds, json_string("image"));
	for (unsigned n = 0; n < d->backings && !r; n++) {
		snprintf(name, sizeof(name), "backing%u", n);
		r = give(c, q, name, d->backing[n].path, O_RDONLY);
		json_array_append_new(fds, json_string(name));
	}
	return r;
}

/* As the config would have it, by whole names. */
static int
attach(const struct ctl *c, struct qmp *q)
{
	struct config_disk d;
	json_t *fds;
	char *full;
	int r = config_absolute("disk", c->args[1], &full);

	if (r)
		return r;
	r = config_disk_parse(full, false, &d);
	if (r) {
		free(full);
		return tool_misused();
	}
	fds = json_array();
	if (d.backings >= QMP_FDS)
		r = failx(-EINVAL, "block: attach: at most %u backing files",
			(unsigned)QMP_FDS - 1);
	if (!r)
		r = give_chain(c, q, &d, fds);
	if (!r)
		r = call(c, q, "x-block-attach",
			json_pack("{s:s, s:O}", "spec", full, "fds", fds),
			NULL);
	json_decref(fds);
	config_disk_free(&d);
	free(full);
	return r;
}

/* The guest lets go of it when it likes. */
static int
detach(const struct ctl *c, struct qmp *q)
{
	int ms = ctl_patience(c, DETACH_MS);
	int64_t end = deadline_ms(ms), left;
	json_t *event;
	bool gone = false;
	int r = call(
		c, q, "device_del", json_pack("{s:s}", "id", c->args[1]), NULL);

	while (!r && !gone) {
		left = end == INT64_MAX ? -1 : end - now_ms();
		r = qmp_event(q, &event, left < 0 ? 0 : (int)left);
		if (r)
			break;
		gone = !strcmp(text_of(event, "event", ""), "DEVICE_DELETED") &&
		       !strcmp(text_of(json_object_get(event, "data"), "device",
				       ""),
			       c->args[1]);
		json_decref(event);
	}
	if (r == -ETIMEDOUT)
		return failx(r, "%s: %s: the guest has not let go of it",
			c->name, c->args[1]);
	return r;
}

/* ---- all of them ---- */

static const struct action {
	const char *name, *args;
	unsigned min, max; /* words, with its name */
	/* 0, -errno with a sentence, or an exit code, all being said. */
	int (*run)(const struct ctl *, struct qmp *);
} actions[] = {
	{"list", "list", 1, 1, list},
	{"stats", "stats", 1, 1, stats},
	{"eject", "eject ID [--force]", 2, 2, eject},
	{"change", "change ID FILE [format=FORMAT]", 3, 4, change},
	{"resize", "resize ID SIZE", 3, 3, resize},
	{"throttle", "throttle ID [bps=SIZE] [iops=N]", 3, 4, throttle},
	{"attach", "attach FILE[,OPTION=VALUE...]", 2, 2, attach},
	{"detach", "detach ID", 2, 2, detach},
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static const struct action *
find_action(const struct ctl *c)
{
	const char *name = c->n_args ? c->args[0] : "list";

	for (unsigned n = 0; n < ACTIONS; n++) {
		const struct action *a = &actions[n];

		if (strcmp(a->name, name))
			continue;
		if (c->n_args && (c->n_args < a->min || c->n_args > a->max)) {
			misused(a->args);
			return NULL;
		}
		if (c->json && a->run != list && a->run != stats) {
			misused("only list and stats print JSON");
			return NULL;
		}
		return a;
	}
	misused("list, stats, eject, change, resize, throttle, attach or "
		"detach");
	return NULL;
}

int
ctl_block(const struct ctl *c)
{
	const struct action *a = find_action(c);
	struct qmp *q;
	int r;

	if (!a)
		return TOOL_USAGE;
	r = ctl_open(c, &q);
	if (r)
		return r;
	r = a->run(c, q);
	qmp_close(q);
	return r < 0 ? tool_fail() : r;
}
