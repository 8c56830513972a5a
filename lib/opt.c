/* SPDX-License-Identifier: MIT */
/*
 * Parsing by table. Operands are moved to the front of argv as they are met;
 * the place they move to has always been read already.
 */
#include "lib/opt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/units.h"

#ifndef VERSION
#define VERSION "0"
#endif

static const struct opt common[] = {
	{.name = "help", .letter = 'h', .help = "print this"},
	{.name = "version", .letter = 'V', .help = "print the version"},
	{.name = "list-options"},
	{0},
};

struct parser {
	const struct opt_tool *tool;
	void *conf;
	FILE *out;
	char **argv;
	int argc, at;
};

static bool
is_common(const struct opt *o)
{
	return o >= common && o < common + sizeof(common) / sizeof(common[0]);
}

static bool
takes_value(const struct opt *o)
{
	return !is_common(o) && o->kind != OPT_FLAG && o->kind != OPT_NOT &&
	       o->kind != OPT_COUNT && (o->kind != OPT_CALL || o->arg);
}

/* By long name of n bytes, or by letter. */
static const struct opt *
find_in(const struct opt *o, const char *name, size_t n, char letter)
{
	for (; o->name; o++) {
		if (o->kind == OPT_HEADING)
			continue;
		if (letter ? o->letter == letter
			   : strlen(o->name) == n &&
					memcmp(o->name, name, n) == 0)
			return o;
	}
	return NULL;
}

/* "[=ADDR]": only --name=ADDR gives one. */
static bool
value_optional(const struct opt *o)
{
	return o->arg && o->arg[0] == '[';
}

static const struct opt *
find(const struct parser *p, const char *name, size_t n, char letter)
{
	const struct opt *o = find_in(p->tool->opts, name, n, letter);

	return o ? o : find_in(common, name, n, letter);
}

/* --- values --- */

static int
set_choice(const char *words, const char *value, unsigned *out)
{
	size_t n = strlen(value), len;

	for (unsigned i = 0; *words; i++) {
		len = strcspn(words, "|");
		if (len == n && memcmp(words, value, n) == 0) {
			*out = i;
			return 0;
		}
		words += len + (words[len] == '|');
	}
	return -EINVAL;
}

static int
add_to_list(struct opt_list *list, const char *value)
{
	const char **v = realloc(list->v, (list->n + 2) * sizeof(*v));

	if (!v)
		return fail(-ENOMEM, "cannot keep '%s'", value);
	v[list->n++] = value;
	v[list->n] = NULL;
	list->v = v;
	return 0;
}

static const char *
print_number(const struct opt *o, char buf[UNITS_MAX], uint64_t n)
{
	if (o->kind == OPT_SIZE)
		return units_print_size(buf, n);
	snprintf(buf, UNITS_MAX, "%" PRIu64, n);
	return buf;
}

static int
set_number(const struct opt *o, const char *value, uint64_t *out)
{
	char least[UNITS_MAX], most[UNITS_MAX];
	uint64_t n;
	int err = o->kind == OPT_SIZE ? units_parse_size(value, &n)
				      : units_parse_number(value, &n);

	if (err)
		return err;
	if (n < o->min)
		return failx(-ERANGE, "'%s' is less than %s", value,
			print_number(o, least, o->min));
	if (o->max && n > o->max)
		return failx(-ERANGE, "'%s' is more than %s", value,
			print_number(o, most, o->max));
	if (o->multiple && n % o->multiple)
		return failx(-ERANGE, "'%s' is not a multiple of %s", value,
			print_number(o, least, o->multiple));
	*out = n;
	return 0;
}

