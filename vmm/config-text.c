/* SPDX-License-Identifier: MIT */
/*
 * Configuration as text: files (vm.conf(5)) and JSON.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/kv.h"
#include "lib/units.h"
#include "vmm/config-int.h"

static int
take(void *to, const char *key, const char *value)
{
	return config_set(to, key, value);
}

int
config_parse(struct config *c, const char *name, const char *text, size_t size)
{
	return kv_parse(name, text, size, take, c);
}

int
config_check(const struct config *c)
{
	if (c->vga_memory & (c->vga_memory - 1))
		return failx(-EINVAL, "vga-memory: not a power of two");
	if (c->icount && c->cpus != 1)
		return failx(-EINVAL, "icount: one CPU only");
	if (c->icount && c->accel && strcmp(c->accel, "kvm") == 0)
		return failx(-EINVAL, "icount: only the soft engine counts");
	return 0;
}

static bool
is_users(const struct config_item *i)
{
	return config_kind(config_find(i->key)) == CONFIG_USER;
}

void
config_print(const struct config *c, FILE *f, bool all)
{
	const struct config_key *k;
	const char *v;

	for (size_t n = 0; all && (k = config_key(n)) != NULL; n++) {
		for (size_t i = 0; (v = config_get(c, k->name, i)); i++)
			kv_print(f, k->name, v);
		if (!config_get(c, k->name, 0) && *k->standard)
			kv_print(f, k->name, k->standard);
	}
	for (size_t n = 0; n < c->items; n++)
		if (!all || is_users(&c->item[n]))
			kv_print(f, c->item[n].key, c->item[n].value);
}

/* Close what open_memstream() opened. The text, or NULL. */
static char *
finish(FILE *f, char **text)
{
	bool bad = ferror(f) != 0;

	if (fclose(f) == 0 && !bad)
		return *text;
	free(*text);
	return NULL;
}

char *
config_as_text(const struct config *c, size_t *size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, size);

	if (!f)
		return NULL;
	config_print(c, f, false);
	return finish(f, &text);
}

/* --- changing text --- */

struct edit {
	const struct config *c;
	bool done[CONFIG_ITEMS]; /* items that are in the new text */
	FILE *f;
};

/* Without the blanks around it. */
static const char *
trim(const char *p, size_t *n)
{
	while (*n && (*p == ' ' || *p == '\t'))
		p++, --*n;
	while (*n && (p[*n - 1] == ' ' || p[*n - 1] == '\t'))
		--*n;
	return p;
}

static bool
same(const char *p, size_t n, const char *s)
{
	return strlen(s) == n && memcmp(p, s, n) == 0;
}

/* A line that says what the configuration says stays, one that says something
 * else is made to, and one too many goes. */
static void
edit_line(struct edit *e, const char *line, size_t n)
{
	const char *eq = memchr(line, '=', n), *key, *value;
	size_t key_n = n, value_n = 0;

	key = trim(line, &key_n);
	if (!key_n || *key == '#' || !eq) {
		fprintf(e->f, "%.*s\n", (int)n, line);
		return;
	}
	key_n = (size_t)(eq - line);
	value_n = n - key_n - 1;
	key = trim(line, &key_n);
	value = trim(eq + 1, &value_n);
	for (size_t k = 0; k < e->c->items; k++) {
		const struct config_item *i = &e->c->item[k];

		if (e->done[k] || !same(key, key_n, i->key))
			continue;
		e->done[k] = true;
		if (same(value, value_n, i->value))
			fprintf(e->f, "%.*s\n", (int)n, line);
		else
			kv_print(e->f, i->key, i->value);
		return;
	}
}

char *
config_edit(
	const struct config *c, const char *text, size_t size, size_t *out_size)
{
	struct edit e = {.c = c};
	char *out = NULL;
	const char *end = text + size, *nl;

	e.f = open_memstream(&out, out_size);
	if (!e.f)
		return NULL;
	for (; text < end; text = nl + 1) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if (!nl)
			nl = end;
		edit_line(&e, text, (size_t)(nl - text));
	}
	for (size_t n = 0; n < c->items; n++)
		if (!e.done[n])
			kv_print(e.f, c->item[n].key, c->item[n].value);
	return finish(e.f, &out);
}

/* --- JSON --- */

/* The value has been checked, or is the table's. */
static void
json_value(struct json *j, const struct config_key *k, const char *key,
	const char *value)
{
	uint64_t u = 0;
	int64_t ns = 0;
	bool b = false;

	switch (config_kind(k)) {
	case CONFIG_SIZE:
		units_parse_size(value, &u);
		json_put_uint(j, key, u);
		break;
	case CONFIG_COUNT:
	case CONFIG_FLAT:
		units_parse_number(value, &u);
		json_put_uint(j, key, u);
		break;
	case CONFIG_DURATION:
		units_parse_duration(value, &ns);
		json_put_seconds(j, key, ns);
		break;
	case CONFIG_BOOL:
		config_bool(value, &b);
		json_put_bool(j, key, b);
		break;
	default:
		json_put_string(j, key, value);
	}
}

static void
json_list(const struct config *c, struct json *j, const struct config_key *k)
{
	const char *v;

	json_put_array(j, k->name);
	for (size_t n = 0; (v = config_get(c, k->name, n)); n++)
		json_value(j, k, NULL, v);
	json_put_end(j);
}

void
config_json(const struct config *c, struct json *j, bool all)
{
	const struct config_key *k;

	for (size_t n = 0; (k = config_key(n)) != NULL; n++) {
		const char *v = config_get(c, k->name, 0);

		if (!v && all && *k->standard)
			v = k->standard;
		if (k->flags & CONFIG_LIST && (v || all))
			json_list(c, j, k);
		else if (v)
			json_value(j, k, k->name, v);
	}
	for (size_t n = 0; n < c->items; n++)
		if (is_users(&c->item[n]))
			json_put_string(j, c->item[n].key, c->item[n].value);
}

int
config_new_uuid(char uuid[CONFIG_UUID])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return fail(-errno, "getrandom");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(uuid, CONFIG_UUID,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		"%02x%02x%02x%02x%02x%02x",
		b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
		b[10], b[11], b[12], b[13], b[14], b[15]);
	return 0;
}
