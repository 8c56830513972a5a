/* SPDX-License-Identifier: MIT */
/*
 * The virtio devices of the pc board that are not drives, in the last slots;
 * and the doors to them that the machine uses.
 */
#include <errno.h>
#include <string.h>

#include "dev/virtio-balloon.h"
#include "dev/virtio-console.h"
#include "dev/virtio-input.h"
#include "dev/virtio-rng.h"
#include "lib/err.h"
#include "vmm/board.h"

enum { SLOT_RNG = 28, SLOT_CONSOLE, SLOT_BALLOON, SLOT_INPUT };

/* Takes the device over; d may be NULL after a failed _new(). */
static int
add(struct board *b, const struct board_host *h, struct dev *d, const char *id,
	unsigned slot, unsigned function)
{
	if (!d)
		return fail(-ENOMEM, "%s", id);
	d->id = id;
	d->log = h->log;
	virtio_pace((struct virtio *)d, h->clock);
	b->dev[b->devs++] = d;
	return pci_bus_add(b->pci, &((struct virtio *)d)->pci, slot, function);
}

/* Is somebody there before the back end says so? */
static bool
open_from_start(const char *spec)
{
	return strncmp(spec, "unix:", 5) != 0;
}

static int
add_console(struct board *b, const struct board_host *h)
{
	struct virtio_console_port port[CONFIG_PORTS];
	unsigned n = h->config->ports;
	bool console = false;

	for (unsigned i = 0; i < n; i++) {
		const struct config_port *p = &h->config->port[i];

		port[i] = (struct virtio_console_port){
			.name = p->name,
			.chr = h->port[i],
			.console = !console && !strcmp(p->name, "console"),
			.open = open_from_start(p->spec),
		};
		console |= port[i].console;
	}
	b->console = virtio_console_new(h->mem, port, n);
	return add(b, h, b->console, "console0", SLOT_CONSOLE, 0);
}

/* Both in one slot. */
static int
add_input(struct board *b, const struct board_host *h)
{
	unsigned function = 0;
	int r = 0;

	if (h->config->keyboard == CONFIG_KEYBOARD_VIRTIO)
		r = add(b, h,
			b->keyboard = virtio_keyboard_new(h->mem, h->input),
			"keyboard0", SLOT_INPUT, function++);
	if (!r && h->config->pointer == CONFIG_POINTER_TABLET)
		r = add(b, h, b->tablet = virtio_tablet_new(h->mem, h->input),
			"tablet0", SLOT_INPUT, function);
	return r;
}

int
board_add_virtio(struct board *b, const struct board_host *h)
{
	const struct config *c = h->config;
	int r = 0;

	/* Random numbers are not the same in the next run. */
	if (c->rng && !c->icount)
		r = add(b, h, virtio_rng_new(h->mem, h->clock, rng_host),
			"rng0", SLOT_RNG, 0);
	if (!r && c->ports)
		r = add_console(b, h);
	if (!r && c->balloon)
		r = add(b, h, b->balloon = virtio_balloon_new(h->mem),
			"balloon0", SLOT_BALLOON, 0);
	return r ? r : add_input(b, h);
}

int
board_balloon(struct board *b, const uint64_t *set, uint64_t *now)
{
	uint64_t size = mem_size(b->mem), taken;

	if (!b->balloon)
		return failx(-ENOTSUP, "there is no balloon");
	if (set)
		virtio_balloon_set(b->balloon, *set < size ? size - *set : 0);
	taken = virtio_balloon_size(b->balloon);
	if (now)
		*now = taken < size ? size - taken : 0;
	return 0;
}

void
board_console_size(struct board *b, unsigned cols, unsigned rows)
{
	if (b->console)
		virtio_console_resize(b->console, cols, rows);
}
