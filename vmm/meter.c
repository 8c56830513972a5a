/* SPDX-License-Identifier: MIT */
/*
 * The writer of the metrics file: see meter.h. CPU time is the kernel's, by
 * clocks of processes and threads, clock_gettime(2): exact, and including what
 * a thread has used up to now. Guest memory is one memfd, whose st_blocks are
 * the pages that it has, fstat(2): one call, however large it is.
 *
 * Between readings that are asked for, the FIFO is not even watched: a second
 * passes before anybody can wake the loop again.
 */
#include "vmm/meter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/err.h"
#include "lib/metrics.h"

enum { BLOCK = 512 }; /* of st_blocks, whatever st_blksize says */

struct meter {
	struct machine *machine;
	struct loop *loop;
	struct clock *clock;
	struct metrics_writer *writer;
	struct watch asked;
	struct timer timer;
	int64_t next; /* no reading before */
	struct metrics now;
};

static uint64_t
process_time(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t
guest_memory(const struct machine *m)
{
	struct stat st;

	if (fstat(mem_fd(machine_mem(m)), &st))
		return 0;
	return (uint64_t)st.st_blocks * BLOCK;
}

static void
read_disks(struct metrics *to, struct machine *m)
{
	struct disk_stats s;

	drives_get_stats(machine_drives(m), &s);
	to->disk_read = s.read_bytes;
	to->disk_written = s.written_bytes;
	to->disk_reads = s.reads;
	to->disk_writes = s.writes;
}

static void
take(struct meter *t)
{
	struct metrics *to = &t->now;

	to->vcpus = machine_config(t->machine)->cpus;
	to->cpu = process_time();
	to->rss = guest_memory(t->machine);
	for (unsigned n = 0; n < to->vcpus; n++)
		to->vcpu[n] = machine_thread_time(t->machine, n);
	read_disks(to, t->machine);
	metrics_write(t->writer, to);
}

/* Who asked is answered by this reading, or by one that is a second later. */
static void
fire(void *to)
{
	struct meter *t = to;

	metrics_asked(t->writer);
	take(t);
	t->next = clock_now(t->clock) + NS_PER_S;
	if (metrics_watched(t->writer))
		timer_arm(&t->timer, t->next);
	else
		loop_mod(t->loop, &t->asked, EPOLLIN);
}

static void
asked(void *to, uint32_t events)
{
	struct meter *t = to;

	(void)events;
	loop_mod(t->loop, &t->asked, 0);
	timer_arm(&t->timer, t->next);
}

int
meter_new(struct meter **out, int dir, struct machine *m, struct loop *loop,
	struct clock *clock)
{
	struct meter *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return fail(-ENOMEM, "meter");
	t->machine = m;
	t->loop = loop;
	t->clock = clock;
	timer_init(&t->timer, clock, NULL, fire, t);
	r = metrics_make(dir, &t->writer);
	if (r) {
		free(t);
		return r;
	}
	t->asked = (struct watch){
		.fd = metrics_fd(t->writer),
		.events = EPOLLIN,
		.ready = asked,
		.to = t,
	};
	r = loop_add(loop, &t->asked);
	if (r) {
		metrics_end(t->writer);
		free(t);
		return r;
	}
	*out = t;
	return 0;
}

void
meter_free(struct meter *t)
{
	if (!t)
		return;
	timer_disarm(&t->timer);
	loop_del(t->loop, &t->asked);
	metrics_end(t->writer);
	free(t);
}
