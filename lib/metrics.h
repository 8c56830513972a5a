/* SPDX-License-Identifier: MIT */
/*
 * The metrics file: metrics in a machine's directory, one page of counters that
 * only grow (but rss). The VM process writes it once a second, and only while
 * somebody looks: who does holds an OFD read lock on its byte 0, which vanishes
 * with him, and writes a byte to the FIFO metrics.wake, which is asked for one
 * reading at least. Nobody looking costs nothing, not even a timer.
 *
 * A FIFO, since an inotify instance for each machine is more than a user may
 * have (128). A file that is written and read, since a page that is mapped can
 * be cut off under its reader, or its writer; its check sum tells a whole page
 * from one that is being written. The writer holds a write lock on byte 1, so
 * that a reading of one that is dead is none.
 *
 * Rates are the reader's work: two readings and the times in them.
 */
#ifndef LIB_METRICS_H
#define LIB_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#define METRICS_NAME "metrics"
#define METRICS_WAKE "metrics.wake"
#define METRICS_MAGIC "vm-met 1" /* 8 bytes, no zero byte */
#define METRICS_VCPUS 255

/* Host byte order. */
struct metrics {
	char magic[8];
	uint64_t sum; /* FNV-1a, 64 bits, of the words (64 bits) that follow */
	uint64_t time; /* CLOCK_BOOTTIME, ns, of this reading */
	uint64_t vcpus; /* <= METRICS_VCPUS, also as read */
	uint64_t cpu; /* ns of CPU time of the whole process */
	uint64_t rss; /* bytes of guest memory that the host has pages for, be
		       * it in its swap */
	uint64_t disk_read, disk_written; /* bytes, all disks together */
	uint64_t disk_reads, disk_writes; /* requests */
	uint64_t net_received, net_sent; /* bytes, as the guest sees it */
	uint64_t net_packets_in, net_packets_out;
	uint64_t vcpu[METRICS_VCPUS]; /* ns of CPU time each */
	uint64_t unused[243]; /* 0: a page */
};

/* ---- writing: the VM process ---- */

struct metrics_writer;

/* Make both files new in the directory, mode 0600. -errno with a sentence. */
int metrics_make(int dir, struct metrics_writer **);
/* Takes both files away again, as a machine that does not run has none. */
void metrics_end(struct metrics_writer *);
/* Readable, until metrics_asked(), when somebody wants a reading. */
int metrics_fd(const struct metrics_writer *);
/* Since the last call, did somebody ask? Costs the same however often. */
bool metrics_asked(struct metrics_writer *);
/* Does somebody look on? */
bool metrics_watched(const struct metrics_writer *);
/* magic, sum and time are filled in. What cannot be written is not said. */
void metrics_write(struct metrics_writer *, struct metrics *);

/* ---- reading: anybody ---- */

struct metrics_reader; /* one descriptor, until it is closed */

/* Looks on from now: the writer begins. -ENOENT (no sentence) where nobody
 * writes: the machine does not run, or is not so far yet. Waits for nothing. */
int metrics_open(int dir, struct metrics_reader **);
void metrics_close(struct metrics_reader *);
/* The newest reading. -EAGAIN: there is none yet (one of long before this was
 * opened is none), or it is just being written;
 * -ESTALE: its writer is gone, and no other will come (close this one);
 * -EINVAL: the file is no such. No sentences. Never blocks. */
int metrics_read(struct metrics_reader *, struct metrics *);
/* The same in one, for one reading in passing: asks for the next, and returns
 * what there is; -ENOENT. Of *m, whatever vcpus says, vcpu[] is valid. */
int metrics_look(int dir, struct metrics *m);

/* Between two readings: percent of one CPU (100 a whole one), bytes a second.
 * All 0 if b is not later than a; what went backwards is 0. */
struct metrics_rates {
	double cpu, disk_read, disk_write, net_in, net_out;
};
void metrics_rate(const struct metrics *a, const struct metrics *b,
	struct metrics_rates *);

#endif
