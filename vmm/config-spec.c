/* SPDX-License-Identifier: MIT */
/*
 * Values that are words between commas: cutting them, and those of fw-cfg, port
 * and boot. What disk and cdrom make of theirs is config-disk.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chr.h"
#include "lib/err.h"
#include "vmm/config-int.h"

enum {
	FWCFG_NAME = 55, /* of 56 bytes in the directory, one is the NUL */
	PORT_NAME = 63
};

char **
config_words(const char *value)
{
	size_t len = strlen(value), n = 1;
	char **word, *to;

	for (const char *p = value; *p; p++)
		n += *p == ',';
	word = malloc((n + 1) * sizeof(*word) + len + 1);
	if (!word)
		return NULL;
	to = (char *)(word + n + 1);
	n = 0;
	word[n++] = to;
	for (const char *p = value; *p; p++) {
		if (*p != ',') {
			*to++ = *p;
		} else if (p[1] == ',') {
			*to++ = *p++;
		} else {
			*to++ = '\0';
			word[n++] = to;
		}
	}
	*to = '\0';
	word[n] = NULL;
	return word;
}

void
config_put_word(FILE *f, const char *word)
{
	for (; *word; word++) {
		if (*word == ',')
			putc(',', f);
		putc(*word, f);
	}
}

/* ---- fw-cfg ---- */

static void
free_fwcfg(struct config_fwcfg *f)
{
	free(f->name);
	free(f->file);
	free(f->string);
}

static bool
fwcfg_name(const char *name)
{
	size_t n = strlen(name);

	if (strncmp(name, "opt/", 4) || n < 5 || n > FWCFG_NAME)
		return false;
	while (n && name[n - 1] > ' ' && name[n - 1] < 0x7f)
		n--;
	return n == 0;
}

static int
fwcfg_word(struct config_fwcfg *f, const char *word)
{
	static const char *const keys[] = {"name=", "file=", "string="};
	char **const to[] = {&f->name, &f->file, &f->string};
	size_t n;

	for (unsigned k = 0; k < 3; k++) {
		n = strlen(keys[k]);
		if (strncmp(word, keys[k], n))
			continue;
		if (*to[k])
			return failx(-EINVAL, "fw-cfg: %.*s is there twice",
				(int)n - 1, keys[k]);
		return config_set_text(to[k], word + n);
	}
	return failx(-EINVAL,
		"fw-cfg: '%s' is not name=opt/..., file=... or string=...",
		word);
}

static int
check_fwcfg(const struct config *c, const struct config_fwcfg *f)
{
	if (!f->name || !fwcfg_name(f->name))
		return failx(-EINVAL,
			"fw-cfg: name=opt/... is needed, of at most %d "
			"printable characters",
			FWCFG_NAME);
	if (!f->file == !f->string)
		return failx(-EINVAL,
			"fw-cfg: %s: either file= or string=", f->name);
	if (f->file && !*f->file)
		return failx(-EINVAL, "fw-cfg: %s: no file named", f->name);
	for (unsigned n = 0; n < c->fwcfgs; n++)
		if (strcmp(c->fwcfg[n].name, f->name) == 0)
			return failx(-EINVAL, "fw-cfg: %s is there already",
				f->name);
	if (c->fwcfgs == CONFIG_FWCFG)
		return failx(-ERANGE, "fw-cfg: at most %d items", CONFIG_FWCFG);
	return 0;
}

static int
set_fwcfg(struct config *c, const char *value)
{
	struct config_fwcfg f = {0};
	char **word = config_words(value);
	int e = word ? 0 : fail(-ENOMEM, "config");

	for (unsigned n = 0; !e && word[n]; n++)
		e = fwcfg_word(&f, word[n]);
	free(word);
	if (!e)
		e = check_fwcfg(c, &f);
	if (e)
		free_fwcfg(&f);
	else
		c->fwcfg[c->fwcfgs++] = f;
	return e;
}

/* ---- ports ---- */

static bool
port_name(const char *name, size_t n)
{
	if (!n || n > PORT_NAME)
		return false;
	for (size_t k = 0; k < n; k++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789._-",
			    name[k]))
			return false;
	return true;
}

static int
check_port(const struct config *c, const char *name, size_t n)
{
	if (!port_name(name, n))
		return failx(-EINVAL,
			"port: '%.*s' is no name: 1 to %d of A-Z a-z 0-9 . _ -",
			(int)n, name, PORT_NAME);
	for (unsigned k = 0; k < c->ports; k++)
		if (strlen(c->port[k].name) == n &&
			memcmp(c->port[k].name, name, n) == 0)
			return failx(-EINVAL, "port: %s is there already",
				c->port[k].name);
	if (c->ports == CONFIG_PORTS)
		return failx(-ERANGE, "port: at most %d", CONFIG_PORTS);
	return 0;
}

static int
set_port(struct config *c, const char *value)
{
	struct config_port p = {0};
	size_t n = strcspn(value, ",");
	int e = check_port(c, value, n);

	if (!e && !value[n])
		e = failx(-EINVAL,
			"port: %s: what is it connected to? (%s,pty)", value,
			value);
	if (!e)
		e = config_named("port", chr_check(value + n + 1));
	if (e)
		return e;
	p.name = strndup(value, n);
	p.spec = strdup(value + n + 1);
	if (!p.name || !p.spec) {
		free(p.name);
		free(p.spec);
		return fail(-ENOMEM, "config");
	}
	c->port[c->ports++] = p;
	return 0;
}

/* ---- boot ---- */

static int
set_order(struct config *c, const char *value)
{
	enum config_boot order[2];
	unsigned n = 0;
	char **word = config_words(value);
	int k = 0;

	if (!word)
		return fail(-ENOMEM, "config");
	for (unsigned w = 0; word[w]; w++) {
		k = n < 2 ? config_word("disk|cdrom", word[w]) : -1;
		if (k < 0 || (n && order[0] == (enum config_boot)k)) {
			k = -1;
			break;
		}
		order[n++] = (enum config_boot)k;
	}
	free(word);
	if (k < 0)
		return failx(-EINVAL,
			"boot: '%s' is not disk, cdrom, or both with a comma",
			value);
	memcpy(c->boot, order, n * sizeof(*order));
	c->boots = n;
	return 0;
}

/* ---- all of them ---- */

int
config_set_spec(enum config_kind kind, struct config *c, const char *value)
{
	switch (kind) {
	case CONFIG_ORDER:
		return set_order(c, value);
	case CONFIG_FW:
		return set_fwcfg(c, value);
	case CONFIG_PORT:
		return set_port(c, value);
	default:
		return config_set_disk(c, value, kind == CONFIG_CDROM);
	}
}

void
config_unset_spec(enum config_kind kind, struct config *c)
{
	switch (kind) {
	case CONFIG_ORDER:
		memset(c->boot, 0, sizeof(c->boot));
		c->boots = 0;
		break;
	case CONFIG_FW:
		while (c->fwcfgs) {
			free_fwcfg(&c->fwcfg[--c->fwcfgs]);
			memset(&c->fwcfg[c->fwcfgs], 0, sizeof(*c->fwcfg));
		}
		break;
	case CONFIG_PORT:
		while (c->ports) {
			struct config_port *p = &c->port[--c->ports];

			free(p->name);
			free(p->spec);
			memset(p, 0, sizeof(*p));
		}
		break;
	default:
		config_unset_disks(c, kind == CONFIG_CDROM);
	}
}
