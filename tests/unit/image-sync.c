/* SPDX-License-Identifier: MIT */
/*
 * What a failed flush leaves: the kernel tells one caller only that pages are
 * lost, so nobody may hear afterwards, or at the same time, that all is well.
 * The kernel's fdatasync() is this file's.
 */
#include "lib/image/image.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/tap.h"

static atomic_uint calls;

/* The first one fails, slowly: once others have come, or after a while. */
int
fdatasync(int fd)
{
	(void)fd;
	if (atomic_fetch_add(&calls, 1))
		return 0;
	for (unsigned i = 0; i < 500 && atomic_load(&calls) == 1; i++)
		usleep(1000);
	usleep(10000);
	errno = EIO;
	return -1;
}

static void *
flush(void *image)
{
	return image_flush(image) == -EIO ? image : NULL;
}

int
main(void)
{
	const struct image_options o = {.write = true};
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct image *image = NULL;
	pthread_t thread[4];
	unsigned failed = 0;

	deadline(60);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0 ||
		image_open(&image, fd, "test", IMAGE_RAW, &o))
		exit(1);
	ok(image_write(image, 0, "x", 1) == 0, "something is written");
	for (unsigned i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, flush, image))
			exit(1);
	for (unsigned i = 0; i < 4; i++) {
		void *bad;

		pthread_join(thread[i], &bad);
		failed += bad != NULL;
	}
	ok(failed == 4, "one flush fails: so do those at the same time");
	ok(image_write(image, 0, "y", 1) == 0 && image_flush(image) == -EIO,
		"and all later ones");
	ok(image_close(image) == -EIO, "and closing");
	return done();
}
