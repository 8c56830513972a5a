/* SPDX-License-Identifier: MIT */
/*
 * The virtio 1.2 core and its PCI transport (4.1, modern only): what all virtio
 * devices have in common. A device is its ops and its queues' work; registers,
 * feature negotiation, status, interrupts and saved state are here.
 *
 * The first member of a device's own struct is a struct virtio; the first
 * member, v, of its register struct a struct virtio_regs, covered by
 * VIRTIO_FIELDS(). Feature bits and queues are frozen at DRIVER_OK; a broken
 * device (DEVICE_NEEDS_RESET) does nothing until reset. A device touches guest
 * memory only while it may master the bus.
 *
 * All calls with the device's lock held, unless they say otherwise.
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include "dev/dev.h"
#include "dev/pci.h"
#include "dev/virtq.h"

#define VIRTIO_F_INDIRECT (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

enum { /* 5 */
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_ENTROPY = 4,
	VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_INPUT = 18
};

enum { /* status */
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_BROKEN = 0x40, /* DEVICE_NEEDS_RESET */
	VIRTIO_FAILED = 0x80
};

/* BAR 0, 64-bit: where its parts lie. BAR 2 holds the MSI-X table. */
enum {
	VIRTIO_COMMON = 0x0000,
	VIRTIO_ISR = 0x1000,
	VIRTIO_CONFIG = 0x2000,
	VIRTIO_NOTIFY = 0x3000, /* 4 bytes a queue */
	VIRTIO_BAR = 0x4000,
	VIRTIO_MSIX_BAR = 2
};

struct virtio_regs { /* saved */
	struct pci_regs pci;
	struct virtq_regs queue;
	uint64_t guest_features;
	uint32_t feature_sel, guest_feature_sel;
	uint16_t config_vector, queue_sel;
	uint8_t status, isr, generation, unused; /* unused: always 0 */
};

#define VIRTIO_FIELDS(type, regs)                                              \
	PCI_FIELDS(type, regs.v), VIRTQ_FIELDS(type, regs.v.queue),            \
		FIELD(type, regs.v, guest_features),                           \
		FIELD(type, regs.v, feature_sel),                              \
		FIELD(type, regs.v, guest_feature_sel),                        \
		FIELD(type, regs.v, config_vector),                            \
		FIELD(type, regs.v, queue_sel), FIELD(type, regs.v, status),   \
		FIELD(type, regs.v, isr), FIELD(type, regs.v, generation),     \
		FIELD(type, regs.v, unused)

struct virtio;

struct virtio_ops {
	/* name, fields, DEV_REGS(), VIRTIO_DEV_OPS */
	struct dev_ops dev;
	uint16_t id; /* VIRTIO_ID_... */
	uint32_t pci_class;
	unsigned
		config_size; /* of the device-specific configuration, <= 4096 */
	/* Queue n may have something: pop until it is empty, or come back
	 * later. */
	void (*kick)(struct virtio *, unsigned n);
	/* DRIVER_OK was just set; queues are kicked after it. May be NULL. */
	void (*ready)(struct virtio *);
	/* Device configuration: size 1, 2 or 4, at + size <= config_size.
	 * Both may be NULL. */
	uint32_t (*config_read)(struct virtio *, unsigned at, unsigned size);
	void (*config_write)(
		struct virtio *, unsigned at, unsigned size, uint32_t val);
	/* Reset by the driver or the machine: forget requests. Returns true
	 * when nothing is in flight; false: it will call virtio_is_reset().
	 * May be NULL. */
	bool (*reset)(struct virtio *);
	int (*loaded)(struct virtio *); /* may be NULL */
	void (*saving)(struct virtio *); /* may be NULL */
	void (*free)(struct virtio *); /* and its memory; NULL: free() */
};

