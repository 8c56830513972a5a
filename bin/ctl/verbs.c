/* SPDX-License-Identifier: MIT */
/*
 * vm-ctl's verbs, but dump and block: a command over the socket each, and what
 * it answers on stdout.
 */
#include <errno.h>
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
#include "vmm/api-int.h"
#include "vmm/config.h"

enum { ANSWER_MS = 5000 };

int
ctl_patience(const struct ctl *c, int otherwise)
{
	return c->timeout_ms < 0 ? otherwise : c->timeout_ms;
}

int
ctl_open(const struct ctl *c, struct qmp **q)
{
	struct home_vm *vm;
	int r = home_find(c->home->home, c->name, &vm);

	if (!r) {
		r = qmp_open(q, vm, ctl_patience(c, ANSWER_MS));
		home_vm_close(vm);
	}
	return r ? tool_fail() : 0;
}

/* Connect, one command, its return. */
static int
ask(const struct ctl *c, const char *command, json_t *args, json_t **ret)
{
	struct qmp *q;
	int r = ctl_open(c, &q);

	if (r) {
		json_decref(args);
		return r;
	}
	r = qmp_call(q, command, args, ret, ctl_patience(c, ANSWER_MS));
	qmp_close(q);
	return r ? tool_fail() : 0;
}

int
ctl_command(const struct ctl *c, const char *command)
{
	return ask(c, command, NULL, NULL);
}

