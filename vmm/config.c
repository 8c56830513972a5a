/* SPDX-License-Identifier: MIT */
/*
 * Configuration keys: what each is called, what it takes, where it goes.
 */
#include "vmm/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chr.h"
#include "lib/err.h"
#include "lib/units.h"

enum kind {
	TEXT,
	SIZE,
	COUNT,
	DURATION,
	BOOL,
	ONRESET,
	SERIAL,
	CHR,
	FLAT,
	ENTRY,
	ACCEL
};

struct row {
	struct config_key key;
	enum kind kind;
	size_t at;
	uint64_t min, max;
};

#define AT(member) offsetof(struct config, member)

static const struct row rows[] = {
	{{"kernel", "FILE", "kernel image to boot; - is stdin"}, TEXT,
		AT(kernel), 0, 0},
	{{"initrd", "FILE", "initial ramdisk, or first multiboot module"}, TEXT,
		AT(initrd), 0, 0},
	{{"cmdline", "TEXT", "kernel command line"}, TEXT, AT(cmdline), 0, 0},
	{{"memory", "SIZE", "guest memory"}, SIZE, AT(memory), 64 << 10,
		1ull << 40},
	{{"cpus", "N", "virtual CPUs"}, COUNT, AT(cpus), 1, CONFIG_CPUS},
	{{"accel", "auto|kvm|soft", "CPU engine"}, ACCEL, AT(accel), 0, 0},
	{{"serial", "SPEC", "back end of the next serial port"}, SERIAL,
		AT(serial), 0, 0},
	{{"debugcon", "SPEC", "back end of the debug console, port 0x402"}, CHR,
		AT(debugcon), 0, 0},
	{{"on-reset", "exit|restart", "what a reset of the guest does"},
		ONRESET, AT(on_reset), 0, 0},
	{{"timeout", "DURATION", "end the machine after so long"}, DURATION,
		AT(timeout), 0, 0},
	{{"stop-timeout", "DURATION", "how long the power button may take"},
		DURATION, AT(stop_timeout), 0, 0},
	{{"debug-exit", "BOOL", "debug exit device at port 0xf4"}, BOOL,
		AT(debug_exit), 0, 0},
	{{"test-device", "BOOL", "test device of conformance suites"}, BOOL,
		AT(test_device), 0, 0},
	{{"flat", "ADDR", "boot the kernel as a flat real-mode image at ADDR"},
		FLAT, AT(flat), 0, 0},
	{{"entry", "auto|32|64", "entry point of a Linux kernel"}, ENTRY,
		AT(entry), 0, 0},
	{{"icount", "BOOL", "soft: time follows the instructions run"}, BOOL,
		AT(icount), 0, 0},
};

void
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->memory = 128 << 20;
	c->cpus = 1;
	c->stop_timeout = 30 * 1000000000ll;
	c->flat_addr = 0x7c00;
}

void
config_free(struct config *c)
{
	free(c->kernel);
	free(c->initrd);
	free(c->cmdline);
	free(c->accel);
	free(c->debugcon);
	for (unsigned n = 0; n < c->serials; n++)
		free(c->serial[n]);
	memset(c, 0, sizeof(*c));
}

static int
set_text(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return fail(-ENOMEM, "config");
	free(*to);
	*to = copy;
	return 0;
}

static int
set_word(const struct row *r, const char *value, const char *const *words,
	unsigned *out)
{
	for (unsigned n = 0; words[n]; n++) {
		if (strcmp(value, words[n]) == 0) {
			*out = n;
			return 0;
		}
	}
	return failx(
		-EINVAL, "%s: '%s' is not %s", r->key.name, value, r->key.form);
}

static int
set_bool(const struct row *r, const char *value, bool *out)
{
	static const char *const words[] = {
		"no", "yes", "off", "on", "false", "true", "0", "1", NULL};
	unsigned n = 0;

	if (set_word(r, value, words, &n))
		return failx(-EINVAL, "%s: '%s' is not yes or no", r->key.name,
			value);
	*out = n & 1;
	return 0;
}

static int
set_range(const struct row *r, const char *value, uint64_t v, uint64_t *out)
{
	char a[UNITS_MAX], b[UNITS_MAX];

	if (v < r->min || v > r->max) {
		bool size = r->kind == SIZE;

		units_print_size(a, r->min);
		units_print_size(b, r->max);
		if (size)
			return failx(-ERANGE, "%s: %s is not in %s..%s",
				r->key.name, value, a, b);
		return failx(-ERANGE, "%s: %s is not in %llu..%llu",
			r->key.name, value, (unsigned long long)r->min,
			(unsigned long long)r->max);
	}
	if (r->kind == SIZE && v % 4096)
		return failx(-ERANGE, "%s: %s is not a multiple of 4K",
			r->key.name, value);
	*out = v;
	return 0;
}

/* A value's own error, with the key before it. */
static int
named(const struct row *r, int err)
{
	char text[512];

	if (!err)
		return 0;
	strncpy(text, fail_text(), sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return failx(err, "%s: %s", r->key.name, text);
}

static int
set_serial(struct config *c, const char *value)
{
	int r;

	if (c->serials == CONFIG_UARTS)
		return failx(-ERANGE, "serial: at most %d ports", CONFIG_UARTS);
	r = chr_check(value);
	if (!r)
		r = set_text(&c->serial[c->serials], value);
	if (!r)
		c->serials++;
	return r;
}

static int
set_flat(const struct row *r, struct config *c, const char *value)
{
	uint64_t v;
	int e = units_parse_number(value, &v);

	if (e)
		return named(r, e);
	if (v > 0xffff)
		return failx(-ERANGE,
			"flat: %s: real mode with CS=0 begins below 0x10000",
			value);
	c->flat = true;
	c->flat_addr = v;
	return 0;
}

static int
set_row(const struct row *r, struct config *c, const char *value)
{
	static const char *const resets[] = {"exit", "restart", NULL};
	static const char *const entries[] = {"auto", "32", "64", NULL};
	static const char *const accels[] = {"auto", "kvm", "soft", NULL};
	void *at = (char *)c + r->at;
	unsigned word = 0;
	uint64_t v;
	int e;

	switch (r->kind) {
	case TEXT:
		return set_text(at, value);
	case CHR:
		e = chr_check(value);
		return e ? e : set_text(at, value);
	case ACCEL:
		e = set_word(r, value, accels, &word);
		return e ? e : set_text(at, value);
	case SIZE:
		e = named(r, units_parse_size(value, &v));
		return e ? e : set_range(r, value, v, at);
	case COUNT:
		e = named(r, units_parse_number(value, &v));
		return e ? e : set_range(r, value, v, at);
	case DURATION:
		return named(r, units_parse_duration(value, at));
	case BOOL:
		return set_bool(r, value, at);
	case ONRESET:
		e = set_word(r, value, resets, &word);
		if (!e)
			c->on_reset = (enum on_reset)word;
		return e;
	case ENTRY:
		e = set_word(r, value, entries, &word);
		if (!e)
			c->entry = word * 32;
		return e;
	case SERIAL:
		return set_serial(c, value);
	case FLAT:
		return set_flat(r, c, value);
	}
	return -EINVAL;
}

int
config_set(struct config *c, const char *key, const char *value)
{
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++)
		if (strcmp(rows[n].key.name, key) == 0)
			return set_row(&rows[n], c, value);
	return failx(-ENOENT, "%s: no such key", key);
}

const struct config_key *
config_key(size_t n)
{
	return n < sizeof(rows) / sizeof(*rows) ? &rows[n].key : NULL;
}
