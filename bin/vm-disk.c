/* SPDX-License-Identifier: MIT */
/*
 * vm-disk: disk images. A table of verbs drives parsing, the help and the list
 * for completions; each verb takes some of the options.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bin/disk/disk.h"
#include "bin/tool.h"
#include "lib/err.h"

#define FORMATS "raw|qcow2|vdi|vmdk|vhd"

enum { /* which options a verb takes */
	USES_f = 1 << 0,
	USES_O = 1 << 1,
	USES_b = 1 << 2,
	USES_F = 1 << 3,
	USES_o = 1 << 4,
	USES_J = 1 << 5,
	USES_c = 1 << 6,
	USES_p = 1 << 7,
	USES_r = 1 << 8,
	USES_u = 1 << 9,
	USES_chain = 1 << 10,
	USES_shrink = 1 << 11,
	USES_force = 1 << 12,
	USES_sync = 1 << 13
};

static const struct verb {
	const char *name, *args, *help;
	int (*run)(const struct img_conf *);
	unsigned min, max; /* operands */
	unsigned uses;
} verbs[] = {
	{"create", "FILE [SIZE]", "make an empty image", img_create, 1, 2,
		USES_f | USES_b | USES_F | USES_o | USES_force},
	{"info", "FILE", "say what it is", img_info, 1, 1,
		USES_f | USES_J | USES_chain},
	{"convert", "FROM TO", "copy to another format; - is a pipe",
		img_convert, 2, 2,
		USES_f | USES_O | USES_o | USES_c | USES_p | USES_force |
			USES_sync},
	{"check", "FILE", "is it whole?", img_check, 1, 1,
		USES_f | USES_J | USES_r},
	{"resize", "FILE SIZE", "another size: 10G, +5G, -5G", img_resize, 1, 2,
		USES_f | USES_shrink},
	{"map", "FILE", "what lies where", img_map, 1, 1, USES_f | USES_J},
	{"commit", "FILE", "into its backing file, then empty it", img_commit,
		1, 1, USES_f | USES_p},
	{"rebase", "FILE", "onto another backing file, or none", img_rebase, 1,
		1, USES_f | USES_b | USES_F | USES_u | USES_p},
	{"cmp", "FILE FILE", "compare two disks", img_cmp, 2, 2,
		USES_f | USES_F | USES_p},
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const struct opt options[] = {
	{.name = "format",
		.letter = 'f',
		.kind = OPT_STRING,
		.at = offsetof(struct img_conf, format),
		.arg = FORMATS,
		.help = "of the image; else its name's suffix says"},
	{.name = "output-format",
		.letter = 'O',
		.kind = OPT_STRING,
		.at = offsetof(struct img_conf, out_format),
		.arg = "raw|qcow2|vdi",
		.help = "convert: of what is made"},
	{.name = "option",
		.letter = 'o',
		.kind = OPT_LIST,
		.at = offsetof(struct img_conf, opts),
		.arg = "OPTION=VALUE,...",
		.help = "create, convert: see below"},
	{.name = "backing",
		.letter = 'b',
		.kind = OPT_STRING,
		.at = offsetof(struct img_conf, backing),
		.arg = "FILE",
		.help = "create, rebase: the backing file"},
	{.name = "backing-format",
		.letter = 'F',
		.kind = OPT_STRING,
		.at = offsetof(struct img_conf, backing_format),
		.arg = FORMATS,
		.help = "its format; cmp: of the second image"},
	{.name = "compress",
		.letter = 'c',
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, compress),
		.help = "convert: to qcow2, compressed"},
	{.name = "progress",
		.letter = 'p',
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, progress),
		.help = "show it even if stderr is no terminal"},
	{.name = "quiet",
		.letter = 'q',
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, quiet),
		.help = "no progress, no findings"},
	{.name = "json",
		.letter = 'J',
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, json),
		.help = "info, map, check: print JSON"},
	{.name = "chain",
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, chain),
		.help = "info: of its backing files, too"},
	{.name = "repair",
		.letter = 'r',
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, repair),
		.help = "check: put right what can be"},
	{.name = "shrink",
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, shrink),
		.help = "resize: give up what is behind the end"},
	{.name = "unsafe",
		.letter = 'u',
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, unsafe),
		.help = "rebase: change the name, look at no data"},
	{.name = "force",
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, force),
		.help = "create, convert: replace a file; bytes to a terminal"},
	{.name = "sync",
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, sync),
		.help = "convert: wait until the disk has it"},
	{.name = "list-verbs",
		.kind = OPT_FLAG,
		.at = offsetof(struct img_conf, list),
		.help = "print the verbs, for completions"},
	{0},
};

static const char usage[] =
	"create [-f FORMAT] [-o OPTION=VALUE,...] [-b FILE -F FORMAT] "
	"[--force] FILE [SIZE]\n"
	"info [-J] [-f FORMAT] [--chain] FILE\n"
	"convert [-cpq] [-f FORMAT] [-O FORMAT] [-o OPTION=VALUE,...] "
	"[--force] [--sync] FILE FILE\n"
	"check [-Jqr] [-f FORMAT] FILE\n"
	"resize [-f FORMAT] [--shrink] FILE SIZE\n"
	"map [-J] [-f FORMAT] FILE\n"
	"commit [-pq] [-f FORMAT] FILE\n"
	"rebase [-pqu] [-f FORMAT] [-b FILE -F FORMAT] FILE\n"
	"cmp [-pq] [-f FORMAT] [-F FORMAT] FILE FILE\n"
	"--list-verbs";

