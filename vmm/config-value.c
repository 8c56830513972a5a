/* SPDX-License-Identifier: MIT */
/*
 * The values of configuration keys: from text to the member of struct config,
 * and back to the default.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chr.h"
#include "lib/err.h"
#include "lib/fb.h"
#include "lib/units.h"
#include "vmm/config-int.h"

int
config_set_text(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return fail(-ENOMEM, "config");
	free(*to);
	*to = copy;
	return 0;
}

int
config_word(const char *words, const char *word)
{
	size_t n = strlen(word), len;

	for (int k = 0; *words; k++) {
		len = strcspn(words, "|");
		if (len == n && memcmp(words, word, n) == 0)
			return k;
		words += len + (words[len] == '|');
	}
	return -1;
}

static int
set_word(const struct config_row *r, const char *value, unsigned *out)
{
	int k = config_word(r->key.form, value);

	if (k < 0)
		return failx(-EINVAL, "%s: '%s' is not %s", r->key.name, value,
			r->key.form);
	*out = (unsigned)k;
	return 0;
}

int
config_bool(const char *value, bool *out)
{
	static const char *const words[] = {
		"no", "yes", "off", "on", "false", "true", "0", "1"};

	for (unsigned n = 0; n < sizeof(words) / sizeof(*words); n++) {
		if (strcmp(value, words[n]) == 0) {
			*out = n & 1;
			return 0;
		}
	}
	return failx(-EINVAL, "'%s' is not yes or no", value);
}

static int
set_range(const struct config_row *r, const char *value, uint64_t v,
	uint64_t *out)
{
	char a[UNITS_MAX], b[UNITS_MAX];

	if (v < r->min || v > r->max) {
		bool size = r->kind == CONFIG_SIZE;

		units_print_size(a, r->min);
		units_print_size(b, r->max);
		if (size)
			return failx(-ERANGE, "%s: %s is not in %s..%s",
				r->key.name, value, a, b);
		return failx(-ERANGE, "%s: %s is not in %" PRIu64 "..%" PRIu64,
			r->key.name, value, r->min, r->max);
	}
	if (r->kind == CONFIG_SIZE && v % 4096)
		return failx(-ERANGE, "%s: %s is not a multiple of 4K",
			r->key.name, value);
	*out = v;
	return 0;
}

int
config_named(const char *key, int err)
{
	return err ? failx(err, "%s: %s", key, fail_text()) : 0;
}

static int
set_serial(struct config *c, const char *value)
{
	int r;

	if (c->serials == CONFIG_UARTS)
		return failx(-ERANGE, "serial: at most %d ports", CONFIG_UARTS);
	r = config_named("serial", chr_check(value));
	c->serial[c->serials] = NULL;
	if (!r)
		r = config_set_text(&c->serial[c->serials], value);
	if (!r)
		c->serials++;
	return r;
}

static int
set_flat(struct config *c, const char *value)
{
	uint64_t v;
	int e = config_named("flat", units_parse_number(value, &v));

	if (e)
		return e;
	if (v > 0xffff)
		return failx(-ERANGE,
			"flat: %s: real mode with CS=0 begins below 0x10000",
			value);
	c->flat = true;
	c->flat_addr = v;
	return 0;
}

/* 8-4-4-4-12 hexadecimal digits, RFC 9562 section 4. */
static int
check_uuid(const char *value)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t n = 0;

	while (form[n] &&
		(form[n] == 'x' ? value[n] && strchr("0123456789abcd"
						     "efABCDEF",
						      value[n]) != NULL
				: value[n] == form[n]))
		n++;
	if (form[n] || value[n])
		return failx(-EINVAL, "'%s' is not a UUID", value);
	return 0;
}

/* What the card has, given the video RAM. */
static bool
is_mode(const struct config_mode *m)
{
	return m->width && m->width <= FB_MAX_WIDTH && m->width % 8 == 0 &&
	       m->height && m->height <= FB_MAX_HEIGHT &&
	       (m->bits == 15 ||
		       (m->bits && m->bits <= 32 && m->bits % 8 == 0));
}

