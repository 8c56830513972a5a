/* SPDX-License-Identifier: MIT */
/*
 * VDI: is the map whole? Blocks of the file that no entry has are leaks, which
 * repair gives back by moving the others together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/vdi.h"

enum { MAX_ERRORS = 1000 }; /* then nobody reads on */

struct look {
	struct image_check *c;
	const struct image_tell *tell;
	uint8_t *seen;
	uint32_t end, last;
};

/* One entry of the map. */
static int
check_entry(struct image *im, struct look *l, uint32_t block)
{
	uint32_t entry = VDI_ABSENT;
	int err;

	fail_clear();
	err = vdi_entry(im, block, &entry);
	if (err && !vdi_is_block(entry))
		return err; /* could not be read */
	if (err) {
		l->c->errors++;
		image_say(l->tell, "%s", fail_text());
		return 0;
	}
	if (!vdi_is_block(entry))
		return 0;
	if (l->seen[entry / 8] >> entry % 8 & 1) {
		l->c->errors++;
		image_say(l->tell, "%s: block %u of the file is in use twice",
			im->name, entry);
		return 0;
	}
	l->seen[entry / 8] |= (uint8_t)(1u << entry % 8);
	l->c->fragmented += l->c->allocated && entry != l->last + 1;
	l->c->allocated++;
	l->last = entry;
	if (entry >= l->end)
		l->end = entry + 1;
	return 0;
}

static void
check_count(struct image *im, struct look *l)
{
	struct vdi *v = im->own;

	if (v->allocated < l->end) {
		l->c->errors++;
		image_say(l->tell,
			"%s: the header says %u blocks are in use, the map has "
			"%u",
			im->name, v->allocated, l->end);
	} else if (v->allocated > l->c->allocated) {
		l->c->leaks += v->allocated - l->c->allocated;
		image_say(l->tell, "%s: %u blocks of the file are lost",
			im->name, (uint32_t)(v->allocated - l->c->allocated));
	}
}

static int
repair_it(struct image *im, struct image_check *c)
{
	struct vdi *v = im->own;
	uint32_t was = v->allocated;
	int err = vdi_compact(im);

	if (!err)
		c->fixed = was > v->allocated ? was - v->allocated : 1;
	return err;
}

static int
check(struct image *im, bool repair, struct look *l)
{
	struct vdi *v = im->own;
	uint64_t twice;
	int err = 0;

	for (uint32_t k = 0; k < v->blocks && !err && l->c->errors < MAX_ERRORS;
		k++)
		err = check_entry(im, l, k);
	if (err)
		return err;
	twice = l->c->errors;
	check_count(im, l);
	l->c->clusters = v->blocks;
	l->c->file_end = vdi_offset(v, l->end);
	if (repair && !twice && (l->c->leaks || l->c->errors))
		err = repair_it(im, l->c);
	return err;
}

int
vdi_check(struct image *im, bool repair, struct image_check *c,
	const struct image_tell *tell)
{
	struct vdi *v = im->own;
	struct look l = {.c = c, .tell = tell};
	int err;

	pthread_mutex_lock(&v->lock);
	l.seen = calloc(v->blocks / 8 + 1, 1);
	err = l.seen ? check(im, repair, &l) : fail(-ENOMEM, "%s", im->name);
	pthread_mutex_unlock(&v->lock);
	free(l.seen);
	return err;
}
