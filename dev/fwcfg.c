/* SPDX-License-Identifier: MIT */
/*
 * QEMU's firmware configuration device, "QEMU Firmware Configuration (fw_cfg)
 * Device": the traditional interface, DMA, the file directory. Left out: items
 * that the guest writes.
 *
 * A request may be for 4 GiB. What it copies is bounded by what there is, and
 * zeros behind an item's end by PAST_END: nobody needs more of them, and the
 * device's lock is held meanwhile.
 */
#include "dev/fwcfg.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"

#define KEYS 0x100u
#define ARCH 0x8000u
#define WRITE_CHANNEL 0x4000u /* of old; means nothing */
#define PAST_END (1u << 20)

enum { /* of a request */
	DMA_ERROR = 1,
	DMA_READ = 2,
	DMA_SKIP = 4,
	DMA_SELECT = 8,
	DMA_WRITE = 16
};

struct request { /* in the guest's memory, big-endian */
	uint32_t control, length;
	uint64_t address;
};

struct entry { /* of the directory, big-endian */
	uint32_t size;
	uint16_t key, zero;
	char name[FWCFG_NAME];
};

struct directory {
	uint32_t n;
	struct entry file[FWCFG_FILES];
};

struct fwcfg_regs {
	uint32_t pos; /* in the item, its end at most */
	uint32_t high; /* of the request's address */
	uint16_t key;
	uint16_t spare[3]; /* always 0 */
};

struct item {
	const uint8_t *p; /* NULL: in the file, or there is none */
	size_t n;
	uint8_t *own; /* to be freed */
	int fd; /* p NULL: of the file, from at on */
	off_t at;
};

struct fwcfg {
	struct dev dev;
	struct mem *mem;
	struct fwcfg_regs r;
	struct item item[2 * KEYS];
	struct directory dir;
	unsigned files;
};

static struct fwcfg *
of(struct dev *d)
{
	return (struct fwcfg *)d;
}

/* One that is not there is empty. */
static struct item *
item_at(struct fwcfg *f, unsigned key)
{
	unsigned n = key & ~(ARCH | WRITE_CHANNEL);

	return n < KEYS ? &f->item[n + (key & ARCH ? KEYS : 0)] : NULL;
}

static void
select_item(struct fwcfg *f, uint16_t key)
{
	f->r.key = key;
	f->r.pos = 0;
}