int
config_mode_parse(const char *value, struct config_mode *m)
{
	struct config_mode got = {0, 0, 0};
	int end = 0;

	*m = got;
	if (!value || strcmp(value, "text") == 0)
		return 0;
	if (sscanf(value, "%4ux%4ux%2u%n", &got.width, &got.height, &got.bits,
		    &end) != 3 ||
		value[end] || strspn(value, "0123456789x") != strlen(value))
		return failx(-EINVAL,
			"'%s' is not text or WIDTHxHEIGHTxBITS (1024x768x32)",
			value);
	if (!is_mode(&got))
		return failx(-EINVAL,
			"'%s' is no mode: up to %ux%u, a width that 8 divides, "
			"and 8, 15, 16, 24 or 32 bits",
			value, FB_MAX_WIDTH, FB_MAX_HEIGHT);
	*m = got;
	return 0;
}

static int
set_number(const struct config_row *r, const char *value, void *at)
{
	const char *key = r->key.name;
	unsigned word = 0;
	uint64_t v;
	int e;

	switch (r->kind) {
	case CONFIG_SIZE:
		e = config_named(key, units_parse_size(value, &v));
		return e ? e : set_range(r, value, v, at);
	case CONFIG_COUNT:
		e = config_named(key, units_parse_number(value, &v));
		return e ? e : set_range(r, value, v, at);
	case CONFIG_DURATION:
		return config_named(key, units_parse_duration(value, at));
	case CONFIG_BOOL:
		return config_named(key, config_bool(value, at));
	case CONFIG_WORD:
		return set_word(r, value, at);
	default: /* CONFIG_ENTRY */
		e = set_word(r, value, &word);
		if (!e)
			*(uint64_t *)at = word * 32;
		return e;
	}
}

int
config_set_row(const struct config_row *r, struct config *c, const char *value)
{
	void *at = (char *)c + r->at;
	unsigned word;
	int e = 0;

	switch (r->kind) {
	case CONFIG_USER:
		return 0;
	case CONFIG_SERIAL:
		return set_serial(c, value);
	case CONFIG_FLAT:
		return set_flat(c, value);
	case CONFIG_DISK:
	case CONFIG_CDROM:
	case CONFIG_ORDER:
	case CONFIG_FW:
	case CONFIG_PORT:
		return config_set_spec(r->kind, c, value);
	case CONFIG_PATH:
	case CONFIG_FIRM:
		if (!*value)
			e = failx(-EINVAL, "%s: no file named", r->key.name);
		break;
	case CONFIG_CHR:
		e = config_named(r->key.name, chr_check(value));
		break;
	case CONFIG_ENGINE:
		e = set_word(r, value, &word);
		break;
	case CONFIG_ID:
		e = config_named(r->key.name, check_uuid(value));
		break;
	case CONFIG_SCREEN: {
		struct config_mode m;

		e = config_named(r->key.name, config_mode_parse(value, &m));
		break;
	}
	case CONFIG_TEXT:
		break;
	default:
		return set_number(r, value, at);
	}
	return e ? e : config_set_text(at, value);
}

static void
free_serials(struct config *c)
{
	while (c->serials) {
		free(c->serial[--c->serials]);
		c->serial[c->serials] = NULL;
	}
}

void
config_unset_row(const struct config_row *r, struct config *c)
{
	struct config fresh;
	size_t n = 0;

	config_init(&fresh);
	switch (r->kind) {
	case CONFIG_USER:
		return;
	case CONFIG_SERIAL:
		free_serials(c);
		return;
	case CONFIG_FLAT:
		c->flat = fresh.flat;
		c->flat_addr = fresh.flat_addr;
		return;
	case CONFIG_DISK:
	case CONFIG_CDROM:
	case CONFIG_ORDER:
	case CONFIG_FW:
	case CONFIG_PORT:
		config_unset_spec(r->kind, c);
		return;
	case CONFIG_BOOL:
		n = sizeof(bool);
		break;
	case CONFIG_WORD:
		n = sizeof(unsigned);
		break;
	case CONFIG_SIZE:
	case CONFIG_COUNT:
	case CONFIG_ENTRY:
	case CONFIG_DURATION:
		n = sizeof(uint64_t);
		break;
	default:
		n = sizeof(char *);
		free(*(char **)((char *)c + r->at));
	}
	memcpy((char *)c + r->at, (const char *)&fresh + r->at, n);
}
