/* SPDX-License-Identifier: MIT */
/*
 * What a machine shows of itself: its engine, registers, counts, and a hash of
 * all its state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dev/state.h"
#include "lib/err.h"
#include "vmm/machine-int.h"

int
machine_thread(const struct machine *m, unsigned n)
{
	return n < m->cpus ? atomic_load(&m->thread[n].tid) : 0;
}

uint64_t
machine_thread_time(const struct machine *m, unsigned n)
{
	struct timespec ts;
	clockid_t clock;

	if (!machine_thread(m, n) ||
		pthread_getcpuclockid(m->thread[n].id, &clock) ||
		clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

const struct fb_head *
machine_screen(const struct machine *m, size_t *ram)
{
	*ram = m->board ? m->board->vga.ram : 0;
	return m->board ? m->board->vga.fb : NULL;
}

const struct config *
machine_config(const struct machine *m)
{
	return m->cfg;
}

struct clock *
machine_clock(const struct machine *m)
{
	return m->clock;
}

bool
machine_hung(const struct machine *m)
{
	return m->hung;
}

bool
machine_up(const struct machine *m)
{
	return m->up;
}

const struct mem *
machine_mem(const struct machine *m)
{
	return m->mem;
}

int
machine_cpu(struct machine *m, unsigned n, struct cpu_state *st)
{
	if (n >= m->cpus)
		return failx(-ENOENT, "no CPU %u: there are %u", n, m->cpus);
	return m->ops->get(m->thread[n].vcpu, st);
}

static int
no_device(const struct machine *m, const char *id)
{
	char list[400];
	size_t len = 0;

	list[0] = '\0';
	for (unsigned k = 0; k < m->board->devs && len < sizeof(list); k++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, " %s",
			m->board->dev[k]->id);
	return failx(-ENOENT, "no device '%s', there are:%s", id, list);
}

int
machine_device(struct machine *m, const char *id, FILE *f)
{
	for (unsigned k = 0; k < m->board->devs; k++)
		if (strcmp(m->board->dev[k]->id, id) == 0)
			return state_save(m->board->dev[k], f);
	return no_device(m, id);
}

int
machine_registers(struct machine *m, unsigned n, char *buf, int size)
{
	struct cpu_state *st = malloc(sizeof(*st));
	int len = 0;

	buf[0] = '\0';
	if (st && n < m->cpus && !m->ops->get(m->thread[n].vcpu, st))
		len = cpu_print(st, buf, size);
	free(st);
	return len;
}

const char *
machine_engine(const struct machine *m)
{
	return m->ops ? m->ops->name : NULL;
}

uint64_t
machine_count(const struct machine *m)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < m->cpus; n++)
		sum += m->ops->count(m->thread[n].vcpu);
	return sum;
}

struct chr *
machine_serial(const struct machine *m, unsigned n)
{
	return n < m->cfg->serials ? m->host.serial[n] : NULL;
}

/* FNV-1a over 64-bit words. */
uint64_t
machine_hash(struct machine *m)
{
	unsigned n;
	const struct mem_slot *slot = mem_slots(m->mem, &n);
	uint64_t h = 0xcbf29ce484222325;
	char regs[4096];

	for (unsigned k = 0; k < n; k++) {
		const uint8_t *p = slot[k].host;

		for (uint64_t at = 0; at < slot[k].size; at += 8) {
			uint64_t v;

			memcpy(&v, p + at, 8);
			h = (h ^ v) * 0x100000001b3;
		}
	}
	for (unsigned k = 0; k < m->cpus; k++) {
		int len = machine_registers(m, k, regs, sizeof(regs));

		for (int at = 0; at < len; at++)
			h = (h ^ (uint8_t)regs[at]) * 0x100000001b3;
	}
	return h;
}
