/* SPDX-License-Identifier: MIT */
/* The virtio core and its PCI transport, under a device that copies what it is
 * given when it is told to. */
#include "dev/virtio.h"

#include <stdarg.h>

#include "lib/err.h"
#include "tests/tap.h"
#include "tests/virtio-rig.h"

#define F_OWN (1ull << 3)
#define ALL (F_OWN | VIRTIO_F_VERSION_1)

struct echo {
	struct virtio v;
	struct echo_regs {
		struct virtio_regs v;
	} r;
	uint8_t config[6];
	bool later, busy; /* requests stay in flight */
	unsigned kicks, resets, readies;
	unsigned endless; /* the driver adds one for each that is done */
	uint16_t held;
	struct iovec iov[16];
	uint64_t gpa[16];
};

static struct vrig g;
static struct echo *e;

static const struct field fields[] = {VIRTIO_FIELDS(struct echo, r), FIELD_END};

static void
kick(struct virtio *v, unsigned n)
{
	struct echo *d = (struct echo *)v;
	struct virtq_chain c = {.iov = d->iov, .gpa = d->gpa, .room = 16};

	d->kicks++;
	while (virtio_pop(v, n, &c)) {
		if (d->later) {
			d->busy = true;
			d->held = c.head;
			return;
		}
		virtio_push(v, n, c.head,
			(uint32_t)virtq_copy_in(v->mem, &c, 0, "echo", 4));
		if (d->endless && d->endless--)
			ring_offer(&g.ring[n], c.head);
	}
	virtio_signal(v, n);
}

static void
ready(struct virtio *v)
{
	((struct echo *)v)->readies++;
}

static uint32_t
config_read(struct virtio *v, unsigned at, unsigned size)
{
	uint32_t val = 0;

	memcpy(&val, ((struct echo *)v)->config + at, size);
	return val;
}

static void
config_write(struct virtio *v, unsigned at, unsigned size, uint32_t val)
{
	memcpy(((struct echo *)v)->config + at, &val, size);
}

static bool
reset(struct virtio *v)
{
	((struct echo *)v)->resets++;
	return !((struct echo *)v)->busy;
}

static const struct virtio_ops ops = {
	.dev = {.name = "echo",
		.fields = fields,
		DEV_REGS(struct echo, r),
		VIRTIO_DEV_OPS},
	.id = 42,
	.pci_class = 0xff0000,
	.config_size = 6,
	.kick = kick,
	.ready = ready,
	.config_read = config_read,
	.config_write = config_write,
	.reset = reset,
};

static void
up(void)
{
	static const uint16_t max[] = {16, 16};

	vrig_init(&g);
	e = calloc(1, sizeof(*e));
	if (!e)
		exit(1);
	virtio_init(&e->v, &ops, &e->r.v, g.m, F_OWN, 2, max);
	vrig_add(&g, &e->v.dev);
}

static bool
broken(void)
{
	return vrig_status(&g) & VIRTIO_BROKEN;
}

/* The capability of that type; 0: none. */
static unsigned
find_cap(unsigned type)
{
	unsigned at = vrig_pci_read(&g, PCI_CAPS, 1), left = 48;

	for (; at && left; left--, at = vrig_pci_read(&g, at + 1, 1))
		if (vrig_pci_read(&g, at, 1) == 9 &&
			vrig_pci_read(&g, at + 3, 1) == type)
			return at;
	return 0;
}

static void
test_pci(void)
{
	static const uint32_t where[] = {
		0, VIRTIO_COMMON, VIRTIO_NOTIFY, VIRTIO_ISR, VIRTIO_CONFIG};
	unsigned type, at;

	up();
	is_u64(vrig_pci_read(&g, 0, 4), 0x106a1af4, "vendor and device");
	is_u64(vrig_pci_read(&g, PCI_REVISION, 1), 1, "a modern one");
	for (type = 1; type <= 4; type++) {
		at = find_cap(type);
		ok(at && vrig_pci_read(&g, at + 4, 1) == 0 &&
				vrig_pci_read(&g, at + 8, 4) == where[type] &&
				vrig_pci_read(&g, at + 12, 4),
			"capability %u says where", type);
	}
	is_u64(vrig_pci_read(&g, find_cap(2) + 16, 4), 4,
		"a doorbell each queue");
	is_u64(vrig_read(&g, C_QUEUES, 2), 2, "the queues are counted");
	vrig_free(&g);
}

