/* SPDX-License-Identifier: MIT */
/*
 * Executable memory: memfd_create(2), mapped twice. Kernels from 6.3 on want to
 * be told that a memfd will be executed (MFD_EXEC), older ones refuse the flag.
 * A host may refuse either (vm.memfd_noexec, SELinux's execmem, a filter around
 * the process): that is an answer here, not a failure.
 */
#include "vmm/soft/jit-mem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/err.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif

static int
open_memory(void)
{
	int fd = memfd_create("vm-code", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("vm-code", MFD_CLOEXEC);
	return fd;
}

/* Code is no part of what a core dump is for, and a child has no use of it. */
static int
map(uint8_t **to, int fd, size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	madvise(p, size, MADV_DONTDUMP);
	madvise(p, size, MADV_DONTFORK);
	*to = p;
	return 0;
}

int
jit_mem_new(struct jit_mem *m, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open_memory(), r;

	memset(m, 0, sizeof(*m));
	if (fd < 0)
		return fail(-errno, "soft: memory for translated code");
	m->size = (bytes + page - 1) & ~(page - 1);
	r = ftruncate(fd, (off_t)m->size) < 0 ? -errno : 0;
	if (!r)
		r = map(&m->rw, fd, m->size, PROT_READ | PROT_WRITE);
	if (!r)
		r = map(&m->rx, fd, m->size, PROT_READ | PROT_EXEC);
	close(fd);
	if (!r)
		return 0;
	jit_mem_free(m);
	return fail(r, "soft: memory for translated code");
}

void
jit_mem_free(struct jit_mem *m)
{
	if (m->rw)
		munmap(m->rw, m->size);
	if (m->rx)
		munmap(m->rx, m->size);
	memset(m, 0, sizeof(*m));
}

int
jit_mem_check(void)
{
	struct jit_mem m;
	int r = jit_mem_new(&m, 1);

	jit_mem_free(&m);
	return r;
}
