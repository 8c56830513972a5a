/* SPDX-License-Identifier: MIT */
/* Network file systems, by the numbers that statfs(2) has for them. */
#include "lib/netfs.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/statfs.h>

static const uint32_t network[] = {
	0x6969, /* NFS */
	0x517b, /* SMB */
	0xfe534d42, /* SMB2 */
	0xff534d42, /* CIFS */
	0x564c, /* NCP */
	0x73757245, /* Coda */
	0x5346414f, /* AFS */
	0x6b414653, /* kAFS */
	0x00c36400, /* Ceph */
};

static const uint32_t others[] = {
	0x65735546, /* FUSE */
	0x01021997, /* 9p */
	0x6a656a63, /* virtiofs */
};

static bool
is_one_of(int fd, const uint32_t *type, size_t n)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return false;
	while (n--)
		if ((uint32_t)fs.f_type == type[n])
			return true;
	return false;
}

bool
netfs_is(int fd)
{
	return is_one_of(fd, network, sizeof(network) / sizeof(*network));
}

bool
netfs_may_hang(int fd)
{
	return netfs_is(fd) ||
	       is_one_of(fd, others, sizeof(others) / sizeof(*others));
}
