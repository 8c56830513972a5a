/* SPDX-License-Identifier: MIT */
/*
 * What the files of the qcow2 format share. The format: QEMU's
 * docs/interop/qcow2.txt. Left out: encryption, external data files, extended
 * L2 entries (images that have these are refused), making snapshots.
 *
 * How it is written, so that any crash leaves an image that opens clean: what
 * is in the file never has a reference to a cluster whose count in the file is
 * lower than its references, or whose content is not there yet. Data goes out
 * at once, to clusters that nothing in the file refers to, or in place.
 * Counts and tables change in memory, until a flush (or a full cache) writes
 * them, in stages:
 *
 *	counts, new L2 tables		(at any time: nothing refers to them)
 *	-- fdatasync: those, and the data that the L2 entries are for
 *	the refcount table, if it has new blocks, and fdatasync
 *	L2 entries, L1 entries
 *	-- fdatasync
 *
 * A cluster that is freed waits, in quarantine until the change that gives it
 * up is in the file, then in limbo until all that began before has ended; only
 * then its count goes down and it is used again.
 *
 * One lock guards all metadata; data is read and written without it. While the
 * first stages run, L2 entries are frozen: who has new data in new clusters
 * waits before he refers to them, as his data may not be covered.
 */
#ifndef LIB_IMAGE_QCOW2_H
#define LIB_IMAGE_QCOW2_H

#include <pthread.h>

#include "lib/image/image-int.h"

enum {
	QCOW2_MAGIC = 0x514649fb,
	QCOW2_V2_HEADER = 72,
	QCOW2_V3_HEADER = 104,
	QCOW2_SLICE = 4096, /* of a table, in the cache; at most a cluster */
	QCOW2_CACHE = 1 << 20, /* bytes of L2 tables */
	QCOW2_REF_CACHE = 128 << 10,
	QCOW2_QUARANTINE = 4096, /* runs of clusters */
	QCOW2_SLACK = 2048, /* runs that a slice's entries are at most */
	QCOW2_L1_MAX = 32 << 20, /* bytes */
	QCOW2_REFTABLE_MAX = 8 << 20,
	QCOW2_SNAPSHOTS_MAX = 16384,
	QCOW2_SNAPSHOT_TABLE_MAX = 4 << 20
};

/* Bytes of the file's header. */
enum {
	QCOW2_AT_BACKING = 8,
	QCOW2_AT_BACKING_SIZE = 16,
	QCOW2_AT_SIZE = 24,
	QCOW2_AT_L1_SIZE = 36, /* then the table's offset */
	QCOW2_AT_REFTABLE = 48, /* then how many clusters it has */
	QCOW2_AT_INCOMPATIBLE = 72,
	QCOW2_AT_AUTOCLEAR = 88
};

/* Header extensions that more than one file knows. PAD is ours: what it holds
 * is no longer, or not yet, of use; QEMU keeps what it does not know. */
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acaU
#define QCOW2_EXT_PAD 0x766d2d70U

enum { /* incompatible features */
	QCOW2_DIRTY = 1 << 0,
	QCOW2_CORRUPT = 1 << 1,
	QCOW2_COMPRESSION = 1 << 3,
	QCOW2_KNOWN = QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION
};
enum { QCOW2_LAZY = 1 << 0 }; /* compatible */
enum { QCOW2_ZLIB, QCOW2_ZSTD };

/* In entries of L1 and L2 tables. */
#define QCOW2_COPIED (UINT64_C(1) << 63) /* nobody else refers to it */
#define QCOW2_PACKED (UINT64_C(1) << 62) /* compressed */
#define QCOW2_ZERO UINT64_C(1)
#define QCOW2_OFFSET UINT64_C(0x00fffffffffffe00)

struct slice { /* a piece of a table */
	uint64_t off; /* in the file; 0: of nothing */
	uint32_t l1; /* of an L2 table: its place in the L1 table */
	bool dirty, recent;
	uint8_t *data;
	struct slice *next; /* with the same hash */
};

struct cache {
	unsigned n, hand, dirty, buckets;
	size_t size; /* of a slice */
	struct slice *slice, **hash;
	uint8_t *memory;
};

struct run { /* of clusters */
	uint64_t first, n;
};

/* Something that uses clusters of the file without the lock, on its maker's
 * stack. */
struct qio {
	uint64_t seq;
	bool claims; /* nobody else changes these, of the disk's clusters */
	uint64_t first, end;
	struct qio *prev, *next;
};

struct snapshot {
	char *id, *name;
	uint64_t l1_off, vm_state, disk_size, nsec;
	uint32_t l1_size, sec;
};

struct qcow2 {
	struct image *im;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* frozen, flushing, claims, limbo */

