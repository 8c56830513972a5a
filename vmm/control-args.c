/* SPDX-License-Identifier: MIT */
/*
 * The arguments of a request: members of an object, each of one type.
 */
#include <errno.h>

#include "lib/err.h"
#include "vmm/control-int.h"

static int
wrong(const char *key, const char *type)
{
	return failx(-EINVAL, "Invalid parameter type for '%s', expected: %s",
		key, type);
}

int
request_may_string(struct request *q, const char *key, const char **out)
{
	json_t *v = json_object_get(q->args, key);

	if (v && !json_is_string(v))
		return wrong(key, "string");
	if (v)
		*out = json_string_value(v);
	return 0;
}

int
request_string(struct request *q, const char *key, const char **out)
{
	if (!json_object_get(q->args, key))
		return failx(-EINVAL, "Parameter '%s' is missing", key);
	return request_may_string(q, key, out);
}

int
request_may_bool(struct request *q, const char *key, bool *out)
{
	json_t *v = json_object_get(q->args, key);

	if (v && !json_is_boolean(v))
		return wrong(key, "boolean");
	*out = json_is_true(v);
	return 0;
}

int
request_may_number(struct request *q, const char *key, uint64_t *out)
{
	json_t *v = json_object_get(q->args, key);

	if (v && !json_is_integer(v))
		return wrong(key, "integer");
	if (v && json_integer_value(v) < 0)
		return failx(-EINVAL, "Parameter '%s' is negative", key);
	if (v)
		*out = (uint64_t)json_integer_value(v);
	return 0;
}
