/* SPDX-License-Identifier: MIT */
/*
 * Requests between vCPUs, sleeping and waking: see sync.h.
 */
#include "vmm/soft/sync.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "lib/err.h"
#include "vmm/soft/block.h"

#define REQUESTS 32

struct request {
	uint64_t pa;
	uint64_t len; /* of what was remapped; 0: a page, still the same one */
	bool drop; /* blocks too; else only write entries */
};

struct sync {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct request req[REQUESTS];
	unsigned n;
	bool all; /* too many to name */
	_Atomic uint64_t asked, served; /* requests so far */
	_Atomic bool inside; /* runs guest code */
	_Atomic(pthread_t) thread; /* while inside */
	_Atomic bool asleep;
};

int
sync_new(struct cpu *c)
{
	c->sync = calloc(1, sizeof(*c->sync));
	if (!c->sync)
		return fail(-ENOMEM, "soft: vCPU");
	pthread_mutex_init(&c->sync->lock, NULL);
	pthread_cond_init(&c->sync->cond, NULL);
	return 0;
}

void
sync_free(struct cpu *c)
{
	if (!c->sync)
		return;
	pthread_mutex_destroy(&c->sync->lock);
	pthread_cond_destroy(&c->sync->cond);
	free(c->sync);
	c->sync = NULL;
}

static void
serve(struct cpu *c, const struct request *r)
{
	if (r->len) {
		block_remap(c, r->pa, r->len);
		return;
	}
	tlb_protect(c, r->pa);
	if (r->drop)
		block_drop_page(c, r->pa);
}

void
sync_serve(struct cpu *c)
{
	struct sync *s = c->sync;
	struct request req[REQUESTS];
	unsigned n;
	uint64_t upto;
	bool all;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	all = s->all;
	memcpy(req, s->req, n * sizeof(*req));
	s->n = 0;
	s->all = false;
	upto = atomic_load(&s->asked);
	pthread_mutex_unlock(&s->lock);
	if (all) {
		tlb_flush(c, true);
		block_drop_all(c);
	}
	for (unsigned k = 0; k < n && !all; k++)
		serve(c, &req[k]);
	atomic_store(&s->served, upto);
}

void
sync_enter(struct cpu *c)
{
	atomic_store(&c->sync->thread, pthread_self());
	atomic_store(&c->sync->inside, true);
	if (atomic_load(&c->sync->asked) != atomic_load(&c->sync->served))
		sync_serve(c);
}

void
sync_leave(struct cpu *c)
{
	atomic_store(&c->sync->inside, false);
}

/* Returns the request's number. */
static uint64_t
ask(struct cpu *to, uint64_t pa, uint64_t len, bool drop)
{
	struct sync *s = to->sync;
	uint64_t number;

	pthread_mutex_lock(&s->lock);
	if (s->n < REQUESTS)
		s->req[s->n++] = (struct request){pa, len, drop};
	else
		s->all = true;
	number = atomic_fetch_add(&s->asked, 1) + 1;
	pthread_mutex_unlock(&s->lock);
	atomic_fetch_or(&to->pending, PEND_INVAL);
	return number;
}

void
sync_protect(struct cpu *c, uint64_t pa)
{
	struct soft *s = c->soft;

	for (unsigned n = 0; n < s->cpus; n++) {
		struct cpu *to = s->cpu[n];
		uint64_t number;

		if (!to || to == c)
			continue;
		number = ask(to, pa, 0, false);
		while (atomic_load(&to->sync->inside) &&
			atomic_load(&to->sync->served) < number) {
			/* It may be waiting for us in the same way. */
			if (atomic_load(&c->sync->asked) !=
				atomic_load(&c->sync->served))
				sync_serve(c);
			sched_yield();
		}
	}
}

void
sync_invalidate(struct soft *s, const struct cpu *c, uint64_t pa)
{
	for (unsigned n = 0; n < s->cpus; n++)
		if (s->cpu[n] && s->cpu[n] != c)
			ask(s->cpu[n], pa, 0, true);
}

void
sync_remap(struct soft *s, uint64_t pa, uint64_t len)
{
	for (unsigned n = 0; n < s->cpus; n++) {
		struct cpu *c = s->cpu[n];

		if (!c)
			continue;
		if (atomic_load(&c->sync->inside) &&
			pthread_equal(
				atomic_load(&c->sync->thread), pthread_self()))
			block_remap(c, pa, len);
		else
			ask(c, pa, len, true);
	}
}

void
sync_wake(struct cpu *c, uint32_t pending)
{
	struct sync *s = c->sync;

	atomic_fetch_or(&c->pending, pending);
	if (!atomic_load(&s->asleep))
		return;
	pthread_mutex_lock(&s->lock);
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

void
sync_sleep(struct cpu *c)
{
	struct sync *s = c->sync;

	sync_leave(c);
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->asleep, true);
	while (!atomic_load(&c->pending))
		pthread_cond_wait(&s->cond, &s->lock);
	atomic_store(&s->asleep, false);
	pthread_mutex_unlock(&s->lock);
	sync_enter(c);
}

bool
sync_asleep(const struct cpu *c)
{
	return atomic_load(&c->sync->asleep);
}
