/* SPDX-License-Identifier: MIT */
/*
 * The bus master of an IDE channel: Programming Interface for Bus Master IDE
 * Controller, revision 1.0, as in Intel 290550, section 2.3.10. The direction
 * bit is kept, no more: a drive knows which way its data goes. Memory is RAM;
 * a descriptor that names something else is an error.
 */
#include "dev/ide-int.h"

#include <errno.h>

#define PAGE 4096u
#define TABLE 8192u /* descriptors; who follows more of them goes around */

/* ---- descriptors ---- */

/* The next one. 0: there is none; -EFAULT. */
static int
descend(struct channel *c, struct ide_cursor *cur)
{
	uint32_t d[2]; /* little-endian, as we are */

	if (cur->last)
		return 0;
	if (mem_read(c->ide->mem, cur->next, d, sizeof(d)))
		return -EFAULT;
	cur->at = d[0] & ~1u;
	cur->left = d[1] & 0xfffe;
	if (!cur->left)
		cur->left = 0x10000;
	cur->last = d[1] >> 31;
	/* A table does not leave its 64 KiB. */
	cur->next = (cur->next & 0xffff0000) | ((cur->next + 8) & 0xffff);
	return 1;
}

/* Host memory of at most *n bytes; where slots meet, of some. */
static void *
span(struct channel *c, uint32_t gpa, uint32_t *n)
{
	void *p = mem_span(c->ide->mem, gpa, *n);
	uint32_t page = PAGE - gpa % PAGE;

	if (p || page >= *n)
		return p;
	*n = page;
	return mem_span(c->ide->mem, gpa, page);
}

static void
add(struct channel *c, uint32_t gpa, void *p, uint32_t n)
{
	struct iovec *v = &c->iov[c->spans];

	c->cut += n;
	if (c->spans && (char *)v[-1].iov_base + v[-1].iov_len == p &&
		c->gpa[c->spans - 1] + v[-1].iov_len == gpa) {
		v[-1].iov_len += n;
		return;
	}
	*v = (struct iovec){p, n};
	c->gpa[c->spans++] = gpa;
}

static int
gather(struct channel *c, uint32_t max)
{
	struct ide_cursor *cur = &c->after;
	uint32_t n, seen = 0;
	void *p;
	int r;

	*cur = c->r->cur;
	c->spans = 0;
	c->cut = 0;
	while (c->cut < max && c->spans < IDE_SPANS) {
		if (!cur->left && seen++ == TABLE)
			break;
		if (!cur->left && (r = descend(c, cur)) <= 0)
			return r;
		n = max - c->cut < cur->left ? max - c->cut : cur->left;
		p = span(c, cur->at, &n);
		if (!p)
			return -EFAULT;
		add(c, cur->at, p, n);
		cur->at += n;
		cur->left -= n;
	}
	return 0;
}

int
ide_dma_map(struct channel *c, uint32_t max, uint32_t unit)
{
	int r = gather(c, max);

	/* What is too little for a unit at the end is not used yet. */
	if (!r && c->cut % unit)
		r = gather(c, c->cut - c->cut % unit);
	if (!r && c->cut % unit)
		r = -EFAULT; /* the guest changed them under us */
	return r ? r : (int)c->cut;
}

void
ide_dma_advance(struct channel *c)
{
	c->r->cur = c->after;
}

void
ide_dma_ends(struct channel *c)
{
	if (!c->r->cur.left && c->r->cur.last)
		c->r->bm_status &= (uint8_t)~BM_ACTIVE;
}

bool
ide_dma_active(const struct channel *c)
{
	return (c->r->bm_status & BM_ACTIVE) && pci_master(&c->ide->pci);
}

/* ---- registers ---- */

uint8_t
ide_bm_read(struct channel *c, unsigned off)
{
	if (off == 0)
		return c->r->bm_command;
	if (off == 2)
		return c->r->bm_status;
	if (off >= 4)
		return (uint8_t)(c->r->prd >> (off - 4) * 8);
	return 0;
}

static void
command(struct channel *c, uint8_t val)
{
	bool was = c->r->bm_command & BM_START;

	c->r->bm_command = val & (BM_START | BM_TO_MEM);
	if (!(val & BM_START)) {
		c->r->bm_status &= (uint8_t)~BM_ACTIVE;
		return;
	}
	if (was)
		return;
	c->r->bm_status |= BM_ACTIVE;
	c->r->cur = (struct ide_cursor){.next = c->r->prd};
	c->stale = true;
	if (c->r->phase == PHASE_DMA)
		ide_next(c);
}

void
ide_bm_write(struct channel *c, unsigned off, uint8_t val)
{
	uint32_t shift = (off & 3) * 8;

	if (off == 0) {
		command(c, val);
	} else if (off == 2) {
		c->r->bm_status &= (uint8_t) ~(val & (BM_ERROR | BM_INT));
		c->r->bm_status &= (uint8_t)~BM_CAPABLE;
		c->r->bm_status |= val & BM_CAPABLE;
	} else if (off >= 4) {
		c->r->prd &= ~(0xffu << shift);
		c->r->prd |= (uint32_t)val << shift;
		c->r->prd &= ~3u;
	}
}
