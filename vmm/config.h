/* SPDX-License-Identifier: MIT */
/*
 * A machine's configuration: one table of keys drives checking, setting and
 * printing. Values are text, as on a command line or in a file.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/image/image.h"

#define CONFIG_UARTS 4
#define CONFIG_CPUS 255
#define CONFIG_ITEMS 512 /* keys set in one machine */
#define CONFIG_DISKS 24 /* with CD-ROM drives */
#define CONFIG_FWCFG 32
#define CONFIG_PORTS 8

enum on_reset { ON_RESET_EXIT, ON_RESET_RESTART };

/* always: what runs once, too; for tests of the translator */
enum config_jit { CONFIG_JIT_YES, CONFIG_JIT_NO, CONFIG_JIT_ALWAYS };
enum config_bus { CONFIG_VIRTIO, CONFIG_IDE };
enum config_keyboard { CONFIG_KEYBOARD_PS2, CONFIG_KEYBOARD_VIRTIO };
enum config_pointer { CONFIG_POINTER_PS2, CONFIG_POINTER_TABLET };
enum config_boot { CONFIG_BOOT_DISK, CONFIG_BOOT_CDROM };
enum config_vga { VGA_AUTO, VGA_STD, VGA_ABSENT };

/* In the order of layout_at(), lib/keys.h. */
#define CONFIG_LAYOUTS "us|gb|de|fr|es|it|se|ch"

struct config_image { /* a file, and what it is said to be */
	char *path; /* relative: to the machine's directory */
	enum image_format format;
};

struct config_disk { /* disk=..., cdrom=... */
	struct config_image image; /* path NULL: a drive without a medium */
	struct config_image backing[IMAGE_CHAIN]; /* of image, in order */
	unsigned backings;
	char *id; /* "disk0", "cdrom0", or as given */
	char *serial; /* 1 to 20 characters; NULL: the id, as long at most */
	enum config_bus bus; /* a CD-ROM drive is on IDE */
	bool cdrom, read_only, overlay;
	unsigned queues; /* virtio, up to 16; 0: as the device likes */
	uint64_t bps, iops; /* 0: no limit */
};

struct config_fwcfg { /* fw-cfg = name=opt/...,file=F|string=S */
	char *name, *file, *string;
};

struct config_port { /* port = NAME,SPEC: of the virtio console */
	char *name, *spec; /* lib/chr.h */
};

struct config_mode { /* vga-mode=WIDTHxHEIGHTxBITS; 0: text */
	unsigned width, height, bits;
};

struct json; /* lib/json.h */

struct config_item { /* a key as it was set */
	char *key;
	char *value;
};

struct config {
	char *kernel, *initrd, *cmdline, *accel, *debugcon;
	char *serial[CONFIG_UARTS]; /* back end specs, see lib/chr.h */
	unsigned serials;
	uint64_t memory; /* bytes */
	uint64_t cpus;
	int64_t timeout, stop_timeout; /* ns; 0: none */
	enum on_reset on_reset; /* exit unless set; a tool may know better */
	bool debug_exit, test_device, icount;
	unsigned jit; /* enum config_jit */
	bool flat;
	uint64_t flat_addr;
	uint64_t entry; /* Linux: 0 (the best), 32 or 64 */
	/* What a machine's directory adds. */
	char *description, *uuid;
	enum on_reset on_crash; /* panic, triple fault, halted for good */
	bool autostart;
	unsigned keep; /* enum home_keep, lib/home.h */
	/* Firmware and what hangs on PCI. */
	char *firmware; /* seabios, ovmf, a file's name; NULL: seabios where
			 * there is no kernel, none where there is one */
	enum config_boot boot[2]; /* in this order, by what there is */
	unsigned boots; /* 0: disk, cdrom */
	bool rng, balloon;
	unsigned vga; /* enum config_vga; auto: a card where firmware starts */
	uint64_t vga_memory; /* bytes, a power of two */
	char *vga_rom; /* its BIOS; NULL: the one of package seabios */
	char *vga_mode; /* where no firmware sets one; NULL: text */
	unsigned keyboard, pointer; /* enum config_keyboard, config_pointer */
	unsigned layout; /* layout_at(), lib/keys.h: what typists assume */
	unsigned on_io_error; /* enum disk_on_error, lib/disk.h */
	struct config_disk disk[CONFIG_DISKS];
	unsigned disks;
	struct config_fwcfg fwcfg[CONFIG_FWCFG];
	unsigned fwcfgs;
	struct config_port port[CONFIG_PORTS];
	unsigned ports;
	/* All keys that were set, in order; x-... too. */
	struct config_item *item;
	size_t items;
};

