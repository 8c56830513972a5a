/* SPDX-License-Identifier: MIT */
/*
 * Flash: Common Flash Memory Interface (JEDEC JESD68.01), and the commands of
 * Intel's basic and extended set (CFI command set 0001h) that single chips of
 * one byte's width have: read array, status, identifier, query, program, write
 * to buffer, block erase; locking does nothing. Two things are as QEMU has
 * them, since EDK2 knows its flash by them: clearing the status clears Ready,
 * too, and goes back to the array; and programming stores, rather than clear
 * bits only. Left out: suspending, protection, anything taking time.
 */
#include "dev/flash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"

#define BUFFER 64 /* bytes that one buffered write takes */

enum { /* commands */
	C_PROGRAM = 0x10,
	C_ERASE = 0x20,
	C_PROGRAM_2 = 0x40,
	C_CLEAR = 0x50,
	C_LOCK = 0x60,
	C_STATUS = 0x70,
	C_ID = 0x90,
	C_QUERY = 0x98,
	C_CONFIRM = 0xd0,
	C_BUFFER = 0xe8,
	C_ARRAY = 0xff
};

enum { /* status */
	S_READY = 0x80,
	S_ERASE_FAILED = 0x20,
	S_PROGRAM_FAILED = 0x10
};

enum mode { /* what the next write is; what reads give */
	M_ARRAY,
	M_STATUS,
	M_ID,
	M_QUERY,
	M_PROGRAM, /* from here on, a command's further cycles */
	M_ERASE,
	M_LOCK,
	M_COUNT,
	M_FILL,
	M_CONFIRM,
	MODES
};

struct flash_regs {
	uint8_t mode, status;
	uint8_t left; /* bytes that the buffer still takes */
	uint8_t filled; /* bytes in it, from the first one's place */
	uint32_t at; /* of the buffer in the chip */
	uint8_t buffer[BUFFER];
};

struct flash {
	struct dev dev;
	struct flash_out out;
	uint8_t *mem;
	uint32_t size;
	int fd;
	bool unsynced, failed;
	struct flash_regs r;
};

static struct flash *
of(struct dev *d)
{
	return (struct flash *)d;
}

/* ---- the file ---- */

static void
host_failed(struct flash *f, int err)
{
	f->r.status |= S_PROGRAM_FAILED;
	if (!f->failed)
		log_say(f->dev.log, LEVEL_ERROR,
			"%s: cannot write its file: %s", f->dev.id,
			strerror(err));
	f->failed = true;
}

/* [at, at+n) changed. A process that is killed has written it. */
static void
changed(struct flash *f, uint32_t at, uint32_t n)
{
	ssize_t did;

	while (f->fd >= 0 && n) {
		did = pwrite(f->fd, f->mem + at, n, (off_t)at);
		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0) {
			host_failed(f, did ? errno : EIO);
			return;
		}
		at += (uint32_t)did;
		n -= (uint32_t)did;
		f->unsynced = true;
	}
}

static void
sync_file(struct flash *f)
{
	if (!f->unsynced)
		return;
	f->unsynced = false;
	while (fdatasync(f->fd))
		if (errno != EINTR) {
			host_failed(f, errno);
			return;
		}
}

/* ---- commands ---- */

static void
set_mode(struct flash *f, enum mode m)
{
	bool was = f->r.mode != M_ARRAY, on = m != M_ARRAY;

	f->r.mode = (uint8_t)m;
	if (!on)
		sync_file(f);
	if (was != on && f->out.commands)
		f->out.commands(f->out.to, on);
}

static void
finish(struct flash *f, uint8_t error)
{
	f->r.status |= S_READY | error;
	set_mode(f, M_STATUS);
}

static void
program(struct flash *f, uint32_t at, const void *p, uint32_t n)
{
	memcpy(f->mem + at, p, n);
	changed(f, at, n);
	finish(f, 0);
}

static void
erase(struct flash *f, uint32_t at)
{
	at &= ~(FLASH_BLOCK - 1u);
	memset(f->mem + at, 0xff, FLASH_BLOCK);
	changed(f, at, FLASH_BLOCK);
	sync_file(f);
	finish(f, 0);
}

/* The first cycle of a command. */
static void
command(struct flash *f, uint8_t c)
{
	static const uint8_t next[256] = {
		[C_PROGRAM] = M_PROGRAM,
		[C_PROGRAM_2] = M_PROGRAM,
		[C_ERASE] = M_ERASE,
		[C_LOCK] = M_LOCK,
		[C_STATUS] = M_STATUS,
		[C_ID] = M_ID,
		[C_QUERY] = M_QUERY,
		[C_BUFFER] = M_COUNT,
	};

	if (c == C_CLEAR)
		f->r.status = 0;
	else if (c == C_BUFFER)
		f->r.status |= S_READY;
	set_mode(f, next[c]); /* all others: M_ARRAY */
}

static void
confirm(struct flash *f, uint32_t at, uint8_t c)
{
	if (c == C_ARRAY)
		set_mode(f, M_ARRAY);
	else if (f->r.mode == M_LOCK)
		finish(f, 0);
	else if (c != C_CONFIRM)
		finish(f, S_ERASE_FAILED | S_PROGRAM_FAILED);
	else if (f->r.mode == M_ERASE)
		erase(f, at);
	else
		program(f, f->r.at, f->r.buffer, f->r.filled);
}