/* What is given, but not for this verb; NULL: nothing. */
static const char *
stray(const struct img_conf *c, unsigned uses)
{
	const struct {
		bool given;
		unsigned use;
		const char *name;
	} all[] = {
		{c->format, USES_f, "--format"},
		{c->out_format, USES_O, "--output-format"},
		{c->backing, USES_b, "--backing"},
		{c->backing_format, USES_F, "--backing-format"},
		{c->opts.n, USES_o, "--option"},
		{c->json, USES_J, "--json"},
		{c->compress, USES_c, "--compress"},
		{c->progress, USES_p, "--progress"},
		{c->repair, USES_r, "--repair"},
		{c->unsafe, USES_u, "--unsafe"},
		{c->chain, USES_chain, "--chain"},
		{c->shrink, USES_shrink, "--shrink"},
		{c->force, USES_force, "--force"},
		{c->sync, USES_sync, "--sync"},
	};

	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
		if (all[k].given && !(uses & all[k].use))
			return all[k].name;
	return NULL;
}

static int
check_formats(const struct img_conf *c)
{
	const char *const names[] = {
		c->format, c->out_format, c->backing_format};
	enum image_format format;
	int err = 0;

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]) && !err; k++)
		if (names[k])
			err = image_format_parse(names[k], &format);
	return err;
}

/* Prints what is wrong with the command line; NULL. */
static const struct verb *
find_verb(const struct img_conf *c, const struct opt_rest *rest)
{
	const struct verb *verb = NULL;
	const char *name;

	if (!rest->n) {
		failx(-EINVAL, "no verb given; vm-disk -h lists them");
		return NULL;
	}
	for (size_t k = 0; k < VERBS; k++)
		if (strcmp(verbs[k].name, rest->v[0]) == 0)
			verb = &verbs[k];
	if (!verb) {
		failx(-EINVAL, "unknown verb '%s'; vm-disk -h lists them",
			rest->v[0]);
		return NULL;
	}
	name = stray(c, verb->uses);
	if (name)
		failx(-EINVAL, "%s: takes no %s", verb->name, name);
	else if (c->minus && verb->run != img_resize)
		failx(-EINVAL, "unknown option '%s'", c->minus);
	else if (rest->n - 1 < verb->min)
		failx(-EINVAL, "%s: %s is missing", verb->name, verb->args);
	else if (rest->n - 1 > verb->max)
		failx(-EINVAL, "%s: unexpected argument '%s'", verb->name,
			rest->v[1 + verb->max]);
	else if (check_formats(c) == 0)
		return verb;
	return NULL;
}

/* "resize disk -5G" looks like an option, and is none. */
static void
take_minus(int *argc, char **argv, struct img_conf *conf)
{
	for (int k = 1; k < *argc && strcmp(argv[k], "--") != 0; k++)
		if (argv[k][0] == '-' && isdigit((unsigned char)argv[k][1])) {
			conf->minus = argv[k];
			memmove(argv + k, argv + k + 1,
				(size_t)(*argc - k) * sizeof(*argv));
			--*argc;
			return;
		}
}

static int
list_verbs(void)
{
	for (size_t k = 0; k < VERBS; k++)
		printf("%s\t%s\t%s\n", verbs[k].name, verbs[k].args,
			verbs[k].help);
	return 0;
}

/* What the help says behind the options. */
static const char *
more_text(char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "verbs:\n");

	for (size_t k = 0; k < VERBS && at < size; k++)
		at += (size_t)snprintf(buf + at, size - at, "  %-10s%-13s %s\n",
			verbs[k].name, verbs[k].args, verbs[k].help);
	if (at < size)
		snprintf(buf + at, size - at,
			"\noptions of -o:\n"
			"  qcow2: compat=1.1|0.10, cluster-size=SIZE, "
			"lazy-refcounts=on|off,\n"
			"         compression=zlib|zstd\n"
			"  raw, vdi: preallocation=off|full\n");
	return buf;
}

int
main(int argc, char **argv)
{
	struct img_conf conf = {0};
	const struct verb *verb;
	struct opt_rest rest;
	char text[2048];
	const struct opt_tool tool = {
		.name = "vm-disk",
		.what = "make, look at and change disk images",
		.usage = usage,
		.opts = options,
		.max = OPT_ANY,
		.more = more_text(text, sizeof(text)),
	};
	int code;

	take_minus(&argc, argv, &conf);
	code = tool_start(&tool, argc, argv, &conf, &rest);
	if (code >= 0)
		return tool_end(code);
	if (conf.list) {
		code = list_verbs();
	} else {
		verb = find_verb(&conf, &rest);
		conf.v = rest.v + 1;
		conf.n = rest.n ? rest.n - 1 : 0;
		code = verb ? verb->run(&conf) : tool_misused();
	}
	opt_list_free(&conf.opts);
	return tool_end(code);
}
