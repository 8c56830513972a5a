/* SPDX-License-Identifier: MIT */
/*
 * Internal snapshots: the table of them is read, so that they are listed, kept
 * and counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/image/qcow2.h"

enum { FIXED = 40 }; /* bytes of an entry before what varies */

void
qcow2_free_snapshots(struct qcow2 *q)
{
	for (uint32_t i = 0; q->snapshot && i < q->snapshots; i++) {
		free(q->snapshot[i].id);
		free(q->snapshot[i].name);
	}
	free(q->snapshot);
}

/* The bytes of an entry, 0 where it is cut off. */
static size_t
read_entry(struct qcow2 *q, const uint8_t *p, size_t room, struct snapshot *s,
	int *err)
{
	size_t id, name, extra, all;

	*err = 0;
	if (room < FIXED)
		return 0;
	id = be16_at(p + 12);
	name = be16_at(p + 14);
	extra = be32_at(p + 36);
	all = FIXED + extra + id + name;
	if (extra > 1024 || all > room)
		return 0;
	s->l1_off = be64_at(p);
	s->l1_size = be32_at(p + 8);
	s->sec = be32_at(p + 16);
	s->nsec = be64_at(p + 24);
	s->vm_state = extra >= 8 ? be64_at(p + FIXED) : be32_at(p + 32);
	s->disk_size = extra >= 16 ? be64_at(p + FIXED + 8) : q->im->size;
	p += FIXED + extra;
	*err = image_text(q->im, "snapshot's id", p, id, &s->id);
	if (!*err)
		*err = image_text(
			q->im, "snapshot's name", p + id, name, &s->name);
	return (all + 7) & ~(size_t)7;
}

static int
check_snapshot(struct qcow2 *q, const struct snapshot *s)
{
	uint64_t bytes = s->l1_size * UINT64_C(8);

	if (bytes > QCOW2_L1_MAX)
		return image_broken(
			q->im, "a snapshot's L1 table is too large");
	if (!bytes)
		return 0;
	return qcow2_check_table(q, "snapshot's L1 table", s->l1_off, bytes);
}

static int
read_entries(struct qcow2 *q, const uint8_t *p, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < q->snapshots; i++) {
		struct snapshot *s = &q->snapshot[i];
		int err;
		size_t n = at < size ? read_entry(q, p + at, size - at, s, &err)
				     : 0;

		if (!n)
			return image_broken(
				q->im, "its table of snapshots is cut off");
		if (!err)
			err = check_snapshot(q, s);
		if (err)
			return err;
		at += n;
	}
	q->snapshots_size = at;
	return 0;
}

int
qcow2_read_snapshots(struct qcow2 *q)
{
	uint64_t room;
	uint8_t *p;
	int err;

	if (!q->snapshots)
		return 0;
	if (q->snapshots > QCOW2_SNAPSHOTS_MAX)
		return image_broken(q->im, "it has too many snapshots");
	err = qcow2_check_table(q, "table of snapshots", q->snapshots_off,
		(uint64_t)q->snapshots * FIXED);
	if (err)
		return err;
	room = q->file_end - q->snapshots_off;
	if (room > QCOW2_SNAPSHOT_TABLE_MAX)
		room = QCOW2_SNAPSHOT_TABLE_MAX;
	p = malloc(room);
	q->snapshot = calloc(q->snapshots, sizeof(*q->snapshot));
	if (!p || !q->snapshot)
		err = fail(-ENOMEM, "%s", q->im->name);
	if (!err)
		err = file_read(&q->im->file, q->snapshots_off, p, room);
	if (!err)
		err = read_entries(q, p, room);
	free(p);
	return err;
}
