/* SPDX-License-Identifier: MIT */
/* PCI hotplug: the registers as the guest's AML uses them. */
#include "dev/pcihp.h"

#include "tests/tap.h"

static struct dev *d;
static unsigned events;
static uint32_t ejected;

static void
on_event(void *to)
{
	(void)to;
	events++;
}

static void
on_eject(void *to, uint32_t slots)
{
	(void)to;
	ejected |= slots;
}

static uint64_t
rd(unsigned off)
{
	return d->ops->read(d, 0, off, 4);
}

static void
wr(unsigned off, uint32_t v)
{
	d->ops->write(d, 0, off, 4, v);
}

int
main(void)
{
	deadline(20);
	d = pcihp_new(0xf8, (struct pcihp_out){on_event, on_eject, NULL});
	is_u64(rd(PCIHP_REMOVABLE), 0xf8, "the slots that can change");
	pcihp_plug(d, 3);
	pcihp_plug(d, 7);
	is_u64(events, 2, "a device that comes is an event");
	is_u64(d->ops->read(d, 0, 0, 1), 0x88, "of its slot, by bytes");
	is_u64(rd(PCIHP_UP), 0, "reading clears it");
	pcihp_plug(d, 1);
	pcihp_plug(d, 99);
	ok(events == 2 && rd(PCIHP_UP) == 0, "other slots do not change");
	pcihp_unplug(d, 3);
	ok(events == 3 && rd(PCIHP_DOWN) == 8 && rd(PCIHP_DOWN) == 8,
		"a request to eject stays");
	wr(PCIHP_BUS, 1);
	ok(rd(PCIHP_DOWN) == 0 && rd(PCIHP_BUS) == 1, "on bus 0 alone");
	wr(PCIHP_EJECT, 8);
	is_u64(ejected, 0, "nothing is ejected elsewhere");
	wr(PCIHP_BUS, 0);
	wr(PCIHP_EJECT, 0x0a);
	is_u64(ejected, 8, "ejected, as far as it can be");
	is_u64(rd(PCIHP_DOWN), 0, "the request is done");
	pcihp_unplug(d, 4);
	is_u64(pcihp_going(d), 0x10, "what is wanted can be asked for");
	pcihp_forget(d, 4);
	is_u64(rd(PCIHP_DOWN), 0, "a request can be taken back");
	pcihp_unplug(d, 4);
	dev_reset(d);
	is_u64(rd(PCIHP_DOWN), 0, "a reset forgets it");
	dev_free(d);
	return done();
}
