/* SPDX-License-Identifier: MIT */
/*
 * What the files of the public interface share: the state directory as
 * lib/vmm.h has it, and what is known of one of its machines.
 */
#ifndef VMM_API_INT_H
#define VMM_API_INT_H

#include <stdbool.h>

#include "lib/home.h"
#include "lib/vmm.h"

struct vmm_home {
	struct home *home;
	int root; /* its directory, O_PATH; -1: the path is too long */
};

/* vmm_home_open(), but for make: see home_open(). Tools that only look must not
 * leave a directory behind. */
int api_home_open(struct vmm_home **, const char *path, bool make);

/* vmm_create(), with what fill() puts into the directory before the machine
 * appears: see home_create_with(). */
int api_create(struct vmm_home *, const char *name, const char *config,
	int (*fill)(void *to, int dir), void *to);

struct api_view { /* where the strings of an info are */
	struct vmm_info info;
	struct home_look look;
	char *description; /* NULL: none */
};

/* Look at one machine; what: VMM_USAGE and so on. api_view_free() what was
 * filled in, and only that: nothing is left after a failure. name must outlive
 * the view. */
int api_view(
	struct vmm_home *, const char *name, unsigned what, struct api_view *);
void api_view_free(struct api_view *);

#endif
