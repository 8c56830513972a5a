/* SPDX-License-Identifier: MIT */
/*
 * What the control server answers: lines of JSON in the order and wording of
 * QEMU's.
 */
// LDLIBS: -ljansson
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vmm/control-int.h"

static void
say_id(FILE *f, json_t *id)
{
	char *text = id ? json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text)
		fprintf(f, ", \"id\": %s", text);
	free(text);
}

void
client_error(struct client *cl, const char *class, const char *desc, json_t *id)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct json j;

	if (!f) {
		client_kill(cl);
		return;
	}
	json_open(&j, f);
	fputs("{\"error\": ", f);
	json_put_object(&j, NULL);
	json_put_string(&j, "class", class);
	json_put_string(&j, "desc", desc);
	json_put_end(&j);
	say_id(f, id);
	fputs("}\r\n", f);
	if (fclose(f) == 0)
		client_say(cl, text, n);
	else
		client_kill(cl);
	free(text);
}

void
client_return(struct client *cl, const char *value, json_t *id)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f) {
		client_kill(cl);
		return;
	}
	fprintf(f, "{\"return\": %s", value);
	say_id(f, id);
	fputs("}\r\n", f);
	if (fclose(f) == 0)
		client_say(cl, text, n);
	else
		client_kill(cl);
	free(text);
}

void
client_answer(struct client *cl, json_t *id, int err)
{
	if (err)
		client_error(cl, "GenericError", fail_text(), id);
	else
		client_return(cl, "{}", id);
	json_decref(id);
}

void
client_garbage(struct client *cl)
{
	client_error(cl, "GenericError", "JSON parse error", NULL);
}

void
control_version(struct json *j)
{
	int major = 0, minor = 0, micro = 0;

	sscanf(VERSION, "%d.%d.%d", &major, &minor, &micro);
	json_put_object(j, "qemu");
	json_put_int(j, "micro", micro);
	json_put_int(j, "minor", minor);
	json_put_int(j, "major", major);
	json_put_end(j);
	json_put_string(j, "package", "vm-utils " VERSION);
}

void
client_greet(struct client *cl)
{
	char text[256];
	FILE *f = fmemopen(text, sizeof(text), "w");
	struct json j;

	if (!f) {
		client_kill(cl);
		return;
	}
	json_open(&j, f);
	json_put_object(&j, NULL);
	json_put_object(&j, "QMP");
	json_put_object(&j, "version");
	control_version(&j);
	json_put_end(&j);
	json_put_array(&j, "capabilities");
	json_put_end(&j);
	json_put_end(&j);
	json_put_end(&j);
	fputs("\r\n", f);
	fclose(f);
	client_say(cl, text, strlen(text));
}
