/* SPDX-License-Identifier: MIT */
/*
 * Configuration keys: what each is called, what it takes, where it goes. The
 * values are config-value.c's, files and text config-text.c's.
 */
#include "vmm/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/disk.h"
#include "lib/err.h"
#include "lib/home.h"
#include "lib/kv.h"
#include "vmm/config-int.h"

_Static_assert(sizeof(enum on_reset) == sizeof(unsigned), "a word's place");
_Static_assert(
	HOME_KEEP_ALWAYS == 0 && HOME_KEEP_FAILURE == 1 && HOME_KEEP_NEVER == 2,
	"the order of the words of keep");
_Static_assert(DISK_REPORT == 0 && DISK_PAUSE == 1,
	"the order of the words of on-io-error");

#define AT(member) offsetof(struct config, member)

/* clang-format off */
static const struct config_row rows[] = {
	{{"kernel", "FILE", "kernel image to boot", "", CONFIG_FILE},
		CONFIG_PATH, AT(kernel), 0, 0},
	{{"initrd", "FILE", "initial ramdisk, or first multiboot module", "",
		CONFIG_FILE}, CONFIG_PATH, AT(initrd), 0, 0},
	{{"cmdline", "TEXT", "kernel command line", "", 0},
		CONFIG_TEXT, AT(cmdline), 0, 0},
	{{"flat", "ADDR", "boot the kernel as a flat real-mode image at ADDR",
		"", 0}, CONFIG_FLAT, 0, 0, 0},
	{{"entry", "auto|32|64", "entry point of a Linux kernel", "auto", 0},
		CONFIG_ENTRY, AT(entry), 0, 0},
	{{"firmware", "seabios|ovmf|none|FILE", "what starts where there is no "
		"kernel", "", CONFIG_FILE}, CONFIG_FIRM, AT(firmware), 0, 0},
	{{"boot", "disk,cdrom", "what the firmware starts from, in this order",
		"disk,cdrom", 0}, CONFIG_ORDER, 0, 0, 0},
	{{"fw-cfg", "name=opt/NAME,file=FILE|string=TEXT",
		"a file for the guest, in fw_cfg", "",
		CONFIG_FILE | CONFIG_LIST}, CONFIG_FW, 0, 0, 0},
	{{"memory", "SIZE", "guest memory", "128M", 0},
		CONFIG_SIZE, AT(memory), 64 << 10, 1ull << 40},
	{{"cpus", "N", "virtual CPUs", "1", 0},
		CONFIG_COUNT, AT(cpus), 1, CONFIG_CPUS},
	{{"accel", "auto|kvm|soft", "CPU engine", "auto", 0},
		CONFIG_ENGINE, AT(accel), 0, 0},
	{{"icount", "BOOL", "soft: time follows the instructions run", "no", 0},
		CONFIG_BOOL, AT(icount), 0, 0},
	{{"jit", "yes|no|always", "soft: translate the guest's code", "yes", 0},
		CONFIG_WORD, AT(jit), 0, 0},
	{{"serial", "SPEC", "back end of the next serial port", "",
		CONFIG_LIST}, CONFIG_SERIAL, 0, 0, 0},
	{{"disk", "FILE,...", "the next disk", "", CONFIG_FILE | CONFIG_LIST},
		CONFIG_DISK, 0, 0, 0},
	{{"cdrom", "FILE|none,...", "the next CD-ROM drive", "",
		CONFIG_FILE | CONFIG_LIST}, CONFIG_CDROM, 0, 0, 0},
	{{"port", "NAME,SPEC", "the next port of the virtio console", "",
		CONFIG_LIST}, CONFIG_PORT, 0, 0, 0},
	{{"rng", "BOOL", "virtio device of random numbers", "yes", 0},
		CONFIG_BOOL, AT(rng), 0, 0},
	{{"balloon", "BOOL", "virtio memory balloon", "no", 0},
		CONFIG_BOOL, AT(balloon), 0, 0},
	{{"vga", "auto|std|none", "graphics card; auto: where firmware starts",
		"auto", 0}, CONFIG_WORD, AT(vga), 0, 0},
	{{"vga-memory", "SIZE", "video RAM, a power of two", "16M", 0},
		CONFIG_SIZE, AT(vga_memory), 1 << 20, 64 << 20},
	{{"vga-rom", "FILE", "the card's BIOS", "", CONFIG_FILE},
		CONFIG_PATH, AT(vga_rom), 0, 0},
	{{"vga-mode", "text|WIDTHxHEIGHTxBITS", "what a kernel that no firmware "
		"starts finds set", "text", 0},
		CONFIG_SCREEN, AT(vga_mode), 0, 0},
	{{"keyboard", "ps2|virtio", "virtio: one beside the PS/2 keyboard",
		"ps2", 0}, CONFIG_WORD, AT(keyboard), 0, 0},
	{{"pointer", "ps2|tablet", "tablet: a virtio one beside the PS/2 mouse",
		"ps2", 0}, CONFIG_WORD, AT(pointer), 0, 0},
	{{"layout", CONFIG_LAYOUTS, "of the guest's keyboard, for "
		"who types", "us", CONFIG_LIVE},
		CONFIG_WORD, AT(layout), 0, 0},
	{{"debugcon", "SPEC", "back end of the debug console, port 0x402", "",
		0}, CONFIG_CHR, AT(debugcon), 0, 0},
	{{"on-reset", "exit|restart", "what a reset of the guest does",
		"restart", CONFIG_LIVE}, CONFIG_WORD, AT(on_reset), 0, 0},
	{{"on-crash", "exit|restart", "what a panic, a triple fault or a halt "
		"for good does", "exit", CONFIG_LIVE},
		CONFIG_WORD, AT(on_crash), 0, 0},
	{{"on-io-error", "report|pause", "what an error of a disk's file does",
		"report", CONFIG_LIVE}, CONFIG_WORD, AT(on_io_error), 0, 0},
	{{"timeout", "DURATION", "end the machine after so long; 0 never", "0",
		0}, CONFIG_DURATION, AT(timeout), 0, 0},
	{{"stop-timeout", "DURATION", "how long the power button may take",
		"30s", CONFIG_LIVE}, CONFIG_DURATION, AT(stop_timeout), 0, 0},
	{{"debug-exit", "BOOL", "debug exit device at port 0xf4", "no", 0},
		CONFIG_BOOL, AT(debug_exit), 0, 0},
	{{"test-device", "BOOL", "test device of conformance suites", "no", 0},
		CONFIG_BOOL, AT(test_device), 0, 0},
	{{"description", "TEXT", "what the machine is for", "", CONFIG_LIVE},
		CONFIG_TEXT, AT(description), 0, 0},
	{{"uuid", "UUID", "the machine's identity", "", 0},
		CONFIG_ID, AT(uuid), 0, 0},
	{{"autostart", "BOOL", "vm-run --autostart starts it", "no",
		CONFIG_LIVE}, CONFIG_BOOL, AT(autostart), 0, 0},
	{{"keep", "always|failure|never", "does the machine outlive its run",
		"always", CONFIG_LIVE}, CONFIG_WORD, AT(keep), 0, 0},
};
/* clang-format on */

