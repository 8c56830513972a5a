/* SPDX-License-Identifier: MIT */
/* How much there is in a directory, for tests. */
#ifndef TESTS_ENTRIES_H
#define TESTS_ENTRIES_H

#include <dirent.h>
#include <string.h>

/* But for "." and ".."; 0 if it cannot be read. */
static int
entries(const char *path)
{
	DIR *list = opendir(path);
	struct dirent *d;
	int n = 0;

	while (list && (d = readdir(list)))
		n += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..");
	if (list)
		closedir(list);
	return n;
}

#endif
