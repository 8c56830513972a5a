/* SPDX-License-Identifier: MIT */
/*
 * The main() of fuzz targets where there is no libFuzzer: runs each file named,
 * or all of tests/fuzz/corpus/NAME, NAME being the program's own. An input that
 * is found wanting ends it.
 */
#include <dirent.h>
#include <libgen.h>
#include <stdint.h>

#include "tests/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { MOST = 4 << 20 };

static bool
replay(const char *path)
{
	FILE *f = fopen(path, "re");
	uint8_t *buf = malloc(MOST);
	size_t n = f && buf ? fread(buf, 1, MOST, f) : 0;
	uint8_t *p = malloc(n ? n : 1); /* so that ASan sees its end */

	if (f && buf && p) {
		printf("# %s: %zu bytes\n", path, n);
		fflush(stdout);
		LLVMFuzzerTestOneInput(memcpy(p, buf, n), n);
	}
	free(p);
	free(buf);
	if (f)
		fclose(f);
	return f != NULL;
}

static unsigned
replay_all(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;
	char path[512];

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (*e->d_name != '.')
			n += replay(path);
	}
	if (d)
		closedir(d);
	return n;
}

int
main(int argc, char **argv)
{
	char dir[256];
	unsigned n = 0;

	deadline(60);
	for (int i = 1; i < argc; i++)
		n += replay(argv[i]);
	snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", basename(argv[0]));
	if (argc < 2)
		n = replay_all(dir);
	ok(n > 0, "%u inputs replayed", n);
	return done();
}
