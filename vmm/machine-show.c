/* SPDX-License-Identifier: MIT */
/*
 * What a machine shows of itself: its engine, registers, counts, and a hash of
 * all its state.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/machine-int.h"

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