static void
test_access_cap(void)
{
	unsigned at;

	up();
	at = find_cap(5);
	vrig_pci_write(&g, at + 4, 1, 0);
	vrig_pci_write(&g, at + 8, 4, C_STATUS);
	vrig_pci_write(&g, at + 12, 4, 1);
	vrig_pci_write(&g, at + 16, 1, 3);
	is_u64(vrig_status(&g), 3, "a register written in config space");
	is_u64(vrig_pci_read(&g, at + 16, 1), 3, "and read");
	vrig_pci_write(&g, at + 8, 4, 0x80000000u);
	vrig_pci_write(&g, at + 16, 4, 0);
	vrig_pci_write(&g, at + 8, 4, C_STATUS + 1);
	vrig_pci_write(&g, at + 12, 4, 4);
	vrig_pci_read(&g, at + 16, 4);
	vrig_pci_write(&g, at + 16, 4, 0);
	vrig_pci_write(&g, at + 4, 1, 2);
	vrig_pci_write(&g, at + 8, 4, C_STATUS);
	vrig_pci_write(&g, at + 16, 4, 0);
	is_u64(vrig_status(&g), 3, "what does not describe one is ignored");
	vrig_free(&g);
}

static void
test_features(void)
{
	uint64_t core =
		VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX;

	up();
	is_u64(vrig_features(&g), core | F_OWN, "features are offered");
	vrig_write(&g, C_FEATURE_SEL, 4, 2);
	is_u64(vrig_read(&g, C_FEATURES, 4), 0, "none beyond 64");
	ok(vrig_negotiate(&g, ALL) & VIRTIO_FEATURES_OK, "those are taken");
	ok(virtio_has(&e->v, F_OWN) && !virtio_has(&e->v, VIRTIO_F_INDIRECT),
		"and known");
	ok(!(vrig_negotiate(&g, F_OWN) & VIRTIO_FEATURES_OK),
		"not without VERSION_1");
	ok(!(vrig_negotiate(&g, ALL | 1ull << 40) & VIRTIO_FEATURES_OK),
		"nor what was not offered");
	vrig_driver_ok(&g);
	ok(!(vrig_status(&g) & VIRTIO_DRIVER_OK) && !e->readies,
		"then there is no DRIVER_OK");
	vrig_negotiate(&g, VIRTIO_F_VERSION_1);
	vrig_write(&g, C_GUEST_SEL, 4, 0);
	vrig_write(&g, C_GUEST, 4, F_OWN);
	ok(!virtio_has(&e->v, F_OWN), "features are frozen at FEATURES_OK");
	vrig_write(&g, C_GUEST_SEL, 4, 0xffffffff);
	vrig_write(&g, C_GUEST, 4, 0xffffffff);
	is_u64(vrig_read(&g, C_GUEST, 4), 0, "a selector far off is harmless");
	vrig_free(&g);
}

static void
test_status(void)
{
	up();
	vrig_start(&g, 0, 8);
	is_u64(vrig_status(&g), 15, "the device runs");
	is_u64(e->readies, 1, "and knows");
	vrig_write(&g, C_STATUS, 1, 1);
	is_u64(vrig_status(&g), 15, "bits are not taken back");
	vrig_write(&g, C_STATUS, 1, 0xff);
	ok(!broken() && !virtio_running(&e->v), "FAILED stops it");
	vrig_write(&g, C_STATUS, 1, 0);
	is_u64(vrig_status(&g), 0, "0 resets");
	vrig_write(&g, C_STATUS, 1, 0);
	is_u64(vrig_status(&g), 0, "twice, too");
	vrig_write(&g, C_QUEUE, 2, 0);
	ok(vrig_read(&g, C_ENABLE, 2) == 0 && vrig_read(&g, C_SIZE, 2) == 16 &&
			vrig_read(&g, C_VECTOR, 2) == 0xffff,
		"queues are as new");
	vrig_write(&g, C_STATUS, 4, 0x01010101);
	vrig_write(&g, C_STATUS, 2, 0x0101);
	is_u64(vrig_status(&g), 0, "a register is written in its own size");
	is_u64(vrig_read(&g, C_CONFIG_VECTOR, 4), 0x0002ffff,
		"and read in any");
	vrig_free(&g);
}