/* n bytes of the item from pos on, which it has. */
static int
fetch(const struct item *i, uint32_t pos, uint8_t *to, size_t n)
{
	if (i->p) {
		memcpy(to, i->p + pos, n);
		return 0;
	}
	while (n) {
		ssize_t got = pread(i->fd, to, n, i->at + pos);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		to += got;
		pos += (uint32_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static uint8_t
next_byte(struct fwcfg *f)
{
	const struct item *i = item_at(f, f->r.key);
	uint8_t byte = 0;

	if (i && f->r.pos < i->n)
		fetch(i, f->r.pos++, &byte, 1);
	return byte;
}

/* ---- DMA ---- */

/* What is in memory is copied across windows; a file is read into RAM. */
static int
copy_out(struct fwcfg *f, const struct item *i, uint64_t gpa, size_t n)
{
	void *to;
	int err;

	if (i->p)
		return mem_write(f->mem, gpa, i->p + f->r.pos, n);
	to = mem_span(f->mem, gpa, n);
	if (!to)
		return -EFAULT;
	err = fetch(i, f->r.pos, to, n);
	mem_dirty(f->mem, gpa, n);
	return err;
}

/* The next len bytes to gpa, or nowhere. */
static int
transfer(struct fwcfg *f, bool copy, uint64_t gpa, uint32_t len)
{
	const struct item *i = item_at(f, f->r.key);
	size_t left = i && i->n > f->r.pos ? i->n - f->r.pos : 0;
	size_t n = len < left ? len : left;

	if (copy && len - n > PAST_END)
		return -E2BIG;
	if (copy && n && copy_out(f, i, gpa, n))
		return -EFAULT;
	f->r.pos += (uint32_t)n;
	if (copy && len > n && mem_fill(f->mem, gpa + n, 0, len - n))
		return -EFAULT;
	return 0;
}

static void
request(struct fwcfg *f, uint64_t at)
{
	struct request q;
	uint32_t control;
	int err = 0;

	if (mem_read(f->mem, at, &q, sizeof(q))) {
		dev_odd(&f->dev, "DMA request outside RAM");
		return;
	}
	control = be32toh(q.control);
	if (control & DMA_SELECT)
		select_item(f, (uint16_t)(control >> 16));
	if (control & DMA_READ)
		err = transfer(f, true, be64toh(q.address), be32toh(q.length));
	else if (control & DMA_WRITE)
		err = -EPERM;
	else if (control & DMA_SKIP)
		err = transfer(f, false, 0, be32toh(q.length));
	if (err)
		dev_odd(&f->dev, "DMA of item %#x refused", f->r.key);
	q.control = htobe32(err ? DMA_ERROR : 0);
	mem_write(f->mem, at, &q.control, sizeof(q.control));
}

static uint64_t
dma_read(uint64_t off, unsigned size)
{
	static const uint8_t signature[8] = "QEMU CFG";
	uint64_t v = 0;

	for (unsigned n = 0; n < size; n++)
		v |= (uint64_t)signature[off + n] << 8 * n;
	return v;
}

static void
dma_write(struct fwcfg *f, uint64_t off, unsigned size, uint64_t val)
{
	uint64_t at;

	if (size == 8) {
		request(f, be64toh(val));
	} else if (size == 4 && off == 0) {
		f->r.high = be32toh((uint32_t)val);
	} else if (size == 4) {
		at = (uint64_t)f->r.high << 32 | be32toh((uint32_t)val);
		f->r.high = 0;
		request(f, at);
	}
}

/* ---- the device ---- */

static uint64_t
fwcfg_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct fwcfg *f = of(d);

	if (bar == 1)
		return f->mem ? dma_read(off, size) : UINT64_MAX;
	return off == 1 && size == 1 ? next_byte(f) : 0;
}

static void
fwcfg_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct fwcfg *f = of(d);

	if (bar == 1 && f->mem)
		dma_write(f, off, size, val);
	else if (bar == 0 && off == 0 && size == 2)
		select_item(f, (uint16_t)val);
}

static void
reset(struct dev *d)
{
	memset(&of(d)->r, 0, sizeof(of(d)->r));
}

static int
loaded(struct dev *d)
{
	const struct fwcfg_regs *r = &of(d)->r;
	const struct item *i = item_at(of(d), r->key);

	if (r->spare[0] || r->spare[1] || r->spare[2] ||
		r->pos > (i ? i->n : 0))
		return failx(-EINVAL, "%s: no state of fw_cfg", d->id);
	return 0;
}

static void
fwcfg_free(struct dev *d)
{
	for (unsigned i = 0; i < 2 * KEYS; i++)
		free(of(d)->item[i].own);
	free(d);
}

static const struct field fields[] = {
	FIELD(struct fwcfg, r, pos),
	FIELD(struct fwcfg, r, high),
	FIELD(struct fwcfg, r, key),
	FIELDS(struct fwcfg, r, spare),
	FIELD_END,
};

static const struct dev_ops ops = {
	.name = "fwcfg",
	.fields = fields,
	DEV_REGS(struct fwcfg, r),
	.read = fwcfg_read,
	.write = fwcfg_write,
	.reset = reset,
	.loaded = loaded,
	.free = fwcfg_free,
};

/* ---- what is in it ---- */

struct dev *
fwcfg_new(struct mem *mem)
{
	const uint8_t id[4] = {mem ? 3 : 1}; /* 1: traditional; 2: DMA */
	struct fwcfg *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->mem = mem;
	dev_init(&f->dev, &ops);
	if (fwcfg_add(&f->dev, FWCFG_SIGNATURE, "QEMU", 4) ||
		fwcfg_add(&f->dev, FWCFG_ID, id, sizeof(id)) ||
		fwcfg_add_ref(&f->dev, FWCFG_FILE_DIR, &f->dir, 4)) {
		dev_free(&f->dev);
		return NULL;
	}
	return &f->dev;
}

static int
add(struct dev *d, unsigned key, struct item item)
{
	struct item *i = key & WRITE_CHANNEL || key > 0xffff
				 ? NULL
				 : item_at(of(d), key);

	if (!i || item.n > UINT32_MAX)
		return fail(-ERANGE, "fw_cfg item %#x", key);
	if (i->p || i->n)
		return fail(-EEXIST, "fw_cfg item %#x", key);
	*i = item;
	return 0;
}

int
fwcfg_add_ref(struct dev *d, unsigned key, const void *p, size_t n)
{
	return add(d, key, (struct item){.p = p, .n = n, .fd = -1});
}

int
fwcfg_add_fd(struct dev *d, unsigned key, int fd, off_t at, size_t n)
{
	return add(d, key, (struct item){.n = n, .fd = fd, .at = at});
}

int
fwcfg_add(struct dev *d, unsigned key, const void *p, size_t n)
{
	uint8_t *own = malloc(n ? n : 1);
	int r;

	if (!own)
		return fail(-ENOMEM, "fw_cfg item %#x", key);
	if (n)
		memcpy(own, p, n);
	r = fwcfg_add_ref(d, key, own, n);
	if (r)
		free(own);
	else
		item_at(of(d), key)->own = own;
	return r;
}

int
fwcfg_add_file(struct dev *d, const char *name, const void *p, size_t n)
{
	struct fwcfg *f = of(d);
	struct entry *e = &f->dir.file[f->files];
	unsigned key = FWCFG_FILE_FIRST + f->files;
	int r;

	if (!*name || strlen(name) >= FWCFG_NAME)
		return failx(-EINVAL, "fw_cfg file %s: a name of 1 to %d bytes",
			name, FWCFG_NAME - 1);
	for (unsigned k = 0; k < f->files; k++)
		if (!strcmp(f->dir.file[k].name, name))
			return failx(
				-EEXIST, "fw_cfg file %s: there is one", name);
	if (f->files == FWCFG_FILES)
		return failx(-ENOSPC, "fw_cfg file %s: too many", name);
	if ((r = fwcfg_add(d, key, p, n)))
		return r;
	*e = (struct entry){
		.size = htobe32((uint32_t)n), .key = htobe16((uint16_t)key)};
	memcpy(e->name, name, strlen(name));
	f->dir.n = htobe32(++f->files);
	item_at(f, FWCFG_FILE_DIR)->n = 4 + f->files * sizeof(*e);
	return 0;
}
