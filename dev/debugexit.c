/* SPDX-License-Identifier: MIT */
/*
 * The debug exit port, as QEMU's isa-debug-exit: a test that runs in the guest
 * says how it went.
 */
#include "dev/debugexit.h"

#include <stdlib.h>

struct debugexit {
	struct dev dev;
	struct notify exit;
};

static uint64_t
debugexit_read(struct dev *d, unsigned bar, uint64_t off, unsigned size)
{
	(void)d, (void)bar, (void)off, (void)size;
	return 0;
}

static void
debugexit_write(
	struct dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)bar, (void)off, (void)size;
	notify(((struct debugexit *)d)->exit, NOTICE_EXIT,
		(val << 1 | 1) & 255);
}

static const struct dev_ops ops = {
	.name = "debugexit",
	.read = debugexit_read,
	.write = debugexit_write,
};

struct dev *
debugexit_new(struct notify exit)
{
	struct debugexit *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	dev_init(&x->dev, &ops);
	x->exit = exit;
	return &x->dev;
}