static void
test_queues(void)
{
	up();
	vrig_negotiate(&g, ALL);
	vrig_write(&g, C_QUEUE, 2, 1);
	vrig_write(&g, C_SIZE, 2, 12);
	is_u64(vrig_read(&g, C_SIZE, 2), 16, "a size is a power of two");
	vrig_write(&g, C_SIZE, 2, 32);
	is_u64(vrig_read(&g, C_SIZE, 2), 16, "and no more than offered");
	vrig_write(&g, C_SIZE, 2, 0);
	is_u64(vrig_read(&g, C_SIZE, 2), 16, "and not 0");
	vrig_queue(&g, 1, 8);
	is_u64(vrig_read(&g, C_ENABLE, 2), 1, "a queue is enabled");
	vrig_write(&g, C_ENABLE, 2, 0);
	is_u64(vrig_read(&g, C_ENABLE, 2), 1, "and stays so");
	vrig_write(&g, C_SIZE, 2, 16);
	vrig_put64(&g, C_DESC, 0);
	ok(vrig_read(&g, C_SIZE, 2) == 8 &&
			vrig_read(&g, C_DESC, 4) == g.ring[1].desc,
		"as it was then");
	is_u64(vrig_read(&g, C_NOTIFY, 2), 1, "it has its own doorbell");
	vrig_write(&g, C_QUEUE, 2, 0xffff);
	ok(vrig_read(&g, C_SIZE, 2) == 0 && vrig_read(&g, C_DESC, 4) == 0,
		"a queue far off has no entries");
	vrig_write(&g, C_SIZE, 2, 8);
	vrig_write(&g, C_VECTOR, 2, 0);
	vrig_put64(&g, C_USED, 0x1000);
	vrig_write(&g, C_ENABLE, 2, 1);
	vrig_driver_ok(&g);
	ok(!broken() && virtio_running(&e->v), "and is left alone");
	vrig_queue(&g, 0, 8);
	vrig_write(&g, C_QUEUE, 2, 0);
	is_u64(vrig_read(&g, C_ENABLE, 2), 0, "none is enabled once it runs");
	vrig_free(&g);
}

static void
enable_at(const char *name, uint64_t desc, uint64_t avail, uint64_t used)
{
	vrig_negotiate(&g, ALL);
	vrig_write(&g, C_QUEUE, 2, 0);
	vrig_write(&g, C_SIZE, 2, 16);
	vrig_put64(&g, C_DESC, desc);
	vrig_put64(&g, C_AVAIL, avail);
	vrig_put64(&g, C_USED, used);
	vrig_write(&g, C_ENABLE, 2, 1);
	ok(broken(), "broken: %s", name);
	vrig_driver_ok(&g);
	vrig_notify(&g, 0);
	ok(!virtio_running(&e->v) && !e->kicks, "and does nothing");
}

static void
test_enable(void)
{
	up();
	enable_at("descriptors outside of RAM", RIG_RAM, 0x1000, 0x2000);
	enable_at("an available ring that leaves RAM", 0x1000, RIG_RAM - 8,
		0x2000);
	enable_at("a used ring that wraps", 0x1000, 0x2000, UINT64_MAX - 3);
	enable_at("descriptors at an odd address", 0x1001, 0x2000, 0x3000);
	enable_at("rings in the device's own BAR", RIG_BAR, RIG_BAR + 0x1000,
		RIG_BAR + 0x2000);
	vrig_start(&g, 0, 8);
	ok(!broken() && virtio_running(&e->v), "a reset mends it");
	vrig_free(&g);
}

static void
test_work(void)
{
	char text[5] = "";
	uint32_t len;

	up();
	vrig_negotiate(&g, ALL);
	vrig_queue(&g, 0, 8);
	vrig_give(&g, 0, 3, RIG_BUFS, 10, true);
	ok(!e->kicks && !ring_done(&g.ring[0]), "nothing before DRIVER_OK");
	vrig_driver_ok(&g);
	is_u64(ring_done(&g.ring[0]), 1, "then it does what waits");
	ok(ring_used(&g.ring[0], 0, &len) == 3 && len == 4, "and says so");
	mem_read(g.m, RIG_BUFS, text, 4);
	is_str(text, "echo", "having done it");
	vrig_give(&g, 0, 4, RIG_BUFS, 10, true);
	is_u64(ring_done(&g.ring[0]), 2, "a notification is heard");
	e->kicks = 0;
	vrig_notify(&g, 1);
	vrig_notify(&g, 2);
	vrig_write(&g, VIRTIO_BAR - 4, 4, 0);
	vrig_write(&g, VIRTIO_BAR - 1, 1, 0);
	ok(!e->kicks && !broken(), "not of queues that are off");
	vrig_pci_write(&g, PCI_COMMAND, 2, PCI_MEM);
	vrig_give(&g, 0, 5, RIG_BUFS, 10, true);
	is_u64(ring_done(&g.ring[0]), 2, "no access without bus mastering");
	ok(!broken(), "which breaks nothing");
	vrig_pci_write(&g, PCI_COMMAND, 2, PCI_MEM | PCI_MASTER);
	is_u64(ring_done(&g.ring[0]), 3, "it goes on with it");
	virtio_kick(&e->v, 0);
	virtio_kick(&e->v, 77);
	ok(!broken(), "a doorbell's call is a notification");
	vrig_free(&g);
}

