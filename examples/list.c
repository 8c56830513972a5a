/* SPDX-License-Identifier: MIT */
/*
 * The machines there are, a line each: name, state, memory, and why the last
 * run ended. "list NAME..." shows only these.
 *
 *	cc -o list list.c $(pkg-config --cflags --libs libvmm)
 */
#include <stdio.h>
#include <vmm.h>

static int
print(void *to, const struct vmm_info *m)
{
	FILE *f = to;

	fprintf(f, "%-20s %-9s %6llu MiB", m->name, m->state, m->memory >> 20);
	if (m->pid)
		fprintf(f, "  process %d, %u CPUs, %s", m->pid, m->cpus,
			m->engine);
	else if (m->exit >= 0)
		fprintf(f, "  exit %d%s%s", m->exit, m->cause[0] ? ": " : "",
			m->cause);
	fprintf(f, "\n");
	return 0;
}

int
main(int argc, char **argv)
{
	struct vmm_home *home = NULL;
	int r = vmm_home_open(&home, NULL);

	if (r == 0 && argc == 1)
		r = vmm_list(home, VMM_CONFIG, print, stdout);
	for (int i = 1; i < argc && r == 0; i++)
		r = vmm_look(home, argv[i], VMM_CONFIG, print, stdout);
	if (r < 0)
		fprintf(stderr, "list: %s\n", vmm_error());
	vmm_home_close(home);
	return r < 0;
}
