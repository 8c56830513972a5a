/* SPDX-License-Identifier: MIT */
/*
 * A machine in a few lines: boots a kernel with its console on stdio, and
 * exits as the guest did.
 *
 *	cc -o minimal minimal.c $(pkg-config --cflags --libs libvmm)
 *	./minimal vmlinuz initrd.gz 'console=ttyS0 quiet'
 */
#include <stdio.h>
#include <vmm.h>

int
main(int argc, char **argv)
{
	struct vmm *m = vmm_new();
	struct vmm_end end = {0};

	if (!m || argc < 2) {
		fprintf(stderr, "usage: minimal KERNEL [INITRD [CMDLINE]]\n");
		return 2;
	}
	if (vmm_set(m, "kernel", argv[1]) ||
		(argc > 2 && vmm_set(m, "initrd", argv[2])) ||
		(argc > 3 && vmm_set(m, "cmdline", argv[3])) ||
		vmm_set(m, "memory", "256M") || vmm_set(m, "serial", "stdio") ||
		vmm_run(m, &end)) {
		fprintf(stderr, "minimal: %s\n", vmm_error());
		vmm_free(m);
		return 125;
	}
	if (end.cause[0])
		fprintf(stderr, "minimal: %s\n", end.cause);
	vmm_free(m);
	return end.code;
}
