/* SPDX-License-Identifier: MIT */
/*
 * A request from its text to its answer: what it must look like, whether it may
 * be obeyed now, and what came of it.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vmm/control-int.h"

/* An answer is a value that qmp_split() takes, with room for an id. */
enum { ANSWER_MAX = QMP_VALUE_MAX - 4096, ID_MAX = 2048 };

static bool
word_of(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if (n && (p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

static int
check_args(const struct command *cmd, json_t *args)
{
	const char *key;
	json_t *v;

	json_object_foreach(args, key, v)
	{
		(void)v;
		if (!word_of(cmd->args, key))
			return failx(-EINVAL, "Parameter '%.80s' is unexpected",
				key);
	}
	return 0;
}

/* What runs while the machine stands has a fifth of its time at most. */
static bool
too_early(struct control *c, const struct command *cmd)
{
	if (!(cmd->flags & CMD_COSTLY) ||
		clock_now(c->costly.clock) >= c->costly_at) {
		if (cmd->flags & CMD_COSTLY)
			c->costly_at = 0;
		return false;
	}
	timer_arm(&c->costly, c->costly_at);
	return true;
}

static void
run(struct request *q, const struct command *cmd)
{
	int64_t began = clock_now(q->c->costly.clock), now;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int r;

	if (!f) {
		client_kill(q->cl);
		return;
	}
	json_open(&q->out, f);
	if (cmd->flags & CMD_ARRAY)
		json_put_array(&q->out, NULL);
	else
		json_put_object(&q->out, NULL);
	r = check_args(cmd, q->args);
	if (!r)
		r = cmd->run(q);
	if (r >= 0)
		json_put_end(&q->out);
	if (fclose(f) && !r)
		r = fail(-ENOMEM, "control");
	now = clock_now(q->c->costly.clock);
	if (cmd->flags & CMD_COSTLY)
		q->c->costly_at = now + 4 * (now - began);
	if (r == 0 && n > ANSWER_MAX)
		r = failx(-EMSGSIZE, "the answer is too long");
	if (r < 0)
		client_error(q->cl, "GenericError", fail_text(), q->id);
	else if (r != DEFERRED)
		client_return(q->cl, text, q->id);
	free(text);
}

/* A request's members are those of the specification. */
static int
check_request(json_t *v, const char **name, struct request *q)
{
	const char *key;
	json_t *m;

	json_object_foreach(v, key, m)
	{
		if (!word_of("execute arguments id", key))
			return failx(-EINVAL,
				"QMP input member '%.80s' is unexpected", key);
	}
	m = json_object_get(v, "execute");
	if (!m)
		return failx(-EINVAL, "QMP input lacks member 'execute'");
	if (!json_is_string(m))
		return failx(
			-EINVAL, "QMP input member 'execute' must be a string");
	*name = json_string_value(m);
	q->args = json_object_get(v, "arguments");
	if (q->args && !json_is_object(q->args))
		return failx(-EINVAL,
			"QMP input member 'arguments' must be an object");
	return 0;
}

/* An id that is echoed is bounded too. */
static json_t *
id_of(json_t *v)
{
	json_t *id = json_object_get(v, "id");

	if (id && json_dumpb(id, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) >
			  ID_MAX)
		return NULL;
	return id;
}

static bool
obey(struct client *cl, json_t *v)
{
	struct request q = {.cl = cl, .c = cl->c, .id = id_of(v)};
	const struct command *cmd;
	const char *name = "";
	char desc[200];

	if (check_request(v, &name, &q)) {
		client_error(cl, "GenericError", fail_text(), q.id);
		return true;
	}
	cmd = command_find(cl->c, name);
	desc[0] = '\0';
	if (!cmd)
		snprintf(desc, sizeof(desc),
			"The command %.80s has not been found", name);
	else if (!cl->negotiated && !(cmd->flags & CMD_FIRST))
		snprintf(desc, sizeof(desc),
			"Expecting capabilities negotiation with "
			"'qmp_capabilities'");
	else if (cl->negotiated && (cmd->flags & CMD_FIRST))
		snprintf(desc, sizeof(desc),
			"Capabilities negotiation is already complete, "
			"command ignored");
	if (*desc) {
		client_error(cl, "CommandNotFound", desc, q.id);
		return true;
	}
	if (too_early(cl->c, cmd))
		return false;
	control_touch(cl);
	run(&q, cmd);
	return true;
}

bool
client_execute(struct client *cl)
{
	json_t *v = json_loadb(cl->in.buf, cl->in.used, 0, NULL);
	bool done = true;

	if (!v)
		client_garbage(cl);
	else
		done = obey(cl, v);
	json_decref(v);
	return done;
}
