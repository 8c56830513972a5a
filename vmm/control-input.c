/* SPDX-License-Identifier: MIT */
/*
 * The control socket's commands for keys and pointers: send-key and
 * input-send-event are QEMU 7.2's, but that nothing is dropped: the answer
 * comes when the guest's devices have taken all of it, and with "x-wait" (in
 * milliseconds) when the guest has read it. A guest that reads nothing for that
 * long, or for WAIT, is given up. A paused machine is refused, but with
 * "x-wait" waited for.
 */
// LDLIBS: -ljansson
#include <errno.h>
#include <string.h>

#include "dev/input.h"
#include "lib/err.h"
#include "lib/keys.h"
#include "vmm/control-int.h"
#include "vmm/input.h"

enum { MS = 1000000, HOLD = 100 };
#define WAIT (5 * NS_PER_S)
#define WAIT_MAX (3600 * 1000ull)

static int
wrong_type(const char *what, const char *type)
{
	return failx(-EINVAL, "Invalid parameter type for '%s', expected: %s",
		what, type);
}

static int
get(const json_t *o, const char *key, json_type type, const char *type_name,
	json_t **out)
{
	*out = json_object_get(o, key);
	if (!*out)
		return failx(-EINVAL, "Parameter '%s' is missing", key);
	if (type == JSON_TRUE ? !json_is_boolean(*out)
			      : json_typeof(*out) != type)
		return wrong_type(key, type_name);
	return 0;
}

static int
get_word(const json_t *o, const char *key, const char *words, uint16_t *out)
{
	json_t *v;
	int r = get(o, key, JSON_STRING, "string", &v);
	size_t len;

	for (uint16_t k = 0; !r && *words; k++, words += len + !!words[len]) {
		len = strcspn(words, "|");
		if (json_string_length(v) == len &&
			memcmp(words, json_string_value(v), len) == 0) {
			*out = k;
			return 0;
		}
	}
	return r ? r
		 : failx(-EINVAL,
			   "Parameter '%s' does not accept value '%.40s'", key,
			   json_string_value(v));
}

static int
wait_of(struct request *q, struct typing *t)
{
	uint64_t ms = 0;
	int r = request_may_number(q, "x-wait", &ms);

	t->wait = WAIT;
	t->read = json_object_get(q->args, "x-wait");
	if (t->read)
		t->wait = (int64_t)(ms < WAIT_MAX ? ms : WAIT_MAX) * MS;
	return r;
}

/* {"type": "qcode", "data": "ret"}, {"type": "number", "data": 28} */
static int
key_of(const json_t *v, uint16_t *code)
{
	const struct key *k;
	uint16_t number;
	json_t *data;
	int r;

	if (!json_is_object(v))
		return wrong_type("key", "object");
	r = get_word(v, "type", "number|qcode", &number);
	if (r)
		return r;
	if (number)
		r = get(v, "data", JSON_STRING, "string", &data);
	else
		r = get(v, "data", JSON_INTEGER, "integer", &data);
	if (r)
		return r;
	if (number) {
		k = key_find(json_string_value(data), json_string_length(data));
		if (!k)
			return failx(-EINVAL,
				"Parameter 'data' does not accept value "
				"'%.40s'",
				json_string_value(data));
	} else {
		k = json_integer_value(data) < 0 ||
				    json_integer_value(data) > 0xff
			    ? NULL
			    : key_by_number((unsigned)json_integer_value(data));
		if (!k)
			return failx(-EINVAL, "no key has the number %lld",
				(long long)json_integer_value(data));
	}
	*code = k->code;
	return 0;
}

int
control_send_key(struct request *q)
{
	struct typing t = {.hold = (int64_t)HOLD * MS};
	uint64_t hold = HOLD;
	json_t *keys, *v;
	size_t n, k;
	int r = get(q->args, "keys", JSON_ARRAY, "array", &keys);

	if (!r)
		r = request_may_number(q, "hold-time", &hold);
	if (!r)
		r = wait_of(q, &t);
	if (r)
		return r;
	n = json_array_size(keys);
	if (n > CHORD_KEYS || hold > WAIT_MAX)
		return failx(
			-EINVAL, "at most %d keys, for an hour", CHORD_KEYS);
	json_array_foreach(keys, k, v)
	{
		struct input_event *e = &t.ev[k];

		*e = (struct input_event){.kind = INPUT_KEY, .down = true};
		r = key_of(v, &e->code);
		if (r)
			return r;
		t.ev[2 * n - 1 - k] = *e;
		t.ev[2 * n - 1 - k].down = false;
	}
	t.n = 2 * (unsigned)n;
	t.hold = (int64_t)hold * MS;
	t.hold_at = (unsigned)n;
	return n ? typing_begin(q, &t) : 0;
}

