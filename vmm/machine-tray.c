/* SPDX-License-Identifier: MIT */
/*
 * Trays of CD-ROM drives that the guest opens and closes, told as they are: a
 * guest that plays with them fills no log.
 */
#include "vmm/machine-int.h"

/* A vCPU, with locks held. */
void
machine_tray_moved(void *to)
{
	struct machine *m = to;

	loop_call(m->loop, &m->trays);
}

void
machine_trays(void *to)
{
	struct machine *m = to;
	int64_t now = clock_now(m->clock);
	struct drive *d;
	bool told = false;

	if (m->has_ended)
		return;
	if (now < m->tray_again) {
		timer_arm(&m->tray_timer, m->tray_again);
		return;
	}
	for (unsigned n = 0; (d = drives_get(m->drives, n)); n++) {
		if (!disk_tray_moved(d->disk))
			continue;
		m->tray = d;
		machine_tell(m, MACHINE_TRAY);
		told = true;
	}
	m->tray = NULL;
	if (told)
		m->tray_again = now + NS_PER_S;
}

const char *
machine_tray(const struct machine *m, bool *open)
{
	*open = disk_tray(m->tray->disk) & DISK_TRAY_OPEN;
	return disk_id(m->tray->disk);
}
