/* SPDX-License-Identifier: MIT */
/*
 * What opening and making an image share, inside lib/image.
 */
#ifndef LIB_IMAGE_OPEN_H
#define LIB_IMAGE_OPEN_H

#include "lib/image/image-int.h"

/* NULL: there is no such format. */
const struct image_ops *image_ops(enum image_format);

/* Take the locks that im->write asks for: -EBUSY with a sentence. They go with
 * the last descriptor of the open file. */
int image_lock(const struct image *im);
void image_unlock_fd(int fd);

#endif