static int
down_of(const json_t *data, struct input_event *e)
{
	json_t *v;
	int r = get(data, "down", JSON_TRUE, "boolean", &v);

	e->down = json_is_true(v);
	return r;
}

static int
axis_of(const json_t *data, struct input_event *e)
{
	int least = e->kind == INPUT_ABS ? 0 : -INT16_MAX;
	json_t *v;
	int r = get_word(data, "axis", "x|y", &e->code);

	if (!r)
		r = get(data, "value", JSON_INTEGER, "integer", &v);
	if (r)
		return r;
	if (json_integer_value(v) < least ||
		json_integer_value(v) > INPUT_ABS_MAX)
		return failx(-EINVAL, "Parameter 'value' is not in %d..%d",
			least, INPUT_ABS_MAX);
	e->value = (int32_t)json_integer_value(v);
	return 0;
}

static int
event_of(const json_t *v, struct input_event *e)
{
	json_t *data, *key;
	uint16_t kind;
	int r;

	if (!json_is_object(v))
		return wrong_type("events", "object");
	r = get_word(v, "type", "key|btn|rel|abs", &kind);
	if (!r)
		r = get(v, "data", JSON_OBJECT, "object", &data);
	if (r)
		return r;
	*e = (struct input_event){.kind = (uint8_t)kind};
	if (e->kind == INPUT_REL || e->kind == INPUT_ABS)
		return axis_of(data, e);
	r = down_of(data, e);
	if (!r && e->kind == INPUT_BUTTON)
		return get_word(data, "button",
			"left|middle|right|wheel-up|wheel-down|side|extra",
			&e->code);
	if (!r)
		r = get(data, "key", JSON_OBJECT, "object", &key);
	return r ? r : key_of(key, &e->code);
}

int
control_input_send_event(struct request *q)
{
	const struct input *in = machine_input(q->c->host.machine);
	struct typing t = {.n = 0};
	json_t *events, *v;
	size_t k;
	int r = get(q->args, "events", JSON_ARRAY, "array", &events);

	if (!r)
		r = wait_of(q, &t);
	if (r)
		return r;
	if (json_array_size(events) > TYPING_EVENTS)
		return failx(
			-EINVAL, "at most %d events at a time", TYPING_EVENTS);
	json_array_foreach(events, k, v)
	{
		r = event_of(v, &t.ev[k]);
		if (r)
			return r;
		if (t.ev[k].kind == INPUT_ABS && !input_absolute(in))
			return input_no_tablet();
	}
	t.n = (unsigned)json_array_size(events);
	return t.n ? typing_begin(q, &t) : 0;
}

/* ---- what there is ---- */

static void
put_mouse(struct json *j, const char *name, int index, bool current, bool abs)
{
	json_put_object(j, NULL);
	json_put_string(j, "name", name);
	json_put_int(j, "index", index);
	json_put_bool(j, "current", current);
	json_put_bool(j, "absolute", abs);
	json_put_end(j);
}

int
control_query_mice(struct request *q)
{
	bool tablet = input_absolute(machine_input(q->c->host.machine));

	if (tablet)
		put_mouse(&q->out, "virtio tablet", 1, true, true);
	put_mouse(&q->out, "PS/2 mouse", 0, !tablet, false);
	return 0;
}

int
control_lights(struct request *q)
{
	unsigned on = input_lights(machine_input(q->c->host.machine));

	json_put_bool(&q->out, "num", on & INPUT_NUM);
	json_put_bool(&q->out, "caps", on & INPUT_CAPS);
	json_put_bool(&q->out, "scroll", on & INPUT_SCROLL);
	return 0;
}