/* How many bytes come, less one. */
static void
count(struct flash *f, uint8_t n)
{
	if (n >= BUFFER) {
		finish(f, S_PROGRAM_FAILED);
		return;
	}
	f->r.left = (uint8_t)(n + 1);
	f->r.filled = 0;
	set_mode(f, M_FILL);
}

/* They come in order: the first one's address counts. */
static void
fill(struct flash *f, uint32_t at, const uint8_t *p, unsigned n)
{
	if (!f->r.filled)
		f->r.at = at;
	if (n > f->r.left || at != f->r.at + f->r.filled) {
		finish(f, S_PROGRAM_FAILED);
		return;
	}
	memcpy(f->r.buffer + f->r.filled, p, n);
	f->r.filled = (uint8_t)(f->r.filled + n);
	f->r.left = (uint8_t)(f->r.left - n);
	if (!f->r.left)
		set_mode(f, M_CONFIRM);
}

/* ---- reading ---- */

static uint8_t
query(const struct flash *f, uint32_t at)
{
	uint32_t blocks = f->size / FLASH_BLOCK - 1;
	const uint8_t table[] = {'Q', 'R', 'Y', 1, 0, 0x31, 0, 0, 0, 0, 0,
		/* 1Bh: volts and times */
		0x45, 0x55, 0, 0, 7, 7, 10, 0, 4, 4, 4, 0,
		/* 27h: size as a power of 2, width, buffer, one region */
		(uint8_t)(32 - __builtin_clz(f->size - 1)), 0, 0, 6, 0, 1,
		(uint8_t)blocks, (uint8_t)(blocks >> 8), FLASH_BLOCK >> 8, 0,
		/* 31h: Intel's own, version 1.0, no options */
		'P', 'R', 'I', '1', '0', 0, 0, 0, 0, 0, 0, 0};

	return at >= 0x10 && at - 0x10 < sizeof(table) ? table[at - 0x10] : 0;
}

static uint8_t
byte_at(const struct flash *f, uint32_t at)
{
	switch (f->r.mode) {
	case M_ARRAY:
		return f->mem[at];
	case M_ID: /* Intel, 128 Mbit; nothing is locked */
		return at & 0xff ? (at & 0xff) == 1 ? 0x18 : 0 : 0x89;
	case M_QUERY:
		return query(f, at & 0xff);
	default:
		return f->r.status;
	}
}

static uint64_t
flash_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	uint64_t v = 0;

	(void)bar;
	for (unsigned n = 0; n < size; n++)
		v |= (uint64_t)byte_at(of(d), (uint32_t)off + n) << 8 * n;
	return v;
}

static void
flash_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct flash *f = of(d);
	uint32_t at = (uint32_t)off;
	uint8_t p[8];

	(void)bar;
	for (unsigned n = 0; n < size; n++)
		p[n] = (uint8_t)(val >> 8 * n);
	switch (f->r.mode) {
	case M_PROGRAM:
		program(f, at, p, size);
		break;
	case M_ERASE:
	case M_LOCK:
	case M_CONFIRM:
		confirm(f, at, p[0]);
		break;
	case M_COUNT:
		count(f, p[0]);
		break;
	case M_FILL:
		fill(f, at, p, size);
		break;
	default:
		command(f, p[0]);
	}
}

/* ---- the device ---- */

static void
reset(struct dev *d)
{
	struct flash *f = of(d);

	sync_file(f);
	memset(&f->r, 0, sizeof(f->r));
	f->r.status = S_READY;
	if (f->out.commands)
		f->out.commands(f->out.to, false);
}

static int
loaded(struct dev *d)
{
	struct flash *f = of(d);
	const struct flash_regs *r = &f->r;

	if (r->mode >= MODES || r->left > BUFFER || r->filled > BUFFER ||
		r->left + r->filled > BUFFER || r->at > f->size ||
		r->filled > f->size - r->at)
		return failx(-EINVAL, "%s: no state of a flash chip", d->id);
	if (f->out.commands)
		f->out.commands(f->out.to, r->mode != M_ARRAY);
	return 0;
}

static void
flash_free(struct dev *d)
{
	sync_file(of(d));
	free(d);
}

static const struct field fields[] = {
	FIELD(struct flash, r, mode),
	FIELD(struct flash, r, status),
	FIELD(struct flash, r, left),
	FIELD(struct flash, r, filled),
	FIELD(struct flash, r, at),
	FIELDS(struct flash, r, buffer),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "flash",
	.fields = fields,
	DEV_REGS(struct flash, r),
	.read = flash_read,
	.write = flash_write,
	.reset = reset,
	.loaded = loaded,
	.free = flash_free,
};

struct dev *
flash_new(uint8_t *mem, uint32_t size, int fd, struct flash_out out)
{
	struct flash *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->mem = mem;
	f->size = size;
	f->fd = fd;
	f->out = out;
	f->r.status = S_READY;
	dev_init(&f->dev, &ops);
	return &f->dev;
}
