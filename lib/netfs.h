/* SPDX-License-Identifier: MIT */
/* File systems whose files are on another host, or with another process. */
#ifndef LIB_NETFS_H
#define LIB_NETFS_H

#include <stdbool.h>

/* The file system of an open file is a network's. */
bool netfs_is(int fd);
/* One that may not answer for as long as somebody else likes. */
bool netfs_may_hang(int fd);

#endif