	/* The header. */
	unsigned version, bits, order; /* cluster size, width of a count */
	unsigned l2_bits, region_bits; /* entries: of an L2 table, a block */
	uint64_t cluster;
	uint64_t incompatible, compatible, autoclear;
	uint8_t compression;
	uint32_t header_size; /* its fields and extensions, in the file */
	uint64_t backing_off;
	uint64_t bitmaps_off, bitmaps_size; /* their directory; 0: none */
	uint32_t bitmaps;
	uint64_t snapshots_off, snapshots_size;
	uint32_t snapshots;
	struct snapshot *snapshot;

	/* The tables, host's byte order; a bit for each 64 entries that are not
	 * in the file yet. l1_new: tables that the file does not know. */
	uint64_t *l1, l1_off, *reftable, reftable_off;
	uint32_t l1_size, reftable_size; /* entries */
	uint8_t *l1_dirty, *l1_new, *reftable_dirty;
	bool l1_any, reftable_any;
	struct cache l2, ref;

	uint64_t file_end; /* the file's size, bytes */
	uint64_t fresh; /* from this cluster on all are unused and zeros */
	uint64_t hint; /* below this one none is unused */
	/* Closing cuts off nothing below this cluster: what was there before,
	 * of which only the counts say that nobody uses it. */
	uint64_t floor;
	uint64_t packed_at; /* where the next compressed cluster may go */

	struct run *quarantine, *limbo, *spare;
	unsigned quarantined, in_limbo;
	unsigned batch; /* of the quarantine: a flush is at work on those */
	uint64_t limbo_seq; /* what is older may still use them */

	struct qio *oldest, *newest;
	uint64_t seq;
	bool frozen, flushing, releasing;
	bool marked; /* the dirty bit is set, by us */
	uint64_t flush_begun, flush_done; /* how many */
	int flush_err;

	pthread_mutex_t unpack_lock;
	uint8_t *unpacked, *packed; /* one cluster each, made when needed */
	uint64_t unpacked_entry; /* whose; 0: nobody's */
};

static inline uint64_t
qcow2_clusters(const struct qcow2 *q, uint64_t bytes)
{
	return (bytes >> q->bits) + ((bytes & (q->cluster - 1)) != 0);
}

/* ---- qcow2-header.c, qcow2-snapshot.c ---- */

int qcow2_read_header(struct qcow2 *, const struct image_options *);
int qcow2_read_snapshots(struct qcow2 *);
void qcow2_free_snapshots(struct qcow2 *);
/* Aligned, inside the file, and not the header: 0, or -EIO with a sentence. */
int qcow2_check_table(
	const struct qcow2 *, const char *what, uint64_t off, uint64_t bytes);
/* A field of the header, in the file; not flushed. */
int qcow2_put32(struct qcow2 *, uint64_t at, uint32_t);
int qcow2_put64(struct qcow2 *, uint64_t at, uint64_t);
int qcow2_mark(struct qcow2 *, uint64_t incompatible); /* and flushes */
int qcow2_rebase(struct image *, const char *name, const char *format);
int qcow2_create(struct image_file *, const struct image_create *);
/* Appends one to the header that is being made; *at moves. */
void qcow2_add_extension(
	uint8_t *head, size_t *at, uint32_t type, const void *p, size_t n);
void qcow2_describe(struct image *, struct json *);

/* ---- qcow2-cache.c; the lock is held from here on, unless said ---- */

int qcache_new(struct cache *, const char *name, unsigned n, size_t size);
void qcache_free(struct cache *);
/* The slice at off. It stays until the next call. -EAGAIN, without a sentence:
 * all are dirty L2 slices; qcow2_change() makes room. */
int qcache_get(struct qcow2 *, struct cache *, uint64_t off, uint32_t l1,
	struct slice **);
void qcache_soil(struct cache *, struct slice *);
int qcache_write(struct qcow2 *, struct cache *, struct slice *);
/* Forget what lies in those bytes. */
void qcache_drop(struct cache *, uint64_t off, uint64_t len);

/* ---- qcow2-ref.c ---- */

uint64_t qref_value(const uint8_t *slice, uint64_t i, unsigned order);
void qref_store(uint8_t *slice, uint64_t i, unsigned order, uint64_t value);
int qref_get(struct qcow2 *, uint64_t cluster, uint64_t *count);
/* -ERANGE without a sentence: the count would leave its range. */
int qref_add(struct qcow2 *, uint64_t cluster, int by);
/* Room for len bytes of a compressed cluster, behind others if it fits there.
 * -EAGAIN as qref_alloc(). */
int qref_alloc_packed(struct qcow2 *, uint64_t len, uint64_t *off);
void qref_free_packed_now(struct qcow2 *, uint64_t off, uint64_t len);
/* Up to want clusters in a row, each counted once. *zeros: they read as such.
 * -EAGAIN, without a sentence: needs qcow2_settle() first. */
