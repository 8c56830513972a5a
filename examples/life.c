/* SPDX-License-Identifier: MIT */
/*
 * A machine's life: created, started in the background, waited for, looked at
 * and removed. The kernel is a flat image, such as hello.bin.
 *
 *	cc -o life life.c $(pkg-config --cflags --libs libvmm)
 *	./life "$PWD/hello.bin"
 */
#include <errno.h>
#include <stdio.h>
#include <vmm.h>

#define NAME "life-example"
#define MINUTE 60000 /* in milliseconds */

static int
keep_exit(void *to, const struct vmm_info *m)
{
	*(int *)to = m->exit;
	printf("%s: %s, exit %d\n", m->name, m->state, m->exit);
	return 0;
}

/* Made here or not at all: a machine of this name may be somebody's own. */
static int
create(struct vmm_home *home, const char *kernel)
{
	char config[4200];

	snprintf(config, sizeof(config),
		"kernel = %.4096s\nflat = 0x7c00\nmemory = 1M\n", kernel);
	return vmm_create(home, NAME, config);
}

static int
live(struct vmm_home *home, int *code)
{
	int r = vmm_start(home, NAME);

	if (r == 0)
		r = vmm_wait(home, NAME, "stopped", MINUTE);
	/* It ended, but not well: that is for the exit code to tell. */
	if (r == 0 || r == -ECANCELED)
		r = vmm_look(home, NAME, 0, keep_exit, code);
	if (r < 0)
		fprintf(stderr, "life: %s\n", vmm_error());
	if (vmm_poweroff(home, NAME) < 0 || vmm_remove(home, NAME) < 0)
		fprintf(stderr, "life: %s\n", vmm_error());
	return r;
}

int
main(int argc, char **argv)
{
	struct vmm_home *home = NULL;
	int code = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: life KERNEL\n");
		return 2;
	}
	if (vmm_home_open(&home, NULL) < 0 || create(home, argv[1]) < 0)
		fprintf(stderr, "life: %s\n", vmm_error());
	else if (live(home, &code) < 0)
		code = 1;
	vmm_home_close(home);
	return code;
}
