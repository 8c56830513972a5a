/* SPDX-License-Identifier: MIT */
/*
 * Command lines. One table per tool drives parsing, the help and the list for
 * completions, so that they cannot disagree. Values land in a struct of the
 * tool's, by offset.
 *
 *	--name  --name=VALUE  --name VALUE  -n  -nVALUE  -n VALUE  -abc  --
 *
 * Names are never abbreviated; options and operands mix, unless the tool wants
 * what follows its first operand untouched. -h, --help, -V, --version and
 * --list-options are every tool's.
 */
#ifndef LIB_OPT_H
#define LIB_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_kind { /* what lies at the offset */
	OPT_FLAG, /* bool, set */
	OPT_NOT, /* bool, cleared */
	OPT_COUNT, /* unsigned, one more each time */
	OPT_STRING, /* const char *, points into argv */
	OPT_NUMBER, /* uint64_t, in min..max (max 0: any) */
	OPT_SIZE, /* uint64_t, bytes, in min..max, a multiple (0: any) */
	OPT_DURATION, /* int64_t, nanoseconds */
	OPT_CHOICE, /* unsigned, index in the words of arg ("auto|kvm") */
	OPT_LIST, /* struct opt_list, appended */
	OPT_CALL, /* nothing: set() is called */
	OPT_HEADING /* no option: help prints a line between the groups */
};

struct opt {
	const char *name; /* long, without the dashes */
	char letter; /* short, or 0 */
	enum opt_kind kind;
	size_t at; /* offsetof(struct conf, member) */
	const char *arg; /* what help calls the value ("SIZE") */
	const char *help; /* one line; NULL keeps it out of help */
	uint64_t min, max;
	/* -errno with a sentence (lib/err.h) refuses the value. */
	int (*set)(void *conf, const char *value);
	uint64_t multiple;
};

struct opt_list {
	const char **v; /* NULL-terminated once there is one */
	size_t n;
};

struct opt_tool {
	const char *name; /* "vm-ls" */
	const char *what; /* "list virtual machines" */
	const char *usage; /* without the name; a form a line */
	const struct opt *opts; /* ends with a zeroed entry */
	unsigned min, max; /* operands; max OPT_ANY: any number */
	bool command; /* the first operand ends the options */
	bool tail; /* what follows "--" is no operand (a command) */
	const char *more; /* lines after the options in help, or NULL */
};

enum { OPT_ANY = 0xffff };

struct opt_rest {
	char **v; /* the operands, NULL-terminated; argv is rearranged */
	unsigned n;
	char **tail; /* what followed "--", or NULL if there was none */
};

enum opt_result { OPT_OK, OPT_DONE, OPT_WRONG };

/*
 * OPT_OK: go on. OPT_DONE: help or the like was printed to out, exit 0.
 * OPT_WRONG: fail_text() says what, exit 2.
 */
enum opt_result opt_parse(const struct opt_tool *, int argc, char **argv,
	void *conf, struct opt_rest *rest, FILE *out);
void opt_list_free(struct opt_list *);

/* "usage: vm-ls [-q] [name ...]", a line for each form. */
void opt_usage(const struct opt_tool *, FILE *);
void opt_help(const struct opt_tool *, FILE *);
/* For completions: "--name<tab>-n<tab>VALUE<tab>help", a line an option. */
void opt_list_options(const struct opt_tool *, FILE *);

#endif
