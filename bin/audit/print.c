/* SPDX-License-Identifier: MIT */
/*
 * What was found, for people and for programs.
 */
#include <stdio.h>

#include "bin/audit/audit.h"
#include "lib/json.h"

enum { SCHEMA = 1 };

void
audit_print(const struct audit *a, const char *name)
{
	static const char *const words[] = {"ok", "FAIL", "-"};

	for (size_t i = 0; i < a->n; i++) {
		const struct check *c = &a->check[i];

		printf("%-5s %s%s%s: %s\n", words[c->result], name ? name : "",
			name ? ": " : "", c->what, c->detail);
	}
}

void
audit_print_json(struct json *j, const struct audit *a, const char *name)
{
	static const char *const words[] = {"ok", "fail", "info"};

	json_put_object(j, NULL);
	json_put_string(j, "name", name);
	json_put_int(j, "pid", a->status.pid);
	json_put_bool(j, "confined", !a->failed);
	json_put_array(j, "checks");
	for (size_t i = 0; i < a->n; i++) {
		json_put_object(j, NULL);
		json_put_string(j, "check", a->check[i].what);
		json_put_string(j, "result", words[a->check[i].result]);
		json_put_string(j, "detail", a->check[i].detail);
		json_put_end(j);
	}
	json_put_end(j);
	json_put_end(j);
}

struct json *
audit_json_begin(void)
{
	static struct json j;

	json_open(&j, stdout);
	json_put_object(&j, NULL);
	json_put_uint(&j, "schema", SCHEMA);
	json_put_array(&j, "machines");
	return &j;
}

void
audit_json_end(struct json *j)
{
	json_put_end(j);
	json_put_end(j);
	json_close(j);
}