static int
store(const struct opt *o, void *conf, const char *value)
{
	void *to = (char *)conf + o->at;

	switch (o->kind) {
	case OPT_FLAG:
	case OPT_NOT:
		*(bool *)to = o->kind == OPT_FLAG;
		return 0;
	case OPT_COUNT:
		++*(unsigned *)to;
		return 0;
	case OPT_STRING:
		*(const char **)to = value;
		return 0;
	case OPT_NUMBER:
	case OPT_SIZE:
		return set_number(o, value, to);
	case OPT_DURATION:
		return units_parse_duration(value, to);
	case OPT_CHOICE:
		if (set_choice(o->arg, value, to) == 0)
			return 0;
		return failx(-EINVAL, "'%s' is none of %s", value, o->arg);
	case OPT_LIST:
		return add_to_list(to, value);
	case OPT_CALL:
		return o->set(conf, value);
	case OPT_HEADING:
		break;
	}
	return 0;
}

/* A configuration key of the option's name has said it already. */
static void
say_wrong(const char *name)
{
	const char *why = fail_text();
	size_t n = strlen(name);

	if (strncmp(why, name, n) == 0 && strncmp(why + n, ": ", 2) == 0)
		why += n + 2;
	failx(-EINVAL, "--%s: %s", name, why);
}

static enum opt_result
apply(struct parser *p, const struct opt *o, const char *value)
{
	if (!is_common(o)) {
		if (store(o, p->conf, value) == 0)
			return OPT_OK;
		say_wrong(o->name);
		return OPT_WRONG;
	}
	if (o == &common[0])
		opt_help(p->tool, p->out);
	else if (o == &common[1])
		fprintf(p->out, "%s (vm-utils) %s\n", p->tool->name, VERSION);
	else
		opt_list_options(p->tool, p->out);
	return OPT_DONE;
}

/* --- the command line --- */

/* A wrong long name: is it the beginning of a right one? */
static enum opt_result
unknown(const struct parser *p, const char *name, size_t n)
{
	const struct opt *hit = NULL;
	unsigned hits = 0;

	for (const struct opt *o = p->tool->opts; n && o->name; o++) {
		if (o->kind == OPT_HEADING || strncmp(o->name, name, n) != 0)
			continue;
		hit = o;
		hits++;
	}
	if (hits == 1)
		failx(-EINVAL, "unknown option '--%.*s' (is it --%s?)", (int)n,
			name, hit->name);
	else
		failx(-EINVAL, "unknown option '--%.*s'", (int)n, name);
	return OPT_WRONG;
}

static enum opt_result
parse_long(struct parser *p, const char *name)
{
	size_t n = strcspn(name, "=");
	const char *value = name[n] ? name + n + 1 : NULL;
	const struct opt *o = find(p, name, n, 0);

	if (!o)
		return unknown(p, name, n);
	if (!takes_value(o) && value) {
		failx(-EINVAL, "--%s takes no value", o->name);
		return OPT_WRONG;
	}
	if (takes_value(o) && !value && !value_optional(o))
		value = p->at < p->argc ? p->argv[p->at++] : NULL;
	if (takes_value(o) && !value && !value_optional(o)) {
		failx(-EINVAL, "--%s needs a value", o->name);
		return OPT_WRONG;
	}
	return apply(p, o, value);
}

static enum opt_result
parse_short(struct parser *p, const char *s)
{
	enum opt_result r = OPT_OK;

	while (*s && r == OPT_OK) {
		const struct opt *o = find(p, NULL, 0, *s);
		const char *value = NULL;

		if (!o) {
			failx(-EINVAL, "unknown option '-%c'", *s);
			return OPT_WRONG;
		}
		s++;
		if (takes_value(o)) {
			if (*s)
				value = s;
			else if (p->at < p->argc)
				value = p->argv[p->at++];
			if (!value) {
				failx(-EINVAL, "-%c needs a value", s[-1]);
				return OPT_WRONG;
			}
			s = "";
		}
		r = apply(p, o, value);
	}
	return r;
}

static enum opt_result
check_operands(const struct opt_tool *tool, const struct opt_rest *rest)
{
	if (rest->n < tool->min)
		failx(-EINVAL, "too few arguments (%s -h helps)", tool->name);
	else if (rest->n > tool->max && tool->max != OPT_ANY)
		failx(-EINVAL, "unexpected argument '%s'", rest->v[tool->max]);
	else
		return OPT_OK;
	return OPT_WRONG;
}

