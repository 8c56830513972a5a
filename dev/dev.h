/* SPDX-License-Identifier: MIT */
/*
 * The device contract. A device knows neither its address, nor the bus, nor
 * the CPU engine, nor the machine: clock, wires and host back ends come in by
 * argument to its _new() function, which returns a struct dev that the bus
 * drives and that the maker frees with dev_free().
 *
 * The bus takes dev->lock around read() and write(), and so do timers and
 * character back ends (they are given &dev->lock); reset(), loaded(), free()
 * run while no vCPU does, without the lock. So devices hold no locks, except
 * interrupt chips, whose input pins are called by other devices: they lock
 * themselves there. Lock order: device, then interrupt chip. A chip never calls
 * a device.
 *
 * Registers live in one struct inside the device's own, covered by a table of
 * fields without a gap: the table saves, loads, shows, tests and fuzzes them.
 */
#ifndef DEV_DEV_H
#define DEV_DEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/log.h"

/* A wire is a value: what to call, whose pin. A null set is not connected. */
struct irq {
	void (*set)(void *to, unsigned pin, bool level);
	void *to;
	unsigned pin;
};

static inline void
irq_set(struct irq w, bool level)
{
	if (w.set)
		w.set(w.to, w.pin, level);
}

/* What a device tells the machine. Called with the device's lock held. */
enum notice {
	NOTICE_POWEROFF,
	NOTICE_RESET,
	NOTICE_EXIT, /* arg: exit code (debug exit) */
	NOTICE_PANIC, /* the guest says that it panicked */
	NOTICE_FLUSH, /* arg: gpa whose mapping is dropped and made anew */
};

struct notify {
	void (*tell)(void *to, enum notice what, uint64_t arg);
	void *to;
};

static inline void
notify(struct notify n, enum notice what, uint64_t arg)
{
	if (n.tell)
		n.tell(n.to, what, arg);
}

struct field { /* one saved register, or an array of them */
	const char *name;
	size_t at, size, count; /* offset in the device, bytes each (1 2 4 8) */
};

#define FIELD(type, regs, member)                                              \
	{                                                                      \
#member, offsetof(type, regs.member),                          \
			sizeof(((type *)0)->regs.member), 1                    \
	}
#define FIELDS(type, regs, member)                                             \
	{                                                                      \
#member, offsetof(type, regs.member),                          \
			sizeof(((type *)0)->regs.member[0]),                   \
			sizeof(((type *)0)->regs.member) /                     \
				sizeof(((type *)0)->regs.member[0])            \
	}
#define FIELD_END                                                              \
	{                                                                      \
		NULL, 0, 0, 0                                                  \
	}
/* Where the register struct lies: every byte of it belongs to a field. */
#define DEV_REGS(type, regs)                                                   \
	.regs_at = offsetof(type, regs), .regs_size = sizeof(((type *)0)->regs)

struct dev;

struct dev_ops {
	const char *name; /* stable: the chip's name in saved state */
	const struct field *fields; /* ends with FIELD_END; NULL if stateless */
	size_t regs_at, regs_size;
	unsigned widest; /* the bus splits what is wider; 0: takes up to 8 */
	/* off < the bar's length; size 1, 2, 4 or 8, aligned, inside the bar */
	uint64_t (*read)(
		struct dev *, unsigned bar, uint64_t off, unsigned size);
	void (*write)(struct dev *, unsigned bar, uint64_t off, unsigned size,
		uint64_t val);
	void (*reset)(struct dev *); /* power-on state; wires driven again */
	int (*loaded)(struct dev *); /* fields were loaded: check them (-EINVAL
				      * with a sentence), redo what derives */
	void (*saving)(struct dev *); /* may be NULL: bring fields up to date */
	void (*free)(struct dev *);
};

struct dev { /* the first member of every device */
	const struct dev_ops *ops;
	const char *id; /* "uart0"; the board sets it, static storage */
	const struct log *log; /* the board sets it; may be NULL */
	pthread_mutex_t lock;
	uint64_t odd; /* what the guest did wrong so far, counted */
};

/* id starts as ops->name. */
void dev_init(struct dev *, const struct dev_ops *);
/* Calls ops->free, which frees the memory; without one, free() does. NULL is
 * fine. */
void dev_free(struct dev *);
static inline void
dev_lock(struct dev *d)
{
	pthread_mutex_lock(&d->lock);
}
static inline void
dev_unlock(struct dev *d)
{
	pthread_mutex_unlock(&d->lock);
}
void dev_reset(struct dev *);
/* The guest did something senseless: count it, log the first. */
void dev_odd(struct dev *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
