/* SPDX-License-Identifier: MIT */
/*
 * Unix sockets by directory and name, so that no path is too long for
 * sun_path: they go through /proc/self/fd/DIR.
 */
#ifndef LIB_SOCK_H
#define LIB_SOCK_H

/* A listening stream socket, mode 0600 from its first moment, non-blocking.
 * What bears the name already is removed: the caller knows that it is stale.
 * The descriptor, or -errno with a sentence that begins with what. */
int sock_listen(int dir, const char *name, const char *what);
/* Connected within timeout_ms, non-blocking; -errno without a sentence
 * (-ECONNREFUSED: nobody listens, or it is no socket; -ETIMEDOUT: nobody
 * accepts). */
int sock_connect(int dir, const char *name, int timeout_ms);

#endif