/* The rest of a virtio device's dev_ops. */
#define VIRTIO_DEV_OPS                                                         \
	.widest = 4, .read = virtio_read, .write = virtio_write,               \
	.reset = virtio_reset, .loaded = virtio_loaded,                        \
	.saving = virtio_saving, .free = virtio_free

struct virtio {
	struct dev dev;
	struct pci_fn pci;
	const struct virtio_ops *ops;
	struct virtio_regs *r;
	struct pci_id id;
	struct mem *mem;
	uint64_t features; /* offered; may be added to in _new() */
	unsigned queues;
	struct virtq q[VIRTQ_COUNT];
	uint16_t burst; /* chains of a queue in one go, while it has a clock */
	uint16_t run[VIRTQ_COUNT]; /* so many it were by now */
	struct timer again; /* for queues that have to wait; clock NULL: none */
	uint32_t late; /* these */
	uint8_t cap[5]; /* where its capabilities lie */
	bool resetting; /* status reads as it was until nothing is in flight */
	bool by_cpu; /* a CPU's own write kicks: only that CPU waits if the host
		      * takes its time, and not the loop or a worker */
};

/* r lies in the device; VERSION_1, INDIRECT and EVENT_IDX are added to the
 * features. max[n] entries for queue n, a power of two. */
void virtio_init(struct virtio *, const struct virtio_ops *,
	struct virtio_regs *, struct mem *, uint64_t features, unsigned queues,
	const uint16_t *max);

/*
 * With a clock, a driver that adds to its queues without end, while other vCPUs
 * do the work of one notification, does not keep the lock: beyond a burst there
 * seems to be nothing, until the clock has kicked the queue again. The guest's
 * clock, so that what waits does so while the machine stands.
 */
void virtio_pace(struct virtio *, struct clock *);
/* Kick queue n again, soon. False: there is no clock. */
bool virtio_later(struct virtio *, unsigned n);

bool virtio_running(const struct virtio *); /* DRIVER_OK, not broken */
bool virtio_has(const struct virtio *, uint64_t feature); /* negotiated */

/* True: a chain. A queue that is off, or broken, has none. */
bool virtio_pop(struct virtio *, unsigned queue, struct virtq_chain *);
/* The last pop did not happen. */
void virtio_unpop(struct virtio *, unsigned queue, uint16_t head);
/* Done, so many bytes written; nothing happens if there was a reset since. */
void virtio_push(
	struct virtio *, unsigned queue, uint16_t head, uint32_t written);
/* Interrupt for queue n, if one is due; after pushes. */
void virtio_signal(struct virtio *, unsigned queue);
/* The device configuration changed. */
void virtio_config_changed(struct virtio *);
/* The guest broke a rule: needs a reset. The first sentence is logged. */
void virtio_break(struct virtio *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Nothing is in flight any more, after reset() said false. */
void virtio_is_reset(struct virtio *);

/* The driver's notification of queue n, where an engine signals an eventfd for
 * it: a write of any size at this offset of BAR 0. Takes the lock itself. */
void virtio_kick(struct virtio *, unsigned n);
uint64_t virtio_doorbell(unsigned n);
/* Is it one? */
bool virtio_is(const struct dev *);

/* The dev_ops. */
uint64_t virtio_read(struct dev *, unsigned bar, uint64_t off, unsigned size);
void virtio_write(
	struct dev *, unsigned bar, uint64_t off, unsigned size, uint64_t val);
void virtio_reset(struct dev *);
int virtio_loaded(struct dev *);
void virtio_saving(struct dev *);
void virtio_free(struct dev *);

/* The transport's half (virtio-pci.c) and the core's (virtio.c). */
void virtio_pci_init(struct virtio *);
void virtio_pci_reset(struct virtio *);
void virtio_interrupt(struct virtio *, uint8_t isr, unsigned vector);
void virtio_set_status(struct virtio *, uint8_t status);
void virtio_enable(struct virtio *, unsigned queue);
void virtio_kicked(struct virtio *, unsigned queue);

#endif
