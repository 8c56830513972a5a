/* SPDX-License-Identifier: MIT */
/*
 * Errors. A function that can fail returns 0 or -errno, and the lowest one
 * that knows the object's name says one sentence about it, once. The sentence
 * is kept per thread, as errno is; bin/ prints it. Nothing here prints.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

#include <stddef.h>

/* Record "text: strerror(-err)" and return err, which is a -errno. */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Record the text alone: for causes that errno does not name. */
int failx(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The sentence of the last failure in this thread; "" when there was none. */
const char *fail_text(void);

/* Forget it. */
void fail_clear(void);

#endif
