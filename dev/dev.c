/* SPDX-License-Identifier: MIT */
/*
 * What all devices share: birth, death, reset, and the count of what a guest
 * did that makes no sense.
 */
#include "dev/dev.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
dev_init(struct dev *d, const struct dev_ops *ops)
{
	d->ops = ops;
	d->id = ops->name;
	d->log = NULL;
	d->odd = 0;
	pthread_mutex_init(&d->lock, NULL);
}

void
dev_free(struct dev *d)
{
	if (!d)
		return;
	if (d->ops->free)
		d->ops->free(d);
	else
		free(d);
}

void
dev_reset(struct dev *d)
{
	if (d->ops->reset)
		d->ops->reset(d);
}

void
dev_odd(struct dev *d, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (d->odd++ || !d->log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_say(d->log, LEVEL_WARN, "%s: guest: %s", d->id, text);
}
