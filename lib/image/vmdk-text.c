/* SPDX-License-Identifier: MIT */
/*
 * VMDK: the descriptor. Lines "key=value", and one for each extent:
 *	RW 4192256 FLAT "disk-flat.vmdk" 0
 * Files of extents lie beside the descriptor; a path is refused, since an image
 * has no business elsewhere.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/vmdk.h"

static struct vmdk_extent *
add_extent(struct image *im, struct vmdk *v)
{
	struct vmdk_extent *e;

	if (v->extents == VMDK_EXTENTS) {
		image_broken(im, "more than %d extents", VMDK_EXTENTS);
		return NULL;
	}
	e = realloc(v->extent, (v->extents + 1) * sizeof(*e));
	if (!e) {
		fail(-ENOMEM, "%s", im->name);
		return NULL;
	}
	v->extent = e;
	e += v->extents++;
	memset(e, 0, sizeof(*e));
	return e;
}

/* The next word; *line is behind it. */
static char *
word(char **line)
{
	char *w = *line + strspn(*line, " \t");
	size_t n = strcspn(w, " \t");

	*line = w + n + (w[n] != '\0');
	w[n] = '\0';
	return w;
}

static bool
number(const char *s, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(s, &end, 10);
	return isdigit((unsigned char)s[0]) && !*end && !errno;
}

/* "NAME" in quotes; "" there is none. */
static char *
quoted(char **line)
{
	char *s = *line + strspn(*line, " \t"), *end;

	if (*s != '"')
		return s + strlen(s);
	end = strchr(++s, '"');
	if (!end)
		return s + strlen(s);
	*end = '\0';
	*line = end + 1;
	return s;
}

static int
extent_kind(struct image *im, const char *name, enum vmdk_kind *kind)
{
	if (strcmp(name, "FLAT") == 0 || strcmp(name, "VMFS") == 0)
		*kind = VMDK_FLAT;
	else if (strcmp(name, "SPARSE") == 0)
		*kind = VMDK_SPARSE;
	else if (strcmp(name, "ZERO") == 0)
		*kind = VMDK_ZERO;
	else
		return failx(-ENOTSUP,
			"%s: extents of type '%s' are not supported", im->name,
			name);
	return 0;
}

static int
extent_file(struct image *im, struct vmdk_extent *e, char *line)
{
	const char *name = quoted(&line);
	const char *at = word(&line);
	int err;

	if (!name[0])
		return image_broken(im, "an extent without a file");
	if (strchr(name, '/') || strcmp(name, "..") == 0)
		return failx(-EACCES,
			"%s: its extent '%s' is not a file beside it", im->name,
			name);
	err = image_text(im, "extent's name", name, strlen(name), &e->name);
	if (err)
		return err;
	if (!at[0])
		return 0;
	if (!number(at, &e->file_off) || e->file_off > INT64_MAX / VMDK_SECTOR)
		return image_broken(im, "an extent's offset is no number");
	e->file_off *= VMDK_SECTOR;
	return 0;
}

/* Behind "RW " or "RDONLY ". */
static int
extent_line(struct image *im, struct vmdk *v, char *line)
{
	struct vmdk_extent *e = add_extent(im, v);
	uint64_t sectors, start = 0;
	int err;

	if (!e)
		return -EIO;
	if (v->extents > 1)
		start = e[-1].start + e[-1].size;
	if (!number(word(&line), &sectors) || !sectors ||
		sectors > INT64_MAX / VMDK_SECTOR ||
		sectors * VMDK_SECTOR > INT64_MAX - start)
		return image_broken(im, "the size of an extent is no number");
	e->start = start;
	e->size = sectors * VMDK_SECTOR;
	err = extent_kind(im, word(&line), &e->kind);
	if (err || e->kind == VMDK_ZERO)
		return err;
	return extent_file(im, e, line);
}

/* "value" or value, blanks around it gone. */
static char *
value_of(char *s)
{
	size_t n;

	s += strspn(s, " \t\"");
	n = strlen(s);
	while (n && strchr(" \t\"", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int
setting(struct image *im, struct vmdk *v, const char *key, const char *value)
{
	if (strcasecmp(key, "parentCID") == 0 &&
		strtoul(value, NULL, 16) != 0xffffffff)
		return failx(-ENOTSUP,
			"%s: stands on another image; such are not read",
			im->name);
	if (strcasecmp(key, "createType") == 0)
		snprintf(v->type, sizeof(v->type), "%.31s", value);
	if (strcasecmp(key, "encoding") == 0 && strcasecmp(value, "UTF-8") &&
		strcasecmp(value, "windows-1252") &&
		strcasecmp(value, "US-ASCII"))
		return 0; /* a name in it is checked, and may be refused */
	return 0;
}

static int
one_line(struct image *im, struct vmdk *v, char *line)
{
	char *rest = line, *eq = strchr(line, '='), *quote = strchr(line, '"');
	char *first;

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	if (eq && (!quote || eq < quote)) {
		*eq = '\0';
		line[strcspn(line, " \t")] = '\0';
		return setting(im, v, line, value_of(eq + 1));
	}
	rest = line;
	first = word(&rest);
	if (strcasecmp(first, "RW") == 0 || strcasecmp(first, "RDONLY") == 0)
		return extent_line(im, v, rest);
	if (strcasecmp(first, "NOACCESS") == 0)
		return failx(
			-EACCES, "%s: an extent may not be read", im->name);
	return 0; /* of a later version */
}

int
vmdk_text(struct image *im, struct vmdk *v, char *text, size_t n)
{
	char *save = NULL;
	int err = 0;

	text[n] = '\0'; /* what is behind an early one is filling */
	for (char *line = strtok_r(text, "\r\n", &save); line && !err;
		line = strtok_r(NULL, "\r\n", &save))
		err = one_line(im, v, line);
	return err;
}