enum {
	CONFIG_LIVE = 1, /* takes effect while the machine runs */
	CONFIG_FILE = 2, /* is a file's name: tools make it absolute */
	CONFIG_LIST = 4 /* may be repeated */
};

struct config_key {
	const char *name, *form, *help;
	const char *standard; /* the default, as text; "" none */
	unsigned flags;
};

void config_init(struct config *); /* the defaults */
void config_free(struct config *); /* what it points to */
/* -EINVAL or -ERANGE with a sentence "key: cause"; -ENOENT: no such key; then
 * nothing has changed. "serial" adds one at each call; all others replace. Keys
 * that begin with x- are the user's own and just kept. What can be in a file
 * can be a value (lib/kv.h); blanks around cmdline, description and x-... do
 * not count. */
int config_set(struct config *, const char *key, const char *value);
/* Back to the default; a list is emptied. -ENOENT: no such key. */
int config_unset(struct config *, const char *key);
/* A file's text (lib/kv.h); sentences name it and the line: "web/config:3:
 * memory: '12Q' is not a size". */
int config_parse(
	struct config *, const char *name, const char *text, size_t size);
/* Keys that exclude each other: 0, or -EINVAL with a sentence. */
int config_check(const struct config *);
/* What config_parse() takes: the keys that were set; all: and the defaults. */
void config_print(const struct config *, FILE *, bool all);
/* The same as text in memory; free(). NULL: no memory. */
char *config_as_text(const struct config *, size_t *size);
/* A config_parse()able text changed to say what this says: comments, order and
 * lines that say it already stay. free(); NULL: no memory. */
char *config_edit(
	const struct config *, const char *text, size_t size, size_t *out_size);
/* Their members as JSON: sizes and counts are integers, durations numbers
 * of seconds, yes and no booleans, lists arrays, all else text. */
void config_json(const struct config *, struct json *, bool all);
/* The value of a key as text, the nth of a list; NULL if it was not set. */
const char *config_get(const struct config *, const char *key, size_t nth);
/* The row of a key; NULL if unknown. x-... have one too. */
const struct config_key *config_find(const char *key);
/* Key number n, in the manual's order; NULL behind the last. The user's own are
 * not among them. */
const struct config_key *config_key(size_t n);

/*
 * The names of files in a value, whatever its form: map() makes another of each
 * (free()), *out is the value with those. -ENOMEM, or what map() returned.
 */
int config_map_files(const char *key, const char *value,
	int (*map)(void *to, const char *key, const char *path, char **out),
	void *to, char **out);
/*
 * A value as it is from everywhere: the names of files, in the specs of back
 * ends too, that are relative to the working directory become absolute, the
 * directory resolved, the last name as it stands. "-" and what names no file
 * stays. *out: free().
 */
int config_absolute(const char *key, const char *value, char **out);
/* Calls each() for the files that such a value names and that have to exist
 * before the machine starts; returns what it returned but 0. */
int config_inputs(const char *key, const char *value,
	int (*each)(void *to, const char *key, const char *path), void *to);

/* A disk= or cdrom= value by itself: config_disk_free(). No id was given: NULL.
 * -EINVAL or -ERANGE with a sentence that begins with the key. */
int config_disk_parse(const char *spec, bool cdrom, struct config_disk *);
int config_disk_copy(const struct config_disk *, struct config_disk *to);
void config_disk_free(struct config_disk *);
/* Give it the id that it would have in there, if it has none; -EINVAL: the one
 * that it has is taken. */
int config_disk_id(const struct config *, struct config_disk *);
/* A vga-mode= value; NULL is text. -EINVAL with a sentence. */
int config_mode_parse(const char *value, struct config_mode *);
/* "10G" in place of a file's name: for vm-create, which makes one. */
bool config_is_size(const char *path);

enum { CONFIG_UUID = 37 };
/* A random UUID (RFC 9562, version 4). 0 or -errno. */
int config_new_uuid(char uuid[CONFIG_UUID]);

#endif
