/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the configuration share: what a key's value is.
 */
#ifndef VMM_CONFIG_INT_H
#define VMM_CONFIG_INT_H

#include "vmm/config.h"

enum config_kind { /* and what lies at its offset */
	CONFIG_TEXT, /* char * */
	CONFIG_PATH, /* char *, a file's name */
	CONFIG_FIRM, /* char *, a word or a file's name */
	CONFIG_CHR, /* char *, the spec of a back end */
	CONFIG_ENGINE, /* char *, one of the form's words */
	CONFIG_ID, /* char *, a UUID */
	CONFIG_SCREEN, /* char *, a mode of the screen */
	CONFIG_SIZE, /* uint64_t, bytes */
	CONFIG_COUNT, /* uint64_t */
	CONFIG_ENTRY, /* uint64_t, 32 times the number of the word */
	CONFIG_DURATION, /* int64_t, nanoseconds */
	CONFIG_BOOL, /* bool */
	CONFIG_WORD, /* unsigned, the number of the word */
	CONFIG_SERIAL, /* the serial ports */
	CONFIG_FLAT, /* flat and flat_addr */
	CONFIG_DISK, /* disk and disks, but for CD-ROM drives */
	CONFIG_CDROM, /* those */
	CONFIG_ORDER, /* boot and boots */
	CONFIG_FW, /* fwcfg and fwcfgs */
	CONFIG_PORT, /* port and ports */
	CONFIG_USER /* nothing: an item only */
};

struct config_row {
	struct config_key key; /* first: config_find() hands it out */
	enum config_kind kind;
	size_t at; /* of the member in struct config */
	uint64_t min, max;
};

/* Of a row that config_find() returned. */
enum config_kind config_kind(const struct config_key *);
/* What yes and no may be called. */
int config_bool(const char *value, bool *out);

/* A value to where it belongs; 0 or -errno, then nothing has changed. */
int config_set_row(
	const struct config_row *, struct config *, const char *value);
void config_unset_row(const struct config_row *, struct config *);
/* A value's own error, with the key before it. */
int config_named(const char *key, int err);
int config_set_text(char **to, const char *value);
/* The number of a word of "auto|kvm|soft"; -1. */
int config_word(const char *words, const char *word);

/* ---- config-spec.c: values of several words ---- */

/* What is between the commas, of which ",," is one that is meant. One
 * allocation, free(); NULL: no memory. The last is NULL. */
char **config_words(const char *value);
/* The reverse, a word at a time. */
void config_put_word(FILE *, const char *word);

int config_set_spec(enum config_kind, struct config *, const char *value);
void config_unset_spec(enum config_kind, struct config *);

/* ---- config-disk.c ---- */

int config_set_disk(struct config *, const char *value, bool cdrom);
void config_unset_disks(struct config *, bool cdrom);

#endif
