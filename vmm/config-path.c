/* SPDX-License-Identifier: MIT */
/*
 * The names of files in values: where they are, and others in their place.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "vmm/config-int.h"

typedef int mapper(void *to, const char *key, const char *path, char **out);

static int
keep(const char *value, char **out)
{
	*out = strdup(value);
	return *out ? 0 : fail(-ENOMEM, "config");
}

/* Where in a value without commas a file is named; NULL: nowhere. */
static const char *
path_in(enum config_kind kind, const char *value)
{
	switch (kind) {
	case CONFIG_PATH:
		return strcmp(value, "-") ? value : NULL;
	case CONFIG_FIRM:
		return config_word("seabios|ovmf|none", value) < 0 ? value
								   : NULL;
	case CONFIG_PORT:
		value += strcspn(value, ",");
		value += *value == ',';
		/* fall through */
	case CONFIG_SERIAL:
	case CONFIG_CHR:
		if (strncmp(value, "file:", 5) == 0)
			return value + 5 + (value[5] == '+');
		return strncmp(value, "unix:", 5) == 0 ? value + 5 : NULL;
	default:
		return NULL;
	}
}

/* The same for a word of a spec. */
static const char *
path_in_word(enum config_kind kind, unsigned n, const char *word)
{
	if (kind == CONFIG_FW)
		return strncmp(word, "file=", 5) ? NULL : word + 5;
	if (n)
		return strncmp(word, "backing=", 8) ? NULL : word + 8;
	if (kind == CONFIG_CDROM && strcmp(word, "none") == 0)
		return NULL;
	return config_is_size(word) ? NULL : word;
}

static int
map_word(FILE *f, const char *key, const char *word, const char *path,
	mapper *map, void *to)
{
	char *full;
	int e = path && *path ? map(to, key, path, &full) : 0;

	if (!path || !*path) {
		config_put_word(f, word);
	} else if (!e) {
		fprintf(f, "%.*s", (int)(path - word), word);
		config_put_word(f, full);
		free(full);
	}
	return e;
}

static int
map_words(const struct config_key *k, const char *value, mapper *map, void *to,
	char **out)
{
	char *text = NULL;
	size_t size;
	char **word = config_words(value);
	FILE *f = word ? open_memstream(&text, &size) : NULL;
	int e = f ? 0 : fail(-ENOMEM, "config");

	for (unsigned n = 0; !e && word[n]; n++) {
		if (n)
			putc(',', f);
		e = map_word(f, k->name, word[n],
			path_in_word(config_kind(k), n, word[n]), map, to);
	}
	free(word);
	if (f && fclose(f) && !e)
		e = fail(-ENOMEM, "config");
	if (e)
		free(text);
	else
		*out = text;
	return e;
}

int
config_map_files(
	const char *key, const char *value, mapper *map, void *to, char **out)
{
	const struct config_key *k = config_find(key);
	enum config_kind kind = k ? config_kind(k) : CONFIG_USER;
	const char *path;
	char *full;
	int e;

	if (kind == CONFIG_DISK || kind == CONFIG_CDROM || kind == CONFIG_FW)
		return map_words(k, value, map, to, out);
	path = path_in(kind, value);
	if (!path || !*path)
		return keep(value, out);
	e = map(to, key, path, &full);
	if (e)
		return e;
	if (asprintf(out, "%.*s%s", (int)(path - value), value, full) < 0)
		e = fail(-ENOMEM, "config");
	free(full);
	return e;
}

/* The directory is resolved, so that it may go where a link pointed to; the
 * name is not: it may be a link that is changed on purpose, or not be there. */
static int
absolute(void *to, const char *key, const char *path, char **out)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *dir, full[PATH_MAX];
	int e = 0;

	(void)to;
	if (*path == '/')
		return keep(path, out);
	dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	if (!dir)
		return fail(-ENOMEM, "config");
	if (!realpath(dir, full))
		e = fail(-errno, "%s: %s", key, path);
	free(dir);
	if (e)
		return e;
	if (strlen(full) + 1 + strlen(name) >= PATH_MAX)
		return fail(-ENAMETOOLONG, "%s: %s", key, path);
	if (asprintf(out, "%s/%s", strcmp(full, "/") ? full : "", name) < 0)
		return fail(-ENOMEM, "config");
	return 0;
}

int
config_absolute(const char *key, const char *value, char **out)
{
	return config_map_files(key, value, absolute, NULL, out);
}

struct look {
	int (*each)(void *to, const char *key, const char *path);
	void *to;
};

static int
look_at(void *to, const char *key, const char *path, char **out)
{
	const struct look *l = to;
	int e = l->each(l->to, key, path);

	return e ? e : keep(path, out);
}

int
config_inputs(const char *key, const char *value,
	int (*each)(void *to, const char *key, const char *path), void *to)
{
	const struct config_key *k = config_find(key);
	struct look l = {each, to};
	char *same;
	int e;

	if (!k || !(k->flags & CONFIG_FILE))
		return 0;
	if (config_kind(k) == CONFIG_PATH) /* "-" is none that stays */
		return each(to, key, value);
	e = config_map_files(key, value, look_at, &l, &same);
	if (!e)
		free(same);
	return e;
}