static void
test_broken(void)
{
	up();
	vrig_start(&g, 0, 8);
	ring_desc(&g.ring[0], 1, RIG_BUFS, 4, D_NEXT, 9);
	vrig_read(&g, VIRTIO_ISR, 1);
	ring_offer(&g.ring[0], 1);
	vrig_notify(&g, 0);
	ok(broken(), "a bad chain breaks the device");
	ok(g.line && (vrig_read(&g, VIRTIO_ISR, 1) & 2), "it tells the driver");
	ok(e->v.dev.odd == 1, "and counts it");
	vrig_give(&g, 1, 0, RIG_BUFS, 4, true);
	ok(!ring_done(&g.ring[1]), "other queues stand, too");
	vrig_write(&g, C_STATUS, 1, 15);
	ok(broken(), "writing status does not help");
	virtio_push(&e->v, 1, 0, 0);
	virtio_signal(&e->v, 1);
	virtio_config_changed(&e->v);
	ok(!ring_done(&g.ring[1]) && !g.line, "nothing comes out any more");
	vrig_start(&g, 0, 8);
	vrig_give(&g, 1, 0, RIG_BUFS, 4, true);
	ok(!broken() && ring_done(&g.ring[1]) == 1, "until a reset");
	vrig_free(&g);
}

static void
test_in_flight(void)
{
	up();
	vrig_start(&g, 0, 8);
	e->later = true;
	vrig_give(&g, 0, 2, RIG_BUFS, 4, true);
	vrig_write(&g, C_STATUS, 1, 0);
	is_u64(vrig_status(&g), 15, "a reset waits for what is in flight");
	vrig_write(&g, C_STATUS, 1, 1);
	vrig_write(&g, C_STATUS, 1, 0);
	is_u64(e->resets, 3,
		"asking again is harmless"); /* with power-on and start */
	vrig_write(&g, C_QUEUE, 2, 1);
	vrig_notify(&g, 0);
	virtio_push(&e->v, 0, e->held, 4);
	virtio_signal(&e->v, 0);
	ok(!ring_done(&g.ring[0]) && !g.line,
		"what was in flight is forgotten");
	e->busy = e->later = false;
	virtio_is_reset(&e->v);
	is_u64(vrig_status(&g), 0, "then it is done");
	virtio_is_reset(&e->v);
	vrig_start(&g, 0, 8);
	vrig_give(&g, 0, 2, RIG_BUFS, 4, true);
	is_u64(ring_done(&g.ring[0]), 1, "and the device works again");
	e->later = true;
	vrig_give(&g, 0, 3, RIG_BUFS, 4, true);
	vrig_pci_write(&g, PCI_COMMAND, 2, PCI_MEM);
	virtio_push(&e->v, 0, e->held, 4);
	ok(ring_done(&g.ring[0]) == 1 && broken(),
		"what ends off the bus breaks the device");
	dev_reset(&e->v.dev);
	e->busy = false;
	virtio_is_reset(&e->v);
	ok(!e->r.v.status && !e->v.resetting, "the machine resets it all");
	vrig_free(&g);
}

static void
test_intx(void)
{
	up();
	vrig_start(&g, 0, 8);
	ok(!g.line, "no interrupt at first");
	vrig_give(&g, 0, 0, RIG_BUFS, 4, true);
	ok(g.line && !g.msis, "INTx rises");
	is_u64(vrig_read(&g, VIRTIO_ISR, 1), 1, "the ISR says: a queue");
	ok(!g.line, "reading it lowers the line");
	is_u64(vrig_read(&g, VIRTIO_ISR, 1), 0, "and clears it");
	e->config[0] = 7;
	virtio_config_changed(&e->v);
	ok(g.line && vrig_read(&g, C_GENERATION, 1) == 1,
		"the configuration has a generation");
	is_u64(vrig_read(&g, VIRTIO_ISR, 1), 2, "the ISR says: configuration");
	vrig_give(&g, 0, 0, RIG_BUFS, 4, true);
	vrig_write(&g, C_STATUS, 1, 0);
	ok(!g.line && !vrig_read(&g, VIRTIO_ISR, 1), "a reset lowers the line");
	vrig_free(&g);
}