int qref_alloc(struct qcow2 *, uint64_t want, struct run *, bool *zeros);
/* All of them in a row, behind all that is used; qcow2_settle() first. */
int qref_alloc_run(struct qcow2 *, uint64_t want, uint64_t *first);
/* What nothing ever referred to. */
void qref_free_now(struct qcow2 *, uint64_t first, uint64_t n);
/* What nothing will refer to, once L2 and L1 are in the file. */
void qref_free_later(struct qcow2 *, uint64_t first, uint64_t n);
/* Those of a compressed cluster. */
void qref_free_packed(struct qcow2 *, uint64_t entry);
/* What is in limbo, if it may be; may drop the lock. */
void qref_release(struct qcow2 *);
/* More room in the refcount table; no flush is running. */
int qref_grow(struct qcow2 *);
/* The file reaches to the end of fresh clusters. */
int qcow2_reach(struct qcow2 *);
void table_soil(uint8_t *bits, bool *any, uint32_t i);

/* ---- qcow2-table.c ---- */

/* Where cluster number i of the disk is: its slice and place in it; NULL: its
 * table is not there. */
int l2_look(struct qcow2 *, uint64_t i, struct slice **, unsigned *at);
/* The same, for changing: a table is made, or one's own copy. May drop the lock
 * before it does anything, and waits while the tables are frozen. */
int l2_own(struct qcow2 *, uint64_t i, struct slice **, unsigned *at);
uint64_t l2_entry(const struct slice *, unsigned at);
void l2_set(struct qcow2 *, struct slice *, unsigned at, uint64_t entry);
/* -EIO unless a data cluster may be there. */
int l2_check(const struct qcow2 *, uint64_t entry);
/* Clusters of one slice, from number i on. */
uint64_t l2_rest(const struct qcow2 *, uint64_t i);
/* The file's bytes of a compressed cluster. */
void l2_packed(
	const struct qcow2 *, uint64_t entry, uint64_t *off, uint64_t *len);
/* What the entry had is given up. */
void l2_give_up(struct qcow2 *, uint64_t entry);
/* L1 entries from number n on are none, and all they refer to is given up. */
int l1_clear(struct qcow2 *, uint32_t n);

/* ---- qcow2-flush.c ---- */

void qio_begin(struct qcow2 *, struct qio *);
void qio_end(struct qcow2 *, struct qio *); /* may drop the lock */
/* Waits until nobody claims any of those clusters. */
void qio_wait(struct qcow2 *, uint64_t first, uint64_t end);
/* Waits for those, then begins one that claims them. */
void qio_claim(struct qcow2 *, struct qio *, uint64_t first, uint64_t end);
/* Before L2 or L1 tables are changed, each time for one slice: waits while they
 * are frozen, and makes room in the cache. May drop the lock. */
int qcow2_change(struct qcow2 *);
/* Nothing is frozen, and no flush runs. */
void qcow2_settle(struct qcow2 *);
/* All that changed is in the file and flushed; the lock may be dropped. */
int qcow2_stage(struct qcow2 *);
int qcow2_flush(struct image *); /* without the lock */
/* Counts and the refcount table, for the end. */
int qcow2_finish(struct qcow2 *);

/* ---- reading and writing, without the lock ---- */

int qcow2_read(struct image *, uint64_t off, struct iov_at *, size_t len);
int qcow2_map(
	struct image *, uint64_t off, uint64_t len, struct image_extent *);
int qcow2_write(struct image *, uint64_t off, struct iov_at *, size_t len);
int qcow2_discard(struct image *, uint64_t off, uint64_t len);
/* Whole clusters are not in this image any more. */
int qcow2_forget(struct image *, uint64_t off, uint64_t len);
int qcow2_zero(struct image *, uint64_t off, uint64_t len, bool unmap);
int qcow2_unpack(struct qcow2 *, uint64_t entry, size_t skip, struct iov_at *,
	size_t len);
int qcow2_write_compressed(
	struct image *, uint64_t off, const void *p, size_t len);
int qcow2_resize(struct image *, uint64_t size);
int qcow2_empty(struct image *);
int qcow2_check(struct image *, bool repair, struct image_check *,
	const struct image_tell *);

/* ---- between the files of checking ---- */

struct qcheck {
	struct qcow2 *q;
	struct image_check *c;
	const struct image_tell *tell;
	uint16_t *want; /* what each cluster's count should be */
	uint64_t n, room; /* clusters of the file; of want */
	uint8_t *table; /* a cluster's worth */
	/* A run of clusters with the same fault. */
	const char *fault;
	uint64_t fault_first, fault_end;
};

enum { QCHECK_MAX = UINT16_MAX };

/* One more reference to each cluster of those bytes. */
void qcheck_mark(struct qcheck *, const char *what, uint64_t off, uint64_t len);
/* Write the counts, and what has to be there for that. */
int qcheck_repair(struct qcheck *);

#endif
