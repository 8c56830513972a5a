/* SPDX-License-Identifier: MIT */
#ifndef BIN_TOOL_UNFINISHED_H
#define BIN_TOOL_UNFINISHED_H

/* From now on SIGINT, SIGTERM and SIGHUP remove that file before they end us;
 * NULL: none, it is whole. The path stays the caller's, and there. */
void tool_unfinished(const char *path);

#endif