/* What its config says of how long the guest may take. */
static int
stop_timeout(const struct ctl *c)
{
	struct config cfg;
	char *text = NULL;
	int64_t ms;

	config_init(&cfg);
	if (!vmm_config(c->home, c->name, &text))
		config_parse(&cfg, c->name, text, strlen(text));
	ms = cfg.stop_timeout / 1000000;
	config_free(&cfg);
	free(text);
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

int
ctl_stop(const struct ctl *c)
{
	int ms = ctl_patience(c, stop_timeout(c));

	return vmm_stop(c->home, c->name, ms) ? tool_fail() : 0;
}

int
ctl_poweroff(const struct ctl *c)
{
	return vmm_poweroff(c->home, c->name) ? tool_fail() : 0;
}

/* ---- what is printed ---- */

/* In ASCII: U+009B is an escape sequence to a terminal. */
static void
print_json(const json_t *v)
{
	char *text = json_dumps(
		v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (text)
		puts(text);
	free(text);
}

void
ctl_print_list(const char *key, json_t *list)
{
	json_t *all = json_pack("{s:i, s:O}", "schema", 1, key, list);

	print_json(all);
	json_decref(all);
}

/* Several lines of a guest's making; the lines stay. */
static void
print_text(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		if (line) {
			text_clean(line);
			puts(line);
		}
		free(line);
		text += n + (text[n] != '\0');
	}
}

static void
print_member(const char *key, const json_t *v)
{
	char *text = json_is_string(v)
			     ? strdup(json_string_value(v))
			     : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		return;
	text_clean(text);
	printf("%s: %s\n", key, text);
	free(text);
}

int
ctl_status(const struct ctl *c)
{
	json_t *ret, *all, *v;
	const char *key;
	int r = ask(c, "x-status", NULL, &ret);

	if (r)
		return r;
	if (c->json) {
		all = json_pack("{s:i}", "schema", 1);
		json_object_update(all, ret);
		print_json(all);
		json_decref(all);
	} else {
		json_object_foreach(ret, key, v)
		{
			print_member(key, v);
		}
	}
	json_decref(ret);
	return 0;
}

/* ---- registers ---- */

static int
show_registers(const struct ctl *c, struct qmp *q, json_t *args)
{
	json_t *ret, *text;
	int r = qmp_call(
		q, "x-registers", args, &ret, ctl_patience(c, ANSWER_MS));

	if (r)
		return tool_fail();
	text = json_object_get(ret, "text");
	if (json_is_string(text))
		print_text(json_string_value(text));
	json_decref(ret);
	return 0;
}

static int
show_cpus(const struct ctl *c, struct qmp *q)
{
	json_t *cpus;
	size_t n;
	int r = qmp_call(
		q, "query-cpus-fast", NULL, &cpus, ctl_patience(c, ANSWER_MS));

	if (r)
		return tool_fail();
	n = json_array_size(cpus);
	json_decref(cpus);
	for (size_t k = 0; k < n && !r; k++) {
		printf("cpu %zu\n", k);
		r = show_registers(c, q, json_pack("{s:i}", "cpu", (int)k));
	}
	return r;
}

int
ctl_registers(const struct ctl *c)
{
	json_t *args;
	struct qmp *q;
	int r = ctl_open(c, &q);

	if (r)
		return r;
	if (!c->arg) {
		r = show_cpus(c, q);
	} else {
		args = strspn(c->arg, "0123456789") == strlen(c->arg) &&
				       strlen(c->arg) < 6
			       ? json_pack("{s:i}", "cpu", atoi(c->arg))
			       : json_pack("{s:s}", "device", c->arg);
		r = show_registers(c, q, args);
	}
	qmp_close(q);
	return r;
}

/* ---- balloon ---- */

static int
show_balloon(const struct ctl *c)
{
	json_t *ret;
	int r = ask(c, "query-balloon", NULL, &ret);

	if (r)
		return r;
	printf("%" JSON_INTEGER_FORMAT "\n",
		json_integer_value(json_object_get(ret, "actual")));
	json_decref(ret);
	return 0;
}

int
ctl_balloon(const struct ctl *c)
{
	uint64_t size;

	if (!c->arg)
		return show_balloon(c);
	if (units_parse_size(c->arg, &size))
		return tool_misused();
	if (!size || size > INT64_MAX) {
		failx(-EINVAL, "balloon: '%s' is no size", c->arg);
		return tool_misused();
	}
	return ask(c, "balloon", json_pack("{s:I}", "value", (json_int_t)size),
		NULL);
}

/* ---- commands as they stand ---- */

static int
say_raw(const struct ctl *c, struct qmp *q, const char *text)
{
	json_t *reply;
	int r = qmp_raw(q, text, &reply, ctl_patience(c, ANSWER_MS));

	if (r)
		return tool_fail();
	print_json(reply);
	tool_flush();
	r = json_object_get(reply, "error") ? TOOL_FAILED : 0;
	json_decref(reply);
	return r;
}

/* The name of a command is one too. */
static int
say_word(const struct ctl *c, struct qmp *q)
{
	char *text = NULL;
	json_t *v;
	int r;

	if (strchr(c->arg, '{'))
		return say_raw(c, q, c->arg);
	v = json_pack("{s:s}", "execute", c->arg);
	text = v ? json_dumps(v, JSON_COMPACT) : NULL;
	json_decref(v);
	if (!text) {
		failx(-EINVAL, "not a command: not UTF-8");
		return tool_fail();
	}
	r = say_raw(c, q, text);
	free(text);
	return r;
}

/* All of them, whatever one of them comes to. */
static int
say_stdin(const struct ctl *c, struct qmp *q)
{
	struct qmp_split in = {.buf = malloc(QMP_VALUE_MAX + 1)};
	int code = 0, r, said;
	char buf[4096];
	ssize_t got;

	while (in.buf && (got = read(0, buf, sizeof(buf))) != 0) {
		const char *p = buf;
		size_t n = got < 0 ? 0 : (size_t)got;

		if (got < 0 && errno != EINTR) {
			fail(-errno, "stdin");
			code = tool_fail();
			break;
		}
		while ((r = qmp_split(&in, &p, &n)) != 0) {
			if (r < 0)
				failx(-EINVAL, "stdin: not a JSON object");
			said = r < 0 ? tool_fail() : say_raw(c, q, in.buf);
			code = said ? said : code;
		}
	}
	if (in.depth || in.bad) {
		failx(-EINVAL, "stdin: ends within a command");
		code = tool_fail();
	}
	free(in.buf);
	return code;
}

int
ctl_qmp(const struct ctl *c)
{
	struct qmp *q;
	int r = ctl_open(c, &q);

	if (r)
		return r;
	r = strcmp(c->arg, "-") ? say_word(c, q) : say_stdin(c, q);
	qmp_close(q);
	return r;
}

/* ---- events ---- */

int
ctl_events(const struct ctl *c)
{
	json_t *event;
	struct qmp *q;
	int64_t end = deadline_ms(ctl_patience(c, -1)), left;
	int r = ctl_open(c, &q);

	if (r)
		return r;
	do {
		left = end == INT64_MAX ? -1 : end - now_ms();
		r = qmp_event(q, &event, left < -1 ? 0 : (int)left);
		if (r)
			break;
		print_json(event);
		json_decref(event);
	} while (tool_flush() == 0);
	qmp_close(q);
	if (r == -ETIMEDOUT && end != INT64_MAX)
		return 0; /* as long as it was to */
	return r == 0 || r == -EPIPE ? 0 : tool_fail();
}
