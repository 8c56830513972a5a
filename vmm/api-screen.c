/* SPDX-License-Identifier: MIT */
/*
 * The public interface of libvmm, lib/vmm.h: what machines show.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/err.h"
#include "lib/fb.h"
#include "lib/home.h"
#include "lib/vmm.h"
#include "vmm/api-int.h"

static int
open_screen(struct vmm_home *h, const char *name, struct fb **fb)
{
	struct home_vm *vm = NULL;
	int r = home_find(h->home, name, &vm);

	if (r)
		return r;
	r = fb_open(home_vm_fd(vm), fb);
	home_vm_close(vm);
	return r == -ENOENT ? failx(r, "%s: no screen", name) : r;
}

int
vmm_screen(struct vmm_home *h, const char *name, struct vmm_screen *out)
{
	struct fb *fb = NULL;
	struct fb_head head;
	uint32_t *pixels = NULL;
	int r = open_screen(h, name, &fb);

	if (!r)
		r = fb_take(fb, true, &head, &pixels);
	fb_close(fb);
	if (r) {
		free(pixels);
		return r;
	}
	*out = (struct vmm_screen){head.width, head.height, pixels};
	return 0;
}

int
vmm_screen_text(struct vmm_home *h, const char *name, char **text)
{
	struct fb *fb = NULL;
	int r = open_screen(h, name, &fb);

	if (!r)
		r = fb_take_text(fb, text);
	fb_close(fb);
	return r;
}