static const struct config_row user_row = {
	{"x-*", "TEXT", "your own; just kept", "", CONFIG_LIVE}, CONFIG_USER, 0,
	0, 0};

void
config_init(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->memory = 128 << 20;
	c->cpus = 1;
	c->stop_timeout = 30 * 1000000000ll;
	c->flat_addr = 0x7c00;
	c->rng = true;
	c->vga_memory = 16 << 20;
}

void
config_free(struct config *c)
{
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++)
		config_unset_row(&rows[n], c);
	for (size_t n = 0; n < c->items; n++) {
		free(c->item[n].key);
		free(c->item[n].value);
	}
	free(c->item);
	memset(c, 0, sizeof(*c));
}

/* --- the table --- */

/* x-[a-z0-9-]+, as long as a key may be */
static bool
is_users(const char *key)
{
	size_t n = strlen(key);

	return n > 2 && n < 64 && memcmp(key, "x-", 2) == 0 &&
	       strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static const struct config_row *
find(const char *key)
{
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++)
		if (strcmp(rows[n].key.name, key) == 0)
			return &rows[n];
	return is_users(key) ? &user_row : NULL;
}

const struct config_key *
config_find(const char *key)
{
	const struct config_row *r = find(key);

	return r ? &r->key : NULL;
}

const struct config_key *
config_key(size_t n)
{
	return n < sizeof(rows) / sizeof(*rows) ? &rows[n].key : NULL;
}

