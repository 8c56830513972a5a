/* SPDX-License-Identifier: MIT */
/*
 * Disks that come and go while the machine runs. One comes at once; it goes
 * when the guest has let go of it, which the guest's CPU says, and which is
 * seen to in the loop's thread.
 */
#include <errno.h>
#include <string.h>

#include "dev/virtio.h"
#include "lib/err.h"
#include "vmm/machine-int.h"

static struct dev *
find_device(const struct machine *m, const char *id)
{
	for (unsigned n = 0; n < m->board->devs; n++)
		if (strcmp(m->board->dev[n]->id, id) == 0)
			return m->board->dev[n];
	return NULL;
}

/* ---- coming ---- */

struct plug {
	struct drive *drive;
	struct dev *dev;
	int err;
};

static void
plug(struct machine *m, void *to)
{
	struct plug *p = to;

	p->dev->id = disk_id(p->drive->disk);
	p->dev->log = m->log;
	p->err = board_plug(m->board, p->dev, &((struct virtio *)p->dev)->pci);
	if (!p->err && p->dev->ops->reset)
		p->dev->ops->reset(p->dev);
}

int
machine_attach(struct machine *m, const struct config_disk *config,
	struct image *image)
{
	struct plug p = {0};
	int r = 0;

	if (config->bus != CONFIG_VIRTIO || config->cdrom)
		r = failx(-EINVAL, "%s: only virtio disks can be plugged in",
			config->id);
	else if (find_device(m, config->id))
		r = failx(-EEXIST, "%s: there is such a device", config->id);
	if (r) {
		image_close(image);
		return r;
	}
	r = drives_attach(m->drives, config, image, &p.drive);
	if (r)
		return r;
	p.dev = board_new_disk(m->board, &m->host, p.drive);
	if (p.dev)
		machine_frozen(m, plug, &p);
	else
		p.err = fail(-ENOMEM, "%s", config->id);
	if (p.err) {
		dev_free(p.dev);
		drives_detach(m->drives, p.drive);
	}
	return p.err;
}

/* ---- going ---- */

int
machine_detach(struct machine *m, const char *id)
{
	struct drive *d = drives_find(m->drives, id);
	struct dev *dev = find_device(m, id);

	if (!d || !dev)
		return failx(-ENOENT, "Device '%.80s' not found", id);
	if (!d->attached)
		return failx(-EPERM,
			"Device '%.80s' belongs to the machine and stays", id);
	return board_unplug_request(m->board, dev);
}

/* A vCPU, with locks held. */
void
machine_ejected(void *to, struct dev *d)
{
	struct machine *m = to;
	unsigned n = 0;

	pthread_mutex_lock(&m->lock);
	while (n < m->outs && m->out[n] != d)
		n++;
	if (n == m->outs && n < CONFIG_DISKS)
		m->out[m->outs++] = d;
	loop_call(m->loop, &m->unplug);
	pthread_mutex_unlock(&m->lock);
}

static struct dev *
next_out(struct machine *m)
{
	struct dev *d;

	pthread_mutex_lock(&m->lock);
	d = m->outs ? m->out[--m->outs] : NULL;
	pthread_mutex_unlock(&m->lock);
	return d;
}

/* The guest may have let go of it twice, before it stood. */
static void
forget_out(struct machine *m, const struct dev *d)
{
	unsigned n, kept = 0;

	pthread_mutex_lock(&m->lock);
	for (n = 0; n < m->outs; n++)
		if (m->out[n] != d)
			m->out[kept++] = m->out[n];
	m->outs = kept;
	pthread_mutex_unlock(&m->lock);
}

/* Frozen: nothing is in flight. What waits, or is held back, is forgotten with
 * the device that would have heard of it. */
static void
take_out(struct machine *m, void *to)
{
	struct dev *dev = to;
	struct drive *d = drives_find(m->drives, dev->id);
	bool hangs;

	if (!d || !d->attached)
		return;
	m->gone = d;
	/* It may have been paused, and something was begun since. */
	disk_reset(d->disk);
	hangs = !disk_drain_for(d->disk, m->patience);
	if (hangs)
		disk_abandon(d->disk);
	disk_reset(d->disk);
	doorbells_remove(m->doorbells, (struct virtio *)dev);
	board_remove(m->board, dev);
	forget_out(m, dev);
	if (!hangs) /* else its requests are still in use, for ever */
		dev_free(dev);
}

void
machine_unplug(void *to)
{
	struct machine *m = to;
	struct dev *dev;

	while ((dev = next_out(m))) {
		m->gone = NULL;
		machine_frozen(m, take_out, dev);
		if (!m->gone)
			continue;
		machine_tell(m, MACHINE_DETACHED);
		drives_detach(m->drives, m->gone);
		m->gone = NULL;
	}
}

const char *
machine_gone(const struct machine *m)
{
	return m->gone ? disk_id(m->gone->disk) : "";
}