/* "-5" is a number, unless an option is called so. */
static bool
is_number(const struct opt_tool *tool, const char *s)
{
	const struct opt *o = tool->opts;

	while (o->name && !(o->letter >= '0' && o->letter <= '9'))
		o++;
	return !o->name && s[1] >= '0' && s[1] <= '9';
}

enum opt_result
opt_parse(const struct opt_tool *tool, int argc, char **argv, void *conf,
	struct opt_rest *rest, FILE *out)
{
	struct parser p = {tool, conf, out, argv, argc, 1};
	enum opt_result r = OPT_OK;
	bool options = true;

	*rest = (struct opt_rest){.v = argv + (argc > 0)};
	while (p.at < argc && r == OPT_OK) {
		char *s = argv[p.at++];

		if (options && strcmp(s, "--") == 0) {
			options = false;
			rest->tail = argv + p.at;
			if (tool->tail)
				break;
		} else if (options && s[0] == '-' && s[1] == '-') {
			r = parse_long(&p, s + 2);
		} else if (options && s[0] == '-' && s[1] &&
			   !is_number(tool, s)) {
			r = parse_short(&p, s + 1);
		} else {
			rest->v[rest->n++] = s;
			options = options && !tool->command;
		}
	}
	if (r != OPT_OK)
		return r;
	if (!tool->tail)
		rest->tail = NULL;
	if (argc > 0)
		rest->v[rest->n] = NULL;
	return check_operands(tool, rest);
}

void
opt_list_free(struct opt_list *list)
{
	free(list->v);
	*list = (struct opt_list){0};
}

/* --- what people read --- */

void
opt_usage(const struct opt_tool *tool, FILE *f)
{
	const char *form = tool->usage, *lead = "usage: ";

	do {
		size_t n = strcspn(form, "\n");

		fprintf(f, "%s%s%s%.*s\n", lead, tool->name, n ? " " : "",
			(int)n, form);
		lead = "       ";
		form += n + (form[n] == '\n');
	} while (*form);
}

static void
help_line(const struct opt *o, FILE *f)
{
	char left[80];
	int n;

	if (o->kind == OPT_HEADING) {
		fprintf(f, "\n%s:\n", o->name);
		return;
	}
	if (!o->help)
		return;
	n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s",
		o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		o->letter ? "," : " ", o->name,
		takes_value(o) && !value_optional(o) ? "=" : "",
		takes_value(o) ? o->arg : "");
	if (n < 28)
		fprintf(f, "%-28s%s\n", left, o->help);
	else
		fprintf(f, "%s\n%28s%s\n", left, "", o->help);
}

void
opt_help(const struct opt_tool *tool, FILE *f)
{
	bool grouped = false;

	opt_usage(tool, f);
	fprintf(f, "\n%s: %s\n\n", tool->name, tool->what);
	for (const struct opt *o = tool->opts; o->name; o++) {
		help_line(o, f);
		grouped = grouped || o->kind == OPT_HEADING;
	}
	if (grouped)
		putc('\n', f);
	for (const struct opt *o = common; o->name; o++)
		help_line(o, f);
	if (tool->more)
		fprintf(f, "\n%s", tool->more);
}

static void
list_line(const struct opt *o, FILE *f)
{
	char letter[3] = {'-', o->letter, '\0'};

	if (o->kind == OPT_HEADING || !o->help)
		return;
	fprintf(f, "--%s\t%s\t%s\t%s\n", o->name, o->letter ? letter : "",
		takes_value(o) ? o->arg : "", o->help);
}

void
opt_list_options(const struct opt_tool *tool, FILE *f)
{
	for (const struct opt *o = tool->opts; o->name; o++)
		list_line(o, f);
	for (const struct opt *o = common; o->name; o++)
		list_line(o, f);
}