static void
msix_on(unsigned vectors)
{
	unsigned at = g.v->pci.msix_at, n;

	for (n = 0; n < vectors; n++) {
		bus_write(g.mmio, RIG_TABLE + 16ull * n, 4, 0xfee00000);
		bus_write(g.mmio, RIG_TABLE + 16ull * n + 8, 4, 0x40 + n);
		bus_write(g.mmio, RIG_TABLE + 16ull * n + 12, 4, 0);
	}
	vrig_pci_write(&g, at + 2, 2, 0x8000);
}

static void
test_msix(void)
{
	up();
	msix_on(3);
	vrig_negotiate(&g, ALL);
	vrig_write(&g, C_CONFIG_VECTOR, 2, 0);
	vrig_write(&g, C_QUEUE, 2, 0);
	vrig_write(&g, C_VECTOR, 2, 2);
	is_u64(vrig_read(&g, C_VECTOR, 2), 2, "a vector is taken");
	vrig_write(&g, C_QUEUE, 2, 1);
	vrig_write(&g, C_VECTOR, 2, 3);
	is_u64(vrig_read(&g, C_VECTOR, 2), 0xffff,
		"one that is not there answers no vector");
	vrig_write(&g, C_CONFIG_VECTOR, 2, 0x1234);
	is_u64(vrig_read(&g, C_CONFIG_VECTOR, 2), 0xffff,
		"for the configuration, too");
	vrig_write(&g, C_CONFIG_VECTOR, 2, 0);
	vrig_queue(&g, 0, 8);
	vrig_queue(&g, 1, 8);
	vrig_driver_ok(&g);
	vrig_give(&g, 0, 0, RIG_BUFS, 4, true);
	ok(g.msis == 1 && g.msi.data == 0x42 && !g.line, "a message is sent");
	vrig_give(&g, 1, 0, RIG_BUFS, 4, true);
	ok(g.msis == 1 && !g.line, "none for a queue without a vector");
	virtio_config_changed(&e->v);
	ok(g.msis == 2 && g.msi.data == 0x40, "one for the configuration");
	ring_no_interrupt(&g.ring[0], true);
	vrig_give(&g, 0, 0, RIG_BUFS, 4, true);
	ok(g.msis == 2, "none that the driver does not want");
	vrig_free(&g);
}

static void
test_burst(void)
{
	struct clock *clock = clock_new_manual(0);
	uint16_t before;

	up();
	virtio_pace(&e->v, clock);
	vrig_start(&g, ALL, 16);
	e->endless = 10000;
	vrig_give(&g, 0, 0, RIG_BUFS, 4, true);
	before = ring_done(&g.ring[0]);
	ok(before && before < 1000,
		"a driver that never stops is served for a while only");
	clock_advance(clock, 10000);
	ok(ring_done(&g.ring[0]) == 2 * before, "and again with the clock");
	e->endless = 5;
	clock_advance(clock, 10000);
	is_u64(ring_done(&g.ring[0]), 2u * before + 6, "to the end");
	clock_advance(clock, 10000);
	e->kicks = 0;
	clock_advance(clock, 10000);
	is_u64(e->kicks, 0, "and then no more");
	e->endless = 10000;
	vrig_give(&g, 0, 0, RIG_BUFS, 4, true);
	vrig_write(&g, C_STATUS, 1, 0);
	clock_advance(clock, 10000);
	is_u64(e->kicks, 1, "a reset forgets who waits");
	vrig_free(&g);
	clock_free(clock);
}

static void
test_config(void)
{
	up();
	memcpy(e->config, "\1\2\3\4\5\6", 6);
	is_u64(vrig_read(&g, VIRTIO_CONFIG, 4), 0x04030201, "configuration");
	is_u64(vrig_read(&g, VIRTIO_CONFIG + 4, 4), 0x0605,
		"reads as 0 behind its end");
	is_u64(vrig_read(&g, VIRTIO_CONFIG + 8, 4), 0, "far behind, too");
	vrig_write(&g, VIRTIO_CONFIG + 4, 4, 0xffffffff);
	vrig_write(&g, VIRTIO_CONFIG + 8, 4, 0xffffffff);
	ok(e->config[4] == 5 && e->config[5] == 6,
		"what does not fit is not written");
	vrig_write(&g, VIRTIO_CONFIG + 5, 1, 9);
	is_u64(e->config[5], 9, "what does is");
	vrig_free(&g);
}

int
main(void)
{
	deadline(30);
	test_pci();
	test_access_cap();
	test_features();
	test_status();
	test_queues();
	test_enable();
	test_work();
	test_broken();
	test_in_flight();
	test_intx();
	test_msix();
	test_burst();
	test_config();
	return done();
}