enum config_kind
config_kind(const struct config_key *key)
{
	return ((const struct config_row *)key)->kind;
}

/* --- setting --- */

/* A copy without the blanks that a file would lose anyway. */
static char *
trimmed(const struct config_row *r, const char *value)
{
	size_t n;

	if (r->kind == CONFIG_TEXT || r->kind == CONFIG_USER) {
		value += strspn(value, " \t");
		n = strlen(value);
		while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
			n--;
		return strndup(value, n);
	}
	return strdup(value);
}

static struct config_item *
find_item(const struct config *c, const char *key, size_t nth)
{
	for (size_t n = 0; n < c->items; n++)
		if (strcmp(c->item[n].key, key) == 0 && nth-- == 0)
			return &c->item[n];
	return NULL;
}

/* Room for one more, so that nothing can fail once it has been set. */
static int
reserve(struct config *c, const char *key, char **name)
{
	struct config_item *item;

	if (c->items == CONFIG_ITEMS)
		return failx(
			-ERANGE, "%s: more than %d keys", key, CONFIG_ITEMS);
	item = realloc(c->item, (c->items + 1) * sizeof(*item));
	if (!item)
		return fail(-ENOMEM, "config");
	c->item = item;
	*name = strdup(key);
	return *name ? 0 : fail(-ENOMEM, "config");
}

static int
set(struct config *c, const struct config_row *r, const char *key, char *value)
{
	struct config_item *old = NULL;
	char *name = NULL;
	int e = config_named(key, kv_check_value(value));

	if (!(r->key.flags & CONFIG_LIST))
		old = find_item(c, key, 0);
	if (!e && !old)
		e = reserve(c, key, &name);
	if (!e)
		e = config_set_row(r, c, value);
	if (e) {
		free(name);
		return e;
	}
	if (old) {
		free(old->value);
		old->value = value;
	} else {
		c->item[c->items++] = (struct config_item){name, value};
	}
	return 0;
}

int
config_set(struct config *c, const char *key, const char *value)
{
	const struct config_row *r = find(key);
	char *copy;
	int e;

	if (!r)
		return failx(-ENOENT, "%s: no such key", key);
	copy = trimmed(r, value);
	if (!copy)
		return fail(-ENOMEM, "config");
	e = set(c, r, key, copy);
	if (e)
		free(copy);
	return e;
}

int
config_unset(struct config *c, const char *key)
{
	const struct config_row *r = find(key);
	size_t kept = 0;

	if (!r)
		return failx(-ENOENT, "%s: no such key", key);
	config_unset_row(r, c);
	for (size_t n = 0; n < c->items; n++) {
		if (strcmp(c->item[n].key, key) != 0) {
			c->item[kept++] = c->item[n];
			continue;
		}
		free(c->item[n].key);
		free(c->item[n].value);
	}
	c->items = kept;
	return 0;
}

const char *
config_get(const struct config *c, const char *key, size_t nth)
{
	const struct config_item *item = find_item(c, key, nth);

	return item ? item->value : NULL;
}
