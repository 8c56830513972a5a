/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a driver of a virtio device. The first byte chooses the device;
 * then come commands of 8 bytes: what, where, a value. See command().
 */
#include <string.h>

#include "dev/virtio-balloon.h"
#include "dev/virtio-console.h"
#include "dev/virtio-rng.h"
#include "lib/chr.h"
#include "lib/clock.h"

enum { RAM = 0x10000, COMMANDS = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct rig {
	struct mem *m;
	struct clock *clock;
	struct chr *chr;
	struct virtio *v;
};

/* The device runs, with queues of 8 entries at 0x1000, 0x2000 and so on. */
static void
begin(struct rig *g)
{
	static const uint8_t steps[] = {0, 1, 3, 11, 15};
	struct dev *d = &g->v->dev;
	unsigned i, n;

	pci_config_write(&g->v->pci, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	for (i = 0; i < sizeof(steps); i++) {
		for (n = 0; i == 3 && n < 2; n++) {
			virtio_write(d, 0, 8, 4, n);
			virtio_write(d, 0, 12, 4,
				g->v->features >> 32 * n & 0xffffffff);
		}
		for (n = 0; i == 4 && n < g->v->queues; n++) {
			virtio_write(d, 0, 0x16, 2, n);
			virtio_write(d, 0, 0x18, 2, 8);
			virtio_write(d, 0, 0x20, 4, 0x1000u * (n + 1));
			virtio_write(d, 0, 0x28, 4, 0x1000u * (n + 1) + 0x400);
			virtio_write(d, 0, 0x30, 4, 0x1000u * (n + 1) + 0x800);
			virtio_write(d, 0, 0x1c, 2, 1);
		}
		virtio_write(d, 0, 0x14, 1, steps[i]);
	}
}

static void
command(struct rig *g, const uint8_t *p)
{
	unsigned what = p[0], size = 1u << p[1] % 3;
	unsigned at = p[2] | (unsigned)p[3] << 8;
	uint32_t val;

	memcpy(&val, p + 4, 4);
	switch (what % 8) {
	case 0:
		virtio_write(&g->v->dev, what >> 4 & 3,
			at & 0x3fff & ~(size - 1), size, val);
		break;
	case 1:
		virtio_read(&g->v->dev, what >> 4 & 3,
			at & 0x3fff & ~(size - 1), size);
		break;
	case 2:
		pci_config_write(&g->v->pci, at & 0xfc, size, val);
		break;
	case 3:
		pci_config_read(&g->v->pci, at & 0xfc, size);
		break;
	case 4:
		mem_write(g->m, at, p + 4, 4);
		break;
	case 5: /* a descriptor */
		mem_write(
			g->m, at & 0xfff0, (uint64_t[1]){p[4] | p[5] << 8}, 8);
		mem_write(g->m, (at & 0xfff0) + 8,
			(uint32_t[2]){p[6], p[7] | p[1] << 16}, 8);
		break;
	case 6:
		virtio_kicked(g->v, at);
		break;
	default:
		if (what & 8)
			begin(g);
		else if (what & 16)
			clock_advance(g->clock, val);
		else if (g->chr)
			chr_mem_say(g->chr, p + 1, p[1] % 7);
	}
}

static struct dev *
make(struct rig *g, unsigned which)
{
	struct virtio_console_port port[2] = {
		{"one", NULL, true, true}, {"two", NULL, false, true}};

	if (which % 3 == 0)
		return virtio_rng_new(g->m, g->clock, rng_host);
	if (which % 3 == 1)
		return virtio_balloon_new(g->m);
	port[1].chr = g->chr = chr_new_mem();
	return virtio_console_new(g->m, port, 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct mem *m;
	struct rig g = {0};
	unsigned i;

	if (!n || (!m && mem_new(&m, RAM)))
		return 0;
	g.m = m;
	mem_fill(m, 0, 0, RAM);
	g.clock = clock_new_manual(0);
	g.v = (struct virtio *)make(&g, *p);
	dev_reset(&g.v->dev);
	for (i = 0; i < COMMANDS && 1 + 8 * (i + 1ull) <= n; i++)
		command(&g, p + 1 + 8 * i);
	dev_free(&g.v->dev);
	chr_free(g.chr);
	clock_free(g.clock);
	return 0;
}
