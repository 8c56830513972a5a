/* SPDX-License-Identifier: MIT */
/*
 * The machine's directory, looked at from time to time. Nothing here waits for
 * the machine.
 */
#include "bin/tui/place.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "lib/deadline.h"

/* Does what we have open still bear the name? */
static bool
is_there(const struct place *p)
{
	struct stat a, b;

	return fstat(home_vm_fd(p->vm), &a) == 0 &&
	       fstatat(home_vm_root(p->vm), p->name, &b, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

bool
place_look(struct place *p)
{
	bool other = false;

	if (p->vm && !is_there(p)) {
		home_vm_close(p->vm);
		p->vm = NULL;
		other = true;
	}
	if (!p->home && home_open(&p->home, NULL, false, NULL) < 0)
		p->home = NULL;
	if (p->home && !p->vm) {
		if (home_find(p->home, p->name, &p->vm) < 0)
			p->vm = NULL;
		else
			other = true;
	}
	if (p->vm && home_vm_look(p->vm, &p->look) < 0)
		p->look = (struct home_look){.state = HOME_ERROR};
	return other;
}

int
place_dir(const struct place *p)
{
	return p->vm ? home_vm_fd(p->vm) : -1;
}

bool
place_lives(const struct place *p)
{
	return p->vm && p->look.held;
}

void
place_close(struct place *p)
{
	home_vm_close(p->vm);
	home_close(p->home);
	p->vm = NULL;
	p->home = NULL;
}

int64_t
pane_now(void)
{
	return now_ms();
}

int
pane_until(int64_t when)
{
	int64_t left = when - now_ms();

	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}
